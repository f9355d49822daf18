"""See that what moved or merged stands in the function or class that it was made in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vpatch.values.scope import Module
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpatch.jobs.replay.attempt import Attempt, Placement
    from vpatch.jobs.replay.memory import Memory
    from vpatch.values.diff import FileDiff, Hunk
    from vpatch.values.tree import Entry

_MOVED = (Verdict.OFFSET, Verdict.MERGED)


def strayed(attempt: Attempt, found: Placement) -> dict[int, str]:
    """Return the hunks that would stand in another function or class, and what to say of each.

    A hunk is known by its number in the patch. Where the state that the patch was made on is
    not at hand, or a file is no Python that can be read, nothing is said.
    """
    moved = [n for n, hunk in enumerate(found.hunks) if hunk.verdict in _MOVED]
    if not moved or attempt.ancestor is None or attempt.ancestor.after is None:
        return {}
    names = {}
    for number in moved:
        case = attempt.cases[number]
        path = case.file.new or ""
        at_home = attempt.ancestor.after.get(path)
        now = found.change.get(attempt.renames.get(path, path))
        if path.endswith(".py") and at_home and now:
            line = found.hunks[number].new_start
            there = _Place(attempt, case.file, case.hunk, case.number, at_home, now)
            if text := there.difference(line):
                names[number] = f"{path}: {text}"
    return names


class _Place(NamedTuple):
    """One hunk, in the file that it was made in and in the one that it got into."""

    attempt: Attempt
    file: FileDiff
    hunk: Hunk
    number: int
    at_home: Entry
    now: Entry

    def difference(self, line: int | None) -> str:
        """Say it where a line stands in another function than at home."""
        memory = self.attempt.setting.memory
        home, here = (_known(memory, entry) for entry in (self.at_home, self.now))
        for was, now in self._pairs(line):
            old, new = home.name_at(was), here.name_at(now)
            if old is not None and new is not None and old != new:
                return f"line {now} would stand in {_said(new)}, it was made in {_said(old)}"
        return ""

    def _pairs(self, line: int | None) -> Iterator[tuple[int, int]]:
        """Yield where each line of code that the hunk adds is at home, and where now."""
        at = self.attempt.patch.files.index(self.file)
        ancestor = self.attempt.ancestor
        placed = ancestor.lines[at][self.number] if ancestor else None
        if placed is None:
            return
        texts = self.attempt.texts({"home": self.at_home, "now": self.now})
        home, now = (texts[key].split(b"\n") for key in ("home", "now"))
        ways: Mapping[int, int] | None = None
        for offset, added in self._added():
            was = placed.line + offset
            guess = line + offset if line else 0
            if 0 < guess <= len(now) and now[guess - 1] == added == home[was - 1]:
                yield was, guess
                continue
            ways = self._ways(len(home)) if ways is None else ways
            if was in ways:
                yield was, ways[was]

    def _added(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line of code that is added, and how far below the hunk's first it is."""
        at = 0
        for line in self.hunk.text.split(b"\n")[1:-1]:
            if line[:1] == b"+" and line[1:].strip() and not line[1:].lstrip().startswith(b"#"):
                yield at, line[1:]
            at += line[:1] in (b"+", b" ", b"")

    def _ways(self, last: int) -> dict[int, int]:
        """Map lines of the file at home to lines of the file now, by git's own diff."""
        changed = self.attempt.setting.memory.line_map(self.at_home.oid, self.now.oid)
        found: dict[int, int] = {}
        start, shift = 1, 0
        for old, count, new, fresh in changed:
            first = old if count else old + 1
            found |= {line: line + shift for line in range(start, first)}
            start = first + count
            shift = (new + fresh if fresh else new + 1) - start
        return found | {line: line + shift for line in range(start, last + 1)}


def _known(memory: Memory, entry: Entry) -> Module:
    if entry.oid not in memory.modules:
        memory.modules[entry.oid] = Module(memory.texts([entry.oid])[entry.oid])
    return memory.modules[entry.oid]


def _said(name: str) -> str:
    return name or "no function"
