"""Take patches out of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.mail import title_of
from vpatch.values.series import dropped

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from vpatch.upkeep.arrange import Change
    from vpatch.values.verdict import Result

_AGAIN = "drop what needs it too, then vpatch add that again: there a conflict can be solved"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What comes of it."""

    names: tuple[str, ...]
    """The patches that go, in order."""
    rewritten: tuple[str, ...]
    """Patches behind them that are written anew to close the gap."""
    merged: tuple[Result, ...]
    """What became of those that had to be merged for that."""
    contents: Mapping[str, bytes | None]
    """The files to write, by their paths below the project's folder."""


def drop(change: Change, names: Collection[str], why: str, day: date) -> Dropped:
    """Take patches out of a series; the others must do without them.

    Args:
        change: The way to change the series.
        names: The patches.
        why: The reason, for the series file; may be empty.
        day: Today.

    Raises:
        RefusedError: A patch that stays has no place without them.
    """
    patches = change.sheet.patches
    gone = tuple(patch.name for patch in patches if patch.name in names)
    stay = list(patches)
    merged: dict[str, Result] = {}
    # What stands on another one is to go before it.
    for at in reversed(range(len(patches))):
        if patches[at].name in names:
            stay, told = change.exchange(stay, slice(at, at + 1), [], _AGAIN)
            merged |= {one.patch.name: one for one in told}
    why = title_of(why)
    lines = {p.name: dropped(p.name, p.pr, day, why) for p in patches if p.name in gone}
    made = change.arrange(stay, _AGAIN)
    raw = {patch.name: patch.raw for patch in patches}
    rewritten = tuple(p.name for p in stay if made.files.get(p.name) != raw[p.name])
    results = tuple(merged[patch.name] for patch in stay if patch.name in merged)
    return Dropped(gone, rewritten, results, change.contents(made, lines, {}))
