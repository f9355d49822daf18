"""What is on the page, before it is a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpatch.values.base import version_of
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpatch.values.facts import PullRequest
    from vpatch.values.followups import Candidate
    from vpatch.values.matrix import Matrix, Row
    from vpatch.values.patch import Patch

_GOOD = Verdict.CLEAN


@dataclass(frozen=True, slots=True)
class Facing:
    """The lines that a hunk expects, against those that stand there on a base."""

    path: str
    """The file on the base; empty where it is gone."""
    function: str
    """The function or class that the hunk changes, empty outside of any."""
    old_start: int
    """Number of the first expected line, in the file that the patch was made on."""
    new_start: int
    """Number of the first line on the base, 0 where there is none."""
    lines: tuple[tuple[str, str], ...]
    """Mark and text: ``-`` is only expected, ``+`` only there, a space both."""


@dataclass(frozen=True, slots=True)
class Link:
    """What one patch has to do with one before it."""

    patch: str
    on: str
    """Name of the one before."""
    needed: bool
    """Whether it has no place without that one; else they only share files."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A series that is kept for a base."""

    base: str
    patches: tuple[Patch, ...]
    left_out: Mapping[str, str]
    """Patches that are not in it, and why."""
    proofs: Mapping[str, str] | None
    """What the last proof of each patch showed; None where the base is not at hand."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """When and with what each showed it, where it was run."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """What became of each patch on this base; empty where it is not at hand."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """The pull requests of those that are left out, where it is told."""

    @property
    def lost(self) -> list[Patch]:
        """The patches that have no place on the base that they are kept for."""
        return [one for one in self.patches if not self.verdicts.get(one.name, _GOOD).good]


@dataclass(frozen=True, slots=True)
class Tried:
    """A series on bases."""

    series: str
    patches: tuple[Patch, ...]
    rows: Mapping[str, Row]
    """By base the results, in the order of the patches."""
    facing: Mapping[tuple[str, str], Sequence[Facing | None]] = field(default_factory=dict)
    """By patch and base, for each hunk of a result; None where the hunk has its place."""


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page tells, but for the news."""

    matrix: Matrix
    """One series on all bases, for where its patches landed."""
    patches: tuple[Patch, ...]
    """This series, in the order of the matrix."""
    served: tuple[Tried, ...]
    """The series of the map, each on the bases where it stands there."""
    later: tuple[Tried, ...]
    """Series with pull requests that no older one has, on the bases from their own on."""
    facts: Mapping[int, PullRequest]
    links: tuple[Link, ...] | None
    """None where the series' own base is not at hand, and nobody can tell."""
    kept: tuple[Stand, ...]
    follow_ups: Mapping[int, Sequence[Candidate]]
    """By pull request what may follow it up; a person decides."""
    asked: bool = False
    """Whether somebody asked for this one series on all bases."""

    @property
    def newest(self) -> Stand:
        """The newest series that is kept."""
        releases = [stand for stand in self.kept if version_of(stand.base)]
        return (releases or self.kept)[-1]

    @property
    def newest_release(self) -> str:
        """The newest release of the bases; empty where there is none."""
        return next((base for base in reversed(self.matrix.rows) if version_of(base)), "")

    @property
    def serving(self) -> dict[str, Tried]:
        """The series of the map by base."""
        return {base: one for one in self.served for base in one.rows}
