"""How a target may differ from a replay: the states that each file goes through, and drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpatch.values.tree import Entries, Entry
    from vpatch.values.verdict import Replay


@dataclass(frozen=True, slots=True)
class Drift:
    """One file that is not what the replay says."""

    path: str
    kind: str
    """``modified`` or ``deleted`` in the target, ``added`` to the package's folder,
    ``unpatched`` where it is still the base's, ``committed`` where HEAD differs, ``stale``
    where Python runs other byte code than its own."""

    def as_json(self) -> dict[str, str]:
        """Return the form of ``verify``."""
        return {"path": self.path, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class States:
    """The states that a series takes the files through that it touches."""

    known: dict[str, list[Entry | None]]
    """For each file: as the base has it, then as each patch that changes it leaves it."""
    steps: list[dict[str, int]]
    """For each patch: which of these states its files have with it."""

    @classmethod
    def of(cls, replay: Replay, base: Entries) -> States:
        """Return the states of a replay's files.

        Args:
            replay: The replay.
            base: What stands in the base at the paths that it touches.
        """
        known: dict[str, list[Entry | None]] = {
            path: [base.get(path)] for path in replay.touched
        }
        steps: list[dict[str, int]] = []
        for change in replay.changes:
            for path, entry in change.items():
                known[path].append(entry)
            steps.append({path: len(known[path]) - 1 for path in change})
        return cls(known, steps)
