"""Members of an archive that unpackers could put elsewhere, or take for one another.

An unpacker reads the archive's directory, or each member's own header, or both: the two must
say the same. Their form is that of PKWARE's APPNOTE.
"""

from __future__ import annotations

import stat
import struct
from collections import Counter
from typing import TYPE_CHECKING

from vpatch.jobs.wheel.archive import ZIP64, extra_fields
from vpatch.values.errors import FormatError
from vpatch.values.paths import safe

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path
    from typing import IO
    from zipfile import ZipInfo

_HEADER = struct.Struct("<4s2xHH4xLLLHH")
_MARK = b"PK\3\4"
_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 0x1, 0x8, 0x800
_FULL = 0xFFFFFFFF
"""Stands for a size that an extra field tells."""


def check_members(path: Path, members: Sequence[ZipInfo]) -> None:
    """Refuse an archive whose members could be taken for others.

    Args:
        path: The archive.
        members: What its directory lists.

    Raises:
        FormatError: It names the first one.
    """
    for info in members:
        if what := _odd(info):
            raise _hostile(path, f"{what}: {info.orig_filename!r}")
    counted = Counter(info.filename for info in members)
    if twice := [name for name, count in counted.items() if count > 1]:
        raise _hostile(path, f"a member stands twice: {twice[0]!r}")
    if name := in_the_way(counted):
        raise _hostile(path, f"a member is a file and a folder: {name!r}")
    with path.open("rb") as stream:
        for info in members:
            if _header(stream, info) != _told(info):
                raise _hostile(
                    path, f"a member's own header says something else: {info.filename!r}"
                )


def in_the_way(names: Collection[str]) -> str:
    """Return the first file that stands where another name needs a folder; empty for none.

    Args:
        names: Names of members; those of folders end in a slash.
    """
    parents = {name[:at] for name in names for at, sign in enumerate(name) if sign == "/"}
    return min(parents.intersection(names), default="")


def _odd(info: ZipInfo) -> str:
    """Return what is wrong with a member by itself."""
    name = info.filename.removesuffix("/")
    if info.orig_filename != info.filename or ":" in name or not name.isprintable():
        return "a member would leave the folder"
    try:
        safe(name, where="")
    except FormatError:
        return "a member would leave the folder"
    if not name.isascii() and not info.flag_bits & _UTF8:
        return "a member's name is in an encoding that nobody tells"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a member is a symbolic link"
    if info.flag_bits & _ENCRYPTED:
        return "a member is encrypted"
    return ""


def _told(info: ZipInfo) -> tuple[object, ...]:
    """Return what the directory says of a member, as `_header` has it."""
    sizes = (info.CRC, info.compress_size, info.file_size)
    known = None if info.flag_bits & _SIZES_BEHIND else sizes
    return _MARK, info.flag_bits, info.compress_type, info.filename.encode(), known


def _header(stream: IO[bytes], info: ZipInfo) -> tuple[object, ...]:
    """Return what a member's own header says of it."""
    stream.seek(info.header_offset)
    mark, flags, method, crc, packed, size, length, extra = _HEADER.unpack(
        stream.read(_HEADER.size)
    )
    name = stream.read(length)
    wide = dict(extra_fields(stream.read(extra))).get(ZIP64, b"")
    if (packed, size) == (_FULL, _FULL) and wide:
        size, packed = struct.unpack_from("<4xQQ", wide)
    known = None if flags & _SIZES_BEHIND else (crc, packed, size)
    return mark, flags, method, name, known


def _hostile(path: Path, what: str) -> FormatError:
    hint = "do not install this file: no build makes such a wheel"
    return FormatError(f"not a wheel to work on: {what}", where=path.name, hint=hint)
