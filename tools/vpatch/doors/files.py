"""The door to the user's own files: read a folder, write beside and rename, lock.

A `Transaction` changes many files as if at once. New content is laid ready in a journal
folder; one rename makes the plan final; from then on it is carried out, by this run or, after
a kill, by the next. Before that rename nothing of the user's has changed.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpatch.values.errors import RefusedError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PLAN = "plan.json"
_NEW = "new"
_WAIT = 600
"""Seconds to wait for another run before giving up."""


def read(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        VpatchError: It can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _no(error, path, "read") from error


def read_text(path: Path) -> str:
    """Return a file's text, which must be UTF-8.

    Raises:
        VpatchError: It can't be read.
    """
    try:
        return read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise VpatchError("the file is not UTF-8", where=str(path), hint=hint) from error


def write(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it into it.

    Raises:
        VpatchError: It can't be written; the old file is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            mask = os.umask(0)
            os.umask(mask)
            Path(beside).chmod(0o666 & ~mask)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _no(error, path, "write") from error


def _no(error: OSError, path: Path, verb: str) -> VpatchError:
    hint = "look at its path and permissions"
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        hint = "make room on that disk, then run again: nothing is half done"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        hint = "make it writable, or choose another folder"
    return VpatchError(f"cannot {verb} it ({error.strerror})", where=str(path), hint=hint)


@contextmanager
def lock(path: Path, *, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file, so that one run at a time works on a store or a target.

    Args:
        path: The lock file; it stays, empty.
        waiting: Called once with a line for people if another run holds it.

    Raises:
        VpatchError: The other run did not end within ten minutes, or the file can't be made.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415, lazy

    held = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            held.acquire(timeout=0)
        except Timeout:
            waiting(f"waiting for another vpatch that works on {path.parent}")
            held.acquire(timeout=_WAIT)
    except Timeout as error:
        hint = "wait for it, or end it"
        raise VpatchError("another vpatch is at work", where=str(path), hint=hint) from error
    except OSError as error:
        raise _no(error, path, "lock") from error
    try:
        yield
    finally:
        held.release()


class Transaction:
    """A change of many files below one folder, all or none.

    Args:
        root: The folder that the paths are relative to.
        journal: A folder for the plan, on the same disk where possible.
    """

    def __init__(self, root: Path, journal: Path) -> None:
        self.root = root
        self.journal = journal

    @property
    def staged(self) -> Path:
        """The folder in which each new file is laid ready under its own path."""
        return self.journal / _NEW

    def begin(self) -> None:
        """Make an empty journal; what a killed run had not made final is dropped."""
        shutil.rmtree(self.journal, ignore_errors=True)
        self.staged.mkdir(parents=True)

    def pending(self) -> dict[str, Any] | None:
        """Return the note of a plan that is final and not carried out, else None."""
        try:
            plan = json.loads((self.journal / _PLAN).read_bytes())
        except FileNotFoundError:
            return None
        note: dict[str, Any] = plan["note"]
        return note

    def commit(self, paths: Mapping[str, bool], note: Mapping[str, Any]) -> None:
        """Make the plan final.

        Args:
            paths: Each path that changes, and whether it is there afterwards.
            note: What the caller needs to end its own part, as JSON.

        Raises:
            RefusedError: A path leads through a symbolic link.
        """
        for path in paths:
            self._no_link(path)
        files = {path: [kept, self._stamp(path)] for path, kept in paths.items()}
        plan = json.dumps({"files": files, "note": note}).encode()
        beside = self.journal / f"{_PLAN}.part"
        with beside.open("wb") as stream:
            stream.write(plan)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self.journal / _PLAN)

    def carry_out(self) -> None:
        """Put every file into place; called again after a kill, it goes on where it stopped.

        Raises:
            RefusedError: Somebody changed one of the files since.
        """
        plan = json.loads((self.journal / _PLAN).read_bytes())
        left = [path for path, state in plan["files"].items() if self._is_left(path, *state)]
        edited = [path for path in left if plan["files"][path][1] != self._stamp(path)]
        if edited:
            raise RefusedError(
                "an interrupted run would overwrite changes made since",
                where=", ".join(edited[:5]),
                hint=f"keep them elsewhere, delete these files in {self.root}, run again",
            )
        for path in left:
            self._place(path, kept=plan["files"][path][0])

    def close(self) -> None:
        """Forget the plan: all of it is done."""
        (self.journal / _PLAN).unlink()
        shutil.rmtree(self.journal, ignore_errors=True)

    def _is_left(self, path: str, kept: bool, stamp: list[int] | None) -> bool:  # noqa: FBT001
        if kept:
            return os.path.lexists(self.staged / path)
        return stamp is not None and os.path.lexists(self.root / path)

    def _stamp(self, path: str) -> list[int] | None:
        try:
            stat = (self.root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return [stat.st_size, stat.st_mtime_ns, stat.st_ino]

    def _no_link(self, path: str) -> None:
        folder = self.root
        for part in Path(path).parts[:-1]:
            folder /= part
            if folder.is_symlink():
                raise RefusedError(
                    "a patched file lies behind a symbolic link",
                    where=str(folder),
                    hint="replace the link by the folder itself",
                )

    def _place(self, path: str, *, kept: bool) -> None:
        place = self.root / path
        if not kept:
            place.unlink(missing_ok=True)
            for folder in place.parents:
                if folder == self.root or any(folder.iterdir()):
                    break
                folder.rmdir()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        new = self.staged / path
        try:
            new.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise _no(error, place, "write") from error
            beside = place.with_name(f".{place.name}.vpatch")
            shutil.copy2(new, beside, follow_symlinks=False)
            beside.replace(place)
            new.unlink()
