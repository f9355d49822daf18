"""A desk with a release of the small vLLM, a series for it, and a user's clone."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

from support import Desk, Ran, git, lines, tree_of
from vpatch.cli import main as command_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Project

SOURCE = {
    "vllm/a.py": lines(1, 30),
    "vllm/b.py": lines(1, 30),
    "vllm/gone.py": lines(1, 5),
    "vllm/old.py": lines(1, 40),
    "vllm/tool.sh": "#!/bin/sh\n",
    "docs/guide.md": "# Guide\n",
}
"""The release v0.16.0."""
NAMES = ("101-edit-a.patch", "102-files.patch", "103-rename.patch", "104-again-a.patch")


@contextmanager
def as_it_was() -> Iterator[None]:
    """Give back, in the end, what vpatch sets up for the whole of a process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    hook, threshold = sys.unraisablehook, gc.get_threshold()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        gc.set_threshold(*threshold)


class NearDesk(Desk):
    """A desk whose calls run in this process: many small cases need no Python of their own."""

    def run(self, *args: str, status: int | None = 0) -> Ran:
        """Run vpatch to its end, as its own process would."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        code: object = None
        with (
            as_it_was(),
            mock.patch.dict(os.environ, self.env, clear=True),
            mock.patch.object(sys, "argv", ["vpatch", "-C", str(self.folder), *args]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                command_line.main()
            except SystemExit as ended:
                code = ended.code
        said = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            said.append(stream.read())
        assert isinstance(code, int)
        assert status is None or code == status, f"{args}: {said}"
        return Ran(code, *said)


def nearer(desk: Desk) -> NearDesk:
    """Return the same desk, its calls in this process."""
    return NearDesk(desk.folder, desk.cache, desk.home, desk.index)


@dataclass(frozen=True)
class Stock:
    """What every shop has, and no test changes."""

    folder: Path
    """Holds ``origin``, upstream's repository, and ``clone``, a clone of it."""
    author: Project
    """Where the patches were made."""
    patches: dict[str, bytes]
    """The series, by file name."""
    archive: bytes
    """The source distribution of v0.16.0."""


@dataclass(frozen=True)
class Shop:
    """A desk on which a series for v0.16.0 lies, and the release to be had."""

    desk: Desk
    stock: Stock

    @property
    def patches(self) -> dict[str, bytes]:
        """The series, by file name."""
        return self.stock.patches

    @property
    def near(self) -> NearDesk:
        """The desk, its calls in this process."""
        return nearer(self.desk)

    @property
    def managed(self) -> Path:
        """The managed checkout."""
        return self.desk.folder / "build/vllm-v0.16.0"

    def clone(self, folder: Path, *options: str) -> Path:
        """Make a clone of the release, as a user has it: on branch main, tagged."""
        origin = self.stock.folder / "origin"
        git(folder.parent, "clone", "-q", *options, f"file://{origin}", str(folder))
        return folder


def state_of(checkout: Path) -> dict[str, object]:
    """Return all that a user could miss: files with modes, HEAD, refs, index, the rest."""
    files = tree_of(checkout)
    folders = sorted(
        str(path.relative_to(checkout))
        for path in checkout.rglob("*")
        if path.is_dir() and ".git" not in path.relative_to(checkout).parts
    )
    head = git(checkout, "rev-parse", "--symbolic-full-name", "HEAD")
    return {
        "files": files,
        "modes": {path: (checkout / path).lstat().st_mode for path in files},
        "folders": folders,
        "head": (head, git(checkout, "rev-parse", "HEAD")),
        "refs": git(checkout, "for-each-ref"),
        "index": git(checkout, "ls-files", "-s"),
        "status": git(checkout, "status", "--porcelain=v2", "--untracked-files=all"),
        "stash": git(checkout, "stash", "list"),
        "left": _left(checkout),
    }


def _left(checkout: Path) -> list[str]:
    """Return what a run that ended well has no business to leave in git's folder."""
    found = git(checkout, "rev-parse", "--path-format=absolute", "--git-dir")
    git_dir = checkout / found
    locks = [path.name for path in git_dir.rglob("*.lock")]
    own = [path.name for path in git_dir.glob("vpatch/*") if path.name != "applied.json"]
    return sorted(locks + [name for name in own if name != "lock"])
