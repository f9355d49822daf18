"""The language of git-fast-import(1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors.git.stage import NULL_ID
from vpatch.values.paths import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpatch.values.tree import Entry


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to be written."""

    author: str
    """``Name <address>``."""
    date: str
    """``<seconds since 1970> <+hhmm>``, author's and committer's."""
    message: bytes
    change: Mapping[str, Entry | None]


def commit_stream(ref: str, parent: str, commits: Sequence[NewCommit]) -> bytes:
    """Return the stream that writes commits upon one another and prints their ids.

    Args:
        ref: A ref to work on; it is gone again at the end.
        parent: The commit that the first stands on.
        commits: What to write.
    """
    lines = [b"feature done\n"]
    for mark, commit in enumerate(commits, 1):
        lines += _commit_command(ref, mark, commit)
        if mark == 1:
            lines.append(b"from %s\n" % parent.encode())
        # What is deleted goes first: a file may take the place of a folder.
        order = sorted(commit.change.items(), key=lambda item: (item[1] is not None, item[0]))
        lines += [change_command(path, entry) for path, entry in order]
    lines += [b"get-mark :%d\n" % mark for mark in range(1, len(commits) + 1)]
    # The ref is gone again when the run ends: nothing but objects is left.
    lines.append(b"reset %s\nfrom %s\n\ndone\n" % (ref.encode(), NULL_ID.encode()))
    return b"".join(lines)


def _commit_command(ref: str, mark: int, commit: NewCommit) -> list[bytes]:
    person = encode(f"{commit.author} {commit.date}")
    fixed = encode(f"vpatch <vpatch@localhost> {commit.date}")
    return [
        b"commit %s\nmark :%d\n" % (ref.encode(), mark),
        b"author %s\ncommitter %s\n" % (person, fixed),
        b"data %d\n%s\n" % (len(commit.message), commit.message),
    ]


def change_command(path: str, entry: Entry | None) -> bytes:
    """Return the command that changes a path of a commit; None deletes it."""
    if entry is None:
        return b"D %s\n" % quoted(path)
    return b"M %s %s %s\n" % (entry.mode.encode(), entry.oid.encode(), quoted(path))


def quoted(path: str) -> bytes:
    """Return a path as git-fast-import(1) reads it."""
    raw = encode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%s"' % raw.replace(b"\n", b"\\n")
