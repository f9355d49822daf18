"""The series in order, with an arc from each patch to those that it is linked with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.upkeep.report.names import Names
    from vpatch.upkeep.report.page import Link
    from vpatch.values.patch import Patch

# In pixels.
_ROW = 34
"""Height of a row, as in the style sheet."""
_RAIL = 14
"""How much farther out an arc goes than one of the next shorter length."""
_ROUND = 6
"""Radius of its corners."""


@dataclass(frozen=True, slots=True)
class Step:
    """A patch in its place."""

    patch: Patch
    label: str
    needs: tuple[str, ...]
    """Labels of those without which it has no place."""
    beside: tuple[str, ...]
    """Labels of those that it only shares files with."""


@dataclass(frozen=True, slots=True)
class Arc:
    """A line from a patch to one before it."""

    path: str
    """In SVG's words."""
    needed: bool


@dataclass(frozen=True, slots=True)
class Order:
    """The whole drawing."""

    steps: tuple[Step, ...]
    arcs: tuple[Arc, ...]
    width: int
    height: int


def drawn(patches: Sequence[Patch], links: Sequence[Link], names: Names) -> Order:
    """Return the drawing of a series.

    Args:
        patches: In order.
        links: What each has to do with those before it.
        names: What tells the patches apart.
    """
    places = {patch.name: at for at, patch in enumerate(patches)}
    labels = {patch.name: names.label(patch) for patch in patches}
    lengths = sorted({places[one.patch] - places[one.on] for one in links})
    width = _RAIL * (len(lengths) + 1) if links else 0

    def arc(one: Link) -> Arc:
        start, end = places[one.on], places[one.patch]
        left = width - _RAIL * (lengths.index(end - start) + 1)
        top, bottom = (at * _ROW + _ROW // 2 for at in (start, end))
        turn = f"q{-_ROUND} 0 {-_ROUND} {_ROUND}", f"q0 {_ROUND} {_ROUND} {_ROUND}"
        path = f"M{width} {top}H{left + _ROUND}{turn[0]}V{bottom - _ROUND}{turn[1]}H{width}"
        return Arc(path, one.needed)

    def near(patch: Patch, *, needed: bool) -> tuple[str, ...]:
        found = (one for one in links if one.patch == patch.name and one.needed is needed)
        return tuple(labels[one.on] for one in found)

    steps = (
        Step(p, labels[p.name], near(p, needed=True), near(p, needed=False)) for p in patches
    )
    return Order(tuple(steps), tuple(map(arc, links)), width, _ROW * len(patches))
