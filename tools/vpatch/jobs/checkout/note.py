"""The note of what a checkout was given; it lies in git's own folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpatch.values.base import Base
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from pathlib import Path


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
    def at(cls, path: Path) -> Applied | None:
        """Return what a file keeps, None where there is none.

        Raises:
            VpatchError: The file is broken.
        """
        try:
            return cls.from_json(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            hint = "delete that file; vpatch verify tells what the checkout holds"
            raise VpatchError(
                "the note of what was applied is broken", where=str(path), hint=hint
            ) from error

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
