"""Paths inside a tree: decoded without loss, and never a way out of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpatch.values.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r"}
_ESCAPES |= {b"t": b"\t", b"v": b"\v", b'"': b'"', b"\\": b"\\"}
_QUOTED = re.compile(rb'[\x00-\x1f\x7f"\\]')
# Characters that HFS+ ignores, by which ".git" can be written in other ways
# (git's own list, utf8.c, next_hfs_char).
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_NAMED = 5
"""Paths that one message names."""


def decode(raw: bytes) -> str:
    """Return bytes as text; what is not UTF-8 survives the way back."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that `decode` was given."""
    return text.encode("utf-8", "surrogateescape")


def unquote(name: bytes) -> bytes:
    """Undo the C-style quoting of git-diff(1), ``core.quotePath``."""
    if not (name.startswith(b'"') and name.endswith(b'"') and len(name) > 1):
        return name

    def plain(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return _ESCAPES.get(code) or bytes([int(code, 8) & 0xFF])

    return re.sub(rb'\\([0-7]{3}|[abfnrtv"\\])', plain, name[1:-1])


def quote(path: str) -> bytes:
    """Return a path as git writes it in a diff, quoted where it must be."""
    raw = encode(path)
    if not _QUOTED.search(raw):
        return raw
    return b'"%s"' % _QUOTED.sub(lambda found: b"\\%03o" % ord(found[0]), raw)


def safe(path: str, *, where: str) -> str:
    """Return `path` if it stays inside the tree that it is relative to.

    Raises:
        FormatError: It is absolute, climbs out, or enters a repository's own folder.
    """
    parts = _IGNORED.sub("", path).split("/")
    for part in parts:
        # NTFS takes "git~1" for ".git", and what follows dots, spaces or a colon for
        # nothing (git's path.c, is_ntfs_dotgit).
        name = part.partition(":")[0].rstrip(". ").lower()
        if part in ("", ".", "..") or name in (".git", "git~1"):
            raise FormatError(
                f"the path {path!r} leaves the tree",
                where=where,
                hint="do not use this patch: no honest diff holds such a path",
            )
    if "\0" in path or "\n" in path or "\\" in path:
        hint = "do not use this patch: no file of a project has such a name"
        raise FormatError(f"the path {path!r} is no path", where=where, hint=hint)
    return path


def printable(text: str) -> str:
    """Return text without codes that a terminal would obey or a reader would miss."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}"
        for char in shown
    )


def listed(paths: Sequence[str]) -> str:
    """Return some paths for a message, not more than one can read."""
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def parents(path: str) -> list[str]:
    """Return the folders above a path, outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
