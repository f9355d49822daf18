"""Work out what an installation must look like, file by file, before anything is changed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.installation.guard import foreign, refuse_foreign
from vpatch.jobs.installation.note import Note, Originals, digest_at, is_bytecode
from vpatch.values.record import Record, digest_of, read_record
from vpatch.values.tree import blob_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.installation.note import Places
    from vpatch.values.base import Base
    from vpatch.values.provenance import Provenance
    from vpatch.values.tree import Entries, Entry
    from vpatch.values.verdict import Replay

_PROGRAM = "100755"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What an installation is to be given."""

    replay: Replay
    made: Repo
    """Where the replay's objects are."""
    series: str
    """Name of the series, to be noted."""
    upto: str
    """The last patch, where the series was cut there, to be noted."""
    provenance: Provenance
    releases: Callable[[], Sequence[Base]]
    """The releases at hand, oldest first; asked where the files are not the base's."""


@dataclass(frozen=True, slots=True)
class New:
    """A file with content of its own."""

    content: bytes
    mode: int


Plan = dict[str, "New | Path | None"]
"""What is to lie at each path: new content, a file that is there somewhere, or nothing."""


def to_apply(delivery: Delivery, places: Places, before: Note | None) -> Plan:
    """Return how the files must lie with a series in them.

    Args:
        delivery: What they are to be given.
        places: Where things lie.
        before: What is applied now, None for nothing.

    Raises:
        RefusedError: The files are not those of the base.
    """
    replay = delivery.replay
    originals = Originals(places, before)
    record = read_record(
        files.read(originals.at(places.record) or places.site / places.record),
        where=str(places.site / places.record),
    )
    touched = places.own(replay.touched)
    base = delivery.made.entries(replay.base.commit, touched)
    lying = {path: originals.content(path) for path in touched}
    ids = {path: blob_id(content) for path, content in lying.items() if content is not None}
    strange = foreign(base, ids, touched, record)
    if strange:
        refuse_foreign(delivery.made, replay.base, ids, strange, delivery.releases)
    new = _new(delivery, base, originals)
    byte_code = [made for path in new for made in originals.bytecode(path)]
    kept = [*new, places.record, *byte_code]
    note = Note(
        replay.base,
        delivery.series,
        delivery.upto,
        {path: _digest(originals.at(path)) for path in kept},
        {path: digest_of(one.content) if one else None for path, one in new.items()},
    )
    plan: Plan = dict(new)
    plan |= _beside(note, before, originals)
    mode = _usual_mode(places)
    plan[places.provenance] = New(delivery.provenance.raw, mode)
    plan[places.note] = New(note.raw, mode)
    listed = _listed(record, plan, byte_code)
    listing = New(listed.raw, _mode_of(places.site / places.record))
    # RECORD comes first, so that pip takes away also what a killed run has put into place.
    return {places.record: listing} | plan


def to_unapply(note: Note, places: Places) -> Plan:
    """Return how the files must lie without the series, bit for bit as they were."""
    originals = Originals(places, note)
    # RECORD comes last: until then, pip takes away all that was applied.
    paths = sorted(note.originals, key=lambda path: path == places.record)
    plan: Plan = {path: originals.at(path) for path in paths}
    plan |= {places.kept(path): None for path in note.originals}
    return plan | {places.note: None, places.provenance: None}


def differing(plan: Plan, site: Path) -> Plan:
    """Return the part of a plan that is not yet so."""
    return {path: wanted for path, wanted in plan.items() if not _is_so(site / path, wanted)}


def _is_so(place: Path, wanted: New | Path | None) -> bool:
    if isinstance(wanted, New):
        if not place.is_file() or place.read_bytes() != wanted.content:
            return False
        return not (place.stat().st_mode ^ wanted.mode) & stat.S_IXUSR
    return not os.path.lexists(place) if wanted is None else wanted == place


def _new(delivery: Delivery, base: Entries, originals: Originals) -> dict[str, New | None]:
    """Return the new content of each file that changes."""
    places, change = originals.places, delivery.replay.change
    # What the base has and the installation lacks, the wheel left out.
    new = {
        path: change[path]
        for path in places.own(change)
        if change[path] != base.get(path) and not (path in base and originals.at(path) is None)
    }
    oids = [entry.oid for entry in new.values() if entry]
    contents = dict(zip(oids, delivery.made.blobs(oids), strict=True))
    usual = _usual_mode(places)
    return {
        path: New(contents[entry.oid], _mode(entry, base.get(path), originals.at(path), usual))
        if entry
        else None
        for path, entry in new.items()
    }


def _mode(new: Entry, old: Entry | None, lying: Path | None, usual: int) -> int:
    """Return the mode of a file: what it was installed with, unless the series changes it."""
    mode = _mode_of(lying) if lying else usual
    if old and old.mode == new.mode:
        return mode
    return mode | (mode & 0o444) >> 2 if new.mode == _PROGRAM else mode & ~0o111


def _mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644


def _usual_mode(places: Places) -> int:
    """Return the mode of a new file: whoever may read the package may read it."""
    return _mode_of(places.site / places.package / "__init__.py") & ~0o111


def _digest(path: Path | None) -> str | None:
    return digest_at(path) if path else None


def _beside(note: Note, before: Note | None, originals: Originals) -> Plan:
    """Return what happens to originals: kept, given back, and no longer kept."""
    places = originals.places
    plan: Plan = {
        places.kept(path): originals.at(path)
        for path, digest in note.originals.items()
        if digest is not None
    }
    for path in before.originals if before else ():
        if path not in note.originals:
            plan[path] = originals.at(path)
            plan[places.kept(path)] = None
    return plan


def _listed(record: Record, plan: Plan, byte_code: list[str]) -> Record:
    """Return RECORD as it must be: of byte code, nothing is told that is gone."""
    said: dict[str, bytes | None] = dict.fromkeys(byte_code)
    for path, wanted in plan.items():
        if isinstance(wanted, New):
            said[path] = wanted.content
        elif wanted is None:
            said[path] = None
        elif path not in record.files:
            said[path] = wanted.read_bytes()
    return record.with_files(said)


def sources(plan: Plan, places: Places) -> list[str]:
    """Return the source files of the package that a plan changes."""
    return [path for path in places.own(plan) if not is_bytecode(path)]
