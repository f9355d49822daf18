"""Bases from a git remote, shallow and without files where the server can do that."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.doors.git import PATIENT, GitError, Repo, SilentError
from vpatch.doors.git.history import first_parent, steps, way
from vpatch.values.base import Base, is_commit
from vpatch.values.errors import BadInputError, DownError, VpatchError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Collection

    from vpatch.doors.git import Patience
    from vpatch.jobs.bases.progress import Progress
    from vpatch.values.commit import Commit

_FULL = 40
"""Hex digits of a commit id."""
# ssh's words where it would have asked a person.
_ASKED = ("Host key verification failed", "Permission denied (")


class Remote:
    """A git remote as a source of bases.

    Args:
        store: The bare store that receives them.
        url: The remote's address.
        progress: Who is told of long work.
        patience: How long nothing may be heard of it.
    """

    def __init__(
        self, store: Repo, url: str, progress: Progress, patience: Patience = PATIENT
    ) -> None:
        self._url = url
        self._patience = patience
        self._down: DownError | None = None
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
        wanted, tip = self._find(name)
        # A server that leaves nothing out would send all of it again.
        if tip and self._store.tip(self.refs + name) == tip:
            return tip
        return self._fetch(name, wanted, "--depth=1") if wanted else None

    def _fetch(self, name: str, wanted: str, depth: str) -> str | None:
        """Fetch what the server knows by an exact name, with as much history as `depth`."""
        self._note()
        options = ["--progress", "--no-tags", depth, "--filter=blob:none"]
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

    def history(self, since: str, until: str) -> tuple[str, str]:
        """Fetch the commits that lead to one release and not to another.

        The two are often on branches of their own: the way begins where these part.

        Args:
            since: The name of the older release.
            until: The name of the newer one, or a full commit.

        Returns:
            The commit at which the way begins, and the one at which it ends.

        Raises:
            BadInputError: The remote has no such release.
            VpatchError: The remote gave no answer.
        """
        kept = f"refs/vpatch/way/{self._name}/{since}/{until}"
        before, last = (self._store.tip(f"{kept}/{end}") for end in ("before", "last"))
        # A later fetch of one commit alone may have cut the way off.
        if before and last and self._store.tip(f"{kept}/first") in way(self._store, last):
            return before, last
        refs = self._refs()
        tag = f"refs/tags/{since}"
        wanted = until if is_commit(until) else f"refs/tags/{until}"
        if tag in refs and (wanted in refs or wanted == until):
            last = self._fetch(f"the history of {until}", wanted, f"--shallow-exclude={tag}")
        else:
            last = None
        if last is None:
            where = f"{since} to {until} of {shown(self._url)}"
            raise BadInputError("no such history", where=where)
        first = way(self._store, last)[-1]
        parent = first_parent(self._store, first)
        before = (self._fetch(parent[:12], parent, "--depth=1") if parent else None) or first
        for end, commit in {"before": before, "first": first, "last": last}.items():
            self._store.set_ref(f"{kept}/{end}", commit)
        return before, last

    def branch(self) -> str:
        """Return the branch that the remote's HEAD points at; empty where it does not tell.

        Raises:
            VpatchError: The remote gave no answer.
        """
        self._progress.say(f"asking {shown(self._url)} for its branch")
        said = decode(self._reach("ls-remote", "--symref", "--", self._url, "HEAD"))
        # git takes the name for the end of one, too.
        found = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", said, re.MULTILINE)
        return found[1] if found else ""

    def tags(self) -> list[str]:
        """Return the names of the remote's tags that begin as those of releases do.

        Raises:
            VpatchError: The remote gave no answer.
        """
        self._progress.say(f"asking {shown(self._url)} for its releases")
        said = decode(self._reach("ls-remote", "--refs", "--", self._url, "refs/tags/v*"))
        prefix = "refs/tags/"
        refs = (line.partition("\t")[2] for line in said.splitlines())
        return [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix)]

    def _refs(self) -> dict[str, str]:
        """Return every ref of the server, with the id of what it points at."""
        lines = decode(self._reach("ls-remote", "--", self._url)).split("\n")[:-1]
        pairs = (line.split("\t", 1) for line in lines)
        return {ref: oid for oid, ref in pairs}

    def _find(self, name: str) -> tuple[str | None, str]:
        """Return what to ask the server for, and the commit of a ref as far as it told."""
        refs = self._refs()
        for ref in (f"refs/tags/{name}", f"refs/heads/{name}", name):
            if ref in refs:
                return ref, refs.get(f"{ref}^{{}}", refs[ref])
        if not is_commit(name):
            return None, ""
        tips = {oid for oid in refs.values() if oid.startswith(name)}
        if len(tips) == 1:
            return tips.pop(), ""
        return name if len(name) == _FULL else self._lengthened(name), ""

    def _lengthened(self, name: str) -> str | None:
        """Return a full commit id; a server finds no short ones, so history is needed."""
        self._progress.say(f"fetching the history of {shown(self._url)}, to find {name}")
        kept = f"refs/vpatch/history/{self._name}"
        specs = [f"+refs/{kind}/*:{kept}/{kind}/*" for kind in ("heads", "tags")]
        self._note()
        options = ["--progress", "--no-tags", "--filter=tree:0"]
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
        command = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--progress", "--no-tags"]
        command += ["--no-write-fetch-head", "--recurse-submodules=no"]
        command += ["--filter=blob:none", "--stdin"]
        asked = "".join(f"{oid}\n" for oid in missing).encode()
        with self._progress.track(f"fetch {len(missing)} files", None):
            self._reach(*command, self._name, stdin=asked)

    def _note(self) -> None:
        """Tell git of the remote, from which it gets files that were left out."""
        # The address may hold a password; git keeps the file's mode.
        (self._store.git_dir / "config").chmod(0o600)
        self._store.run("config", f"remote.{self._name}.url", self._url)

    def _reach(self, *command: str, stdin: bytes = b"") -> bytes:
        heard, patience = self._progress.note, self._patience
        if self._down:
            # A run asks for many things, and is not to wait for each in vain.
            raise self._down
        try:
            return self._git.reach(*command, stdin=stdin, patience=patience, heard=heard)
        except GitError as error:
            found = no_answer("the git remote", self._url, error)
            self._down = found if isinstance(found, DownError) else None
            raise found from error


def no_answer(who: str, url: str, error: GitError) -> VpatchError:
    """Return what to raise where a server could not be reached.

    Args:
        who: Who was asked.
        url: Its address.
        error: What git met with.
    """
    hint = "check the address and the network; -v shows git's own words"
    if any(words in error.detail for words in _ASKED):
        hint = "nobody is asked on the way: make ssh go there without (ssh-add, known_hosts)"
    if isinstance(error, SilentError):
        hint = "check the address and the network, or try again later"
        return DownError(f"{who} gave no answer: {error.what}", where=shown(url), hint=hint)
    what = f"{who} gave no answer"
    return VpatchError(what, where=shown(url), hint=hint, detail=shown(error.detail))


def states(
    store: Repo, since: str, ends: tuple[str, str], paths: Collection[str], source: str
) -> tuple[Base, list[tuple[Commit, Base]]]:
    """Return the commits of a way that touch paths, each with the state that it leaves.

    Args:
        store: The store that holds the way.
        since: The name of the release that it leads on from.
        ends: The commits at which it begins and ends, see `Remote.history`.
        paths: The files.
        source: Where it came from.

    Returns:
        The state at which the way begins, and the commits, oldest first.
    """
    before, last = ends
    found = steps(store, before, last, paths)
    if found and not store.changed(before, found[0].oid).keys() & set(paths):
        # Where the history that was fetched begins, git takes every file for new.
        found = found[1:]
    # As git-describe(1) names them, so that the release below is known.
    names = [
        f"{since}-{number}-g{oid[:12]}"
        for number, oid in enumerate([before, *(commit.oid for commit in found)])
    ]
    first = Base(names[0], before, source)
    pairs = zip(found, names[1:], strict=True)
    return first, [(commit, Base(name, commit.oid, source)) for commit, name in pairs]


def address(url: str) -> str:
    """Return a remote's address; git runs in the store, where a path means another place."""
    return str(Path(url).resolve()) if url and Path(url).exists() else url


def shown(text: str) -> str:
    """Return an address, or words with some in them, without users and passwords."""
    return re.sub(r"([\w+.-]+://)[^/\s]*@", r"\1", text)
