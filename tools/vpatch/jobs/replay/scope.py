"""See that what moved or merged stands in the function or class that it was made in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vpatch.values.scope import Module
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpatch.jobs.replay.attempt import Attempt, Case, Placement
    from vpatch.jobs.replay.memory import Memory
    from vpatch.values.diff import Hunk
    from vpatch.values.tree import Entry

_MOVED = (Verdict.CLEAN, Verdict.OFFSET, Verdict.MERGED)


class Stray(NamedTuple):
    """A line that would stand in another function or class than it was made in."""

    path: str
    line: int
    now: str
    """Where it would stand; empty at a module's own level."""
    was: str
    """Where it was made."""

    def __str__(self) -> str:
        """Say it."""
        where, home = self.now or "no function", self.was or "no function"
        return f"{self.path}: line {self.line} would stand in {where}, it was made in {home}"


def strayed(attempt: Attempt, found: Placement) -> dict[int, Stray]:
    """Return the hunks that would stand in another function or class, by number in the patch.

    Where the state that the patch was made on is not at hand, or a file is no Python that can
    be read, nothing is said.
    """
    names: dict[int, Stray] = {}
    for number, hunk in enumerate(found.hunks):
        case = attempt.cases[number]
        path = case.file.new or ""
        if hunk.verdict in _MOVED and not attempt.is_as_at_home(case.file):
            now = found.change.get(attempt.renames.get(path, path))
            if stray := _stray(attempt, case, now, hunk.new_start):
                names[number] = stray
    return names


def landed_astray(attempt: Attempt, case: Case) -> bool:
    """Whether a hunk stands already, but in another function or class than it was made in."""
    now = attempt.state.get(case.file.new or "")
    return bool(case.there and _stray(attempt, case, now, case.there.line))


def in_its_scope(attempt: Attempt, case: Case, added: bytes) -> bool:
    """Whether lines that a hunk adds, and a file holds once, stand where they were made."""
    now = attempt.state.get(case.file.new or "")
    place = _place(attempt, case, now)
    if place is None:
        return True
    text = attempt.texts({"": now})[""]
    first = next((offset for offset, line in place.added() if line + b"\n" in added), 0)
    line = text[: text.index(added)].count(b"\n") + 1
    return place.stray_at(first, line) is None


def _stray(attempt: Attempt, case: Case, now: Entry | None, line: int | None) -> Stray | None:
    place = _place(attempt, case, now)
    return place.stray(line) if place else None


def _place(attempt: Attempt, case: Case, now: Entry | None) -> _Place | None:
    path = case.file.new or ""
    ancestor = attempt.ancestor
    at_home = ancestor.after.get(path) if ancestor and ancestor.after else None
    if not (path.endswith(".py") and at_home and now and ancestor):
        return None
    placed = ancestor.lines[attempt.patch.files.index(case.file)][case.number]
    return _Place(attempt, case.hunk, path, placed.line, at_home, now) if placed else None


class _Place(NamedTuple):
    """One hunk, in the file that it was made in and in the one that it got into."""

    attempt: Attempt
    hunk: Hunk
    path: str
    start: int
    """Its first line in the file that it was made in."""
    at_home: Entry
    now: Entry

    def stray(self, line: int | None) -> Stray | None:
        """Return a line that stands in another function than at home.

        Args:
            line: Where the hunk's first line is now, as far as is known.
        """
        for was, now in self._pairs(line):
            if stray := self._compared(was, now):
                return stray
        return None

    def stray_at(self, offset: int, line: int) -> Stray | None:
        """Return the line of an offset in the hunk if it stands in another function there."""
        return self._compared(self.start + offset, line)

    def _compared(self, was: int, now: int) -> Stray | None:
        memory = self.attempt.setting.memory
        old = _known(memory, self.at_home).name_at(was)
        new = _known(memory, self.now).name_at(now)
        if old is None or new is None or old == new:
            return None
        return Stray(self.path, now, new, old)

    def _pairs(self, line: int | None) -> Iterator[tuple[int, int]]:
        """Yield where each line of code that the hunk adds is at home, and where now."""
        texts = self.attempt.texts({"home": self.at_home, "now": self.now})
        home, now = (texts[key].split(b"\n") for key in ("home", "now"))
        ways: Mapping[int, int] | None = None
        for offset, added in self.added():
            was = self.start + offset
            guess = line + offset if line else 0
            if 0 < guess <= len(now) and now[guess - 1] == added == home[was - 1]:
                yield was, guess
                continue
            ways = self._ways(len(home)) if ways is None else ways
            if was in ways:
                yield was, ways[was]

    def added(self) -> Iterator[tuple[int, bytes]]:
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
