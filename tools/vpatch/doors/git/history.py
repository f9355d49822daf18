"""Ask git of commits: which ones lead from one state to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.commit import Commit
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.doors.git.command import Command


def steps(repo: Command, since: str, until: str, paths: Iterable[str]) -> list[Commit]:
    """Return the commits that touch paths on the way to a state, oldest first.

    Of a merge, the way leads along the first parent: the branch that it was merged into.

    Args:
        repo: The repository.
        since: The commit at which the way begins, itself left out.
        until: The commit at which it ends.
        paths: The files.
    """
    command = ["log", "--first-parent", "--reverse", "--date=short"]
    command += ["--format=%H%x00%ad%x00%s", f"{since}..{until}", "--"]
    # A path of a patch is a path, whatever characters are in it (gitglossary, "pathspec").
    command += [f":(top,literal){path}" for path in sorted(paths)]
    found: list[Commit] = []
    for line in decode(repo.run(*command).out).split("\n")[:-1]:
        oid, date, subject = line.split("\0")
        found.append(Commit(oid, subject, date))
    return found


def way(repo: Command, until: str) -> list[str]:
    """Return the commits that lead to a state, newest first, as far as they are here."""
    return decode(repo.run("rev-list", "--first-parent", until).out).split()


def first_parent(repo: Command, commit: str) -> str | None:
    """Return the first parent of a commit, be it here or not; None where it has none."""
    # A shallow repository hides the parents that it lacks from all but this command.
    head = decode(repo.run("cat-file", "commit", commit).out).partition("\n\n")[0]
    for line in head.split("\n"):
        word, _, oid = line.partition(" ")
        if word == "parent":
            return oid
    return None
