"""What a night works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.replays import Replays
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.base import Base
    from vpatch.values.matrix import Matrix
    from vpatch.values.proof import Proof


@dataclass(frozen=True, slots=True)
class Means:
    """What a night works with, once its tree is laid out."""

    folder: Folder
    """The project's folder, as it was laid out for the night."""
    bases: Bases
    """The bases at hand, and the way to more."""
    upstream: Upstream
    """Who can be asked."""
    opened: Callable[[], AbstractContextManager[Replays]]
    """Opens a place for replays."""
    project: str
    """Address of the upstream project, for links."""
    command: str
    """How the command is called."""
    outlook: Path
    """The file that keeps follow-ups, for ``status``."""
    prove: Callable[[], tuple[Base, Iterable[Proof]]] | None
    """Runs the proofs, and returns what they were run on; None where nobody asked for them."""
    matrix: Callable[[Sequence[Base]], Matrix]
    """Makes the page's matrix, on these bases and all releases at hand."""
