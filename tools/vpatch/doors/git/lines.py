"""Ask git of lines: how two files differ, and which files of a tree hold some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Collection

    from vpatch.doors.git.command import Command

WHOLE = 2**20
"""Lines of context that no file of a project exceeds."""


def compare(repo: Command, old: str, new: str, *, context: int) -> bytes:
    """Return the diff of two blobs, empty where they are the same.

    Args:
        repo: The repository that holds them.
        old: Id of the one.
        new: Id of the other.
        context: Lines to show around each change.
    """
    command = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text"]
    # Of the algorithms that git has, this one is least led astray by blank lines.
    command += ["--histogram", f"-U{context}", old, new]
    return repo.run(*command).out


def holders(
    repo: Command, tree: str, lines: Collection[str], among: str
) -> dict[str, set[str]]:
    """Return, for each of some lines, the files of a tree that hold it.

    Args:
        repo: The repository.
        tree: Any revision that has a tree.
        lines: Whole lines but for the space around them, which moving changes.
        among: A pattern of paths, to look no farther than needed.
    """
    found: dict[str, set[str]] = {line: set() for line in lines}
    if not lines:
        return found
    asked = [part for line in lines for part in ("-e", line)]
    ran = repo.run("grep", "-z", "-I", "-F", *asked, tree, "--", among, ok=(0, 1))
    for hit in decode(ran.out).split("\n")[:-1]:
        where, _, text = hit.partition("\0")
        if text.strip() in found:
            found[text.strip()].add(where.partition(":")[2])
    return found


def mentioning(repo: Command, tree: str, texts: Collection[str], among: str) -> set[str]:
    """Return the files of a tree that hold any of some texts.

    Args:
        repo: The repository.
        tree: Any revision that has a tree.
        texts: Texts within a line.
        among: A pattern of paths, to look no farther than needed.
    """
    asked = [part for text in texts for part in ("-e", text)]
    ran = repo.run("grep", "-l", "-z", "-I", "-F", *asked, tree, "--", among, ok=(0, 1))
    return {name.partition(":")[2] for name in decode(ran.out).split("\0")[:-1]}
