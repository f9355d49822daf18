"""Find the patches of a series that turn what becomes of others.

It is found by trying: patches are put onto the series as it grows, and the patch with which a
hunk lost its place, or got it, is looked for by halves. The series itself is put onto its base
once for all of that, and once more for each few patches that are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from vpatch.jobs.replay import replay
from vpatch.values.base import Base
from vpatch.values.paths import decode
from vpatch.values.series import Series
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from vpatch.jobs.replay import Setting
    from vpatch.upkeep.replays import Replays
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay, Result

Case = tuple[int, int]
"""A patch that was put, by its number, and a hunk of all of its hunks; -1 for the whole."""
WHOLE = -1
_ROUNDS = 4
"""How many patches are looked for that turn the same hunk, one after another."""
_TRAILS = 3
"""How many series with other patches left out are tried in a round."""
_ASKED = 60
"""How many states of the series are tried in all."""
_LONG = 8
"""Patches from which on it takes long enough to say so."""


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
    whole: Replay
    """The series as it stands on its base with all that is asked about."""
    asked: Sequence[Patch]
    """Its last patches, that are asked about."""
    setting: Callable[[Base], Setting]
    """Says how the other patches are put onto a state of the series."""

    def states(self, without: Collection[str] = ()) -> list[Base]:
        """Return the series as it grows: before the first that is asked about, behind each.

        Args:
            without: Names of patches that are left out.
        """
        base, patches = self.whole.base, self.whole.series.patches
        kept = tuple(patch for patch in patches if patch.name not in without)
        found = self.replays.replay(Series(base, kept), base) if without else self.whole
        changes = zip(kept, found.changes, strict=True)
        changed = {patch.name for patch, change in changes if change}
        limits = "--reverse", f"{base.commit}..{found.commit}"
        each = iter(decode(self.replays.repo.run("rev-list", *limits).out).split())
        commits = [base.commit]
        for patch in patches:
            commits.append(next(each) if patch.name in changed else commits[-1])
        behind = commits[-len(self.asked) - 1 :]
        return [Base(base.name, commit, "") for commit in behind]


@dataclass(frozen=True, slots=True)
class Turn:
    """A hunk whose fate a patch of the series has turned."""

    case: Case
    fate: Fate
    at: int
    """Where that patch stands among those that are asked about, from 1."""
    by: Patch
    onto: Base
    """A state of the files in which the hunk is, or has its place."""


def fates(results: Iterable[Result]) -> dict[Case, Fate]:
    """Return what became of each hunk of some patches, and of each patch."""
    found: dict[Case, Fate] = {}
    for number, result in enumerate(results):
        found[number, WHOLE] = _fate(result.verdict)
        found |= {(number, at): _fate(hunk.verdict) for at, hunk in enumerate(result.hunks)}
    return found


def _fate(verdict: Verdict) -> Fate:
    if not verdict.good:
        return Fate.LOST
    return Fate.LANDED if verdict is Verdict.LANDED else Fate.PLACED


def turns(
    ground: Ground, wanted: Mapping[Case, Fate], start: Sequence[Result]
) -> tuple[list[Turn], set[Case]]:
    """Find the patches that turned the fates of hunks to what they are.

    Such a patch is left out from then on, for these hunks: one behind it may stand in their
    way as well.

    Args:
        ground: The series, and what was put onto it.
        wanted: The fates of hunks, as on the whole of the series.
        start: What became of that before all that is asked about.

    Returns:
        What was found, in the order of the series, and the hunks for which there may be more.
    """
    before = fates(start)
    turned = {case for case, fate in wanted.items() if before[case] is not fate}
    if not turned:
        return [], set()
    near = _near(ground.asked, start)
    if len(near) > _LONG:
        ground.replays.say("looking for what stands in the way")
    search = _Search(ground, wanted, near)
    trails: dict[frozenset[str], set[Case]] = {frozenset(): turned}
    for _ in range(_ROUNDS):
        trails = search.behind(trails)
    more = search.more.union(*trails.values())
    return sorted(search.found, key=lambda turn: (turn.at, turn.case)), more


def _near(asked: Sequence[Patch], results: Iterable[Result]) -> set[str]:
    """Return the names of the patches that can matter, by the files that they share."""
    paths = {path for result in results for path in result.patch.paths}
    found: set[str] = set()
    for patch in asked:
        if patch.paths & paths or not patch.located:
            paths |= patch.paths
            found.add(patch.name)
    return found


@dataclass(slots=True)
class _Search:
    """A search on its way."""

    ground: Ground
    wanted: Mapping[Case, Fate]
    near: set[str]
    found: list[Turn] = field(default_factory=list)
    more: set[Case] = field(default_factory=set)
    """The hunks that were not asked about to the end."""
    _known: dict[str, dict[Case, Fate]] = field(default_factory=dict)

    def behind(
        self, trails: Mapping[frozenset[str], set[Case]]
    ) -> dict[frozenset[str], set[Case]]:
        """Find one patch more for each hunk whose fate is the same without those before.

        Args:
            trails: The hunks by the patches that are left out for them.

        Returns:
            The same for the next round.
        """
        after: dict[frozenset[str], set[Case]] = {}
        for without, cases in trails.items():
            if self.near <= without:
                continue
            states = self.ground.states(without)
            asked = enumerate(self.ground.asked, 1)
            moved = (at for at, _ in asked if states[at] != states[at - 1])
            marks = [0, *(at for at in moved if self.ground.asked[at - 1].name in self.near)]
            first = len(self.found)
            if marks[1:]:
                self._halve(states, marks, self._turned(states[marks[-1]], cases))
            for turn in self.found[first:]:
                after.setdefault(without | {turn.by.name}, set()).add(turn.case)
        if len(after) <= _TRAILS:
            return after
        # A series for each of many would take minutes. Without all of them it shows as well
        # whether the hunks have their places then, but not which else of them is in the way.
        return {frozenset[str]().union(*after): set[Case]().union(*after.values())}

    def _halve(self, states: Sequence[Base], marks: Sequence[int], cases: set[Case]) -> None:
        """Find where hunks were turned: not so at the first mark, so at the last."""
        if not cases:
            return
        at, middle = marks[-1], len(marks) // 2
        if len(marks) == 2:  # noqa: PLR2004, a patch has a state before it and one behind
            by = self.ground.asked[at - 1]
            for case in cases:
                fate = self.wanted[case]
                onto = states[at - 1 if fate is Fate.LOST else at]
                self.found.append(Turn(case, fate, at, by, onto))
            return
        turned = self._turned(states[marks[middle]], cases)
        self._halve(states, marks[: middle + 1], turned)
        self._halve(states, marks[middle:], cases - turned - self.more)

    def _turned(self, state: Base, cases: set[Case]) -> set[Case]:
        """Return the hunks whose fates are those that are wanted, on a state of the series."""
        if state.commit not in self._known:
            if len(self._known) == _ASKED:
                self.more |= cases
                return set()
            asked = replace(self.ground.setting(state), brief=True)
            self._known[state.commit] = fates(replay(asked).results)
        found = self._known[state.commit]
        return {case for case in cases if found[case] is self.wanted[case]}
