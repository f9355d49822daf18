"""Bases from a git remote, shallow and without files where the server can do that."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.doors.git import GitError, Repo
from vpatch.values.base import is_commit
from vpatch.values.errors import VpatchError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from vpatch.jobs.bases.progress import Progress

_FULL = 40
"""Hex digits of a commit id."""


class Remote:
    """A git remote as a source of bases.

    Args:
        store: The bare store that receives them.
        url: The remote's address.
        progress: Who is told of long work.
    """

    def __init__(self, store: Repo, url: str, progress: Progress) -> None:
        self._url = url
        self._progress = progress
        self._store = store
        # Reaching a server takes the user's own settings: proxies, keys, insteadOf.
        self._git = Repo(store.git_dir, private=False)
        self._name = f"vpatch-{hashlib.sha256(url.encode()).hexdigest()[:12]}"

    @property
    def refs(self) -> str:
        """The prefix of the refs that hold this remote's bases."""
        return f"refs/vpatch/git/{self._name}/"

    def fetch(self, name: str) -> str | None:
        """Fetch a tag, a branch or a commit, and return its full id.

        Returns:
            The commit; None where the remote has nothing of that name.

        Raises:
            VpatchError: The remote gave no answer.
        """
        wanted = self._find(name)
        if wanted is None:
            return None
        # A promisor remote is where git gets files that were left out (partial-clone.txt).
        self._store.run("config", f"remote.{self._name}.url", self._url)
        options = ["-q", "--no-tags", "--depth=1", "--filter=blob:none"]
        # A history without folders may be here; what git thinks it has must not count.
        options.append("--refetch")
        with self._progress.track(f"fetch {name}", None):
            try:
                self._reach("fetch", *options, self._name, wanted)
            except VpatchError as error:
                if "not our ref" in error.detail:
                    return None
                raise
        commit = self._store.resolve("FETCH_HEAD^{commit}")
        if commit is None:
            raise VpatchError("it is no commit", where=f"{name} of {shown(self._url)}")
        return commit

    def _find(self, name: str) -> str | None:
        """Return what to ask the server for."""
        lines = decode(self._reach("ls-remote", "--", self._url)).split("\n")[:-1]
        pairs = (line.split("\t", 1) for line in lines)
        refs = {ref: oid for oid, ref in pairs}
        for ref in (f"refs/tags/{name}", f"refs/heads/{name}", name):
            if ref in refs:
                return ref
        if not is_commit(name):
            return None
        tips = {oid for oid in refs.values() if oid.startswith(name)}
        if len(tips) == 1:
            return tips.pop()
        return name if len(name) == _FULL else self._lengthened(name)

    def _lengthened(self, name: str) -> str | None:
        """Return a full commit id; a server finds no short ones, so history is needed."""
        self._progress.say(f"fetching the history of {shown(self._url)}, to find {name}")
        kept = f"refs/vpatch/history/{self._name}"
        specs = [f"+refs/{kind}/*:{kept}/{kind}/*" for kind in ("heads", "tags")]
        self._store.run("config", f"remote.{self._name}.url", self._url)
        options = ["-q", "--no-tags", "--filter=tree:0"]
        if (self._store.git_dir / "shallow").exists():
            options.append("--unshallow")
        with self._progress.track("fetch the history", None):
            self._reach("fetch", *options, self._name, *specs)
        return self._store.resolve(f"{name}^{{commit}}")

    def missing(self, commit: str) -> list[str]:
        """Return the ids of a commit's files that are still at the remote."""
        command = ["rev-list", "--objects", "--missing=print", "--no-object-names", "-n1"]
        listed = decode(self._store.run(*command, commit).out).splitlines()
        return [line[1:] for line in listed if line.startswith("?")]

    def complete(self, missing: list[str]) -> None:
        """Bring files into the store, in one request."""
        # To tell the server of the commit would be to say that its files are here.
        command = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q", "--no-tags"]
        command += ["--no-write-fetch-head", "--recurse-submodules=no"]
        command += ["--filter=blob:none", "--stdin"]
        asked = "".join(f"{oid}\n" for oid in missing).encode()
        with self._progress.track(f"fetch {len(missing)} files", None):
            self._reach(*command, self._name, stdin=asked)

    def _reach(self, *command: str, stdin: bytes = b"") -> bytes:
        try:
            return self._git.run(*command, stdin=stdin).out
        except GitError as error:
            raise VpatchError(
                "the git remote gave no answer",
                where=shown(self._url),
                hint="check the address and the network; -v shows git's own words",
                detail=error.detail.replace(self._url, shown(self._url)),
            ) from error


def address(url: str) -> str:
    """Return a remote's address; git runs in the store, where a path means another place."""
    return str(Path(url).resolve()) if url and Path(url).exists() else url


def shown(url: str) -> str:
    """Return an address without the user and password in it."""
    return re.sub(r"^([\w+.-]+://)[^/]*@", r"\1", url)
