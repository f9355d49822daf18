"""Tell by content alone what of a series an installation holds, and where it differs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors.files import explained
from vpatch.jobs.installation.note import Originals
from vpatch.jobs.installation.reach import listed, reach
from vpatch.values.applied import read_applied
from vpatch.values.compiled import compiled
from vpatch.values.drift import Drift
from vpatch.values.paths import decode, encode
from vpatch.values.record import digest_from
from vpatch.values.tree import Entry, blob_id

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.installation.target import Installation
    from vpatch.values.applied import Placed
    from vpatch.values.diff import FileDiff
    from vpatch.values.patch import Patch
    from vpatch.values.record import Listed
    from vpatch.values.verdict import Replay, Result

_PLAIN = "100644"


@dataclass(frozen=True, slots=True)
class Found:
    """What an installation's files are, beside what a replay says."""

    drift: tuple[Drift, ...]
    own: tuple[str, ...]
    """Files that are not the base's and that the distribution brought so itself."""


def held_states(target: Installation, replay: Replay, made: Repo) -> list[str]:
    """Say of each patch whether an installation's files hold it, without any record.

    Args:
        target: The installation.
        replay: What it should hold.
        made: Where the replay's objects are.

    Returns:
        ``yes``, ``partly``, ``no``, ``drifted``, ``unseen`` or ``outside`` for each patch. A
        file is known by its states in the replay; where it is in none of them, the patch's
        hunks are looked for in it. ``drifted`` is where neither their new lines are there nor
        the old ones. ``unseen`` is what is compiled, unless the installation's own record names
        the patch. ``outside`` is what changes nothing that is installed.
    """
    reached = reach(_originals(target), replay, made)
    strange = {path for path in reached.there if reached.at[path] is None}
    look = _Look(made, target.places.site, strange)
    carried = target.carried
    return [
        _state(result, steps, reached.at, look, carried)
        for result, steps in zip(replay.results, reached.states.steps, strict=True)
    ]


def _state(
    result: Result,
    steps: Mapping[str, int],
    at: Mapping[str, int | None],
    look: _Look,
    carried: Container[str],
) -> str:
    if not result.verdict.good:
        return "no"
    # A patch that changes nothing has landed: its files are to be in any known state.
    wanted = steps or dict.fromkeys(result.patch.paths, 0)
    whole = "unseen" if compiled(steps) and result.patch.sha256 not in carried else "yes"
    inside = [path for path in wanted if path in at]
    if not inside:
        # Tests and pages are not installed.
        return "outside" if whole == "yes" and not compiled(wanted) else whole
    known = [(path, reached) for path in inside if (reached := at[path]) is not None]
    found: list[bool | None] = [reached >= wanted[path] for path, reached in known]
    if lost := [path for path in inside if at[path] is None]:
        found += look.hunks(result.patch, lost)
    if any(found):
        return whole if all(found) else "partly"
    return "drifted" if None in found else "no"


class _Look:
    """Looks for hunks in files that are in none of their known states."""

    def __init__(self, made: Repo, site: Path, strange: set[str]) -> None:
        self._made = made
        self._entries: dict[str, Entry | None] = {}
        if strange:
            names = sorted(strange)
            asked = encode("".join(f"{site / name}\n" for name in names))
            command = ["hash-object", "-w", "--no-filters", "--stdin-paths"]
            ids = decode(made.run(*command, stdin=asked).out).split()
            self._entries = {
                name: Entry(_PLAIN, oid) for name, oid in zip(names, ids, strict=True)
            }

    def hunks(self, patch: Patch, paths: list[str]) -> list[bool | None]:
        """Say of each hunk that a patch has in some files whether it is in them.

        None stands for a hunk of which neither the new lines nor the old ones are there.
        """
        files = [file for file in patch.files if file.paths & set(paths)]
        new = self._fitting(files, paths, reverse=True)
        old = self._fitting(files, paths, reverse=False)
        states = [True if n else False if o else None for n, o in zip(new, old, strict=True)]
        return states or [None]

    def _fitting(
        self, files: list[FileDiff], paths: list[str], *, reverse: bool
    ) -> list[Placed | None]:
        with self._made.stage() as stage:
            # A file that is gone has no entry: its hunks have no place.
            stage.reset({path: self._entries.get(path) for path in paths})
            diff = b"".join(file.text() for file in files)
            ran = stage.apply(diff, "--reject", *(["--reverse"] if reverse else []))
        placed = read_applied(ran.err, files, reverse=reverse)
        return [place for file in placed for place in file]


def compare(target: Installation, replay: Replay, made: Repo) -> Found:
    """Name every file of an installed package that is not what the replay says.

    Args:
        target: The installation.
        replay: What it should hold.
        made: Where the replay's objects are.

    Raises:
        GitError: git failed.
        VpatchError: A file can't be read.
    """
    with explained(target.root, "read"):
        return _Comparison(target, replay, made).found()


class _Comparison:
    """The files of an installation, the replay's tree, and RECORD."""

    def __init__(self, target: Installation, replay: Replay, made: Repo) -> None:
        package = target.package
        self._places = target.places
        self._site = target.places.site
        self._package = package
        tree = made.entries(f"{replay.tree}:{package}")
        self._wanted = {f"{package}/{path}": entry for path, entry in tree.items()}
        self._touched = set(target.places.own(replay.touched))
        self._base = made.entries(replay.base.commit, self._touched)
        record = listed(_originals(target))
        self._is_lost = record is None
        self._record = record or {}

    def found(self) -> Found:
        """Compare, file by file."""
        kinds: dict[str, str] = {}
        own = []
        lying = dict(_files(self._site, self._package))
        for path, place in lying.items():
            kind = self._kind(path, place)
            if kind == "own":
                own.append(path)
            elif kind:
                kinds[path] = kind
            elif path in self._touched and self._places.stale(path):
                kinds[path] = "stale"
        for path in {*self._places.own(self._record), *self._wanted} - set(lying):
            if kind := self._missing(path):
                kinds[path] = kind
        if self._is_lost:
            there = (self._site / self._places.record).exists()
            kinds[self._places.record] = "modified" if there else "deleted"
        drift = tuple(Drift(path, kinds[path]) for path in sorted(kinds))
        return Found(drift, tuple(sorted(own)))

    def _kind(self, path: str, place: Path) -> str:
        """Return what is wrong with a file that is there; ``own`` where nobody changed it."""
        wanted, base = self._wanted.get(path), self._base.get(path)
        if path in self._touched or wanted:
            oid = blob_id(place.read_bytes())
            if wanted and wanted.oid == oid:
                return ""
            if base and base.oid == oid:
                return "unpatched"
            if path in self._touched:
                return "modified" if wanted else "added"
        if path not in self._record:
            return "modified" if wanted else "added"
        if _is_as_listed(place, self._record[path]):
            return "own" if wanted else ""
        return "modified"

    def _missing(self, path: str) -> str:
        """Return what is wrong where a file is not there; nothing where it needs not be."""
        if path in self._wanted and path in self._touched and path not in self._base:
            return "unpatched"
        if path in self._touched and path not in self._wanted:
            return ""  # the series deletes it
        if self._is_lost and path in self._touched:
            return "deleted"
        return "deleted" if path in self._record and not path.endswith(".pyc") else ""


def _originals(target: Installation) -> Originals:
    return Originals(target.places, target.applied())


def _files(site: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a package but its byte code."""
    for folder, folders, names in os.walk(site / package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            if not name.endswith(".pyc"):
                place = site / folder / name
                yield str(place.relative_to(site)), place


def _is_as_listed(place: Path, told: Listed | None) -> bool:
    """Whether RECORD shows that a file is as it was installed: a bare line shows nothing."""
    if told is None:
        return False
    if told.size is not None and told.size != place.stat().st_size:
        return False
    with place.open("rb") as stream:
        return digest_from(hashlib.file_digest(stream, "sha256").digest()) == told.digest
