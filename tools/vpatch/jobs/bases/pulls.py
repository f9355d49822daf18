"""Pull requests from a git remote, in a repository of commits and of what these change.

A store of bases is shallow; here is the whole history, so that git can say where a pull
request begins. Commits come without folders and files (``--filter=tree:0``); those of a pull
request's own changes follow when they are asked for.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.doors.files import lock
from vpatch.doors.git import PATIENT, Repo
from vpatch.doors.git.topic import brought_by, commits, merge_base, own_commits, trees_of
from vpatch.jobs.bases.nearest import HEADS, aims
from vpatch.jobs.bases.remote import Remote, address, shown
from vpatch.jobs.bases.store import init_store
from vpatch.values.base import version_of
from vpatch.values.commit import Commit
from vpatch.values.errors import VpatchError
from vpatch.values.paths import decode
from vpatch.values.pull import Pull, Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vpatch.doors.git import Patience
    from vpatch.jobs.bases.nearest import Aim
    from vpatch.jobs.bases.progress import Progress
    from vpatch.values.pull import PullCommit

_RAW = re.compile(rb"^:(\d{6}) (\d{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) ", re.MULTILINE)
_FILES = (b"100644", b"100755", b"120000")
"""Modes of what has a blob; the ids of submodules are commits elsewhere."""


class Pulls(Remote):
    """The pull requests of a git remote, as ``refs/pull/<number>/head`` has them.

    Args:
        cache: The folder for the repository.
        url: The remote's address.
        progress: Who is told of long work.
        patience: How long nothing may be heard of the remote.
    """

    def __init__(
        self, cache: Path, url: str, progress: Progress, patience: Patience = PATIENT
    ) -> None:
        self._lock = cache / "pulls.lock"
        self.repo = Repo(cache / "pulls.git")
        super().__init__(self.repo, address(url), progress, patience)
        self._kept = f"refs/vpatch/pulls/{self._name}"

    @property
    def shown(self) -> str:
        """The remote's address, for people."""
        return shown(self._url)

    def tips(self, numbers: Iterable[int]) -> dict[int, str]:
        """Ask for the heads of pull requests; those that the remote lacks are left out.

        Raises:
            VpatchError: The remote gave no answer.
        """
        names = {f"refs/pull/{number}/head": number for number in numbers}
        return {names[ref]: oid for ref, oid in self._asked(*names).items()}

    def fetch_pull(self, number: int, target: str = "") -> Pull | None:
        """Fetch a pull request's commits, and the history that they stand on.

        Args:
            number: The pull request.
            target: The branch that it is for. Where that is not known, or the remote has
                none of that name, it is the one that it stands next to, and that is told.

        Returns:
            The pull request; None where the remote has none of that number.

        Raises:
            VpatchError: The remote gave no answer, or what it has makes no sense.
        """
        name, branch = f"refs/pull/{number}/head", f"{HEADS}{target}"
        there = self._asked(name, branch)
        if name not in there:
            return None
        what, head = f"fetch the history of #{number}", there[name]
        specs = [f"+{name}:{self._head(number, head)}"]
        if branch in there:
            with self._alone():
                self._history(what, f"+{branch}:{self._kept}/{branch}", *specs)
                return self._pull(number, head, branch)
        trunk = f"{HEADS}{self.branch()}"
        specs += [f"+HEAD:{self._kept}/HEAD", f"+{HEADS}*:{self._kept}/{HEADS}*"]
        with self._alone():
            # Else a branch that is gone stands in the way of one that is named below it.
            self._history(what, "--prune", *specs)
            branch = trunk if self.repo.tip(f"{self._kept}/{trunk}") else "HEAD"
            found, other = aims(self.repo, head, branch, self._kept)
            pull = self._pull(number, head, found.branch)
            found = replace(found, taken=len(pull.commits))
            self._tell(number, target, found, other)
            return pull

    def _tell(self, number: int, target: str, found: Aim, other: Aim | None) -> None:
        """Say for which branch a pull request is taken, and what that rests on."""
        why = f"{self.shown} has no branch {target}" if target else "nobody told its branch"
        doubt = f"; or it is for {other}, which is not certain" if other else ""
        self._progress.say(f"#{number} is taken as for {found}: {why}{doubt}")

    def reviewed(self, number: int, head: str, branch: str) -> Pull | None:
        """Return a pull request as it was at a commit; None where that is lost.

        A head that its author replaced is kept by the remote for a while; one that was
        fetched is kept here.

        Args:
            number: The pull request.
            head: The commit.
            branch: The branch that it is for, fetched before.
        """
        kept = self._head(number, head)
        with self._alone():
            if not self.repo.tip(kept):
                try:
                    self._history(f"fetch the reviewed head of #{number}", f"+{head}:{kept}")
                except VpatchError as error:
                    if "not our ref" in error.detail or "remote ref" in error.detail:
                        return None
                    raise
            found = self._pull(number, head, branch)
        if not found.commits:
            raise self._begins_nowhere(number, "is part of upstream as it is")
        return found

    def bring(self, pull: Pull) -> None:
        """Bring the folders and files that a pull request's commits change."""
        mark = f"{self._kept}/brought/{pull.base}/{pull.head}"
        if self.repo.tip(mark):
            return
        pairs = [(pull.base, pull.head)]
        pairs += [(commit.parents[0], commit.oid) for commit in pull.own]
        with self._alone():
            ends = dict.fromkeys(oid for pair in pairs for oid in pair)
            trees = trees_of(self.repo, ends)
            self._objects(f"fetch the folders of #{pull.number}", trees)
            by_commit = dict(zip(ends, trees, strict=True))
            lines = [f"{by_commit[old]} {by_commit[new]}\n" for old, new in pairs]
            command = ["diff-tree", "--stdin", "-r", "--raw", "--no-abbrev", "--no-renames"]
            out = self.repo.run(*command, stdin="".join(lines).encode()).out
            blobs = {
                decode(oid)
                for *modes, old, new in _RAW.findall(out)
                for mode, oid in zip(modes, (old, new), strict=True)
                if mode in _FILES
            }
            self._objects(f"fetch the files of #{pull.number}", sorted(blobs))
            self.repo.set_ref(mark, pull.head)

    def update(self) -> None:
        """Fetch what came upon the remote's HEAD, and the tags of releases.

        Raises:
            VpatchError: The remote gave no answer.
        """
        specs = (f"+HEAD:{self._kept}/HEAD", f"+refs/tags/v*:{self._kept}/tags/v*")
        with self._alone():
            self._history("fetch the history", *specs)

    def has(self, commit: str) -> bool:
        """Whether a commit is on the remote's HEAD or in a release, by what is here."""
        head = f"{self._kept}/HEAD"
        if not self.repo.tip(head):
            return False
        out = self.repo.run("rev-list", head, f"--glob={self._kept}/tags").out
        return commit in decode(out).split()

    def mentions(self, known_as: Iterable[str]) -> list[Remark]:
        """Return the commits on the remote's HEAD whose message has one of these texts.

        Args:
            known_as: Numbers as ``#33303``, or commits.
        """
        asked = [f"--grep={name}([^0-9]|$)" for name in known_as]
        if not asked:
            return []
        return [
            Remark(number, commit.subject, commit.message, merged=True)
            for commit in commits(self.repo, "-E", *asked, f"{self._kept}/HEAD")
            if (number := _came_by(commit))
        ]

    def first_release(self, number: int) -> str:
        """Return the first release that has a pull request, empty where none has.

        It is known by the subject of the commit that brought it: a release branch has that
        under another id.
        """
        named = rf"--grep=\(#{number}\)$", f"--grep=^Merge pull request #{number} "
        limits = ["-E", *named, f"--glob={self._kept}/tags"]
        found = [
            commit.oid for commit in commits(self.repo, *limits) if _came_by(commit) == number
        ]
        if not found:
            return ""
        prefix = f"{self._kept}/tags/"
        having = [f"--contains={oid}" for oid in found]
        out = self.repo.run("for-each-ref", "--format=%(refname)", *having, prefix).out
        names = [ref.removeprefix(prefix) for ref in decode(out).split()]
        final = {v: n for n in names if (v := version_of(n)) and not v.is_prerelease}
        return final[min(final)] if final else ""

    def _head(self, number: int, head: str) -> str:
        return f"{self._kept}/{number}/{head}"

    def _asked(self, *names: str) -> dict[str, str]:
        """Return the ids of those refs that the remote has."""
        lines = decode(self._reach("ls-remote", "--", self._url, *names)).splitlines()
        pairs = (line.split("\t", 1) for line in lines)
        # git takes each name for the end of one, too.
        return {ref: oid for oid, ref in pairs if ref in names}

    def _pull(self, number: int, head: str, branch: str) -> Pull:
        tip = f"{self._kept}/{branch}"
        base = merge_base(self.repo, tip, head)
        if base == head and (merge := brought_by(self.repo, head, tip)):
            # It was merged with its own commits: it began on what the branch was before.
            base = merge_base(self.repo, f"{merge}^1", head)
        if base is None:
            raise self._begins_nowhere(number, "shares no commit with upstream")
        return Pull(number, head, base, branch, own_commits(self.repo, base, head))

    def _begins_nowhere(self, number: int, what: str) -> VpatchError:
        return VpatchError(
            f"#{number} {what}: nothing tells where it begins",
            where=self.shown,
            hint="take its commits from a clone: vpatch add CLONE@COMMIT",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with lock(self._lock, waiting=self._progress.say):
            init_store(self.repo)
            self.repo.sweep()
            yield

    def _history(self, what: str, *asked: str) -> None:
        """Fetch commits, and nothing of what is in them."""
        self._note()
        with self._progress.track(what, None):
            options = [one for one in asked if one.startswith("--")]
            specs = [one for one in asked if one not in options]
            command = ["fetch", "--progress", "--no-tags", "--filter=tree:0", *options]
            self._reach(*command, self._name, *specs)

    def _objects(self, what: str, oids: list[str]) -> None:
        """Fetch objects by their ids, folders with all that is below them but files."""
        if not oids:
            return
        # To tell the server of the commits would be to say that their files are here.
        command = ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--progress", "--no-tags"]
        command += ["--no-write-fetch-head", "--recurse-submodules=no"]
        command += ["--filter=blob:none", "--stdin", self._name]
        with self._progress.track(what, None):
            self._reach(*command, stdin="".join(f"{oid}\n" for oid in oids).encode())


def _came_by(commit: PullCommit) -> int | None:
    """Return the pull request that a commit of upstream's names as its own."""
    return Commit(commit.oid, commit.subject, commit.date).pr
