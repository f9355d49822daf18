"""A pull request as upstream has it: its commits by git, its state and thread by GitHub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PullCommit:
    """A commit of a pull request."""

    oid: str
    """Full id, 40 hex digits."""
    parents: tuple[str, ...]
    author: tuple[str, str]
    """Name and address."""
    date: str
    """``<seconds since 1970> <+hhmm>``, the author's."""
    message: str

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return self.message.strip().partition("\n")[0]

    @property
    def body(self) -> str:
        """The rest of its message."""
        return self.message.strip().partition("\n")[2].strip("\n")


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request's commits."""

    number: int
    head: str
    """The last commit, 40 hex digits."""
    base: str
    """The last commit that it shares with the branch that it is for."""
    branch: str
    """That branch, as its remote names it."""
    commits: tuple[PullCommit, ...]
    """Those of its own, oldest first, merges among them; none where upstream has them all."""

    @property
    def own(self) -> tuple[PullCommit, ...]:
        """The commits without the merges."""
        return tuple(commit for commit in self.commits if len(commit.parents) == 1)

    @property
    def has_merges(self) -> bool:
        """Whether there are merges among its commits, whose changes no part can hold."""
        return len(self.own) < len(self.commits)

    def behind(self, heads: Collection[str]) -> Pull:
        """Return what it has behind the last of some commits, all of it where it has none.

        One that stands on another pull request has the commits of that as well. With a merge
        behind them, nothing tells what is its own.
        """
        last = max((at for at, one in enumerate(self.commits) if one.oid in heads), default=-1)
        rest = self.commits[last + 1 :]
        if last < 0 or not rest or any(len(commit.parents) > 1 for commit in rest):
            return self
        return replace(self, base=self.commits[last].oid, commits=rest)


@dataclass(frozen=True, slots=True)
class PullState:
    """What GitHub says of a pull request."""

    number: int
    title: str
    state: str
    """``open``, ``closed`` or ``merged``."""
    head: str
    """Its last commit, 40 hex digits."""
    target: str
    """The branch that it is for."""
    author: str
    """Who opened it, by the name on GitHub; empty where that account is gone."""
    opened: datetime
    merged_as: str = ""
    """The commit by which it was merged; empty where it was not."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody said of a pull request: in its thread, or in another one's description."""

    by: int | None
    """The pull request that says it, None for the thread's own comments."""
    title: str
    text: str
    merged: bool = False
    """Whether the pull request that says it was merged."""
