"""From when to when a patch is of use, by its results on one release after another."""

from __future__ import annotations

from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Cell = dict[str, Any]
"""A result, as JSON shows it."""
_FEW = 2
"""Runs of releases that are named one by one."""


class Span(NamedTuple):
    """The releases on which a patch is of use, and those that have it."""

    runs: tuple[tuple[str, str], ...]
    """First and last of the releases in a row on which it applies, oldest first."""
    landed_from: str | None
    """The release from which on it is landed, up to the newest."""
    partly_from: str | None
    """The release from which on hunks of it are landed, up to the newest."""

    @property
    def applies_on(self) -> str:
        """On which releases it applies, in words."""
        if len(self.runs) > _FEW:
            return f"{self.runs[0][0]} to {self.runs[-1][1]}, with gaps"
        runs = [first if first == last else f"{first} to {last}" for first, last in self.runs]
        return ", ".join(runs) or "none"

    @property
    def landed(self) -> str:
        """From which release on it is not needed, or less of it; empty where it is."""
        if self.landed_from or not self.partly_from:
            return self.landed_from or ""
        return f"{self.partly_from} in part"

    def as_json(self) -> dict[str, str | None]:
        """Return the form of ``matrix``."""
        return {
            "first": self.runs[0][0] if self.runs else None,
            "last": self.runs[-1][1] if self.runs else None,
            "landed_from": self.landed_from,
            "partly_landed_from": self.partly_from,
        }


def verdict_of(cell: Cell) -> Verdict:
    """Return the verdict of a result, or of a hunk in it."""
    return Verdict(cell["verdict"])


def span_of(cells: Sequence[tuple[str, Cell]]) -> Span:
    """Return the span of a patch from its results on releases, oldest first."""
    runs = [[base for base, _ in run] for applies, run in groupby(cells, _applies) if applies]
    return Span(
        tuple((run[0], run[-1]) for run in runs),
        _since(cells, lambda cell: verdict_of(cell) is Verdict.LANDED),
        _since(cells, lambda cell: Verdict.LANDED in map(verdict_of, (cell, *cell["hunks"]))),
    )


def _applies(one: tuple[str, Cell]) -> bool:
    verdict = verdict_of(one[1])
    return verdict.good and verdict is not Verdict.LANDED


def _since(cells: Sequence[tuple[str, Cell]], test: Callable[[Cell], bool]) -> str | None:
    """Return the release from which on a test holds, up to the newest."""
    newest = list(takewhile(lambda one: test(one[1]), reversed(cells)))
    return newest[-1][0] if newest else None
