"""The folder ``build/rebase``: a rebase that stopped, and how a series is put in place."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.doors.files import Transaction
from vpatch.upkeep.rebase.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.jobs.folder import Folder


class Place:
    """Where a rebase is kept that stopped.

    Args:
        folder: The project's folder.
    """

    def __init__(self, folder: Folder) -> None:
        self.root = folder.root / "build" / "rebase"
        self.lock_file = folder.root / "build" / ".rebase.lock"
        self.tree = self.root / "tree"
        self.page = self.root / "CONFLICT.md"
        self._note = self.root / "state.json"
        self._old = self.root / ".tree.old"
        self._resolutions = folder.resolutions
        self._transaction = Transaction(folder.patches, self.root / "journal")

    def state(self) -> State | None:
        """Return what is kept of a rebase, None where none is on its way.

        Raises:
            VpatchError: The note is broken.
        """
        return State.at(self._note)

    def save(self, state: State) -> None:
        """Keep a state."""
        files.write(self._note, state.as_json())

    def retire(self) -> None:
        """Take the work tree away; it is there whole or not at all."""
        with files.explained(self.tree, "delete"):
            shutil.rmtree(self._old, ignore_errors=True)
            with suppress(FileNotFoundError):
                self.tree.rename(self._old)
            self.page.unlink(missing_ok=True)
        shutil.rmtree(self._old, ignore_errors=True)

    def drop(self) -> None:
        """Forget the rebase, the note first."""
        with files.explained(self.root, "delete"):
            self._note.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def put(self, series: str, contents: Mapping[str, bytes], gone: Iterable[str]) -> None:
        """Put a series into place, all of its files or none, and forget the rebase.

        Args:
            series: Name of the series.
            contents: The files of its folder by name, the one that makes it a series last.
            gone: Names of files that go.
        """
        paths = {f"{series}/{name}": False for name in gone}
        paths |= {f"{series}/{name}": True for name in contents}
        self._transaction.begin()
        try:
            for name, content in contents.items():
                files.write(self._transaction.staged / series / name, content)
            self._transaction.commit(paths, {"series": series})
        except BaseException:
            self._transaction.drop()
            raise
        self._end()

    def recover(self) -> str:
        """Clear away what a killed run left, or end what it had begun to put into place.

        Returns:
            The name of the series that is in place now; empty where nothing was begun.

        Raises:
            RefusedError: Its files were changed since.
        """
        note = self._transaction.pending()
        if note is None:
            self._transaction.drop()
            for folder, left in ((self.root, ".*.*"), (self._resolutions, ".*@*.patch.*")):
                for path in folder.glob(left):
                    if path.is_file():
                        path.unlink()
            if not self._note.exists():
                shutil.rmtree(self.root, ignore_errors=True)
            return ""
        series: str = note["series"]
        way_out = (
            f"delete {self.root}, bring {self._transaction.root / series} back from git, "
            "and start the rebase again"
        )
        self._transaction.resume(lambda: None, way_out)
        self._end()
        return series

    def _end(self) -> None:
        self._transaction.carry_out()
        # The plan goes last: whatever else is left, the next run comes back here.
        self._note.unlink(missing_ok=True)
        self.retire()
        self._transaction.close()
        self.drop()
