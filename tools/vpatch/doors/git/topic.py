"""Ask git of a topic branch: where it begins, its commits, and how it changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpatch.doors.git.difference import difference
from vpatch.values.paths import decode
from vpatch.values.pull import PullCommit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.doors.git.command import Command
    from vpatch.doors.git.repo import Repo

_HUNK = re.compile(rb"^@@ -\S+ \+\S+ @@", re.MULTILINE)
_IDS = re.compile(rb"^(?:index |similarity index |dissimilarity index ).*\n", re.MULTILINE)
_FILE = re.compile(rb"^diff --git a/(.+) b/\1$", re.MULTILINE)
_FACTS = re.compile(rb"^(?:old|new|deleted|rename|copy) ", re.MULTILINE)
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


def graph(repo: Command, *limits: str) -> dict[str, tuple[str, ...]]:
    """Return the parents of commits, by the options and ranges of git-rev-list(1)."""
    lines = decode(repo.run("rev-list", "--parents", *limits).out).splitlines()
    return {oid: tuple(parents) for oid, *parents in map(str.split, lines)}


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


def compare_changes(repo: Repo, old: tuple[str, str], new: tuple[str, str]) -> tuple[str, bool]:
    """Compare two versions of a change, as git-range-diff(1) does: by a diff of two diffs.

    That command passes over the mode of a new file, and the content of one with a zero byte in
    it; here a person decides by what he sees.

    Args:
        repo: The repository, where objects may be written.
        old: Trees before and after the one.
        new: Trees before and after the other.

    Returns:
        What differs, for people to read; and whether anything does but line numbers.
    """
    texts = [_comparable(difference(repo, *ends, renames=True)) for ends in (old, new)]
    blobs = [repo.write_blob(text) for text in texts]
    command = ["diff", "--no-color", "--text", "--no-ext-diff", "--no-textconv", *blobs]
    shown = repo.run(*command).out
    return decode(_HUNK.sub(b"@@", shown[shown.find(b"\n@@") + 1 :])), texts[0] != texts[1]


def _comparable(diff: bytes) -> bytes:
    """Return a diff without what changes with the lines around it."""
    # With each hunk, git names the last line before it that begins with a letter: the file.
    text = _FACTS.sub(rb" \g<0>", _HUNK.sub(b"@@", _IDS.sub(b"", diff)))
    return _FILE.sub(rb"file \1", text)
