"""Find where the nights of a project are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.doors.git import GitError, Repo
from vpatch.jobs.folder import Folder
from vpatch.upkeep.nightly.branch import Branch
from vpatch.upkeep.nightly.plain import Plain
from vpatch.values.errors import VpatchError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpatch.upkeep.nightly.home import Home


def home_of(root: Path, say: Callable[[str], None], remote: str = "") -> Home:
    """Return where the nights of a project are kept.

    Args:
        root: The project's folder.
        say: Told what a night does not take.
        remote: The git remote that the branch is pushed to; empty for none.

    Raises:
        RefusedError: The branch has work of somebody's.
        BadInputError: There is no series.
        VpatchError: The remote gave no answer, or there is no repository to push from.
    """
    branch = _branch(root, say)
    if branch and branch.has_patches:
        branch.begin(remote)
        return branch
    if branch:
        say("patches/ is in no commit: the night takes the files as they lie there")
    if remote:
        raise VpatchError(
            "there is no commit with patches/ to push", where=str(root), hint="commit it first"
        )
    plain = Plain(root, say)
    plain.begin()
    Folder(root).newest()
    return plain


def kept_at(root: Path) -> Home:
    """Return the same, for whoever only reads: nobody is asked, and nothing refused.

    Args:
        root: The project's folder.

    Raises:
        VpatchError: git failed.
    """
    branch = _branch(root, _unheard)
    return branch if branch and branch.has_patches else Plain(root, _unheard)


def _unheard(_line: str) -> None:
    pass


def _branch(root: Path, say: Callable[[str], None]) -> Branch | None:
    finder = Repo(root, private=False)
    try:
        git_dir = finder.discovered(root)
        told = finder.run("rev-parse", "--show-prefix", cwd=root, discover=True).out
    except GitError as error:
        if "not a git repository" not in error.detail:
            raise
        return None
    return Branch(root, git_dir, decode(told).rstrip("\n"), say) if git_dir else None
