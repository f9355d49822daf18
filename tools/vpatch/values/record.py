"""RECORD: the files of a distribution, each with its digest and size.

It lies in a wheel and where one is installed. Its form is that of the Python packaging guide,
"Recording installed projects" and "Binary distribution format": a line of CSV a file.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from vpatch.values.errors import FormatError
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = 3


class Listed(NamedTuple):
    """What a RECORD says of a file's content."""

    digest: str
    """``sha256=`` and the digest in base64; other algorithms have their own name there."""
    size: int | None
    """Bytes, None where it is not told."""


class Row(NamedTuple):
    """One line of a RECORD."""

    path: str
    listed: Listed | None
    """None where nothing is told: of RECORD itself, of signatures, of byte code."""
    line: str
    """The line as it stands, without its end."""


@dataclass(frozen=True)
class Record:
    """A RECORD file. What does not change stays as it was written."""

    rows: tuple[Row, ...]
    """In the order of the file."""
    newline: str
    """``\\n`` as wheels have it, or ``\\r\\n`` as pip writes it."""

    @cached_property
    def files(self) -> Mapping[str, Listed | None]:
        """What is told of each file."""
        return {row.path: row.listed for row in self.rows}

    @property
    def raw(self) -> bytes:
        """The file's content; its last line is ended, whether or not it was."""
        return encode("".join(f"{row.line}{self.newline}" for row in self.rows))

    def with_files(self, files: Mapping[str, bytes | None]) -> Record:
        """Return the record after a change of some files.

        Args:
            files: New content by path; None takes the file's line out. A file that has no line
                yet gets one at the end.
        """
        rows = [
            _row(row.path, content) if (content := files.get(row.path)) is not None else row
            for row in self.rows
            if files.get(row.path, b"") is not None
        ]
        new = sorted(path for path in files if path not in self.files)
        rows += [_row(path, content) for path in new if (content := files[path]) is not None]
        return Record(tuple(rows), self.newline)

    def moved(self, old: str, new: str) -> Record:
        """Return the record after a folder was renamed."""
        rows = [
            _renamed(row, f"{new}/{row.path.removeprefix(f'{old}/')}")
            if row.path.startswith(f"{old}/")
            else row
            for row in self.rows
        ]
        return Record(tuple(rows), self.newline)


def digest_of(content: bytes) -> str:
    """Return a digest as a RECORD has it."""
    return digest_from(hashlib.sha256(content).digest())


def digest_from(sha256: bytes) -> str:
    """Return a SHA-256 as a RECORD has it."""
    return f"sha256={base64.urlsafe_b64encode(sha256).decode().rstrip('=')}"


def read_record(raw: bytes, *, where: str) -> Record:
    """Read a RECORD file.

    Args:
        raw: Its content.
        where: Its path, for messages.

    Raises:
        FormatError: It is no RECORD, or says two things of one file.
    """
    text = decode(raw)
    lines = [line for part in text.split("\n") if (line := part.removesuffix("\r"))]
    try:
        found = zip(csv.reader(lines, strict=True), lines, strict=True)
        rows = tuple(_row_of(fields, line) for fields, line in found)
    except (csv.Error, ValueError) as error:
        raise _broken("a line is not a path, a digest and a size", where) from error
    said: dict[str, Listed | None] = {}
    for row in rows:
        if said.setdefault(row.path, row.listed) != row.listed:
            raise _broken(f"it says two things of {row.path!r}", where)
    return Record(rows, "\r\n" if "\r\n" in text else "\n")


def _row_of(fields: list[str], line: str) -> Row:
    """Return a row of what CSV finds in its line.

    Raises:
        ValueError: It is none.
    """
    path, digest, size = (*fields, "", "")[:_COLUMNS]
    if not path or len(fields) > _COLUMNS or (size and not (size.isascii() and size.isdigit())):
        raise ValueError(path)
    return Row(path, Listed(digest, int(size) if size else None) if digest else None, line)


def _broken(what: str, where: str) -> FormatError:
    hint = "get the wheel again, or install the package again"
    return FormatError(f"a RECORD is broken: {what}", where=where, hint=hint)


def _row(path: str, content: bytes) -> Row:
    listed = Listed(digest_of(content), len(content))
    return Row(path, listed, _line(path, listed))


def _renamed(row: Row, path: str) -> Row:
    return Row(path, row.listed, _line(path, row.listed))


def _line(path: str, listed: Listed | None) -> str:
    target = io.StringIO()
    fields = (path, listed.digest, "" if listed.size is None else listed.size) if listed else ()
    csv.writer(target, lineterminator="").writerow(fields or (path, "", ""))
    return target.getvalue()
