"""Read what stands before the first hunk of a file: its paths, and what else changes.

git takes the paths from several of these lines (git-diff(1), "Generating patch text with -p").
Lines that contradict each other are refused: the paths that are checked must be git's.
"""

from __future__ import annotations

import re

from vpatch.values.errors import FormatError
from vpatch.values.paths import decode, unquote

# git-diff(1), diff.mnemonicPrefix: commit, index, work tree, object.
PREFIXES = (b"a/", b"b/", b"c/", b"i/", b"o/", b"w/")
GIT = b"diff --git "
_LINE = re.compile(
    rb"((?:old|new|new file|deleted file) mode(?= \d{6}$)"
    rb"|(?:dis)?similarity index(?= \d{1,3}%$)"
    rb"|index(?= [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: \d{6})?$)"
    rb"|(?:rename|copy) (?:from|to)|---|\+\+\+) (.+)"
)
_SIDE = re.compile(rb"^(---|\+\+\+) (.*)$", re.MULTILINE)
# GNU diff dates a file that does not exist at the epoch, in the zone of its user.
_EPOCH = re.compile(rb"19(?:69-12-31|70-01-01) \d\d:\d\d:00")
# The id of an empty blob, by SHA-1 and by SHA-256.
_EMPTY = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
_CUT = "get the patch again; it was cut on its way"

Names = tuple[str | None, str | None]
"""Paths before and after, as written; None where there is no file."""


def read_head(head: bytes, *, bare: bool, where: str) -> tuple[Names, bytes]:
    """Return both paths, and the lines to keep: of a plain header, those that hold no path.

    Args:
        head: A file's header, and what follows it where it is `bare`.
        bare: Whether no hunk follows.
        where: Name of the patch, for messages.

    Raises:
        FormatError: It is cut, names no file, or contradicts itself.
    """
    if not head.startswith(GIT):
        sides = {found[1]: found[2] for found in _SIDE.finditer(head)}
        names = _side(sides[b"---"], plain=True), _side(sides[b"+++"], plain=True)
        if not any(names):
            raise FormatError("a header names no file", where=where, hint=_CUT)
        return names, _made(names, {})
    first, _, rest = head.partition(b"\n")
    line = first.removeprefix(GIT)
    where = f"{where}, {decode(line)}"
    said, lines = _lines(rest, bare=bare, where=where)
    names = _names(line, said, where)
    if bare and not _whole(said):
        hint = f"{_CUT}. An empty file has the line: index 0000000..e69de29"
        raise FormatError("the diff breaks off behind a header", where=where, hint=hint)
    return names, first + b"\n" + _made(names, said) + lines


def _lines(rest: bytes, *, bare: bool, where: str) -> tuple[dict[bytes, bytes], bytes]:
    """Return what each line says, and the lines; behind a bare header, other text follows."""
    said: dict[bytes, bytes] = {}
    kept: list[bytes] = []
    for line in rest.split(b"\n")[:-1]:
        if not line.rstrip() or line.rstrip() == b"--":
            if bare:
                break
            continue
        found = _LINE.fullmatch(line) or _LINE.fullmatch(line.rstrip())
        if not found:
            what = f"cannot read the header line {decode(line)!r}"
            raise FormatError(what, where=where, hint=_CUT)
        if found[1] in said:
            raise _contradiction(where)
        said[found[1]] = found[2]
        kept.append(line + b"\n")
    return said, b"".join(kept)


def _names(line: bytes, said: dict[bytes, bytes], where: str) -> Names:
    """Return both paths, on which all lines must agree."""
    old, new = _moved(line, said, where) or _twice(line)
    if b"---" in said or b"+++" in said:
        old_side, new_side = (_side(said.get(mark, b"")) for mark in (b"---", b"+++"))
        if old_side not in (None, old or old_side) or new_side not in (None, new or new_side):
            raise _contradiction(where)
        old, new = old_side, new_side
    elif old and new:
        old = None if b"new file mode" in said else old
        new = None if b"deleted file mode" in said else new
    if "" in (old, new) or not (old or new):
        raise FormatError("a header names no file", where=where, hint=_CUT)
    if (b"new file mode" in said and old) or (b"deleted file mode" in said and new):
        raise _contradiction(where)
    return old, new


def _contradiction(where: str) -> FormatError:
    hint = "make the patch anew with git diff"
    return FormatError("the lines of a header contradict each other", where=where, hint=hint)


def _moved(line: bytes, said: dict[bytes, bytes], where: str) -> Names | None:
    """Return the paths of a rename or a copy; its lines lack the prefix, the first has it."""
    for verb in (b"rename", b"copy"):
        old, new = said.get(verb + b" from"), said.get(verb + b" to")
        if old is None and new is None:
            continue
        for prefixes in ((b"", b""), *((x, y) for x in PREFIXES for y in PREFIXES)):
            both = [
                _before(*pair) for pair in zip(prefixes, (old or b"", new or b""), strict=True)
            ]
            if b" ".join(both) == line:
                return decode(unquote(both[0])), decode(unquote(both[1]))
        raise _contradiction(where)
    return None


def _before(prefix: bytes, name: bytes) -> bytes:
    """Put a prefix before a name, inside its quotes where it has some."""
    return b'"' + prefix + name[1:] if name.startswith(b'"') else prefix + name


def _side(text: bytes, *, plain: bool = False) -> str | None:
    """Return the path of a ``---`` or ``+++`` line, None where there is no file."""
    name, tab, stamp = text.partition(b"\t")
    # git ends a name that holds spaces with a tab.
    name = name if tab else name.rstrip()
    if name == b"/dev/null" or (plain and _EPOCH.match(stamp)):
        return None
    return decode(unquote(name))


def _twice(line: bytes) -> Names:
    """Split ``a/PATH b/PATH``; a path may hold spaces, so the halves decide."""
    if found := re.fullmatch(rb'("(?:[^"\\]|\\.)*"|[^\s"]+) ("(?:[^"\\]|\\.)*"|[^\s"]+)', line):
        return decode(unquote(found[1])), decode(unquote(found[2]))
    half = len(line) // 2
    old, new = line[:half], line[half + 1 :]
    prefixed = old[:2] in PREFIXES and old[2:] == new[2:]
    if line[half : half + 1] == b" " and (prefixed or old == new):
        return decode(old), decode(new)
    return None, None


def _made(names: Names, said: dict[bytes, bytes]) -> bytes:
    """Return the mode line that git would have written."""
    if names[0] is None and b"new file mode" not in said:
        return b"new file mode 100644\n"
    if names[1] is None and b"deleted file mode" not in said:
        return b"deleted file mode 100644\n"
    return b""


def _whole(said: dict[bytes, bytes]) -> bool:
    """Whether a header without hunks says a change: of a mode, a name, an empty file."""
    if b"---" in said:
        return False
    old, _, new = said.get(b"index", b"").split(b" ")[0].partition(b"..")
    for kind, blob in ((b"new file mode", new), (b"deleted file mode", old)):
        if kind in said:
            return bool(blob) and any(empty.startswith(blob) for empty in _EMPTY)
    mode = b"old mode" in said
    moved = b"rename to" in said or b"copy to" in said
    alike = said.get(b"similarity index", b"100%") == b"100%" and b"index" not in said
    return alike and (mode or moved) and mode == (b"new mode" in said)
