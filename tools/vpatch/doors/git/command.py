"""Run git, with all that could change an answer out of the way."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

# Else GitPython can't even be imported where there is no git, and nobody could say so.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from git import GitCommandNotFound
from git.cmd import Git

from vpatch.doors.git.patience import PATIENT, Patience, close_ends, listen, without_progress
from vpatch.values.errors import VpatchError
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Each option is pinned because a user's configuration may hold another value.
_PINNED = {
    "apply.ignoreWhitespace": "no",  # "change" would match context that differs
    "apply.whitespace": "nowarn",  # "fix" would change the bytes of a patch
    "core.attributesFile": os.devnull,  # a global "* text" would change line endings
    "core.fsmonitor": "false",  # would start a daemon on the user's checkout
    "core.hooksPath": os.devnull,  # hooks run code that nobody asked for
    "core.looseCompression": "0",  # replays write many small objects, read once
    "core.quotePath": "false",
    "core.safecrlf": "false",
    "diff.renameLimit": "20000",  # beyond 1000 files git stops to look for renames, in silence
    "gc.auto": "0",  # a collection in the background outlives the run
    "http.lowSpeedLimit": "1",  # a server that says nothing for so long is lost
    "http.lowSpeedTime": "30",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "merge.directoryRenames": "conflict",  # never place a new file by guess
    "merge.renames": "true",
    "merge.renameLimit": "20000",  # vLLM moves thousands of files between releases
    "protocol.version": "2",
}
# What a user's environment may say to git: how to reach a server, and how to trace.
_KEPT_VARIABLES = (
    *("GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_ASKPASS", "GIT_PROXY"),
    *("GIT_TRACE", "GIT_CURL_", "GIT_PYTHON_", "GIT_EXEC_PATH"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
)
_FULL = ("No space left on device", "Out of diskspace", "File too large")
# Words where an object is missing that a partial clone left at its server: git's, or those of
# its own fetch, which is not allowed here and may be gone before git asks it.
_NOT_FETCHED = re.compile(rb"from promisor remote|fetch subprocess|transport .* not allowed")


class GitError(VpatchError):
    """git failed where it should not; its own words are in `detail`."""


class SilentError(GitError):
    """A server, or what git asks on the way to it, gave no sign of life."""


def _nobody(_words: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a git command left."""

    status: int
    out: bytes
    err: bytes


def drop_inherited_variables() -> None:
    """Forget ``GIT_*`` variables that would send git to another repository.

    A hook or a rebase that calls vpatch sets them (git(1), "Environment Variables").
    """
    for name in list(os.environ):
        if name.startswith("GIT_") and not name.startswith(_KEPT_VARIABLES):
            del os.environ[name]


def _verb(args: Sequence[str]) -> str:
    """Return git's command, behind settings for this call alone."""
    return args[2] if args[0] == "-c" else args[0]


class Command:
    """A git repository as commands see it.

    Args:
        git_dir: The repository's own folder.
        work_tree: The checkout that belongs to it; None for a bare repository.
        borrowed: Object folders of other repositories to read from.
        written: The object folder to write to; None for its own.
        private: Whether it is vpatch's own, and no configuration of the user's counts.
    """

    def __init__(
        self,
        git_dir: Path,
        *,
        work_tree: Path | None = None,
        borrowed: Sequence[Path] = (),
        written: Path | None = None,
        private: bool = True,
    ) -> None:
        # git runs in another folder, where a relative path means another place.
        self.git_dir = git_dir.absolute()
        self.work_tree = work_tree.absolute() if work_tree else None
        self._borrowed = tuple(folder.absolute() for folder in borrowed)
        self._written = written.absolute() if written else None
        self._private = private

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        discover: bool = False,
    ) -> Ran:
        """Run one git command to its end.

        Args:
            args: The command and its arguments.
            stdin: What it reads.
            ok: Exit statuses that are an answer.
            cwd: The folder to run in.
            env: More variables.
            discover: Let git look for the repository from `cwd` up.

        Raises:
            GitError: Another status, or no git at all.
        """
        process = self.start(*args, cwd=cwd, env=env, discover=discover)
        try:
            out, err = process.communicate(stdin)
        except BaseException:
            # It must not write any more where the caller is about to clear up.
            process.terminate()
            # Not for its ends: something that it started may hold these open for long.
            if process.proc:
                close_ends(process.proc)
                process.proc.wait()
            raise
        # A file that its server did not give says nothing of the question.
        unread = process.returncode != 0 and _NOT_FETCHED.search(err) is not None
        if unread or process.returncode not in ok:
            raise self._error(_verb(args), err)
        return Ran(process.returncode, out, err)

    def reach(
        self,
        *args: str,
        stdin: bytes = b"",
        place: Path | None = None,
        patience: Patience = PATIENT,
        heard: Callable[[str], None] = _nobody,
    ) -> bytes:
        """Run a git command that talks to a server, and return what it prints.

        Neither git nor what it starts, such as ssh, has a terminal to ask anybody at.

        Args:
            args: The command and its arguments; ``--progress`` is its sign of life.
            stdin: What it reads.
            place: The user's folder to run in, from which git finds the repository itself.
            patience: How long nothing may be heard.
            heard: Told git's own words on how far it is.

        Raises:
            SilentError: Nothing was heard for too long; all of it was ended.
            GitError: It failed.
        """
        started = self.start(*args, cwd=place, discover=place is not None, apart=True)
        process = started.proc
        assert process is not None  # noqa: S101, for mypy: it was started
        verb = _verb(args)
        silence = patience.answer if verb == "ls-remote" else patience.work
        said = listen(process, stdin, silence, patience.look, heard)
        if said is None:
            raise SilentError(f"nothing was heard for {silence:.0f} s", where=f"git {verb}")
        out, err = said
        if process.returncode:
            raise self._error(verb, without_progress(err))
        return out

    def start(
        self,
        *args: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        discover: bool = False,
        apart: bool = False,
    ) -> Git.AutoInterrupt:
        """Start a git command, with pipes to all its ends; it ends when the caller drops it.

        Apart, in a session of its own, it can be ended with all that it started.
        """
        pins = [part for pin in _PINNED.items() for part in ("-c", "=".join(pin))]
        place = cwd or self.work_tree or self.git_dir
        # The system encodes arguments by the locale's rules; git's names are bytes of UTF-8.
        said = [os.fsdecode(encode(arg)) for arg in args]
        try:
            return Git(str(place)).execute(
                ["git", "--no-pager", *pins, *said],
                as_process=True,
                istream=subprocess.PIPE,
                env=self._environment(discover=discover) | dict(env or {}),
                start_new_session=apart,
            )
        except GitCommandNotFound as error:
            hint = "install git 2.38 or newer"
            raise GitError("git could not be started", hint=hint) from error

    def _environment(self, *, discover: bool) -> dict[str, str]:
        env = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "false", "GIT_OPTIONAL_LOCKS": "0"}
        if not discover:
            env["GIT_DIR"] = str(self.git_dir)
        if self.work_tree:
            env["GIT_WORK_TREE"] = str(self.work_tree)
        if self._borrowed:
            folders = os.pathsep.join(str(folder) for folder in self._borrowed)
            env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = folders
        if self._written:
            env["GIT_OBJECT_DIRECTORY"] = str(self._written)
        if self._private:
            env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
            env["GIT_ATTR_NOSYSTEM"] = "1"
            # What was left at a server comes by `reach` alone: git would wait in silence.
            env["GIT_ALLOW_PROTOCOL"] = "file"
        return env

    def _error(self, verb: str, err: bytes) -> GitError:
        words = decode(err).strip()
        hint = "run again with -v for git's own words"
        if any(full in words for full in _FULL):
            hint = "make room on that disk, then run again: nothing is half done"
        elif "Permission denied" in words or "Read-only file system" in words:
            hint = "make that folder writable, or set VPATCH_CACHE_DIR to one that is"
        elif _NOT_FETCHED.search(err):
            hint = "check the network: files of that base are still at its git remote"
        elif "dubious ownership" in words:
            hint = f"git config --global --add safe.directory {self.work_tree}"
        return GitError(f"git {verb} failed", where=str(self.git_dir), hint=hint, detail=words)
