"""Name the patches of a series that stand in the way of others, or that others stand on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.jobs.replay import replay
from vpatch.upkeep.turns import WHOLE, Fate, Ground, Turn, fates, turns
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpatch.upkeep.turns import Case
    from vpatch.values.diff import FileDiff, Hunk
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay, Result

_MORE = "there may be more: not all of the series was asked"


def unplaced(results: Sequence[Result]) -> dict[Case, Fate]:
    """Return the hunks of some patches that have no place or have landed.

    A patch that was lost or has landed by none of its hunks, as a renaming does, counts whole.
    """
    found = {case: fate for case, fate in fates(results).items() if fate is not Fate.PLACED}
    told = {(number, fate) for (number, at), fate in found.items() if at != WHOLE}
    return {
        (number, at): fate
        for (number, at), fate in found.items()
        if (at != WHOLE or (number, fate) not in told) and not results[number].needs
    }


def explained(ground: Ground, put: Replay, wanted: Mapping[Case, Fate]) -> Replay:
    """Name the patches of the series in the causes of results.

    Args:
        ground: The series, and how others are put onto it.
        put: What came of that.
        wanted: The fates of hunks that are to be told of, as on the whole of the series.
    """
    if not (wanted and ground.asked):
        return put
    first = ground.states()[0]
    start = (put if put.base == first else replay(ground.setting(first))).results
    found, more = turns(ground, wanted, start)
    told = more | {turn.case for turn in found}
    made: list[Result] = []
    for number, result in enumerate(put.results):
        own = [turn for turn in found if turn.case[0] == number]
        rest = {c: fate for c, fate in wanted.items() if c[0] == number and c not in told}
        words = list(_told(ground, result.patch, own))
        names = {turn.by.name for turn in own}
        if any(case[0] == number for case in more):
            words.append(_MORE)
        elif result.verdict is Verdict.LANDED and len(names) == 1 and not rest:
            words = [f"{names.pop()} makes the same change already"]
        made.append(_with_cause(result, start[number], words, rest) if words else result)
    return replace(put, results=tuple(made))


def _with_cause(
    result: Result, start: Result, words: Sequence[str], others: Mapping[Case, Fate]
) -> Result:
    """Return a result whose cause tells first what is upstream's, then what the series does."""
    told = "; ".join(words)
    if result.verdict is Verdict.LANDED:
        return replace(result, cause=f"{told}; the base has the rest" if others else told)
    if result.verdict is not Verdict.CONFLICT:
        return result.because(told)
    lost = {at for (_, at), fate in others.items() if fate is not Fate.LANDED}
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
        if turn.case[1] != WHOLE:
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
