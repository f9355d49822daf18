"""What vpatch keeps beside an installed package: a note of what it was given, and originals.

All of it lies in the package's dist-info folder and stands in its RECORD, so that pip takes it
away with the rest.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from glob import escape
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from vpatch.values import provenance
from vpatch.values.base import Base
from vpatch.values.errors import FormatError, VpatchError
from vpatch.values.paths import safe
from vpatch.values.record import digest_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_CACHE = "__pycache__"
_UNCHECKED = 0b01
"""Flags of byte code that holds a hash of its source, which Python does not compare."""


@dataclass(frozen=True, slots=True)
class Note:
    """What an installation was given."""

    base: Base
    series: str
    """Name of the series."""
    upto: str
    """The last patch, where the call wanted no more; empty for the whole series."""
    originals: Mapping[str, str | None]
    """Digest of each file that is changed, as it was installed; None where there was none.
    Byte code and RECORD are among them."""
    patched: Mapping[str, str | None]
    """Digest of each file of the package that is changed, as it is now; None where none is."""

    @classmethod
    def at(cls, places: Places) -> Note | None:
        """Return what an installation keeps, None where nothing was applied.

        Raises:
            VpatchError: The note is broken, names files of others, or can't be read.
        """
        path = places.site / places.note
        try:
            return _read(path.read_bytes(), places)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise VpatchError(
                "the note of what was applied is broken",
                where=str(path),
                hint="without that file vpatch verify tells what it holds; to be rid of the "
                "patches, install the package again",
            ) from error

    @property
    def raw(self) -> bytes:
        """The file's content."""
        document = {"schema": 1} | asdict(self)
        return f"{json.dumps(document, indent=1, sort_keys=True)}\n".encode()


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie, by their paths below the folder that the package is installed in."""

    site: Path
    """That folder, ``site-packages``."""
    info: str
    """Name of the dist-info folder."""
    package: str
    """Name of the package's own folder."""

    def own(self, paths: Iterable[str]) -> list[str]:
        """Return those paths that are in the package, sorted; others are not installed."""
        return sorted(path for path in paths if path.startswith(f"{self.package}/"))

    def foreign(self, paths: Collection[str]) -> list[str]:
        """Return those paths that are neither the package's, its RECORD, nor vpatch's own."""
        starts = (f"{self.package}/", f"{self.info}/vpatch/")
        own = {path for path in paths if path.startswith(starts) and _stays_inside(path)}
        return [path for path in paths if path not in {*own, self.record, self.provenance}]

    @property
    def record(self) -> str:
        """The list of the distribution's files."""
        return f"{self.info}/RECORD"

    @property
    def provenance(self) -> str:
        """What the patched package was made of."""
        return f"{self.info}/{provenance.NAME}"

    @property
    def note(self) -> str:
        """What only vpatch needs to know."""
        return f"{self.info}/vpatch/note.json"

    def kept(self, path: str) -> str:
        """Return the place of a file's original, under a name that nobody compiles."""
        return f"{self.info}/vpatch/original/{path}.orig"

    @property
    def journal(self) -> str:
        """A change on its way. In dist-info it would keep that alive after the package."""
        return f".vpatch-{self.package}.journal"

    def bytecode(self, path: str) -> list[str]:
        """Return what byte code lies beside a source file."""
        source = PurePosixPath(path)
        if source.suffix != ".py":
            return []
        folder = cache_of(path)
        found = (self.site / folder).glob(f"{escape(source.stem)}.*.pyc")
        return sorted(f"{folder}/{path.name}" for path in found)

    def stale(self, path: str) -> list[str]:
        """Return the byte code that Python runs whatever its source says by now.

        How a source is hashed depends on the Python that compiles: byte code of another one
        than this cannot be told from stale.
        """
        source = self.site / path
        return [
            made
            for made in self.bytecode(path)
            if source.is_file() and _is_stale((self.site / made).read_bytes(), source)
        ]


def _is_stale(byte_code: bytes, source: Path) -> bool:
    # PEP 552: a word of flags follows the magic number, then the hash of the source.
    magic, flags, told = byte_code[:4], byte_code[4:8], byte_code[8:16]
    if int.from_bytes(flags, "little") != _UNCHECKED:
        return False
    return magic != MAGIC_NUMBER or told != source_hash(source.read_bytes())


class Originals:
    """The files as they were installed, wherever they lie now.

    Args:
        places: Where things lie.
        note: What was applied, None where nothing is.
    """

    def __init__(self, places: Places, note: Note | None) -> None:
        self.places = places
        self._note = note

    def at(self, path: str) -> Path | None:
        """Return where a file lies, None where there was none."""
        place = self.places.site / path
        if self._note and path in self._note.originals:
            if self._note.originals[path] is None:
                return None
            place = self.places.site / self.places.kept(path)
        return place if place.is_file() else None

    def content(self, path: str) -> bytes | None:
        """Return what a file held, None where there was none."""
        place = self.at(path)
        return place.read_bytes() if place else None

    def bytecode(self, path: str) -> list[str]:
        """Return the byte code that was installed with a source file."""
        beside = self.places.bytecode(path)
        if not self._note or path not in self._note.patched:
            return beside
        # What lies there now was made of the patched file.
        start = f"{cache_of(path)}/{PurePosixPath(path).stem}."
        return [kept for kept in self._note.originals if kept.startswith(start)]


def _read(raw: bytes, places: Places) -> Note:
    kept: dict[str, Any] = json.loads(raw)
    kept.pop("schema")
    note = Note(**kept | {"base": Base(**kept["base"])})
    # Any wheel can bring a note, and unapply deletes by it.
    if places.foreign(note.originals) or not note.patched.keys() <= note.originals.keys():
        raise ValueError(raw)
    return note


def _stays_inside(path: str) -> bool:
    try:
        return bool(safe(path, where=""))
    except FormatError:
        return False


def cache_of(path: str) -> str:
    """Return the folder of the byte code that Python makes of a source file."""
    return str(PurePosixPath(path).parent / _CACHE)


def is_bytecode(path: str) -> bool:
    """Whether Python makes this file itself, of another one."""
    return PurePosixPath(path).parent.name == _CACHE


def digest_at(path: Path) -> str | None:
    """Return the digest of a file as a RECORD has it, None where there is none."""
    return digest_of(path.read_bytes()) if path.is_file() else None
