"""What the last night told, for whoever looks at it by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.nightly.begin import kept_at
from vpatch.upkeep.nightly.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpatch.upkeep.nightly.seen import Noted


@dataclass(frozen=True, slots=True)
class Told:
    """What a night told."""

    night: str
    """Its date."""
    news: Sequence[Noted]
    before: Sequence[Noted] = ()
    """What earlier nights told, and what is not merged yet."""


def last_told(root: Path) -> Told | None:
    """Return what the last night told that had any news, None before the first.

    Nobody is asked, and nothing is written; what would stop a night does not matter here.

    Args:
        root: The project's folder.

    Raises:
        VpatchError: What the night saw is damaged, or git failed.
    """
    home = kept_at(root)
    states = home.states()
    if not states:
        return None
    seen = Seen.newest(states, home.forget)
    merged = Seen.read(home.merged(), home.forget).news
    night = seen.news[-1].night if seen.news else seen.since[:10]
    return Told(
        night,
        [one for one in seen.news if one.night == night],
        [one for one in seen.news if one.night != night and one not in merged],
    )
