"""The note of what a checkout was given; it lies in git's own folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vpatch.values.base import Base


@dataclass(frozen=True, slots=True)
class Applied:
    """What a checkout was given."""

    base: Base
    commit: str
    """The last commit of the replay."""
    series: str
    """Name of the series."""
    original_ref: str
    """The branch that was checked out before, empty for none."""
    original_commit: str
    """Its commit."""
    upto: str = ""
    """The last patch, where the call wanted no more; empty for the whole series."""

    @property
    def branch(self) -> str:
        """The ref that holds the series' commits."""
        return branch_of(self.base)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Applied:
        """Return what was kept by `as_json`."""
        original = kept["original"]
        return cls(
            Base(**kept["base"]),
            kept["commit"],
            kept["series"],
            original["ref"],
            original["commit"],
            kept["upto"],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the form that it is kept in."""
        return {
            "schema": 1,
            "base": self.base.as_json(),
            "commit": self.commit,
            "series": self.series,
            "upto": self.upto,
            "original": {"ref": self.original_ref, "commit": self.original_commit},
        }


def branch_of(base: Base) -> str:
    """Return the ref for a base's applied series."""
    return f"refs/heads/vpatch/{base.name}"
