"""Bring the series to the newest release and to upstream's branch, where that is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.rebase import Fate, Place, Rebase
from vpatch.values.base import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base


def carry(
    folder: Folder,
    opened: Callable[[], AbstractContextManager[Replays]],
    found: Sequence[Base],
    command: str,
    diary: Diary,
) -> None:
    """Write the series for a base if every patch of it has its place, else nothing.

    A conflict is no reason to stop here: which patch has none was told before, and a person
    calls ``vpatch rebase``.

    Args:
        folder: The project's folder, as it was laid out for the night.
        opened: Opens a place for replays.
        found: The bases that were looked at, in order.
        command: How the command is called.
        diary: What is seen.
    """
    unfit: set[str] = set()
    releases = [base for base in found if version_of(base.name)]
    for base in [*releases[-1:], *(base for base in found if base not in releases)]:
        diary.say(f"bringing the series to {base.name}")
        with diary.looking_at(f"the series for {base.name}"), opened() as replays:
            rebase = Rebase(folder, Place(folder), replays, command, diary.say)
            if not _fits(rebase, base):
                unfit.add(base.name)
                continue
            made = rebase.start(base, None, dry_run=False)
            if made and base.name not in diary.old.carried:
                gone = made.count(Fate.LANDED)
                count = len(made.results) - gone
                text = f"the series is brought to {base.name}: {count} patch"
                text += "es" * (count != 1) + f", {gone} landed" * bool(gone)
                diary.tell("carried", text, base=base.name)
            diary.new.carried.append(base.name)
    # Of a base that gave no answer, or was not asked for, what was seen last counts on.
    settled = unfit.union(diary.new.carried)
    diary.new.carried += [name for name in diary.old.carried if name not in settled]


def _fits(rebase: Rebase, base: Base) -> bool:
    """Whether each patch has its place; it has if the base has a series of its own."""
    tried = rebase.start(base, None, dry_run=True)
    return tried is None or tried.ok
