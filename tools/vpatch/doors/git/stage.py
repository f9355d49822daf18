"""A temporary index over a repository's objects, away from any files."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.values.paths import decode, encode
from vpatch.values.tree import Entries, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vpatch.doors.git.command import Command, Ran

_ROOM = 512 * 2**20
"""Free bytes that a folder in memory must have; containers often give it 64 MiB."""
_GRACE, _LOOK = 5.0, 0.02
"""Seconds for a git that was cut off to see it, and between two looks."""
NULL_ID = "0" * 40


class Stage:
    """A temporary index: what git-apply(1) ``--cached`` works on, away from any files."""

    def __init__(self, repo: Command, folder: Path) -> None:
        self._repo = repo
        self._folder = folder
        self._index = folder / "index"

    def _run(self, *args: str, stdin: bytes = b"", ok: Sequence[int] = (0,)) -> Ran:
        env = {"GIT_INDEX_FILE": str(self._index)}
        place = self._repo.work_tree or self._folder
        return self._repo.run(*args, stdin=stdin, ok=ok, cwd=place, env=env)

    def load(self, tree: str) -> None:
        """Fill it with a whole tree."""
        self._run("read-tree", tree)

    def reset(self, entries: Mapping[str, Entry | None]) -> None:
        """Fill it with these paths and no others."""
        self._index.unlink(missing_ok=True)
        self.update(entries)

    def update(self, change: Mapping[str, Entry | None]) -> None:
        """Change, add or remove some paths."""
        self._run("update-index", "-z", "--index-info", stdin=index_info(change))

    def take_all(self) -> None:
        """Take every file of the work tree as it lies there, but for what git ignores."""
        self._run("add", "-A")

    def take(self, paths: Iterable[str]) -> None:
        """Take files of the work tree by name, ignored or not."""
        names = encode("".join(f"{path}\0" for path in paths))
        self._run("update-index", "--add", "-z", "--stdin", stdin=names)

    def others(self, *but: str) -> list[str]:
        """Return the files of the work tree that it does not know, ignored or not.

        Args:
            but: Patterns of gitignore(5) for those that do not matter.
        """
        patterns = [f"--exclude={pattern}" for pattern in but]
        return decode(self._run("ls-files", "--others", "-z", *patterns).out).split("\0")[:-1]

    def differences(self, *limits: str) -> dict[str, str]:
        """Compare the work tree with it, by content.

        Args:
            limits: Folders in which files that it does not know are named as well.

        Returns:
            Path to git's status letter; ``?`` for a file that is in the work tree alone.
        """
        command = ["diff", "--name-status", "--no-renames", "--no-ext-diff", "-z"]
        fields = decode(self._run(*command).out).split("\0")[:-1]
        found = dict(zip(fields[1::2], fields[0::2], strict=True))
        command = ["ls-files", "--others", "--exclude-standard", "-z", "--", *limits]
        others = decode(self._run(*command).out).split("\0")[:-1] if limits else []
        return found | dict.fromkeys(others, "?")

    def apply(self, diff: bytes, *options: str) -> Ran:
        """Apply a diff exactly, or ask with ``--check``; status 0 when all of it fits."""
        command = ["apply", "--cached", "--verbose", *options, "-"]
        return self._run(*command, stdin=diff, ok=(0, 1, 128))

    def write_files(self, folder: Path) -> None:
        """Write every file in it below a folder, as a checkout of this repository has it."""
        self._run("checkout-index", "-a", "-f", f"--prefix={folder}/")

    def entries(self) -> Entries:
        """Return every path in it."""
        found: Entries = {}
        for line in decode(self._run("ls-files", "-s", "-z").out).split("\0")[:-1]:
            words, _, path = line.partition("\t")
            mode, oid, _ = words.split()
            found[path] = Entry(mode, oid)
        return found

    def write(self) -> str:
        """Write it as a tree and return the id."""
        return decode(self._run("write-tree").out).strip()


def index_info(change: Mapping[str, Entry | None]) -> bytes:
    """Return lines for git-update-index(1) ``-z --index-info``; None removes a path."""
    return b"".join(
        encode(f"{e.mode} {e.oid} 0\t{path}\0" if e else f"0 {NULL_ID}\t{path}\0")
        for path, e in change.items()
    )


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for the length of a run, in memory where there is room."""
    memory = Path("/dev/shm")  # noqa: S108, tempfile makes the folder in it
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= _ROOM
    place = memory if roomy else Path(tempfile.gettempdir())
    for left in place.glob("vpatch-*-*"):
        # A killed run could not clean up, and memory is dear.
        owner = left.name.split("-")[1]
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"vpatch-{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, also where a git that a signal has cut off still writes into it."""
    end = time.monotonic() + _GRACE
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists() and time.monotonic() < end:
        time.sleep(_LOOK)
        shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
