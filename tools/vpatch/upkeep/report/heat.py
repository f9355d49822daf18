"""The map: the patches of all kept series, on each base as the series there has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.report.kept import word_of
from vpatch.upkeep.report.names import names_of
from vpatch.values.base import version_of
from vpatch.values.paths import printable
from vpatch.values.span import verdict_of
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpatch.upkeep.report.names import Names
    from vpatch.upkeep.report.page import Page
    from vpatch.values.patch import Patch
    from vpatch.values.span import Cell

    Versions = Mapping[str, Patch]
    """A patch as each series has it that carries it, oldest first."""

ABSENT = "absent"
"""What stands in place of a verdict where the series does not carry the patch."""


@dataclass(frozen=True, slots=True)
class Square:
    """A patch on a base."""

    base: str
    name: str = ""
    """Its file, in the series that the map has there; empty where that does not carry it."""
    cell: Cell | None = None
    """The result; None where there is none."""
    absence: str = ""
    """In a word or two why there is none."""
    why: str = ""
    """And all that is known of it."""

    @property
    def verdict(self) -> str:
        """The verdict, or what stands in its place."""
        return self.cell["verdict"] if self.cell else ABSENT

    @property
    def told(self) -> str:
        """The same for somebody who sees no colours."""
        return self.verdict if self.cell else f"{ABSENT}, {self.absence}"

    @property
    def is_lost(self) -> bool:
        """Whether the patch has no place there."""
        return self.cell is not None and not verdict_of(self.cell).good


@dataclass(frozen=True, slots=True)
class Row:
    """A patch on all bases."""

    patch: Patch
    """As the newest series has it that carries it."""
    key: str
    """What stands for it in an address: its pull request, else its file."""
    label: str
    squares: tuple[Square, ...]


def heat_of(page: Page) -> list[Row]:
    """Return the map: those of the oldest series in their order, then the others."""
    kept = {} if page.asked else {stand.base: stand.patches for stand in page.kept}
    carried = kept | {one.series: one.patches for one in page.served}
    names = names_of(page)
    found: dict[int | str, dict[str, Patch]] = {}
    for series, patches in carried.items():
        for patch in patches:
            found.setdefault(names.key(patch), {})[series] = patch
    newest = [[*versions.values()][-1] for versions in found.values()]
    keys = _keys(newest)
    order = list(carried)
    return [
        Row(patch, key, names.label(patch), tuple(_squares(page, names, versions, order)))
        for patch, key, versions in zip(newest, keys, found.values(), strict=True)
    ]


def keys_of(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """Return by base and name of the file there what stands for a patch in an address."""
    return {(one.base, one.name): row.key for row in rows for one in row.squares if one.cell}


def _keys(patches: Sequence[Patch]) -> list[str]:
    found: list[str] = []
    for patch in patches:
        number = str(patch.pr or "")
        found.append(number if number and number not in found else patch.name)
    return found


def _squares(
    page: Page, names: Names, versions: Versions, order: Sequence[str]
) -> Iterator[Square]:
    serving = page.serving
    some = next(iter(versions.values()))
    said_by = {stand.base: names.why(stand, some) for stand in page.kept}
    for base in page.matrix.rows:
        one = serving[base]
        if patch := versions.get(one.series):
            at = [each.name for each in one.patches].index(patch.name)
            yield Square(base, patch.name, one.rows[base][at])
        else:
            said = said_by.get(one.series, "")
            absence, why = _absence(said, versions, order, one.series)
            more = [] if absence == "landed" else _elsewhere(page, versions, base)
            text = ". ".join([why.rstrip("."), *more])
            yield Square(base, absence=absence, why=printable(text))


def _absence(
    said: str, versions: Versions, order: Sequence[str], series: str
) -> tuple[str, str]:
    """Say why a series does not carry a patch: by what it says, else by what others have."""
    if said:
        return word_of(said), f"Series {series} leaves it out: {said}"
    at = order.index(series)
    if before := [name for name in order[:at] if name in versions]:
        text = f"{before[-1]} was the last that did, and the file does not say why"
        return "not any more", f"Series {series} does not carry it: {text}"
    after = next(name for name in order[at:] if name in versions)
    return "not yet", f"Series {series} does not carry it: {after} is the first that does"


def _elsewhere(page: Page, versions: Versions, base: str) -> Iterator[str]:
    """Tell what else is known on a base of a patch that its series does not carry."""
    series, release = page.matrix.series, version_of(base)
    if patch := versions.get(series):
        at = [each.name for each in page.patches].index(patch.name)
        if verdict_of(page.matrix.rows[base][at]) is Verdict.LANDED:
            yield f"As series {series} has it, it has landed there"
    facts = page.facts.get(next(iter(versions.values())).pr or 0)
    merged = version_of(facts.merged_in) if facts and facts.merged_in else None
    if facts and merged and (release is None or merged <= release):
        yield f"GitHub says that it was merged in {facts.merged_in}"
