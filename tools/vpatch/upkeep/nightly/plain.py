"""The files themselves, where no repository has them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.nightly.home import written
from vpatch.values.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


_STATE = "build/nightly.json"


class Plain:
    """The files themselves, where no repository has them.

    Args:
        root: The project's folder.
        say: Told of another run.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._root = root
        self._state = root / _STATE
        self._changes = Changeset(root, say)
        self._before: dict[str, bytes] = {}
        self._told = b""

    @property
    def name(self) -> str:
        """There is no branch."""
        return ""

    @property
    def forget(self) -> str:
        """How to have the next night begin anew."""
        return f"delete {_STATE}"

    def begin(self) -> None:
        """See that what was seen can be kept with the files, and end what was begun.

        Raises:
            RefusedError: The folder for it is elsewhere, or what was begun cannot be ended.
        """
        folder = self._state.parent
        if folder.is_symlink():
            hint = "replace the link by the folder itself, or keep the project in git"
            raise RefusedError("it is a symbolic link", where=str(folder), hint=hint)
        self._changes.recover()

    def states(self) -> list[bytes]:
        """Return what the last night saw."""
        return [files.read(self._state)] if self._state.exists() else []

    def merged(self) -> bytes | None:
        """All that a night wrote is in the files."""
        return next(iter(self.states()), None)

    def records(self) -> list[bytes]:
        """All that proofs showed is in the files."""
        return []

    def learned(self) -> tuple[bytes, bytes] | None:
        """All that a night learned is in the files."""
        return None

    def lay(self, folder: Path) -> Path:
        """Copy the files, and note what they were."""
        with files.explained(folder, "write"):
            shutil.copytree(self._root / "patches", folder / "patches")
            for name in ("PATCHES.md", "vpatch.toml"):
                with suppress(FileNotFoundError):
                    shutil.copyfile(self._root / name, folder / name)
        self._before = {path: files.read(folder / path) for path in written(folder)}
        return folder

    def keep(self, root: Path, state: bytes, told: bytes, message: Sequence[str]) -> str:
        """Write what changed and what was seen, all or none."""
        now = {path: files.read(root / path) for path in written(root)}
        change: dict[str, bytes | None] = {
            path: raw for path, raw in now.items() if self._before.get(path) != raw
        }
        change |= dict.fromkeys(self._before.keys() - now.keys())
        with self._changes.held():
            for path in change:
                place = self._root / path
                there = files.read(place) if place.is_file() else None
                if there != self._before.get(path):
                    hint = "run again: the night wrote nothing, and has told nothing yet"
                    raise RefusedError("it was changed meanwhile", where=str(place), hint=hint)
            self._changes.put({**change, _STATE: state})
        self._told = told
        return ""

    def told(self) -> None:
        """Write that the news were told."""
        files.write(self._state, self._told)

    def push(self) -> bool:
        """There is nothing that could be pushed."""
        return False
