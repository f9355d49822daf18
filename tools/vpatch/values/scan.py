"""Read unified diffs liberally, as they are met in the wild.

The form is that of git-diff(1), "Generating patch text with -p"; GNU diff's is in "Detailed
Unified" of the diffutils manual.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from vpatch.values.diff import Diff, FileDiff, Hunk
from vpatch.values.errors import FormatError
from vpatch.values.head import GIT, PREFIXES, read_head
from vpatch.values.paths import decode, encode, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUNK = re.compile(
    rb"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@.*\n", re.MULTILINE
)
_PAIR = re.compile(rb"^--- .*\n\+\+\+ .*\n(?=@@ -)", re.MULTILINE)
_BINARY = re.compile(rb"^(GIT binary patch|Binary files .* differ)$", re.MULTILINE)
_MERGE = re.compile(rb"^(?:diff --(?:cc|combined) |@@@+ -)", re.MULTILINE)
_MARKED = re.compile(rb"(?:[ +\-\\].*\n|\n)*")
# "-- " may be a removed line as well; git writes its version behind it.
_SIGNATURE = re.compile(rb"-- ?\n[^ +\-\\@\n]")
# Where a diff ends in one of these, another file was to follow.
_BEGUN = re.compile(rb"^(?:d|di|dif|diff(?:[ -].*)?|Index: .*|=+)\n*\Z", re.MULTILINE)
_NO_NEWLINE = b"\\ No newline at end of file\n"
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
    ended = diff.endswith(b"\n")
    if not ended:
        diff += b"\n"
    _refuse_other_forms(diff, where)
    pieces = list(_pieces(diff))
    files = tuple(
        _read_file(piece, where, last=number == len(pieces))
        for number, piece in enumerate(pieces, 1)
    )
    if not files:
        raise FormatError("no diff in it", where=where, hint="is it the right file?")
    known = all(_prefixed(file) for file in files)
    for path in sorted(path for file in files for path in (file.old, file.new) if path):
        inner = path[2:] if known else path
        installed = not known and "-packages/vllm" in path
        safe(inner.lstrip("/") if installed else inner, where=where)
    if known:
        files = tuple(_unprefixed(file) for file in files)
    if not ended:
        _refuse_cut_line(files[-1], where)
    return Diff(files, known)


def _refuse_other_forms(diff: bytes, where: str) -> None:
    """Refuse what stands beside hunks and would be lost; no line of a hunk begins so."""
    if (b"Binary files " in diff or b"GIT binary " in diff) and (found := _BINARY.search(diff)):
        at = max(diff.rfind(b"\n" + GIT, 0, found.start()) + 1, 0)
        name = decode(diff[at:].split(b"\n", 1)[0]).removeprefix("diff --git ")
        raise FormatError(
            f"a binary change ({decode(found[1])})",
            where=f"{where}, {name}" if diff.startswith(GIT, at) else where,
            hint="vpatch carries text: leave this file out of the patch",
        )
    if (b"diff --c" in diff or b"@@@" in diff) and _MERGE.search(diff):
        hint = "make it against one parent: git diff <parent> <merge>"
        raise FormatError("a combined diff, of a merge", where=where, hint=hint)


def _refuse_cut_line(file: FileDiff, where: str) -> None:
    """Refuse a new file whose last line is shorter than its ``index`` line says.

    A diff may lack the newline at its end; it may also have been cut within that line, and
    only the id of a whole file can tell.
    """
    named = file.ids[1].encode()
    if file.old is None and named and len(file.hunks) == 1:
        content = file.hunks[0].side(new=True)
        blob = b"blob %d\0%s" % (len(content), content)
        digest = hashlib.sha256 if len(named) > 40 else hashlib.sha1  # noqa: PLR2004, hex digits
        if not digest(blob).hexdigest().encode().startswith(named):
            raise FormatError(
                f"the diff breaks off within the last line of {file.path}",
                where=where,
                hint="get the patch again. If that line is whole, end it with a newline",
            )


def _prefixed(file: FileDiff) -> bool:
    """Whether both paths carry a prefix that git writes, and not the same."""
    starts = [encode(path)[:2] for path in (file.old, file.new) if path]
    return all(start in PREFIXES for start in starts) and len(set(starts)) == len(starts)


def _unprefixed(file: FileDiff) -> FileDiff:
    """Return a file without the prefixes; the header stays where git reads the same in it."""
    old, new = file.stripped(1)
    by_git = file.head.startswith((b"diff --git a/", b'diff --git "a/'))
    if by_git and file.old in (None, f"a/{old}") and file.new in (None, f"b/{new}"):
        return FileDiff(old, new, file.head, file.hunks)
    return file.renamed(1)


def _pieces(diff: bytes) -> Iterator[bytes]:
    """Split a diff into files; with ``diff --git`` lines there, others may lack them."""
    starts = list(_line_starts(diff, GIT))
    ends = [*starts[1:], len(diff)]
    yield from _plain_pieces(diff[: starts[0]] if starts else diff)
    for start, end in zip(starts, ends, strict=False):
        piece = diff[start:end]
        if piece.count(b"\n+++ ") > 1 and (first := _HUNK.search(piece)):
            rest = piece[_bodies_end(piece, first.start()) :]
            if found := _PAIR.search(rest):
                yield piece[: len(piece) - len(rest)]
                yield from _plain_pieces(rest[found.start() :])
                continue
        yield piece


def _plain_pieces(diff: bytes) -> Iterator[bytes]:
    """Split a diff that has no ``diff --git`` lines at its ``---``/``+++`` pairs.

    A removed line that begins with ``-- `` looks like a header, so the counts decide.
    """
    found = _PAIR.search(diff)
    while found:
        following = _PAIR.search(diff, _bodies_end(diff, found.end()))
        yield diff[found.start() : following.start() if following else len(diff)]
        found = following


def _bodies_end(diff: bytes, at: int) -> int:
    """Return where the hunks end that follow one another from a place on."""
    while header := _HUNK.match(diff, at):
        at = _body_end(diff, header)
    return at


def _line_starts(text: bytes, mark: bytes) -> Iterator[int]:
    """Yield where lines begin with a mark; a tenth of what a pattern would cost."""
    if text.startswith(mark):
        yield 0
    at = text.find(b"\n" + mark)
    while at >= 0:
        yield at + 1
        at = text.find(b"\n" + mark, at + 1)


def _read_file(piece: bytes, where: str, *, last: bool) -> FileDiff:
    first = _HUNK.search(piece)
    pair = _PAIR.match(piece)
    if pair and (first is None or first.start() != pair.end()):
        raise _no_header(piece[pair.end() :], where)
    head = piece[: first.start()] if first else piece
    (old, new), kept = read_head(head, bare=first is None, where=where)
    hunks = tuple(_hunks(piece, f"{where}, {new or old}", last=last))
    return FileDiff(old, new, kept, hunks)


def _hunks(piece: bytes, where: str, *, last: bool) -> Iterator[Hunk]:
    if b"\n\\" in piece:
        # GNU diff says it in its user's language, and a cut may have shortened it.
        piece = re.sub(rb"^\\.*\n", lambda _: _NO_NEWLINE, piece, flags=re.MULTILINE)
    found = [_HUNK.match(piece, at) for at in _line_starts(piece, b"@@ -")]
    headers = [header for header in found if header]
    ends = [header.start() for header in headers[1:]] + [len(piece)]
    for number, (header, end) in enumerate(zip(headers, ends, strict=False), 1):
        old_count, new_count = _counts(header)
        text, chopped = piece[header.start() : end], 0
        if _counted(piece[header.end() : end]) != (old_count, new_count):
            ending = last and end == len(piece)
            place = f"{where}, hunk {number}"
            text, chopped = _mended(piece, header, end, place, last=ending)
        yield Hunk(int(header[1]), old_count, int(header[3]), new_count, text, chopped)


def _counts(header: re.Match[bytes]) -> tuple[int, int]:
    return int(header[2] or b"1"), int(header[4] or b"1")


def _counted(body: bytes) -> tuple[int, int] | None:
    """Count the lines before and after a change; None where other lines stand in it."""
    lines = b"\n" + body
    minus, plus = lines.count(b"\n-"), lines.count(b"\n+")
    space, total = lines.count(b"\n "), lines.count(b"\n") - 1
    if minus + plus + space != total:
        if b"\n\n" in lines:
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


def _mended(
    piece: bytes, header: re.Match[bytes], end: int, where: str, *, last: bool
) -> tuple[bytes, int]:
    """Return a hunk that other text follows, or that lost blank lines at its end.

    The second value is the number of blank lines put back, at the end of the `last` hunk.

    Raises:
        FormatError: The counts are wrong, or the diff breaks off.
    """
    old_count, new_count = _counts(header)
    lines = _marked(piece, header.end(), end, last=last)
    stop = min(_body_end(piece, header), lines)
    body, rest = piece[header.end() : stop], piece[stop:end]
    old, new = _counted(body) or (-1, -1)
    missing = old_count - old
    changed = body[:1] in b"+-" or b"\n+" in body or b"\n-" in body
    allowed = _CHOPPED if last and body and changed else 0
    if missing == new_count - new and 0 <= missing <= allowed and _ended(rest, last=last):
        return header[0] + _spaced(body) + b" \n" * missing, missing
    if not missing and rest.startswith(b"@"):
        raise _no_header(rest, where)
    whole = _counted(piece[header.end() : lines].rstrip(b"\n") + b"\n") or (0, 0)
    if whole == (old_count, new_count):
        line = decode(rest.strip(b"\n").split(b"\n")[-1])
        hint = "get the patch again if it was cut on its way; else delete what stands there"
        raise FormatError(f"the diff breaks off behind it, at {line!r}", where=where, hint=hint)
    said = decode(header[0].split(b" @@")[0] + b" @@")
    right = f"@@ -{int(header[1])},{whole[0]} +{int(header[3])},{whole[1]} @@"
    hint = f"if the lines are as you want them, write {right}"
    if last and lines == end and whole[0] <= old_count and whole[1] <= new_count:
        raise FormatError(
            f"the diff breaks off: {said} promises {old_count} lines before and "
            f"{new_count} after, {whole[0]} and {whole[1]} are there",
            where=where,
            hint=f"get the patch again if it was cut on its way; {hint}",
        )
    raise FormatError(f"the counts of {said} are wrong", where=where, hint=hint)


def _marked(piece: bytes, start: int, end: int, *, last: bool) -> int:
    """Return where the lines end that may belong to a hunk, before a mail's signature."""
    found = _MARKED.match(piece, start, end)
    stop = found.end() if found else start
    for line in (b"\n-- \n", b"\n--\n"):
        # The first line of a signature has the mark of a removed one.
        if last and stop < end and piece.endswith(line, start - 1, stop):
            return stop - len(line) + 1
    return stop


def _ended(rest: bytes, *, last: bool) -> bool:
    """Whether what follows a hunk is no part of a diff."""
    follows = rest.lstrip(b"\n")
    if not follows or _SIGNATURE.match(follows):
        return True
    return follows[:1] not in b" +-\\@" and not (last and _BEGUN.search(follows))


def _no_header(rest: bytes, where: str) -> FormatError:
    line = decode(rest.split(b"\n", 1)[0])
    return FormatError(
        f"cannot read the hunk header {line!r}",
        where=where,
        hint="it reads @@ -LINE,COUNT +LINE,COUNT @@; get the patch again if it was cut",
    )
