"""Write an archive: members of another one as they lie there, and new ones.

What is copied stays packed as it is. What is new is stored unpacked, so that the same input
gives the same bytes whatever zlib a machine has.
"""

from __future__ import annotations

import copy
import struct
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Self

_HEADER = struct.Struct("<4s22xHH")
"""A local header: its mark, and the lengths of the name and the extra field behind it."""
_MARK = b"PK\3\4"
_SIZES_BEHIND = 0x8
ZIP64 = 1
"""Kind of the extra field that has a member's sizes and place where 32 bits are too few."""
_FIELD = struct.Struct("<HH")
_UNIX = 3
_PIECE = 2**18


class Writer:
    """Writes an archive.

    Args:
        target: The new archive, open for writing.
        source: The file of the one that members are copied from, open for reading.
        date: The date of what is new, as ``ZipInfo`` has it.
    """

    def __init__(
        self, target: IO[bytes], source: IO[bytes], date: tuple[int, int, int, int, int, int]
    ) -> None:
        self._target = target
        self._source = source
        self._date = date
        self._archive = ZipFile(target, "w", ZIP_STORED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind:
            # Given up: its end need not be written, and may not fit on the disk either.
            self._archive.fp = None
        self._archive.close()

    def copy(self, member: ZipInfo, end: int) -> None:
        """Copy a member with its header, as it lies in the other archive.

        Args:
            member: The member.
            end: Where the next one begins there.
        """
        made = self._placed(member)
        self._source.seek(member.header_offset)
        self._pour(made, end - member.header_offset)

    def rename(self, member: ZipInfo, name: str) -> None:
        """Copy a member under another name, without unpacking it.

        Raises:
            BadZipFile: It is not where the archive's directory says.
        """
        self._source.seek(member.header_offset)
        mark, length, extra = _HEADER.unpack(self._source.read(_HEADER.size))
        if mark != _MARK:
            raise BadZipFile(f"{member.filename} is not where the directory says")
        self._source.seek(length + extra, 1)
        made = self._placed(member)
        made.filename = name
        # The new header tells the sizes, so that they need not stand behind the content.
        made.flag_bits &= ~_SIZES_BEHIND
        self._target.write(made.FileHeader())
        self._pour(made, member.compress_size)

    def _placed(self, member: ZipInfo) -> ZipInfo:
        """Return what is told of a member that comes next."""
        made = copy.copy(member)
        made.header_offset = self._target.tell()
        # ZipFile writes sizes of 64 bits anew where they are needed, and only there.
        fields = extra_fields(member.extra)
        made.extra = b"".join(raw for kind, raw in fields if kind != ZIP64)
        return made

    def _pour(self, made: ZipInfo, left: int) -> None:
        """Copy so many bytes from where the source stands, and note whose they are."""
        while left:
            piece = self._source.read(min(left, _PIECE))
            if not piece:
                raise BadZipFile(f"{made.filename} is cut off")
            self._target.write(piece)
            left -= len(piece)
        self._archive.filelist.append(made)
        self._archive.NameToInfo[made.filename] = made
        self._archive.start_dir = self._target.tell()

    def add(self, name: str, content: bytes, mode: int) -> None:
        """Add a file."""
        made = ZipInfo(name, self._date)
        made.create_system = _UNIX
        made.external_attr = mode << 16
        self._archive.writestr(made, content)


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind of each extra field, and the field as a whole.

    Args:
        extra: All that stands behind a member's name.
    """
    while len(extra) >= _FIELD.size:
        kind, length = _FIELD.unpack_from(extra)
        end = _FIELD.size + length
        yield kind, extra[:end]
        extra = extra[end:]
