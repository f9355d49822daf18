"""Ask git of a topic branch: where it begins, its commits, and how it changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpatch.values.paths import decode
from vpatch.values.pull import PullCommit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.doors.git.command import Command

_EQUAL = re.compile(r"1: +[0-9a-f]+ = ")
_FIELDS = "--format=%H%x00%P%x00%an%x00%ae%x00%ad%x00%B"


def merge_base(repo: Command, one: str, other: str) -> str | None:
    """Return the best common ancestor of two commits, None where there is none."""
    ran = repo.run("merge-base", one, other, ok=(0, 1))
    return decode(ran.out).strip() or None


def own_commits(repo: Command, base: str, head: str) -> tuple[PullCommit, ...]:
    """Return the commits of a topic branch, oldest first."""
    return commits(repo, "--reverse", "--topo-order", f"{base}..{head}")


def commits(repo: Command, *limits: str) -> tuple[PullCommit, ...]:
    """Return commits by the options and ranges of git-log(1)."""
    command = ["log", "-z", "--date=raw", "--encoding=UTF-8", _FIELDS, *limits]
    # Each field ends with a NUL, the last one of a commit too.
    fields = decode(repo.run(*command).out).split("\0")[:-1]
    return tuple(
        PullCommit(oid, tuple(parents.split()), (name, address), date, message)
        for oid, parents, name, address, date, message in zip(
            *(fields[at::6] for at in range(6)), strict=True
        )
    )


def brought_by(repo: Command, commit: str, branch: str) -> str | None:
    """Return the commit of a branch that first had another one in it; None where none has."""
    command = ["rev-list", "--first-parent", "--ancestry-path", f"{commit}..{branch}"]
    found = decode(repo.run(*command).out).split()
    return found[-1] if found else None


def trees_of(repo: Command, oids: Iterable[str]) -> list[str]:
    """Return the ids of commits' trees, whether these are here or not."""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    out = repo.run("log", "--no-walk=unsorted", "--format=%T", "--stdin", stdin=asked).out
    return decode(out).split()


def range_diff(repo: Command, old: tuple[str, str], new: tuple[str, str]) -> tuple[str, bool]:
    """Compare two versions of a change, each one commit, by git-range-diff(1).

    Args:
        repo: The repository.
        old: Parent and commit of the one.
        new: Parent and commit of the other.

    Returns:
        What differs, for people to read; and whether anything does but line numbers.
    """
    # However little the two have in common, one is a version of the other.
    command = ["range-diff", "--no-color", "--no-notes", "--creation-factor=999"]
    ranges = "..".join(old), "..".join(new)
    headline, _, text = decode(repo.run(*command, *ranges).out).partition("\n")
    return text, not _EQUAL.match(headline)
