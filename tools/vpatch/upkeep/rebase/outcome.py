"""What came of a rebase."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vpatch.values.base import Base
    from vpatch.values.verdict import Result


class Fate(StrEnum):
    """What is done with one patch."""

    KEPT = "kept"
    """Its file is, byte for byte, what it was."""
    REWRITTEN = "rewritten"
    LANDED = "landed"
    """Left out: the base has it."""
    RESOLVED = "resolved"
    """Written as somebody solved its conflict."""
    SKIPPED = "skipped"
    """Left out by hand."""
    LOST = ""
    """Nothing: it has no place."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A patch that a person is to place."""

    result: Result
    tree: Path | None
    """The work tree to solve it in; None where no merge could be tried."""
    page: Path
    """The page that tells of it."""


@dataclass(frozen=True, slots=True)
class Rebased:
    """A series on its way to another base, or there."""

    series: str
    """Name of the series that it was taken from."""
    onto: Base
    results: tuple[Result, ...]
    fates: tuple[Fate, ...]
    """One for each result."""
    stopped: Stopped | None = None

    @property
    def ok(self) -> bool:
        """Whether every patch has its place, or was left out by hand."""
        return Fate.LOST not in self.fates

    def count(self, fate: Fate) -> int:
        """Return how many patches share a fate."""
        return self.fates.count(fate)
