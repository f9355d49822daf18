"""One file of the user's: read, written whole, locked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

_WAIT = 600
"""Seconds to wait for another run before giving up."""
FOLDER = "folder"
"""The digest of what is no file."""
_PAUSE = 0.05
"""Seconds between two looks at a lock."""


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
    with replacing(path) as stream:
        stream.write(content)


def digest(path: Path) -> str | None:
    """Return what tells a file from another: its kind and content; None where none is."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return f"link {path.readlink()}"
    if not stat.S_ISREG(mode):
        return FOLDER
    kind = "program" if mode & stat.S_IXUSR else "file"
    return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside a path, renamed into it where the context ends well.

    Raises:
        VpatchError: It can't be written; the old file is as it was.
    """
    # Named before it is made, so that no signal comes between making and clearing up.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with explained(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as stream:
                yield stream
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def explained(path: Path, verb: str) -> Iterator[None]:
    """Turn the system's refusals into messages.

    Raises:
        VpatchError: The system refused; nothing is half done.
    """
    try:
        yield
    except OSError as error:
        raise _no(error, path, verb) from error


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, for all who may enter the one that is there."""
    new = [above for above in (folder, *folder.parents) if not above.exists()]
    for one in reversed(new):
        one.mkdir(exist_ok=True)
        one.chmod(stat.S_IMODE(one.parent.stat().st_mode))


def _no(error: OSError, path: Path, verb: str) -> VpatchError:
    hint = "look at its path and permissions"
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        hint = "make room on that disk, then run again: nothing is half done"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        hint = "make it writable, or choose another folder"
    return VpatchError(f"cannot {verb} it ({error.strerror})", where=str(path), hint=hint)


def _busy(path: Path) -> VpatchError:
    hint = "wait for it, or end it"
    return VpatchError("another vpatch is at work", where=str(path), hint=hint)


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
        raise _busy(path) from error
    except OSError as error:
        raise _no(error, path, "lock") from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def hold(path: Path, *, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a file that is there anyway as a lock, so that none of vpatch's own is left.

    Args:
        path: The file; it is opened, and neither read nor written. No run may replace it.
        waiting: Called once with a line for people if another run holds it.

    Raises:
        VpatchError: The other run did not end within ten minutes, or the file can't be held.
    """
    with explained(path, "lock"):
        try:
            # A network disk locks only what is open for writing.
            held = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _WAIT
        said = False
        while not _locked(held, path):
            if not said:
                waiting(f"waiting for another vpatch that works on {path.parent}")
                said = True
            if time.monotonic() > end:
                raise _busy(path)
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(held)


def _locked(held: int, path: Path) -> bool:
    with explained(path, "lock"):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
