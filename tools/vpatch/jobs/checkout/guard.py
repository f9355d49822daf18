"""Refuse to touch a checkout that holds work which the change would overwrite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpatch.values.errors import RefusedError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.doors.git import Repo

_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase or am",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "sequencer": "cherry-pick or revert",
}
_SHOWN = 5
"""Names in one message."""


def refuse_in_progress(repo: Repo) -> None:
    """Refuse while git itself is half way through something.

    Raises:
        RefusedError: A merge, a rebase, or a git that runs now.
    """
    for name, what in _IN_PROGRESS.items():
        if (repo.git_dir / name).exists():
            raise RefusedError(
                f"the checkout is in the middle of a {what}",
                where=str(repo.work_tree),
                hint=f"end it or abort it (git -C {repo.work_tree} status), then run again",
            )
    for lock in (repo.git_dir / "index.lock", repo.git_dir / "HEAD.lock"):
        if lock.exists():
            raise at_work(repo, lock)


def at_work(repo: Repo, lock: Path) -> RefusedError:
    """Return the refusal where another git holds a lock."""
    return RefusedError(
        "another git is at work in the checkout",
        where=str(repo.work_tree),
        hint=f"wait for it; if no git runs, delete {lock}",
    )


def refuse_moved(repo: Repo, head: tuple[str, str], note: Mapping[str, Any]) -> None:
    """Refuse to end an interrupted change in a checkout that has moved since.

    Args:
        repo: The checkout.
        head: Its branch and commit.
        note: The note of the change.

    Raises:
        RefusedError: HEAD is neither where the change began nor where it ends.
    """
    ref, commit = note["from"]
    if head not in ((ref, commit), (note["branch"], note["commit"])):
        back = _short(ref) or commit[:12]
        raise RefusedError(
            "an interrupted run cannot be ended: another commit is checked out since",
            where=str(repo.work_tree),
            hint=f"go back to where it began (git checkout {back}, at {commit[:12]}), then "
            "run again",
        )


def refuse_own_commits(repo: Repo, branch: str, ours: str, commit: str) -> None:
    """Refuse where commits of the user's own stand on the series.

    Args:
        repo: The checkout.
        branch: The branch that holds the series.
        ours: The commit that vpatch left it at.
        commit: The commit that it is at.

    Raises:
        RefusedError: The two differ.
    """
    if commit != ours:
        raise RefusedError(
            f"the branch {_short(branch)} has commits that vpatch did not make",
            where=str(repo.work_tree),
            hint="keep them on a branch of their own (git branch my-work), then "
            f"git reset --keep {ours[:12]}",
        )


def refuse_foreign_branch(repo: Repo, branch: str, commit: str) -> None:
    """Refuse where the branch for the series exists with something else on it.

    Raises:
        RefusedError: Somebody else made its last commit.
    """
    there = repo.tip(branch)
    if not there or there == commit:
        return
    ran = repo.run("log", "-1", "--format=%cn <%ce>", there)
    if decode(ran.out).strip() != "vpatch <vpatch@localhost>":
        raise RefusedError(
            f"the branch {_short(branch)} is not of vpatch's making",
            where=str(repo.work_tree),
            hint=f"give it another name: git branch -m {_short(branch)} my-work",
        )


def refuse_checked_out_elsewhere(repo: Repo, *branches: str) -> None:
    """Refuse where another work tree of the same repository is on one of the branches.

    Raises:
        RefusedError: It names that work tree.
    """
    listed = decode(repo.run("worktree", "list", "--porcelain", "-z").out)
    for tree in listed.split("\0\0"):
        facts = dict(line.partition(" ")[::2] for line in tree.split("\0"))
        place = Path(facts.get("worktree", ""))
        branch = facts.get("branch")
        if branch in branches and place.exists() and not place.samefile(repo.work_tree or ""):
            raise RefusedError(
                f"the branch {_short(branch)} is checked out in another work tree",
                where=str(place),
                hint="take the series out there first (vpatch unapply), or check out "
                "another branch there",
            )


def refuse_stuck_refs(repo: Repo, branch: str, commit: str, drop: str) -> None:
    """Refuse where git could not move the branches, before anything depends on it.

    Raises:
        RefusedError: A lock, or a branch whose name is in the way.
    """
    lines = ["start"]
    lines += [f"update {branch} {commit}"] if branch else []
    lines += [f"delete {drop}"] if drop and repo.tip(drop) else []
    asked = "\n".join([*lines, "prepare", "abort", ""]).encode()
    ran = repo.run("update-ref", "--stdin", stdin=asked, ok=(0, 128))
    if ran.status:
        names = " and ".join(_short(name) for name in (branch, drop) if name)
        words = decode(ran.err).strip()
        raise RefusedError(
            f"git cannot move the branch {names}",
            where=str(repo.work_tree),
            hint=words.removeprefix("fatal: prepare: "),
            detail=words,
        )


def refuse_changed(repo: Repo, paths: Iterable[str]) -> None:
    """Refuse where a file that is to change holds work of the user's.

    Raises:
        RefusedError: It names the files.
    """
    mine = sorted(changed_by_user(repo, set(paths)))
    if mine:
        more = f" and {len(mine) - _SHOWN} more" if len(mine) > _SHOWN else ""
        raise RefusedError(
            "files that the series touches have changes of your own",
            where=", ".join(mine[:_SHOWN]) + more,
            hint=f"stash them (git -C {repo.work_tree} stash), or commit them on a branch of "
            "your own, then run again",
        )


def changed_by_user(repo: Repo, touched: set[str]) -> set[str]:
    """Return those paths that differ from HEAD in the index or, by content, in the files."""
    assert repo.work_tree is not None  # noqa: S101, for mypy: a checkout has one
    command = ["diff", "--cached", "--name-only", "--no-renames", "--no-ext-diff", "-z", "HEAD"]
    found = touched & set(decode(repo.run(*command).out).split("\0")[:-1])
    known = repo.entries("HEAD", touched)
    with repo.stage() as stage:
        # Not the user's own index: it may call a file unchanged that is not.
        stage.reset({path: entry for path, entry in known.items() if not entry.is_folder})
        found |= set(stage.differences())
    for path in touched:
        place = repo.work_tree / path
        if path not in known and os.path.lexists(place) and not _gives_way(place, known, repo):
            found.add(path)
    return found


def _gives_way(place: Path, known: Iterable[str], repo: Repo) -> bool:
    """Whether a path is a folder in which nothing is but files that the change deletes."""
    if place.is_symlink() or not place.is_dir():
        return False
    assert repo.work_tree is not None  # noqa: S101, for mypy: a checkout has one
    ends = (p for p in place.rglob("*") if p.is_symlink() or not p.is_dir() or _is_empty(p))
    return {str(path.relative_to(repo.work_tree)) for path in ends} <= set(known)


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def _short(branch: str) -> str:
    return branch.removeprefix("refs/heads/")
