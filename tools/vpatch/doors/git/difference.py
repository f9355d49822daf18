"""Diffs as git writes them, the same under every configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpatch.doors.git.repo import Repo

# A configuration may hold another value for each of these.
_PINNED = (
    *("--full-index", "--text", "--no-ext-diff", "--no-textconv", "--no-color"),
    *("--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"),
)
# No line of a diff begins so.
_COMMIT = re.compile(rb"^commit [0-9a-f]{40}\n", re.MULTILINE)


def difference(repo: Repo, old: str, new: str, *, renames: bool) -> bytes:
    """Return the diff between two trees."""
    command = ["diff-tree", "-r", "-p", *_PINNED, _renames(shown=renames)]
    return repo.run(*command, old, new).out


def difference_each(repo: Repo, base: str, tip: str, *, renames: bool) -> list[bytes]:
    """Return the diff of each commit from a base to a tip, in order, by one run of git."""
    command = ["log", "--reverse", "--format=format:commit %H", "-p", *_PINNED]
    out = repo.run(*command, _renames(shown=renames), f"{base}..{tip}", "--").out
    # git parts its commits by a blank line.
    parts = _COMMIT.split(out)[1:]
    return [part[:-1] if part.endswith(b"\n\n") else part for part in parts]


def _renames(*, shown: bool) -> str:
    return "-M" if shown else "--no-renames"
