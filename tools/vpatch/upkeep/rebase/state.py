"""What is kept of a rebase that stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from vpatch.values.base import Base
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stop:
    """The conflict that it stopped at."""

    patch: str
    """Name of the patch."""
    key: str
    """The conflict; empty where no merge could be tried."""
    onto: str = ""
    """The tree before the patch."""
    tree: str = ""
    """The tree that the merge left."""


@dataclass(frozen=True, slots=True)
class State:
    """What was asked for, and what has been decided since."""

    series: str
    """Name of the series that is brought to another base."""
    onto: Base
    digests: Mapping[str, str]
    """sha256 of each file of the series, by name."""
    skipped: tuple[str, ...] = ()
    """Names of the patches to leave out."""
    solved: tuple[str, ...] = ()
    """Names of the resolutions that were made on the way."""
    stop: Stop | None = None

    def stopped_at(self, stop: Stop | None) -> State:
        """Return the same state, stopped at a conflict or going on."""
        return replace(self, stop=stop)

    def as_json(self) -> bytes:
        """Return the form that it is kept in."""
        kept = {"schema": 1} | asdict(self)
        return (json.dumps(kept, indent=2) + "\n").encode()

    @classmethod
    def at(cls, path: Path) -> State | None:
        """Return what a file keeps, None where there is none.

        Raises:
            VpatchError: The file is broken.
        """
        try:
            kept = json.loads(path.read_bytes())
            return cls(
                kept["series"],
                Base(**kept["onto"]),
                dict(kept["digests"]),
                tuple(kept["skipped"]),
                tuple(kept["solved"]),
                Stop(**kept["stop"]) if kept["stop"] else None,
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise VpatchError(
                "the note of the rebase is broken",
                where=str(path),
                hint="give it up with vpatch rebase --abort, then start again",
            ) from error
