"""Read unified diffs liberally, as they are met in the wild.

The form is that of git-diff(1), "Generating patch text with -p"; GNU diff's is in "Detailed
Unified" of the diffutils manual.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpatch.values.diff import Diff, FileDiff, Hunk, head_lines
from vpatch.values.errors import FormatError
from vpatch.values.paths import decode, safe, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*\n", re.MULTILINE)
_NAME = re.compile(rb"^(---|\+\+\+) ([^\t\n]*)(?:\t(.*))?$", re.MULTILINE)
_MOVED = re.compile(rb"^(rename|copy) (from|to) (.*)$", re.MULTILINE)
_BINARY = re.compile(rb"^(GIT binary patch|Binary files .* differ)$", re.MULTILINE)
_MODE = re.compile(rb"^(old|new|new file|deleted file) (?:mode )(\d{6})$", re.MULTILINE)
# GNU diff dates a file that does not exist at the epoch, in the zone of its user.
_EPOCH = re.compile(rb"19(?:69-12-31|70-01-01) \d\d:\d\d:00")
# git-diff(1), diff.mnemonicPrefix: commit, index, work tree, object.
_PREFIXES = (b"a/", b"b/", b"c/", b"i/", b"o/", b"w/")
# GNU patch takes as many blank lines that an editor chopped off a patch's end (pch.c).
_CHOPPED = 3


def scan(diff: bytes, *, where: str) -> Diff:
    """Read a diff, from its first header on.

    Args:
        diff: The diff, in git's form or in plain unified form.
        where: Name of the patch, for messages.

    Raises:
        FormatError: The diff is truncated, its counts are wrong, it is binary, or one of
            its paths leaves the tree.
    """
    header = re.search(rb"^(?:diff --git|---|@@) .*$", diff, re.MULTILINE)
    if header and header[0].endswith(b"\r"):
        # A mail or an editor rewrote every line; GNU patch strips these as well.
        diff = diff.replace(b"\r\n", b"\n")
    if not diff.endswith(b"\n"):
        diff += b"\n"
    by_git = diff.startswith(b"diff --git ") or b"\ndiff --git " in diff
    pieces = _git_pieces(diff) if by_git else _plain_pieces(diff)
    files = tuple(_read_file(piece, where) for piece in pieces)
    if not files:
        raise FormatError("no diff in it", where=where, hint="is it the right file?")
    known = all(_prefixed(file) for file in files)
    if known:
        files = tuple(_unprefixed(file) for file in files)
    for path in sorted(path for file in files for path in file.paths):
        installed = not known and "-packages/vllm" in path
        safe(path.lstrip("/") if installed else path, where=where)
    return Diff(files, known)


def _prefixed(file: FileDiff) -> bool:
    """Whether both paths carry a prefix that git writes."""
    return all(path[:2].encode() in _PREFIXES for path in file.paths)


def _unprefixed(file: FileDiff) -> FileDiff:
    old = file.old and file.old[2:]
    new = file.new and file.new[2:]
    if all(path[:2] in ("a/", "b/") for path in file.paths) and file.head.startswith(
        b"diff --git a/"
    ):
        return FileDiff(old, new, file.head, file.hunks)
    return file.renamed(1)


def _git_pieces(diff: bytes) -> Iterator[bytes]:
    starts = list(_line_starts(diff, b"diff --git "))
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=True):
        yield diff[start:end]


def _line_starts(text: bytes, mark: bytes) -> Iterator[int]:
    """Yield where lines begin with a mark; a tenth of what a pattern would cost."""
    if text.startswith(mark):
        yield 0
    at = text.find(b"\n" + mark)
    while at >= 0:
        yield at + 1
        at = text.find(b"\n" + mark, at + 1)


def _plain_pieces(diff: bytes) -> Iterator[bytes]:
    """Split a diff that has no ``diff --git`` lines at its ``---``/``+++`` pairs.

    A removed line that begins with ``-- `` looks like a header, so the counts decide.
    """
    pair = re.compile(rb"^--- .*\n\+\+\+ .*\n(?=@@ -)", re.MULTILINE)
    found = pair.search(diff)
    while found:
        at = found.end()
        while header := _HUNK.match(diff, at):
            at = _body_end(diff, header)
        following = pair.search(diff, at)
        yield diff[found.start() : following.start() if following else len(diff)]
        found = following


def _read_file(piece: bytes, where: str) -> FileDiff:
    first = _HUNK.search(piece)
    head = piece[: first.start()] if first else piece
    if found := _BINARY.search(head):
        name = decode(piece.split(b"\n", 1)[0])
        raise FormatError(
            f"a binary change ({decode(found[1])})",
            where=f"{where}, {name}",
            hint="vpatch carries text: leave this file out of the patch",
        )
    old, new, modes = _names(head, where)
    hunks = tuple(_hunks(piece, f"{where}, {new or old}"))
    if head.startswith(b"diff --git "):
        if not first:
            # What follows the last header of a mail is its signature.
            head = b"".join(head_lines(head))
        return FileDiff(old, new, head, hunks)
    # The header that git would have written follows once the paths are known.
    return FileDiff(old, new, modes, hunks)


def _names(head: bytes, where: str) -> tuple[str | None, str | None, bytes]:
    """Read both paths of a file, and the mode line that git would have written."""
    moved = {found[2]: found[3] for found in _MOVED.finditer(head)}
    names = {found[1]: (found[2], found[3] or b"") for found in _NAME.finditer(head)}
    modes = {found[1]: found[2] for found in _MODE.finditer(head)}
    if b"---" in names and b"+++" in names:
        old, new = _side(*names[b"---"]), _side(*names[b"+++"])
        return old, new, _made(old, new, modes)
    line = head.split(b"\n", 1)[0].removeprefix(b"diff --git ")
    old, new = _twice(line)
    if moved:
        # These carry no prefix: take it from the first line, which has both.
        return old, new, b""
    if old is None or new is None:
        raise FormatError("a header names no file", where=f"{where}, {decode(line)}")
    if b"new file" in modes:
        old = None
    if b"deleted file" in modes:
        new = None
    return old, new, b""


def _made(old: str | None, new: str | None, modes: dict[bytes, bytes]) -> bytes:
    if old is None and b"new file" not in modes:
        return b"new file mode 100644\n"
    if new is None and b"deleted file" not in modes:
        return b"deleted file mode 100644\n"
    return b""


def _side(name: bytes, stamp: bytes) -> str | None:
    name = name.rstrip()
    if name == b"/dev/null" or _EPOCH.match(stamp):
        return None
    return decode(unquote(name))


def _twice(line: bytes) -> tuple[str | None, str | None]:
    """Split ``a/PATH b/PATH``; a path may hold spaces, so the halves decide."""
    if found := re.fullmatch(rb'("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)', line):
        return decode(unquote(found[1])), decode(unquote(found[2]))
    half = len(line) // 2
    old, new = line[:half], line[half + 1 :]
    if old[:2] in _PREFIXES and old[2:] == new[2:]:
        return decode(old), decode(new)
    if found := re.fullmatch(rb"(a/.*) (b/.*)", line):
        return decode(found[1]), decode(found[2])
    return None, None


def _hunks(piece: bytes, where: str) -> Iterator[Hunk]:
    found = [_HUNK.match(piece, at) for at in _line_starts(piece, b"@@ -")]
    headers = [header for header in found if header]
    ends = [header.start() for header in headers[1:]] + [len(piece)]
    for number, (header, end) in enumerate(zip(headers, ends, strict=False), 1):
        old_count, new_count = _counts(header)
        text, chopped = piece[header.start() : end], 0
        if _counted(piece[header.end() : end]) != (old_count, new_count):
            text, chopped = _mended(piece, header, end, f"{where}, hunk {number}")
        yield Hunk(int(header[1]), old_count, int(header[3]), new_count, text, chopped)


def _counts(header: re.Match[bytes]) -> tuple[int, int]:
    return int(header[2] or b"1"), int(header[4] or b"1")


def _counted(body: bytes) -> tuple[int, int] | None:
    """Count the lines before and after a change; None where other lines stand in it."""
    lines = b"\n" + body
    minus, plus = lines.count(b"\n-"), lines.count(b"\n+")
    space, total = lines.count(b"\n "), lines.count(b"\n") - 1
    if minus + plus + space != total:
        if b"\n\n" in lines[:-1]:
            return _counted(_spaced(body))
        if minus + plus + space + lines.count(b"\n\\") != total:
            return None
    return minus + space, plus + space


def _spaced(body: bytes) -> bytes:
    """Give blank context lines back the space that an editor stripped."""
    return re.sub(rb"^\n", b" \n", body, flags=re.MULTILINE)


def _body_end(diff: bytes, header: re.Match[bytes]) -> int:
    """Return where the body of a hunk ends, by the counts of its header."""
    old, new = _counts(header)
    at = header.end()
    while at < len(diff) and (old > 0 or new > 0 or diff[at : at + 1] == b"\\"):
        mark = diff[at : at + 1]
        if mark not in b" +-\n\\" or (mark == b"-" and old == 0):
            break
        old -= mark in b" -\n"
        new -= mark in b" +\n"
        at = diff.index(b"\n", at) + 1
    return at


def _mended(piece: bytes, header: re.Match[bytes], end: int, where: str) -> tuple[bytes, int]:
    """Return a hunk that other text follows, or that lost blank lines at its end.

    The second value is the number of blank lines put back.

    Raises:
        FormatError: The counts are wrong, or the diff breaks off.
    """
    old_count, new_count = _counts(header)
    stop = min(_body_end(piece, header), end)
    body, rest = piece[header.end() : stop], piece[stop:end]
    old, new = _counted(body) or (-1, -1)
    missing = old_count - old
    if missing == new_count - new and 0 <= missing <= _CHOPPED:
        follows = rest.lstrip(b"\n")
        if not follows or follows.startswith(b"-- \n") or follows[:1] not in b" +-@":
            return header[0] + _spaced(body) + b" \n" * missing, missing
    whole = _counted(piece[header.end() : end].split(b"\n-- \n")[0].rstrip(b"\n") + b"\n")
    said = decode(header[0].split(b" @@")[0] + b" @@")
    if whole is None or (whole[0] < old_count and whole[1] < new_count):
        raise FormatError(
            f"the diff breaks off: {said} promises {old_count} lines before and "
            f"{new_count} after, {max(old, 0)} and {max(new, 0)} are there",
            where=where,
            hint="get the patch again; it was cut on its way",
        )
    right = f"@@ -{int(header[1])},{whole[0]} +{int(header[3])},{whole[1]} @@"
    raise FormatError(
        f"the counts of {said} are wrong",
        where=where,
        hint=f"if the lines are as you want them, write {right}",
    )
