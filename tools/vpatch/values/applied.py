"""What git-apply(1) ``--verbose`` says of each hunk, read without trusting a patch.

A patch is hostile input, and git prints the lines that it did not find. Each such quotation is
measured by the hunk that it must be, so that no patch can write its own verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.values.diff import FileDiff

_CHECKING = re.compile(rb"Checking patch .*\.\.\.")
_MOVED = re.compile(rb"Hunk #(\d+) succeeded at (\d+) \(offset (-?\d+) lines?\)\.")
_SEARCHING = b"error: while searching for:"
_FAILED = b"error: patch failed: "
_SECOND_PHASE = (b"Applying patch ", b"Applied patch ")
# git's messages hold 4095 bytes and no control characters (usage.c, vreportf).
_ROOM = 4095 - len(_SEARCHING) - 1
_CONTROL = bytes(c for c in (*range(32), 127) if c not in b"\t\n")
_SHOWN = bytes.maketrans(_CONTROL, b"?" * len(_CONTROL))


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a hunk fits."""

    line: int
    """First line of the hunk in the file as it stands."""
    offset: int
    """How far that is from where the hunk says."""


@dataclass(slots=True)
class _Said:
    """What was said of one file."""

    file: FileDiff
    failed: bool = True
    """Whether git never came to it, or it is missing, or is there already."""
    moved: dict[int, tuple[int, int]] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    asked: int = 0
    """Hunks up to here have been spoken of."""


def read_applied(
    err: bytes, files: Sequence[FileDiff], *, reverse: bool
) -> list[list[Placed | None]]:
    """Return, for each hunk of each file, where it fits; None where it has no place.

    Args:
        err: Standard error of ``git apply --verbose --reject``, in the C locale.
        files: The diff that was given, in order.
        reverse: Whether it was given with ``--reverse``.
    """
    found = told(err, files, reverse=reverse)
    return [[None] * len(file.hunks) for file in files] if found is None else found


def told(
    err: bytes, files: Sequence[FileDiff], *, reverse: bool
) -> list[list[Placed | None]] | None:
    """Return what `read_applied` does; None where git quotes what no hunk here holds."""
    said = [_Said(file) for file in files]
    if not _read(err, said, reverse=reverse):
        return None
    return [_placed(one, reverse=reverse) for one in said]


def _read(err: bytes, said: list[_Said], *, reverse: bool) -> bool:
    """Go through the lines; False where a quotation is of no hunk of this diff."""
    # With --reverse, git goes through the files from the last to the first.
    files = iter(said[::-1] if reverse else said)
    current: _Said | None = None
    at = 0
    while at < len(err):
        end = err.find(b"\n", at)
        end = len(err) if end < 0 else end
        line, at = err[at:end], end + 1
        if line.startswith(_SECOND_PHASE):
            return True
        if _CHECKING.fullmatch(line):
            current = next(files, None)
            if current:
                current.failed = False
        elif current is None or line.startswith(_FAILED):
            continue
        elif line == _SEARCHING:
            skipped = _quoted(err[at:], current, reverse=reverse)
            if skipped is None:
                return False
            at += skipped
        elif found := _MOVED.fullmatch(line):
            current.moved[int(found[1])] = int(found[2]), int(found[3])
        elif line.startswith(b"error: "):
            current.failed = True
    return True


def _quoted(text: bytes, current: _Said, *, reverse: bool) -> int | None:
    """Mark the hunk that git quotes as rejected, and return the quotation's length."""
    for number in range(current.asked, len(current.file.hunks)):
        hunk = current.file.hunks[number]
        side = _said_of(hunk.side(new=reverse))
        line = hunk.new_start if reverse else hunk.old_start
        after = re.compile(rb"\n%s.*:%d\n" % (_FAILED, line))
        if text.startswith(side) and after.match(text, len(side)):
            current.rejected.add(number + 1)
            current.asked = number + 1
            return len(side) + 1
    return None


def _said_of(lines: bytes) -> bytes:
    """Return lines as git's message has them."""
    return lines.partition(b"\0")[0][:_ROOM].translate(_SHOWN)


def _placed(said: _Said, *, reverse: bool) -> list[Placed | None]:
    shift = 0
    found: list[Placed | None] = []
    for number, hunk in enumerate(said.file.hunks, 1):
        if said.failed or number in said.rejected:
            found.append(None)
            continue
        # A hunk that makes a file has no line before the change, and stands at the first.
        own = max(hunk.old_start, 1) if reverse else hunk.new_start
        line, offset = said.moved.get(number, (own, 0))
        # git counts lines of the file as its work goes on; a reversed hunk is still there.
        found.append(Placed(line + (shift if reverse else 0), offset))
        shift += hunk.new_count - hunk.old_count
    return found
