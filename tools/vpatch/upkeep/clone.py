"""Find a commit in somebody's clone, and the pull request that it is of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpatch.doors.git import Repo
from vpatch.doors.git.topic import commits
from vpatch.values.commit import DIGITS, Commit
from vpatch.values.errors import BadInputError
from vpatch.values.mail import title_of
from vpatch.values.project import pull_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.facts import PullRequest
    from vpatch.values.pull import PullCommit, PullState


@dataclass(frozen=True, slots=True)
class Named:
    """A commit of a clone, and the pull request that it is of."""

    commit: PullCommit
    """The commit, by its own title."""
    number: int | None
    """The pull request; None for one's own work."""
    state: PullState | None
    """What GitHub says of that; None where it does not answer."""


def commit_in(clone: Path, revision: str) -> tuple[Repo, PullCommit]:
    """Return a clone, and a commit of it.

    Raises:
        BadInputError: There is none of that name.
    """
    git_dir = Repo(clone, private=False).discovered(clone)
    repo = Repo(git_dir, work_tree=clone, private=False)
    oid = repo.resolve(f"{revision}^{{commit}}")
    if oid is None:
        hint = "name a commit, a branch or a tag of that clone"
        raise BadInputError("no such commit", where=f"{clone}@{revision}", hint=hint)
    (found,) = commits(repo, "-1", oid)
    return repo, found


def named(commit: PullCommit, upstream: Upstream, facts: Mapping[int, PullRequest]) -> Named:
    """Return what a commit is of: its trailers say that, or its subject, where that is proven.

    A fork's own pull requests are counted as upstream's are, and squashed alike.

    Args:
        commit: The commit.
        upstream: Who is asked, and told of what is taken by the subject, or is not.
        facts: What is known of pull requests already.
    """
    if number := pull_in(commit.message):
        return Named(commit, number, upstream.state(number))
    number = Commit(commit.oid, commit.subject, commit.date).pr
    if number is None:
        return Named(commit, None, None)
    title = commit.subject.removesuffix(f"(#{number})").rstrip() or commit.subject
    state, which = upstream.state(number), commit.oid[:DIGITS]
    said = state or facts.get(number)
    alike = bool(said and said.state == "merged" and title_of(said.title) == title_of(title))
    squashed = state.merged_as == commit.oid if state else upstream.has(commit.oid)
    if alike or squashed:
        upstream.say(f"{which} is taken as #{number}, which its subject names")
        return Named(replace(commit, message=f"{title}\n\n{commit.body}"), number, state)
    what = (
        f"which is {title_of(said.title)!r} ({said.state})" if said else "of which nobody tells"
    )
    way = f"if it is that one, its trailer can say so, Upstream-PR: {upstream.page(number)}"
    upstream.say(
        f"{which} is taken as your own, whole: only its subject names #{number}, {what}; {way}"
    )
    return Named(commit, None, None)
