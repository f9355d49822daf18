"""What a night begins with and leaves, wherever that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

STATE = "patches/nightly.json"
"""Where a branch keeps what its last night saw."""


class Home(Protocol):
    """What a night begins with, and what it leaves."""

    def state(self) -> bytes | None:
        """Return what the last night saw, as it was kept; None before the first."""

    def lay(self, folder: Path) -> Path:
        """Lay the project's files out below an empty folder; return where it has them."""

    def keep(self, root: Path, state: bytes, message: Sequence[str]) -> str:
        """Keep what a night wrote and saw, all together.

        Args:
            root: What `lay` returned.
            state: What it saw.
            message: The news, a line each.

        Returns:
            The commit, empty where none was needed.

        Raises:
            RefusedError: Somebody was here meanwhile; nothing was changed.
        """

    def push(self) -> bool:
        """Show it to others, where that was asked for; return whether there was need.

        Raises:
            VpatchError: They took it not.
        """


def written(root: Path) -> list[str]:
    """Return the paths of what a night may have written: all but proofs and settings."""
    found: Iterable[Path] = [*sorted((root / "patches").rglob("*")), root / "PATCHES.md"]
    names = [path.relative_to(root).as_posix() for path in found if path.is_file()]
    return [name for name in names if is_written(name)]


def is_written(path: str) -> bool:
    """Whether a path below the project's folder is one that a night may write."""
    if path == "PATCHES.md":
        return True
    return path.startswith("patches/") and not path.startswith(("patches/smoke/", STATE))
