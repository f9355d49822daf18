"""How far the files of an installation have come on their way through a series, by content."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors.files import explained
from vpatch.values.drift import States
from vpatch.values.errors import FormatError
from vpatch.values.record import read_record
from vpatch.values.tree import Entry, blob_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.installation.note import Originals
    from vpatch.values.record import Listed
    from vpatch.values.verdict import Replay

_PLAIN, _PROGRAM = "100644", "100755"


@dataclass(frozen=True, slots=True)
class Reached:
    """How far each file that a series touches has come on its way through the series."""

    states: States
    at: dict[str, int | None]
    """Which of its states a file is in; None for none of them."""
    there: set[str]
    """The files that are there at all."""


def reach(originals: Originals, replay: Replay, made: Repo) -> Reached:
    """Find out how far each file of an installation has come.

    Args:
        originals: The installation's files.
        replay: What it should hold.
        made: Where the replay's objects are.

    Raises:
        VpatchError: A file can't be read.
    """
    places = originals.places
    touched = places.own(replay.touched)
    base = made.entries(replay.base.commit, touched)
    states = States.of(replay, base)
    with explained(places.site, "read"):
        lying = {path: _lying(places.site / path) for path in touched}
    at = {path: _last(states.known[path], lying[path]) for path in touched}
    there = {path for path in touched if lying[path]}
    lacking = [path for path in touched if at[path] is None and path not in there]
    record = listed(originals) if lacking else None
    for path in lacking:
        if record is not None and path in base and path not in record:
            del at[path]  # the wheel left it out
    return Reached(states, at, there)


def holds(originals: Originals, replay: Replay, made: Repo) -> bool:
    """Whether an installation's files are what a series makes of them, whoever did it.

    A series that changes nothing there is held by none.
    """
    reached = reach(originals, replay, made)
    ways = {path: reached.states.known[path] for path in reached.at}
    changed = [path for path, way in ways.items() if way[0] != way[-1]]
    return bool(changed) and all(reached.at[p] == len(ways[p]) - 1 for p in changed)


def listed(originals: Originals) -> Mapping[str, Listed | None] | None:
    """Return what RECORD said as the package was installed, None where it is lost."""
    record = originals.places.record
    content = originals.content(record)
    try:
        return None if content is None else read_record(content, where=record).files
    except FormatError:
        return None


def _lying(place: Path) -> Entry | None:
    if not place.is_file():
        return None
    mode = _PROGRAM if place.stat().st_mode & stat.S_IXUSR else _PLAIN
    return Entry(mode, blob_id(place.read_bytes()))


def _last(states: list[Entry | None], lying: Entry | None) -> int | None:
    """Return how many changes of a file are in, None where it is none of its states.

    Wheels do not keep every right to run, so that the mode counts only where it alone tells.
    """
    ids = [state.oid if state else None for state in states]
    same = [step for step, oid in enumerate(ids) if oid == (lying.oid if lying else None)]
    modes = {state.mode for step in same if (state := states[step])}
    if lying and len(modes) > 1:
        same = [step for step in same if states[step] == lying]
    return same[-1] if same else None
