"""Find a commit in somebody's clone, and the pull request that it is of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.doors.git import Repo
from vpatch.doors.git.topic import commits
from vpatch.values.commit import DIGITS, Commit
from vpatch.values.errors import BadInputError
from vpatch.values.project import pull_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpatch.values.pull import PullCommit


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


def numbered(commit: PullCommit, say: Callable[[str], None]) -> tuple[int | None, PullCommit]:
    """Return the pull request that a commit is of, and the commit by its own title.

    Its trailers name it, or its subject, as GitHub writes that where it squashes one.

    Args:
        commit: The commit.
        say: Told where only its subject tells.
    """
    if number := pull_in(commit.message):
        return number, commit
    number = Commit(commit.oid, commit.subject, commit.date).pr
    if number is None:
        return None, commit
    say(f"{commit.oid[:DIGITS]} is taken as #{number}, which its subject names")
    title = commit.subject.removesuffix(f"(#{number})").rstrip() or commit.subject
    return number, replace(commit, message=f"{title}\n\n{commit.body}")
