"""Find the lines that a hunk expects on another base: there, elsewhere, or nowhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpatch.doors.git.lines import WHOLE, compare, holders, mentioning
from vpatch.values.explanation import Line, Place
from vpatch.values.paths import decode
from vpatch.values.scan import scan
from vpatch.values.scope import scopes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpatch.doors.git import Repo
    from vpatch.values.base import Base
    from vpatch.values.diff import Hunk
    from vpatch.values.scope import Scope
    from vpatch.values.tree import Entry

_TELLING = 12
"""Characters below which a line stands in too many files to tell anything."""
_ASKED = 40
"""Lines of a hunk that are looked for in other files."""


@dataclass(frozen=True)
class Made:
    """A file as a patch was made on it."""

    path: str
    """Its path on the patch's own base; empty where the patch makes the file."""
    entry: Entry | None
    """What stands there, earlier patches of the series included."""
    text: bytes

    @cached_property
    def scopes(self) -> list[Scope]:
        """Its functions and classes, none where it is no Python that can be read."""
        return scopes_of(self.text) or []

    def function(self, first: int, last: int) -> str:
        """Return the innermost function or class around lines, empty outside of any."""
        around = [one for one in self.scopes if one.first <= first and last <= one.last]
        return around[-1].name if around else ""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a hunk's lines are on a base."""

    path: str
    """The file that they were compared with, empty where there is none."""
    lines: tuple[Line, ...]
    moved_to: str
    """The file that they moved to, empty where they did not."""
    function: str
    function_now: Place | None


@dataclass(frozen=True)
class Places:
    """Where things are on a base.

    Args:
        repo: The repository.
        home: The base that the patch was made on.
        base: The one that is asked about.
    """

    repo: Repo
    home: Base
    base: Base

    def find(self, made: Made, hunk: Hunk, at: int, path: str) -> Found:
        """Find a hunk's lines.

        Args:
            made: The file that the hunk is of, as the patch was made on it.
            hunk: The hunk.
            at: The line at which it stands in that file, from 1.
            path: The file's path on the base, empty where it is gone.
        """
        count = hunk.old_count
        function = made.function(*_changed(hunk, at))
        lines = self.compared(made, path, at, count)
        lost = [line.text for line in lines if line.mark == "-"]
        now = self._function(function, made, path)
        other = self._holder(made.path, lost) or (now.path if now else "")
        if other not in ("", path):
            there = self.compared(made, other, at, count)
            # What moved is still like itself; a line or two may stand anywhere.
            if _kept(there) > max(_kept(lines), _kept(there, missing=True)):
                path, lines = other, there
                now = self._function(function, made, path) or now
        moved = path if made.path and path != made.path else ""
        return Found(path, lines, moved, function, now)

    def compared(self, made: Made, path: str, at: int, count: int) -> tuple[Line, ...]:
        """Compare lines of a file with those that stand in their place on the base."""
        entry = self._entry(path)
        if made.entry is None:
            there = decode(self._text(path))
            return tuple(Line("+", None, n, text) for n, text in _numbered(there))
        if entry is None:
            whole = [Line("-", n, None, t) for n, t in _numbered(decode(made.text))]
        else:
            whole = compared(self.repo, made, entry.oid)
        return within(whole, at, count)

    def _entry(self, path: str) -> Entry | None:
        found = self.repo.entries(self.base.commit, [path]).get(path) if path else None
        return None if found is None or found.is_folder else found

    def _text(self, path: str) -> bytes:
        entry = self._entry(path)
        return self.repo.blobs([entry.oid])[0] if entry else b""

    def _function(self, name: str, made: Made, path: str) -> Place | None:
        """Find the function of a name on the base: in its file, else in one other."""
        if not name:
            return None
        if found := _named(self._text(path), name):
            return Place(path, *found)
        bare = name.rpartition(".")[2]
        asked = {f"{word} {bare}{end}" for word in ("def", "class") for end in "(:"}
        among = f"*{PurePosixPath(made.path).suffix}"
        now = mentioning(self.repo, self.base.commit, asked, among)
        had = mentioning(self.repo, self.home.commit, asked, among) if now else set()
        others = sorted(now - had)
        found = _named(self._text(others[0]), name) if len(others) == 1 else None
        return Place(others[0], *found) if found else None

    def _holder(self, path: str, lost: Iterable[str]) -> str:
        """Return the file that lines went to, empty where none got most of them.

        A line that another file had as well on the patch's own base tells nothing.
        """
        telling = {text for line in lost if len(text := line.strip()) >= _TELLING}
        asked = sorted(telling, key=lambda text: (-len(text), text))[:_ASKED]
        among = f"*{PurePosixPath(path).suffix}"
        had = holders(self.repo, self.home.commit, asked, among)
        own = [text for text in asked if had[text] <= {path}]
        now = holders(self.repo, self.base.commit, own, among)
        counts = Counter(file for files in now.values() for file in files if file != path)
        best = counts.most_common(2)
        if not best or best[0][1] * 2 <= len(own):
            return ""
        return "" if len(best) > 1 and best[0][1] == best[1][1] else best[0][0]


def _named(text: bytes, name: str) -> tuple[int, str] | None:
    """Return line and name of a function or class, None where it is gone.

    Another class may hold it now, where its own name is there but once.
    """
    scopes = scopes_of(text) or []
    bare = name.rpartition(".")[2]
    same = [one for one in scopes if one.name == name]
    alike = [one for one in scopes if one.name.rpartition(".")[2] == bare]
    found = (same or alike) if len(same or alike) == 1 else []
    return (found[0].first, found[0].name) if found else None


def compared(repo: Repo, made: Made, oid: str) -> list[Line]:
    """Return every line of a file and of a blob, by git's diff of the two."""
    assert made.entry is not None  # noqa: S101, for mypy: the caller asked
    diff = compare(repo, made.entry.oid, oid, context=WHOLE)
    if not diff:
        return [Line(" ", n, n, text) for n, text in _numbered(decode(made.text))]
    found: list[Line] = []
    old = new = 0
    for hunk in scan(diff, where=made.path).files[0].hunks:
        for raw in hunk.text.split(b"\n")[1:-1]:
            mark = raw[:1].decode()
            if mark == "\\":
                continue
            old += mark != "+"
            new += mark != "-"
            numbers = old if mark != "+" else None, new if mark != "-" else None
            found.append(Line(mark, *numbers, decode(raw[1:])))
    return found


def within(whole: Sequence[Line], first: int, count: int) -> tuple[Line, ...]:
    """Return the part of a comparison that is about some lines of the old file.

    Args:
        whole: The comparison.
        first: The first of these lines, from 1.
        count: How many they are.
    """
    inside = [
        at for at, line in enumerate(whole) if line.old and first <= line.old < first + count
    ]
    if not inside:
        return ()
    found = list(whole[inside[0] : inside[-1] + 1])
    if found[-1].mark == "-":
        # git lists what stands in the place of removed lines behind the last of them.
        for line in whole[inside[-1] + 1 :]:
            if line.mark == " ":
                break
            if line.mark == "+":
                found.append(line)
    return tuple(found)


def turned(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return a comparison the other way round."""
    marks = {"-": "+", "+": "-", " ": " "}
    found: list[Line] = []
    for _, run in groupby(lines, lambda line: line.mark == " "):
        other = [Line(marks[line.mark], line.new, line.old, line.text) for line in run]
        # git lists removed lines before what stands in their place.
        found += sorted(other, key=lambda line: line.mark == "+")
    return tuple(found)


def _kept(lines: Iterable[Line], *, missing: bool = False) -> int:
    """Count the lines of code that are still there, or those that are missing."""
    mark = "-" if missing else " "
    return sum(line.mark == mark and bool(line.text.strip()) for line in lines)


def _numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.removesuffix("\n").split("\n"), 1)) if text else []


def _changed(hunk: Hunk, at: int) -> tuple[int, int]:
    """Return the lines around a hunk's first change, by their numbers in the old file."""
    old, first = at, 0
    for raw in hunk.text.split(b"\n")[1:-1]:
        mark = raw[:1]
        if mark == b"-":
            first = first or old
            old += 1
        elif first:
            return first, old - 1
        elif mark == b"+":
            return old - 1, old
        elif mark != b"\\":
            old += 1
    return first or at, old - 1
