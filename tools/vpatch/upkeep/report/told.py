"""The news of a night, sorted for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpatch.upkeep.nightly.seen import Noted
    from vpatch.upkeep.nightly.told import Told
    from vpatch.upkeep.report.heat import Row
    from vpatch.values.span import Cell

_WORDS = {
    "back": "back",
    "broken": "broken file",
    "carried": "series brought",
    "closed": "closed",
    "conflict": "no place",
    "failure": "not looked at",
    "follow-up": "follow-up",
    "landed": "landed",
    "merged": "merged",
    "misplaced": "wrong place",
    "needed": "needed again",
    "not-run": "proof not run",
    "open": "open again",
    "proven": "proven again",
    "pushed": "pushed to",
    "release": "new release",
    "released": "released",
    "retargeted": "another branch",
    "unproven": "proof failed",
    "withdrawn": "withdrawn",
}
"""For each kind of news what people call it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of the news."""

    word: str
    """Its kind; empty where people have no word for it."""
    pr: int | None
    """The pull request that the text goes on about, where it begins with one."""
    text: str
    night: str
    """When it was told, where that was another night than the last."""
    key: str = ""
    """With the base, what stands in an address for the cell that shows it; else empty."""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """News that belong together."""

    title: str
    items: tuple[Item, ...]
    wants: bool = False
    """Whether they want a person."""


def grouped(told: Told, rows: Sequence[Row]) -> list[Group]:
    """Return the news in their groups, those for a person first.

    Args:
        told: What the night told.
        rows: The map, to lead to a cell where one says the same.
    """
    cells = {
        (row.patch.pr, square.base): (row.key, square.cell)
        for row in rows
        for square in row.squares
    }

    def item(one: Noted) -> Item:
        rest = one.text.removeprefix(f"#{one.pr}")
        named = rest[:1] in (" ", ":")
        key, cell = cells.get((one.pr, one.base), ("", None))
        night = "" if one.night == told.night else one.night
        return Item(
            _WORDS.get(one.kind, ""),
            one.pr if named else None,
            rest.lstrip(": ") if named else one.text,
            night,
            *((key, one.base) if cell and _says(cell, one) else ()),
        )

    def group(title: str, news: Iterable[Noted], *, wants: bool = False) -> Group:
        return Group(title, tuple(map(item, news)), wants)

    wanting = (one for one in told.news if one.wants_a_person)
    groups = (
        group("Wants a person", wanting, wants=True),
        group("What else is new", (one for one in told.news if not one.wants_a_person)),
        group("Told before, not merged yet", told.before),
    )
    return [one for one in groups if one.items]


def _says(cell: Cell, one: Noted) -> bool:
    """Whether a cell shows what the news are about: they may be of another series."""
    cause = printable(" ".join(cell["cause"].split()))
    return cell["verdict"] == one.kind and cause in printable(one.text)
