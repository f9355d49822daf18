"""git's index of a checkout, changed while git's own lock on it is held."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.checkout.guard import at_work

if TYPE_CHECKING:
    from vpatch.doors.git import Repo
    from vpatch.values.tree import Change


class Index:
    """The index of a checkout.

    git's lock is a file; a second name for it in the journal tells the next run, after a kill,
    that it is vpatch's own.

    Args:
        repo: The checkout.
        journal: The folder of the change; it is there while the lock is held.
    """

    def __init__(self, repo: Repo, journal: Path) -> None:
        self._repo = repo
        self._place = repo.git_dir / "index"
        self._lock = repo.git_dir / "index.lock"
        self._journal = journal
        self._own = journal / "lock"

    def take(self) -> None:
        """Hold git's lock; no other git changes the index until `release`.

        Raises:
            RefusedError: Another git holds it.
            VpatchError: The system refused.
        """
        if self._is_own():
            return
        with files.explained(self._lock, "lock"):
            # Words that no other has, for a disk without second names and a copied checkout.
            words = secrets.token_bytes(16)
            self._own.write_bytes(words)
            try:
                self._make(words)
            except FileExistsError as error:
                raise at_work(self._repo, self._lock) from error

    def _make(self, words: bytes) -> None:
        try:
            os.link(self._own, self._lock)
        except FileExistsError:
            raise
        except OSError:
            with self._lock.open("xb", buffering=0) as lock:
                try:
                    lock.write(words)
                except OSError:
                    self._lock.unlink()
                    raise

    def release(self) -> None:
        """Give the lock back, where it is vpatch's own; a killed run's is one as well."""
        if self._is_own():
            self._lock.unlink()

    def _is_own(self) -> bool:
        try:
            return self._own.samefile(self._lock) or (
                self._own.read_bytes() == self._lock.read_bytes() != b""
            )
        except OSError:
            return False

    def update(self, change: Change) -> None:
        """Change the index beside its place, and put it there as a whole."""
        with files.explained(self._place, "write"):
            # A folder of its own: a git that was killed in another one left its lock there.
            beside = Path(tempfile.mkdtemp(dir=self._journal)) / "index"
            shutil.copyfile(self._place, beside)
            self._repo.update_index(change, env={"GIT_INDEX_FILE": str(beside)})
            beside.replace(self._place)
