"""Take patches out of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.mail import title_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from vpatch.upkeep.arrange import Change


@dataclass(frozen=True, slots=True)
class Dropped:
    """What comes of it."""

    names: tuple[str, ...]
    """The patches that go, in order."""
    rewritten: tuple[str, ...]
    """Patches behind them that are written anew to close the gap."""
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
    stay = [patch for patch in patches if patch.name not in names]
    gone = tuple(patch.name for patch in patches if patch.name in names)
    reason = f": {title_of(why)}" if why.strip() else ""
    lines = {name: f"# {name}: dropped on {day}{reason}" for name in gone}
    made = change.arrange(stay, "drop it as well, or mend it first")
    rewritten = tuple(p.name for p in stay if made.files.get(p.name) != p.raw)
    return Dropped(gone, rewritten, change.contents(made, lines, {}))
