"""A diff, held in git's own form, bytes untouched.

What stands between two headers is kept as bytes and given to git as it is. unidiff reads
the lines of a hunk where somebody asks for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.values.errors import FormatError, NotInTreeError
from vpatch.values.paths import parents, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from unidiff.patch import Hunk as Lines

    from vpatch.values.tree import Entry

_MODE = re.compile(rb"^new mode (\d{6})$", re.MULTILINE)
_INDEX = re.compile(rb"^index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hunk:
    """One ``@@`` block."""

    old_start: int
    """Line of the first context line before the change, from 1."""
    old_count: int
    """Lines before the change."""
    new_start: int
    """Line of the first context line after the change, from 1."""
    new_count: int
    """Lines after the change."""
    text: bytes
    """Header and body, as they stand in the diff."""
    chopped: int = 0
    """Blank lines that were missing at its end, and put back."""

    @property
    def change(self) -> bytes:
        """The removed and added lines alone: what makes two hunks the same change."""
        lines = self.text.split(b"\n")[1:-1]
        return b"".join(line + b"\n" for line in lines if line[:1] in (b"+", b"-"))

    def longest(self, mark: bytes) -> bytes:
        """Return the longest run of lines with a mark (``+`` or ``-``), without the mark."""
        runs: list[bytes] = [b""]
        for line in self.text.split(b"\n")[1:-1]:
            if line.startswith(mark):
                runs[-1] += line[1:] + b"\n"
            elif runs[-1]:
                runs.append(b"")
        return max(runs, key=len)

    def side(self, *, new: bool) -> bytes:
        """Return the lines that the hunk expects (or leaves, if `new`), without marks."""
        wanted = "+ " if new else "- "
        text, kept = "", False
        for line in self.parsed():
            if line.line_type == "\\":
                # "No newline at end of file" speaks of the line before it.
                text = text.removesuffix("\n") if kept else text
            elif kept := line.line_type in wanted:
                text += line.value
        return text.encode("latin-1")

    def parsed(self) -> Lines:
        """Return the hunk's lines with their numbers, as unidiff reads them."""
        from unidiff import patch  # noqa: PLC0415, lazy: most replays look into no hunk

        # latin-1 maps each byte to one character and back: no recoding.
        text = b"--- a/f\n+++ b/f\n" + self.text
        return patch.PatchSet.from_string(text.decode("latin-1"))[0][0]


@dataclass(frozen=True)
class FileDiff:
    """What a patch does to one file."""

    old: str | None
    """Path before, None where the patch makes the file."""
    new: str | None
    """Path after, None where the patch deletes the file."""
    head: bytes
    """The lines before the first hunk, in git's extended form."""
    hunks: tuple[Hunk, ...]
    """In the order of the diff; none for a mode change or a pure rename."""

    @property
    def path(self) -> str:
        """The path that people know the file by: the new one, else the old."""
        return self.new or self.old or ""

    @property
    def paths(self) -> frozenset[str]:
        """Every path that is read or written."""
        return frozenset(path for path in (self.old, self.new) if path)

    @cached_property
    def ids(self) -> tuple[str, str]:
        """Blob ids before and after by the ``index`` line, empty where there is none."""
        found = _INDEX.search(self.head)
        return (found[1].decode(), found[2].decode()) if found else ("", "")

    @property
    def mode(self) -> str:
        """The mode that the file is given, empty where it keeps its own."""
        found = _MODE.search(self.head)
        return found[1].decode() if found else ""

    def is_done(self, files: Mapping[str, Entry | None]) -> bool:
        """Whether all but its hunks is as it leaves it: the file's being there, name, mode."""
        if self.new is None:
            return files.get(self.old or "") is None
        if self.old == self.new and not self.mode:
            return True
        renames = not self.hunks and b"\nrename from " in self.head
        if renames and files.get(self.old or "") is not None:
            # Another file took its new name, and no line tells which of them is the one.
            return False
        there = files.get(self.new)
        return there is not None and self.mode in ("", there.mode)

    def bare(self) -> bytes:
        """Return the diff without its hunks, as git takes it."""
        hunky = (b"index ", b"--- ", b"+++ ")
        lines = self.head.splitlines(keepends=True)
        return b"".join(line for line in lines if not line.startswith(hunky))

    @property
    def moved(self) -> bool:
        """Whether it says itself that two names are meant: a rename or a copy."""
        return b"\nrename from " in self.head or b"\ncopy from " in self.head

    def text(self, hunks: Iterable[int] | None = None) -> bytes:
        """Return the diff of this file, of all its hunks or of those with these numbers."""
        kept = self.hunks if hunks is None else [self.hunks[number] for number in hunks]
        return self.head + b"".join(hunk.text for hunk in kept)

    def below(self, folder: str) -> FileDiff:
        """Return the same diff for a tree in which everything lies in a folder."""
        old, new = (f"{folder}/{path}" if path else None for path in (self.old, self.new))
        modes = b"".join(line for line in _kept_lines(self.head))
        return headed(old, new, modes, self.hunks, copied=b"\ncopy from " in self.head)

    def renamed(self, strip: int) -> FileDiff:
        """Return the same diff for the paths without their first `strip` parts."""
        old, new = self.stripped(strip)
        modes = b"".join(line for line in _kept_lines(self.head))
        return headed(old, new, modes, self.hunks, copied=b"\ncopy from " in self.head)

    def stripped(self, strip: int) -> tuple[str | None, str | None]:
        """Return both paths without their first `strip` parts."""
        old, new = _strip(self.old, strip), _strip(self.new, strip)
        if old and new and not self.moved:
            # diff -u of a kept original names two files and means the second.
            old = new
        return old, new


@dataclass(frozen=True, slots=True)
class Diff:
    """What a patch file holds behind its header."""

    files: tuple[FileDiff, ...]
    """In the order of the diff."""
    located: bool
    """Whether the paths are the tree's; else they are as written, see `locate`."""

    @property
    def chopped(self) -> bool:
        """Whether a hunk lacks lines at its end that were taken for blank ones."""
        return any(hunk.chopped for file in self.files for hunk in file.hunks)


def locate(
    files: tuple[FileDiff, ...], tree: frozenset[str], *, where: str, strip: int | None
) -> tuple[FileDiff, ...]:
    """Find how many leading parts of the paths to strip by looking at a tree.

    Args:
        files: Files with paths as written in the diff.
        tree: Every path of the tree.
        where: Name of the patch, for messages.
        strip: The number of parts, where the series says it (``-pN``).

    Raises:
        FormatError: No number fits, or more than one.
    """
    folders = {""} | {path.rpartition("/")[0] for path in tree}
    folders |= {parent for folder in folders for parent in parents(folder)}
    depth = max(path.count("/") for file in files for path in file.paths)
    levels = range(depth + 1) if strip is None else (strip,)
    fits = [level for level in levels if _fits(files, level, tree, folders)]
    if not fits:
        # A new file may bring a folder of its own, below one that is there.
        fits = [level for level in levels if _fits(files, level, tree, folders, deep=True)]
    if len(fits) == 1:
        return tuple(file.renamed(fits[0]) for file in files)
    path = files[0].path
    if not fits:
        raise NotInTreeError(
            f"no file of the base goes by the path {path}",
            where=where,
            hint="compare the diff's paths with the base, or make it with git diff",
        )
    both = " and ".join(str(_strip(path, level)) for level in fits[:2])
    raise FormatError(
        f"the path {path} could mean {both}",
        where=where,
        hint="say how many parts to strip, with -pN behind the name in the series file",
    )


def _fits(
    files: tuple[FileDiff, ...],
    level: int,
    tree: frozenset[str],
    folders: set[str],
    *,
    deep: bool = False,
) -> bool:
    for file in files:
        old, new = file.stripped(level)
        if not (old or new):
            return False
        if old is None:
            folder = (new or "").rpartition("/")[0]
            folder = folder.partition("/")[0] if deep else folder
            if folder not in folders or (level and not folder):
                return False
        elif old not in tree:
            return False
    return True


def _strip(path: str | None, level: int) -> str | None:
    if path is None:
        return None
    parts = path.lstrip("/").split("/")
    return "/".join(parts[level:])


def _kept_lines(head: bytes) -> Iterator[bytes]:
    """Yield the lines of a header in git's form that hold no path."""
    for line in head.splitlines(keepends=True):
        if not line.startswith((b"diff --git ", b"rename ", b"copy ", b"--- ", b"+++ ")):
            yield line


def headed(
    old: str | None,
    new: str | None,
    modes: bytes,
    hunks: tuple[Hunk, ...],
    *,
    copied: bool = False,
) -> FileDiff:
    """Write the header that git would have written."""
    before, after = old or new or "", new or old or ""
    head = b"diff --git %s %s\n" % (quote(f"a/{before}"), quote(f"b/{after}")) + modes
    if old and new and old != new:
        verb = b"copy" if copied else b"rename"
        head += b"%s from %s\n%s to %s\n" % (verb, quote(before), verb, quote(after))
    if hunks:
        head += b"--- %s\n" % (quote(f"a/{before}") if old else b"/dev/null")
        head += b"+++ %s\n" % (quote(f"b/{after}") if new else b"/dev/null")
    return FileDiff(old, new, head, hunks)
