"""One patch on its way to a verdict, and the questions to git that bring it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.values.verdict import HunkResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vpatch.doors.git import Stage
    from vpatch.jobs.replay.home import Ancestor, Home
    from vpatch.jobs.replay.memory import Lines
    from vpatch.jobs.replay.setting import Setting
    from vpatch.values.applied import Placed
    from vpatch.values.diff import FileDiff, Hunk
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change, Entries, Entry
    from vpatch.values.verdict import Clash, Result


Part = tuple["FileDiff", list[int]]
"""A file of a patch, and the numbers of some of its hunks; none of them for its head alone."""
Parts = list[Part]


TELLING = 12
"""Characters below which a line stands in too many places to tell anything."""


@dataclass(slots=True)
class Placement:
    """What came of one patch, before it is a result."""

    hunks: list[HunkResult]
    change: Change = field(default_factory=dict)
    cause: str = ""
    verdict: Verdict | None = None
    """Where it does not follow from the hunks."""
    clash: Clash | None = None
    """What a person can solve, where somebody asked for it."""
    solved: bool = False
    """Whether a person saw to where it stands."""


@dataclass(slots=True)
class Case:
    """One hunk on its way to a verdict."""

    file: FileDiff
    hunk: Hunk
    number: int
    """Its place in the file, from 0."""
    fit: Placed | None = None
    """Where it fits as it is."""
    there: Placed | None = None
    """Where it stands already."""
    verdict: Verdict | None = None
    line: int | None = None
    cause: str = ""
    landed_in: str = ""
    changed_since: str = ""

    def settle(self, verdict: Verdict, line: int | None = None, cause: str = "") -> None:
        """Give it a verdict."""
        self.verdict, self.line, self.cause = verdict, line, cause

    @property
    def is_near_there(self) -> bool:
        """Whether it stands already, no farther from its own lines than where it would go."""
        if self.there is None:
            return False
        return self.fit is None or abs(self.there.offset) <= abs(self.fit.offset)

    def result(self) -> HunkResult:
        """Return its result; what found no place is a conflict."""
        return HunkResult(
            self.file.path,
            self.hunk.old_start,
            self.line,
            self.verdict or Verdict.CONFLICT,
            self.cause,
            self.landed_in,
            self.changed_since,
        )


@dataclass
class Attempt:
    """One patch that may not fit as it is, and all that may help to place it."""

    setting: Setting
    home: Home
    stage: Stage
    """The index to work in."""
    patch: Patch
    now: Change
    """What stands at each path that the series touches."""
    before: Sequence[tuple[Patch, Result]]
    """The patches before it, and what became of them."""
    fits: Lines
    """Where its hunks fit as they are."""
    there: Lines
    """Where they stand already."""
    merges: dict[bytes, Change | None] = field(default_factory=dict)
    """What became of the files where some hunks, as a diff, were merged into them."""

    @cached_property
    def state(self) -> Change:
        """The files of the patch, as they are."""
        found = {path: self.now.get(path) for path in self.patch.paths}
        return {path: entry for path, entry in found.items() if entry}

    @cached_property
    def ours(self) -> Change:
        """The same files, a moved one by the name that the patch knows it by."""
        moved = self.setting.files_now(self.now, self.renames.values())
        return self.state | {
            old: moved[new] for old, new in self.renames.items() if new in moved
        }

    @cached_property
    def cases(self) -> list[Case]:
        """Its hunks."""
        return [
            Case(file, hunk, number, self.fits[at][number], self.there[at][number])
            for at, file in enumerate(self.patch.files)
            for number, hunk in enumerate(file.hunks)
        ]

    @property
    def open(self) -> list[Case]:
        """The hunks without a verdict."""
        return [case for case in self.cases if case.verdict is None]

    @property
    def wanted(self) -> list[Case]:
        """The hunks that have not landed."""
        return [case for case in self.cases if case.verdict is not Verdict.LANDED]

    @cached_property
    def undone(self) -> list[FileDiff]:
        """The files that are still to be made, deleted, renamed or given a mode."""
        return [file for file in self.patch.files if not file.is_done(self.state)]

    @cached_property
    def ancestor(self) -> Ancestor | None:
        """The state that the patch was made on, None where it is not at hand."""
        return self.home.ancestor(self.patch)

    @property
    def fits_ancestor(self) -> bool:
        """Whether the patch applies on the state that it was made on."""
        return self.ancestor is not None and self.ancestor.after is not None

    def texts(self, files: Change) -> dict[str, bytes]:
        """Return the contents of files."""
        oids = {path: entry.oid for path, entry in files.items() if entry}
        found = self.setting.memory.texts(oids.values())
        return {path: found[oid] for path, oid in oids.items()}

    def count(self, file: FileDiff, lines: bytes) -> tuple[int, int]:
        """Count some lines in a file: as it is, and as the patch was made on it.

        Where nobody knows the latter, it counts as none.
        """
        before = self._now_texts.get(file.old or "", b"")
        now = _times(lines, self._now_texts.get(file.new or "", before))
        then = _times(lines, self._then_texts.get(file.old or "", b""))
        return now, then

    @cached_property
    def _now_texts(self) -> dict[str, bytes]:
        return self.texts(self.state)

    @cached_property
    def _then_texts(self) -> dict[str, bytes]:
        return self.texts(self.ancestor.files) if self.ancestor else {}

    def is_as_at_home(self, file: FileDiff) -> bool:
        """Whether a file is the one that the patch was made on."""
        old = file.old or ""
        return self.ancestor is not None and self.state.get(old) == self.ancestor.files.get(old)

    def still_has(self, case: Case) -> bool:
        """Whether what a hunk takes out, putting nothing in, is there as often as before.

        Gone from its place is not gone: it may have moved.
        """
        removed = case.hunk.longest(b"-")
        if case.hunk.longest(b"+") or len(removed.strip()) < TELLING:
            return False
        now, then = self.count(case.file, removed)
        return now >= max(then, 1)

    @property
    def moves_what_moved(self) -> bool:
        """Whether it renames or deletes a file that upstream has moved."""
        return any(
            file.old in self.renames and file.old != file.new for file in self.patch.files
        )

    def renamed(self, file: FileDiff) -> str:
        """Return the path that upstream renamed a file to, empty where it did not."""
        return self.renames.get(file.old or "", "")

    @cached_property
    def renames(self) -> dict[str, str]:
        """Old path to new, for each file that moved since the patch's own base."""
        gone = {file.old for file in self.patch.files if file.old} - self.state.keys()
        home, setting = self.home.base if gone else None, self.setting
        if home is None:
            return {}
        return setting.memory.moved(home.commit, setting.base.commit, gone)


def _times(lines: bytes, text: bytes) -> int:
    """Count whole lines in a text; places may overlap."""
    text, lines = b"\n" + text, b"\n" + lines
    count, at = 0, text.find(lines) if len(lines) > 1 else -1
    while at >= 0:
        count += 1
        at = text.find(lines, at + 1)
    return count


def parts_of(attempt: Attempt, cases: Iterable[Case]) -> Parts:
    """Return the files and hunks that a diff of some hunks has, and what else is undone."""
    wanted: dict[int, list[int]] = {}
    for case in cases:
        wanted.setdefault(id(case.file), []).append(case.number)
    undone = {id(file) for file in attempt.undone}
    return [
        (file, wanted.get(id(file), []))
        for file in attempt.patch.files
        if id(file) in wanted or id(file) in undone
    ]


def written(parts: Iterable[Part]) -> bytes:
    """Return a diff of some hunks, as git-apply(1) takes it."""
    return b"".join(file.text(numbers) if numbers else file.bare() for file, numbers in parts)


def diff_of(attempt: Attempt, cases: Iterable[Case]) -> bytes:
    """Return the patch's diff with these hunks alone, and what else of it is undone."""
    return written(parts_of(attempt, cases))


def difference(
    paths: Iterable[str],
    before: Mapping[str, Entry | None],
    after: Mapping[str, Entry | None],
) -> Change:
    """Return what became of paths between two states."""
    return {p: after.get(p) for p in paths if before.get(p) != after.get(p)}


def exactly(patch: Patch, lines: Lines, before: Change, after: Entries) -> Placement:
    """Return the placement of a patch that git applied whole."""
    hunks = [
        HunkResult(
            file.path,
            hunk.old_start,
            placed.line if placed else None,
            Verdict.OFFSET if placed and placed.offset else Verdict.CLEAN,
        )
        for file, found in zip(patch.files, lines, strict=True)
        for hunk, placed in zip(file.hunks, found, strict=True)
    ]
    return Placement(hunks, difference(patch.paths, before, after))


def refused(attempt: Attempt, cause: str) -> Placement:
    """Return a conflict for one reason; hunks without a verdict share it."""
    hunks = [case.result() for case in attempt.cases]
    return Placement(hunks, cause=cause, verdict=Verdict.CONFLICT)
