"""What became of a patch, and of each of its hunks, in a replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.values.base import Base
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series
    from vpatch.values.tree import Change, Entry


class Verdict(StrEnum):
    """What became of a patch; a hunk has the same but ``partial``."""

    CLEAN = "clean"
    """Every hunk applied at its own lines."""
    OFFSET = "offset"
    """Every hunk applied unchanged, some at other lines."""
    MERGED = "merged"
    """Applied through a three-way merge."""
    PARTIAL = "partial"
    """Some hunks had landed, all others applied."""
    LANDED = "landed"
    """The base contains every hunk, in these words or in others."""
    MISPLACED = "misplaced"
    """At least one hunk would stand in another function or class than it was made in."""
    CONFLICT = "conflict"
    """At least one hunk has no place."""

    @property
    def good(self) -> bool:
        """Whether the series holds with it."""
        return self not in (Verdict.CONFLICT, Verdict.MISPLACED)


@dataclass(frozen=True, slots=True)
class HunkResult:
    """What became of one hunk."""

    path: str
    """The file, by the patch's own path."""
    old_start: int
    """The line that the hunk names, in the file before the change."""
    new_start: int | None
    """The line at which it stands now; None where it has no place or no line is known."""
    verdict: Verdict
    cause: str = ""
    """Evidence, where the verdict rests on more than the lines themselves."""
    landed_in: str = ""
    """The release in the store that first contains it, where it is no longer to be seen."""
    changed_since: str = ""
    """The release that first changed its lines after that."""

    def as_json(self) -> dict[str, Any]:
        """Return the hunk of a result's JSON; empty evidence is left out."""
        found = {
            "path": self.path,
            "old_start": self.old_start,
            "new_start": self.new_start,
            "verdict": self.verdict.value,
        }
        more = {"cause": self.cause, "landed_in": self.landed_in}
        more["changed_since"] = self.changed_since
        return found | {key: value for key, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Clash:
    """A merge that did not go through, for a person to solve."""

    key: str
    """64 hex digits: the same for the same change in the same conflict, on any machine."""
    tree: str
    """The base's whole tree, the patches before and this one in it as far as it goes; where
    it does not, the files hold conflict markers."""
    onto: str
    """The same tree without this patch."""
    stages: Mapping[str, tuple[Entry | None, Entry | None, Entry | None]]
    """Each file in conflict: as the patch was made on it, as it is, as the patch leaves it."""
    labels: Mapping[str, str]
    """What the markers call ``ours``, ``ancestor`` and ``theirs``."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one patch."""

    patch: Patch
    verdict: Verdict
    hunks: tuple[HunkResult, ...]
    needs: tuple[str, ...] = ()
    """Names of the patches whose failure is the only reason that this one fails."""
    cause: str = ""
    """Why it failed, or what shows that it landed."""
    landed_in: str = ""
    changed_since: str = ""
    clash: Clash | None = None
    """What a person can solve, where somebody asked for it."""

    def because(self, cause: str) -> Result:
        """Return the same result with one more reason."""
        return replace(self, cause="; ".join(part for part in (self.cause, cause) if part))

    def as_json(self) -> dict[str, Any]:
        """Return the result as every verb's JSON shows it."""
        found: dict[str, Any] = {
            "name": self.patch.name,
            "pr": self.patch.pr,
            "subject": self.patch.subject,
            "verdict": self.verdict.value,
            "hunks": [hunk.as_json() for hunk in self.hunks],
            "needs": list(self.needs),
            "cause": self.cause,
        }
        if self.landed_in:
            found |= {"landed_in": self.landed_in, "changed_since": self.changed_since}
        return found


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of putting a series onto a base."""

    base: Base
    series: Series
    results: tuple[Result, ...]
    changes: tuple[Change, ...]
    """What each patch changed; nothing for one that landed or has no place."""
    commit: str
    """The last commit; the base's own where no patch changed anything, empty where none was
    asked for."""
    tree: str
    """Its tree."""

    @property
    def ok(self) -> bool:
        """Whether every patch is in."""
        return all(result.verdict.good for result in self.results)

    @property
    def touched(self) -> set[str]:
        """Every path that the series reads or writes on this base."""
        patches = (result.patch for result in self.results)
        paths = {path for patch in patches if patch.located for path in patch.paths}
        return paths | set(self.change)

    @property
    def change(self) -> Change:
        """All changes together."""
        whole: Change = {}
        for change in self.changes:
            whole |= change
        return whole


def summed(hunks: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a patch from the verdicts of its hunks."""
    seen = set(hunks)
    for verdict in (Verdict.CONFLICT, Verdict.MISPLACED):
        if verdict in seen:
            return verdict
    if Verdict.LANDED in seen:
        return Verdict.LANDED if seen == {Verdict.LANDED} else Verdict.PARTIAL
    for verdict in (Verdict.MERGED, Verdict.OFFSET):
        if verdict in seen:
            return verdict
    return Verdict.CLEAN
