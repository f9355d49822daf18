"""Many small three-way merges by one run of git-merge-tree(1)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vpatch.doors.git.stage import NULL_ID
from vpatch.doors.git.stream import change_command
from vpatch.values.paths import decode
from vpatch.values.tree import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vpatch.doors.git.repo import Repo
    from vpatch.values.tree import Change, Entries

_NOBODY = b"committer vpatch <vpatch@localhost> 0 +0000\ndata 0\n\n"


class Sides(NamedTuple):
    """The three states of some files that a merge is about."""

    ancestor: Mapping[str, Entry | None]
    ours: Mapping[str, Entry | None]
    theirs: Mapping[str, Entry | None]


class Clashing(NamedTuple):
    """A merge as far as it goes."""

    files: Entries
    """Every file, with conflict markers where the sides clash."""
    stages: dict[str, dict[int, Entry]]
    """For each file in conflict: 1 the ancestor's, 2 ours, 3 theirs, as in git-ls-files(1)."""
    labels: tuple[bytes, bytes, bytes]
    """What the markers call ours, the ancestor and theirs."""


def merge_each(repo: Repo, asked: Sequence[Sides]) -> list[Entries | None]:
    """Merge each of some sets of files by itself, in as few runs of git as can be.

    Args:
        repo: Where the files are, and where trees may be written.
        asked: The sides of each merge.

    Returns:
        What each gives; None where it does not go through.
    """
    found: list[Entries | None] = [None] * len(asked)
    for numbers in _apart(asked):
        merged = _merged(repo, [asked[number] for number in numbers])
        for number, files in zip(numbers, merged, strict=True):
            found[number] = files
    return found


def _apart(asked: Sequence[Sides]) -> list[list[int]]:
    """Part merges that could be taken for renames from one into another.

    git looks for a rename where a side lacks one file and has another that is new. Since ort
    does so whatever ``merge.renames`` says (until git 2.50), they are kept apart here.
    """
    lacking: list[int] = []
    adding: list[int] = []
    alone: list[list[int]] = []
    for number, (ancestor, *sides) in enumerate(asked):
        gone = any(ancestor.keys() - side.keys() for side in sides)
        new = any(side.keys() - ancestor.keys() for side in sides)
        if gone and new:
            alone.append([number])
        else:
            (adding if new else lacking).append(number)
    return [numbers for numbers in (lacking, adding, *alone) if numbers]


def _merged(repo: Repo, asked: Sequence[Sides]) -> list[Entries | None]:
    """Merge sets of files in one run, each in a folder of its own."""
    ours, theirs = _commits(repo, _below(asked))
    command = ["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z"]
    ran = repo.run(*command, ours, theirs, ok=(0, 1))
    tree, *clashing = decode(ran.out).split("\0")[:-1]
    lost = {path.partition("/")[0] for path in clashing}
    found: list[Entries | None] = [None if str(n) in lost else {} for n in range(len(asked))]
    for path, entry in repo.entries(tree).items():
        number, _, name = path.partition("/")
        if (files := found[int(number)]) is not None:
            files[name] = entry
    return found


def merge_marked(repo: Repo, sides: Sides) -> Clashing:
    """Merge some files as far as it goes, with the ancestor's lines between the markers."""
    ours, theirs = _commits(repo, sides)
    command = ["-c", "merge.conflictStyle=diff3", "-c", "core.abbrev=40"]
    command += ["merge-tree", "--write-tree", "-z"]
    ran = repo.run(*command, "--no-messages", ours, theirs, ok=(0, 1))
    tree, *lines = decode(ran.out).split("\0")[:-1]
    stages: dict[str, dict[int, Entry]] = {}
    for line in lines:
        words, _, path = line.partition("\t")
        mode, oid, stage = words.split()
        stages.setdefault(path, {})[int(stage)] = Entry(mode, oid)
    root = repo.resolve(f"{ours}^") or ""
    labels = ours.encode(), root.encode(), theirs.encode()
    return Clashing(repo.entries(tree), stages, labels)


def _below(asked: Sequence[Sides]) -> Sides:
    """Put each set of files below a folder of its own, and all together."""
    whole: tuple[Change, Change, Change] = {}, {}, {}
    for number, sides in enumerate(asked):
        for side, files in zip(whole, sides, strict=True):
            side.update({f"{number}/{path}": entry for path, entry in files.items()})
    return Sides(*whole)


def _commits(repo: Repo, sides: Sides) -> tuple[str, str]:
    """Write both sides as children of the ancestor, in one run of git-fast-import(1).

    git 2.39 knows no ``merge-tree --merge-base``: it takes the ancestor from history.
    """
    ref = b"refs/vpatch/merge/%d" % os.getpid()
    lines = [b"feature done\n"]
    for mark, files in enumerate(sides, 1):
        lines.append(b"commit %s\nmark :%d\n%s" % (ref, mark, _NOBODY))
        lines.append(b"from :1\ndeleteall\n" if mark > 1 else b"")
        lines += _files(files.items())
    lines += [b"get-mark :%d\n" % mark for mark in (2, 3)]
    lines.append(b"reset %s\nfrom %s\n\ndone\n" % (ref, NULL_ID.encode()))
    ran = repo.run("fast-import", "--quiet", "--force", stdin=b"".join(lines))
    ours, theirs = decode(ran.out).split()
    return ours, theirs


def _files(files: Iterable[tuple[str, Entry | None]]) -> list[bytes]:
    return [change_command(path, entry) for path, entry in sorted(files) if entry]
