"""Name the patches of a series that stand in the way of others, or that others stand on.

It is found by trying: patches are put onto the series as it grows, patch by patch, and the one
with which a hunk lost its place, or got it, is the one that is named.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from vpatch.values.base import Base
from vpatch.values.series import Series
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vpatch.upkeep.replays import Replays
    from vpatch.values.diff import FileDiff, Hunk
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay, Result

Case = tuple[int, int]
"""A patch that was put, by its number, and a hunk of all of its hunks; -1 for the whole."""
_WHOLE = -1


class Fate(Enum):
    """What became of a hunk, as far as it matters here; and how that is told of others."""

    LOST = "collides with", "collide with"
    """It has no place: the patch that took it away stands in its way."""
    PLACED = "needs", "need"
    """It has one: it stands on the patch that gave it."""
    LANDED = "is already in", "are already in"
    """It is there: by the patch that makes it as well."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A series that grows, and what is put onto it."""

    replays: Replays
    base: Base
    """The series' own."""
    put: Callable[[Base], Replay]
    """Puts the other patches onto a state of the series."""
    fixed: Sequence[Patch]
    """Patches of the series that are not asked about."""
    asked: Sequence[Patch]
    """Those behind them that are."""

    def with_patches(self, asked: Sequence[Patch]) -> Base:
        """Return the series as it is with no more than some of those."""
        series = Series(self.base, (*self.fixed, *asked))
        return Base(self.base.name, self.replays.replay(series, self.base).commit, "")


@dataclass(frozen=True, slots=True)
class Turn:
    """A hunk whose fate a patch of the series has turned."""

    case: Case
    fate: Fate
    by: Patch
    onto: Base
    """A state of the files in which the hunk is, or has its place."""


@dataclass(slots=True)
class _Trail:
    """Cases that the same patches have turned, and the series without these, as it grows."""

    without: frozenset[str]
    cases: set[Case]
    base: Base
    fates: Mapping[Case, Fate]


def fates(results: Iterable[Result]) -> dict[Case, Fate]:
    """Return what became of each hunk of some patches, and of each patch."""
    found: dict[Case, Fate] = {}
    for number, result in enumerate(results):
        found[number, _WHOLE] = _fate(result.verdict)
        found |= {(number, at): _fate(hunk.verdict) for at, hunk in enumerate(result.hunks)}
    return found


def _fate(verdict: Verdict) -> Fate:
    if not verdict.good:
        return Fate.LOST
    return Fate.LANDED if verdict is Verdict.LANDED else Fate.PLACED


def unplaced(results: Sequence[Result]) -> dict[Case, Fate]:
    """Return the hunks of some patches that have no place or have landed.

    A patch that was lost or has landed by none of its hunks, as a renaming does, counts whole.
    """
    found = {case: fate for case, fate in fates(results).items() if fate is not Fate.PLACED}
    told = {(number, fate) for (number, at), fate in found.items() if at != _WHOLE}
    return {
        (number, at): fate
        for (number, at), fate in found.items()
        if (at != _WHOLE or (number, fate) not in told) and not results[number].needs
    }


def explained(
    ground: Ground, results: Sequence[Result], wanted: Mapping[Case, Fate]
) -> tuple[Result, ...]:
    """Name the patches of the series in the causes of results.

    Args:
        ground: The series, and what was put onto it.
        results: What became of that.
        wanted: The fates of hunks that are to be told of, as on the whole of the series.
    """
    if not (wanted and ground.asked):
        return tuple(results)
    base = ground.with_patches(())
    start = ground.put(base).results
    first = _Trail(frozenset(), set(wanted), base, fates(start))
    found = list(_turns(ground, _near(ground.asked, start), wanted, first))
    return tuple(
        _with_cause(
            ground,
            result,
            start[number],
            [turn for turn in found if turn.case[0] == number],
            {case: fate for case, fate in wanted.items() if case[0] == number},
        )
        for number, result in enumerate(results)
    )


def _near(asked: Sequence[Patch], results: Iterable[Result]) -> set[str]:
    """Return the names of the patches that can matter, by the files that they share."""
    paths = {path for result in results for path in result.patch.paths}
    found: set[str] = set()
    for patch in asked:
        if patch.paths & paths or not patch.located:
            paths |= patch.paths
            found.add(patch.name)
    return found


def _turns(
    ground: Ground, near: set[str], wanted: Mapping[Case, Fate], first: _Trail
) -> Iterator[Turn]:
    """Find the patches that turned the fates of hunks to what they are.

    Such a patch is left out from then on, for these hunks: one behind it may stand in their
    way as well.
    """
    trails = [first]
    for at, patch in enumerate(ground.asked, 1):
        if patch.name not in near:
            continue
        for trail in [trail for trail in trails if trail.cases]:
            kept = [one for one in ground.asked[:at] if one.name not in trail.without]
            base = ground.with_patches(kept)
            now = fates(ground.put(base).results)
            turned = {
                case
                for case in trail.cases
                if now[case] is wanted[case] is not trail.fates[case]
            }
            for case in sorted(turned):
                fate = wanted[case]
                yield Turn(case, fate, patch, trail.base if fate is Fate.LOST else base)
            if turned:
                without = trail.without | {patch.name}
                trails.append(_Trail(without, turned, trail.base, trail.fates))
            trail.cases -= turned
            trail.base, trail.fates = base, now


def _with_cause(
    ground: Ground,
    result: Result,
    start: Result,
    own: Sequence[Turn],
    wanted: Mapping[Case, Fate],
) -> Result:
    """Return a result whose cause tells first what is upstream's, then what the series does."""
    if not own:
        return result
    others = wanted.keys() - {turn.case for turn in own}
    told = "; ".join(_told(ground, result.patch, own))
    names = {turn.by.name for turn in own}
    if result.verdict is Verdict.LANDED:
        if not others and len(names) == 1:
            return replace(result, cause=f"{names.pop()} makes the same change already")
        return replace(result, cause=f"{told}; the base has the rest" if others else told)
    if result.verdict is not Verdict.CONFLICT:
        return result.because(told)
    lost = {at for number, at in others if wanted[number, at] is not Fate.LANDED}
    if not lost:
        return replace(result, cause=told)
    # What upstream has in the way is told best where the series is not.
    same = lost == {at for at, hunk in enumerate(start.hunks) if not hunk.verdict.good}
    return replace(result, cause=start.cause if same else result.cause).because(told)


def _told(ground: Ground, patch: Patch, own: Sequence[Turn]) -> Iterator[str]:
    """Yield what each patch of the series does to each file of a patch."""
    places = [(file, at) for file in patch.files for at in range(len(file.hunks))]
    groups: dict[tuple[str, str, Fate], tuple[Turn, FileDiff, list[int]]] = {}
    for turn in own:
        if turn.case[1] != _WHOLE:
            file, at = places[turn.case[1]]
            key = turn.by.name, file.path, turn.fate
            groups.setdefault(key, (turn, file, []))[2].append(at)
            continue
        shared = (file for file in patch.files if file.paths & turn.by.paths)
        file = next(shared, patch.files[0])
        groups[turn.by.name, file.path, turn.fate] = turn, file, []
    for (name, _, fate), (turn, file, numbers) in groups.items():
        verb = fate.value[len(numbers) > 1]
        yield f"{_which(file, numbers)} {verb} {name}{_what(ground, file, numbers, turn)}"


def _which(file: FileDiff, numbers: Sequence[int]) -> str:
    """Return what people know some hunks of a file by."""
    if file.old is None or not numbers:
        return file.path
    hunks, lines = ("hunks", "lines") if numbers[1:] else ("hunk", "line")
    which = ", ".join(str(number + 1) for number in numbers)
    starts = ", ".join(str(file.hunks[number].old_start) for number in numbers)
    return f"{file.path}: {hunks} {which} ({lines} {starts})"


def _what(ground: Ground, file: FileDiff, numbers: Sequence[int], turn: Turn) -> str:
    """Say what the patch of the series does to a file, as far as it can be told."""
    own = next((one for one in turn.by.files if one.paths & file.paths), None)
    if own is None:
        return ""
    name = "it" if own.path == file.path else own.path
    if own.old is None:
        return f", which makes {name}"
    if own.new is None:
        return f", which deletes {name}"
    if own.old != own.new:
        return f", which renames {own.old} to {own.new}"
    repo = ground.replays.repo
    entries = repo.entries(turn.onto.commit, [own.path])
    texts = repo.blobs([entry.oid for entry in entries.values()])
    times = Counter(line for text in texts for line in text.split(b"\n"))
    hunks = [file.hunks[number] for number in numbers]
    common = {line for hunk in hunks for line in _lines(hunk, new=turn.fate is Fate.LANDED)}
    once = {line for line in common if times[line] == 1}
    new = turn.fate is not Fate.LOST
    # Best by the lines that are changed; what is around these may stand there more than once.
    found = [_first(one) for one in own.hunks if once & _lines(one, new=new, around=1)]
    found = found or [_first(one) for one in own.hunks if once & _lines(one, new=new)]
    lines = "lines" if found[1:] else "line"
    return f", which changes {lines} {', '.join(map(str, found))}" if found else ""


def _lines(hunk: Hunk, *, new: bool, around: int | None = None) -> set[bytes]:
    """Return the lines of one side of a hunk, or those that it changes and some around them."""
    lines = hunk.text.split(b"\n")[1:-1]
    changed = _changed(lines)
    if around is not None:
        lines = lines[max(0, changed[0] - around) : changed[-1] + 1 + around]
    return {line[1:] for line in lines if line[:1] in (b" ", b"+" if new else b"-")}


def _first(hunk: Hunk) -> int:
    """Return the first line that a hunk changes, in the file as it leaves it."""
    lines = hunk.text.split(b"\n")[1:-1]
    return hunk.new_start + _changed(lines)[0]


def _changed(lines: Sequence[bytes]) -> list[int]:
    """Return where lines of a hunk are changed; at its first one where none is."""
    return [at for at, line in enumerate(lines) if line[:1] in (b"+", b"-")] or [0]
