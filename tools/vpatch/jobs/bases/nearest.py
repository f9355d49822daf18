"""Find the branch that a pull request is for, where nobody told: the one it stands next to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors.git.topic import graph, own_commits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from vpatch.doors.git import Repo
    from vpatch.values.pull import PullCommit

HEADS = "refs/heads/"
_OF_RELEASES = re.compile(r"\d+\.\d+")
"""What a branch of releases has in its name, and hardly one of somebody's work."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A branch that a pull request may be for."""

    branch: str
    """Its ref at the remote."""
    taken: int
    """How many commits of the pull request's are not in it."""

    def __str__(self) -> str:
        commits = "1 commit" if self.taken == 1 else f"{self.taken} commits"
        return f"{self.branch.removeprefix(HEADS)} ({commits})"


def aims(repo: Repo, head: str, trunk: str, kept: str) -> tuple[Aim, Aim | None]:
    """Return the branch that a pull request seems to be for, and what else it may be.

    That is the remote's own branch, but where another one has commits of the pull request's
    already: fewer are taken then, and none that others made. An earlier state of the work
    itself may lie about as a branch, too, and must not take commits away.

    Args:
        repo: Where the commits are.
        head: The pull request's last commit.
        trunk: The branch that the remote's HEAD is at.
        kept: The prefix under which the remote's branches are here.
    """
    own = {commit.oid: commit for commit in own_commits(repo, f"{kept}/{trunk}", head)}
    usual = Aim(trunk, len(own))
    # One that has all of it was made of it, and says nothing of where it is to go.
    shared = {
        branch: had
        for branch, had in _shared(repo, own.keys(), f"{kept}/{trunk}", kept).items()
        if len(had) < len(own)
    }
    if not shared:
        return usual, None
    branch = min(shared, key=lambda one: (len(own) - len(shared[one]), one))
    near = Aim(branch, len(own) - len(shared[branch]))
    if _OF_RELEASES.search(branch) or _by_others(own, shared[branch]):
        return near, usual
    return usual, near


def _shared(
    repo: Repo, own: Collection[str], trunk: str, kept: str
) -> Mapping[str, frozenset[str]]:
    """Return, by branch, which of some commits it has, where it has any."""
    if not own:
        return {}
    prefix = f"{kept}/{HEADS}"
    parents = graph(repo, f"--glob={prefix}*", f"^{trunk}")
    tips = {ref: commit for ref, (commit, _) in repo.refs(prefix).items()}
    found = {
        ref.removeprefix(f"{kept}/"): frozenset(_reached(parents, tip)).intersection(own)
        for ref, tip in tips.items()
    }
    return {branch: had for branch, had in found.items() if had}


def _reached(parents: Mapping[str, tuple[str, ...]], tip: str) -> Iterator[str]:
    """Yield a commit and those that lead to it, as far as they are in the graph."""
    seen, ahead = set[str](), [tip]
    while ahead:
        oid = ahead.pop()
        if oid in parents and oid not in seen:
            seen.add(oid)
            ahead += parents[oid]
            yield oid


def _by_others(own: Mapping[str, PullCommit], shared: Collection[str]) -> bool:
    """Whether somebody had a part in the shared commits who has none in the others."""
    authors = {commit.author[1] for oid, commit in own.items() if oid not in shared}
    return not {own[oid].author[1] for oid in shared} <= authors
