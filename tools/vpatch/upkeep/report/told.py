"""The news of a night, sorted for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

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
    cells: dict[tuple[int | None, str], list[tuple[str, Cell]]] = {}
    for row in rows:
        for one in row.squares:
            if one.cell:
                cells.setdefault((row.patch.pr, one.base), []).append((row.key, one.cell))

    def item(one: Noted) -> Item:
        rest = one.text.removeprefix(f"#{one.pr}")
        named = rest[:1] in (" ", ":")
        night = "" if one.night == told.night else one.night
        return Item(
            _WORDS.get(one.kind, ""),
            one.pr if named else None,
            rest.lstrip(": ") if named else one.text,
            night,
            *_shown(one, cells.get((one.pr, one.base), ())),
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


def _shown(one: Noted, there: Collection[tuple[str, Cell]]) -> tuple[str, str] | tuple[()]:
    """Return where the map shows what some news say.

    Args:
        one: The news.
        there: The cells that they may be about, each behind its key.

    Returns:
        The key and the base; nothing where no cell says the same, or several do.
    """
    # No number tells parts of a pull request apart, nor patches that have none.
    alone = one.pr is not None and len(there) == 1
    keys = [key for key, cell in there if (alone or _names(one, cell)) and _says(one, cell)]
    return (keys[0], one.base) if len(keys) == 1 else ()


def _names(one: Noted, cell: Cell) -> bool:
    """Whether the news begin with what a night calls a patch."""
    called = cell["name"], f"#{cell['pr']} ({cell['subject']})"
    return one.text.startswith(tuple(f"{_line(name)} " for name in called))


def _says(one: Noted, cell: Cell) -> bool:
    """Whether a cell shows what the news are about: they may be of another series."""
    cause = _line(cell["cause"])
    return cell["verdict"] == one.kind and cause != "" and cause in printable(one.text)


def _line(text: str) -> str:
    """Return text as a night writes it down."""
    return printable(" ".join(text.split()))
