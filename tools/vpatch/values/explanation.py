"""Why a patch has no place on a base, hunk by hunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.values.base import Base
    from vpatch.values.commit import Commit
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Result, Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison of two files."""

    mark: str
    """``-`` for a line of the old file alone, ``+`` for one of the new, a space for both."""
    old: int | None
    """Its number in the old file, from 1."""
    new: int | None
    """Its number in the new file, from 1."""
    text: str


def unified(lines: Sequence[Line], old: tuple[str, str], new: tuple[str, str]) -> str:
    """Return part of a comparison as a unified diff of one hunk.

    Args:
        lines: The part.
        old: Path of the one file, and what it is of.
        new: Path of the other, and what it is of.
    """
    before = [line.old for line in lines if line.old]
    after = [line.new for line in lines if line.new]
    head = f"--- a/{old[0]}\t{old[1]}\n+++ b/{new[0]}\t{new[1]}\n"
    ranges = [f"{part[0] if part else 0},{len(part)}" for part in (before, after)]
    body = "".join(f"{line.mark}{line.text}\n" for line in lines)
    return f"{head}@@ -{ranges[0]} +{ranges[1]} @@\n{body}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function stands."""

    path: str
    line: int
    name: str
    """Its name, with those of the classes and functions around it."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``explain``."""
        return {"path": self.path, "line": self.line, "name": self.name}


@dataclass(frozen=True, slots=True)
class Break:
    """Between which two releases something lost its place."""

    good: str
    """The last release that has a place for it."""
    bad: str
    """The first that has none, seen from the base that the patch was made on."""
    untried: tuple[str, ...] = ()
    """Releases between the two that were not at hand."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``explain``."""
        return {"good_in": self.good, "broke_in": self.bad, "untried": list(self.untried)}


@dataclass(frozen=True, slots=True)
class HunkExplanation:
    """Why one hunk has no place."""

    path: str
    """The file, by the patch's own path."""
    number: int
    """Its place in the file's hunks, from 1."""
    old_start: int
    """The line that the hunk names, in the file before the change."""
    lines: tuple[Line, ...]
    """What it expects (old) against what stands there on the base (new)."""
    there: str
    """The path that `lines` are of on the base; empty where the file is in no other."""
    broke: Break
    moved_to: str = ""
    """The file that upstream moved the code to, where it is another."""
    function: str = ""
    """The function or class that it changes, empty where nobody can tell."""
    function_now: Place | None = None
    """Where that stands on the base, None where it is gone."""
    commit: Commit | None = None
    """The commit that broke it, where the history is known."""
    change: str = ""
    """What upstream did to these lines between the two releases, as a unified diff."""

    @property
    def expected(self) -> tuple[Line, ...]:
        """The lines that the patch expects."""
        return tuple(line for line in self.lines if line.old is not None)

    @property
    def found(self) -> tuple[Line, ...]:
        """The lines that upstream has there."""
        return tuple(line for line in self.lines if line.new is not None)

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``explain``."""
        commit = self.commit.as_json() if self.commit else None
        return {
            "path": self.path,
            "hunk": self.number,
            "old_start": self.old_start,
            "function": self.function or None,
            "expected": [{"line": line.old, "text": line.text} for line in self.expected],
            "there": {
                "path": self.there or None,
                "lines": [{"line": line.new, "text": line.text} for line in self.found],
            },
            "moved_to": self.moved_to or None,
            "function_now": self.function_now.as_json() if self.function_now else None,
            **self.broke.as_json(),
            "commit": commit,
            "change": self.change,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a patch has no place on a base; or that it has one."""

    base: Base
    home: str
    """The base that the patch was made on."""
    result: Result
    """What became of the patch on the base, as it is."""
    solved: Result | None = None
    """What becomes of it by a recorded resolution, None without one that helps."""
    broke: Break | None = None
    """Where the patch as a whole lost its place; None where it has one, or never had."""
    hunks: tuple[HunkExplanation, ...] = ()
    """Those without a place, in the patch's order."""
    fits_home: bool = True
    """Whether it fits the base that it was made on; where not, there is nothing to explain."""
    roots: tuple[Patch, ...] = ()
    """The earlier patches whose failure is the only reason that this one fails."""
    asked: tuple[tuple[str, Verdict], ...] = ()
    """The releases and commits that were asked, in order, with the patch's verdict there."""
    in_parts: frozenset[int] = frozenset()
    """The pull requests of the series that are in parts, which go by their files' names."""
    notes: tuple[str, ...] = ()
    """What could not be found out, and why."""

    @property
    def ok(self) -> bool:
        """Whether the patch has a place, be it by a resolution."""
        return self.result.verdict.good or self.solved is not None

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``explain``."""
        broke = self.broke or Break("", "")
        return {
            "base": self.base.as_json(),
            "home": self.home,
            "name": self.result.patch.name,
            "pr": self.result.patch.pr,
            "verdict": self.result.verdict.value,
            "cause": self.result.cause,
            "solved": self.solved.cause if self.solved else None,
            "needs": [patch.name for patch in self.roots],
            "fits_home": self.fits_home,
            "good_in": broke.good or None,
            "broke_in": broke.bad or None,
            "hunks": [hunk.as_json() for hunk in self.hunks],
            "asked": [{"base": name, "verdict": verdict.value} for name, verdict in self.asked],
            "replays": len(self.asked),
            "notes": list(self.notes),
            "ok": self.ok,
        }
