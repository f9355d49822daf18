"""What a night begins with and leaves, wherever that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

STATE = "patches/nightly.json"
"""Where a branch keeps what its last night saw."""
RECORD = "patches/smoke/proofs.json"
"""Where a folder keeps what proofs showed."""
FACTS = "patches/upstream.toml"
"""Where a folder keeps what is known of pull requests."""


class Home(Protocol):
    """What a night begins with, and what it leaves."""

    @property
    def name(self) -> str:
        """The branch that has its work; empty for none."""

    @property
    def forget(self) -> str:
        """How to have the next night begin anew."""

    def states(self) -> list[bytes]:
        """Return what the last night saw, wherever it was kept; nothing before the first."""

    def merged(self) -> bytes | None:
        """Return what a night saw whose work is in what is checked out; None without any."""

    def records(self) -> list[bytes]:
        """Return what proofs showed to nights whose work is not in what is checked out."""

    def learned(self) -> tuple[bytes, bytes] | None:
        """Return the facts that the last night found and left; None where all is merged."""

    def lay(self, folder: Path) -> Path:
        """Lay the project's files out below an empty folder; return where it has them."""

    def keep(self, root: Path, state: bytes, told: bytes, message: Sequence[str]) -> str:
        """Keep what a night wrote and saw, all together.

        Args:
            root: What `lay` returned.
            state: What it saw.
            told: The same, as it is when the news were told.
            message: The news, a line each.

        Returns:
            The commit, as it is when the news were told; empty where none was needed.

        Raises:
            RefusedError: Somebody was here meanwhile; nothing was changed.
        """

    def told(self) -> None:
        """Keep that the news were told."""

    def push(self) -> bool:
        """Show to others what is kept by now, where that was asked for.

        Returns:
            Whether there was need.

        Raises:
            VpatchError: They took it not.
        """


def written(root: Path) -> list[str]:
    """Return the paths of what a night may have written: all but tests and settings."""
    found: Iterable[Path] = [*sorted((root / "patches").rglob("*")), root / "PATCHES.md"]
    names = [path.relative_to(root).as_posix() for path in found if path.is_file()]
    return [name for name in names if is_written(name)]


def is_written(path: str) -> bool:
    """Whether a path below the project's folder is one that a night may write."""
    if path in ("PATCHES.md", RECORD):
        return True
    return path.startswith("patches/") and not path.startswith(("patches/smoke/", STATE))
