"""Change several files of a project's folder, all together or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.doors.files import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class Changeset:
    """The way to change files of a project's folder.

    Args:
        root: The project's folder.
        say: Told of what an earlier run left, and of another run.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._build = root / "build"
        self._transaction = Transaction(root, self._build / "change")
        self._say = say

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other run change the folder meanwhile.

        Raises:
            RefusedError: What a killed run had begun cannot be ended.
        """
        with files.lock(self._build / ".change.lock", waiting=self._say):
            self._recover()
            yield

    def recover(self) -> None:
        """End what a killed run had begun.

        Raises:
            RefusedError: Somebody changed the files since.
        """
        if self._transaction.pending() is not None:
            with self.held():
                """By then it is done, be it by another run."""

    def put(self, contents: Mapping[str, bytes | None]) -> None:
        """Write files, by their paths below the folder; None deletes one.

        Raises:
            RefusedError: A path leads through a symbolic link, or through a file.
            VpatchError: The system refused; nothing was changed.
        """
        paths = {path: content is not None for path, content in contents.items()}
        self._transaction.check(paths)
        self._transaction.begin()
        try:
            for path, content in contents.items():
                if content is not None:
                    files.write(self._transaction.staged / path, content)
            self._transaction.commit(paths, {})
            self._finish()
        except (KeyboardInterrupt, SystemExit):
            if self._transaction.pending() is not None:
                # The plan is final: an impatient user gets the whole of it.
                self._finish()
            raise
        finally:
            if self._transaction.pending() is None:
                self._transaction.drop()

    def _recover(self) -> None:
        if self._transaction.pending() is None:
            self._transaction.drop()
            return
        way_out = f"delete {self._transaction.journal}, and bring patches/ back from git"
        self._transaction.resume(lambda: None, way_out)
        self._finish()
        self._say("an earlier run was interrupted: wrote the rest of its change")

    def _finish(self) -> None:
        self._transaction.carry_out()
        self._transaction.close()
