"""A work tree with one conflict in it, for a person to solve with git's own tools."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.doors.git import GitError, Repo, init
from vpatch.doors.git.difference import difference
from vpatch.doors.git.stage import NULL_ID
from vpatch.values.errors import RefusedError
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vpatch.values.verdict import Clash

# Not the line of seven = between them, which underlines a title as well.
_MARKER = re.compile(rb"^(<{7}|\|{7}|>{7})(?: .*)?\r?$", re.MULTILINE)
# What mergetools, editors and Python leave beside the files that somebody works on.
_LEFT = ("*.orig", "*.rej", "*~", ".*.sw?", "__pycache__/", "*.py[co]", ".*_cache/")
# Before upstream's .gitattributes: the bytes of a file are its content, both ways.
_AS_THEY_ARE = "* -text -ident !filter !working-tree-encoding\n"
_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "vpatch"), ("EMAIL", "vpatch@localhost"))
}


@dataclass(frozen=True, slots=True)
class Solution:
    """What a person made of a conflict."""

    diff: bytes
    """The change to the state before the patch."""
    markers: tuple[str, ...]
    """Where conflict markers are left: ``path:line``."""
    undecided: tuple[str, ...]
    """Files in conflict that hold no markers, as they were left by the merge."""
    ignored: tuple[str, ...]
    """Files that git ignores, and that nobody has added by name: they are not in the diff."""


def make_conflict(made: Repo, clash: Clash, path: Path) -> None:
    """Make a checkout in which a conflict stands as git's own merge leaves one.

    HEAD is the state before the patch, the index holds what merged and three stages of what
    did not, the files hold conflict markers. It is there whole or not at all.

    Args:
        made: Where the conflict's objects are.
        clash: The conflict.
        path: The place; nothing may be there.
    """
    path = path.absolute()
    beside = path.with_name(f".{path.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        init(beside, bare=False)
        (beside / ".git/info").mkdir(exist_ok=True)
        (beside / ".git/info/exclude").write_text("".join(f"{one}\n" for one in _LEFT))
        (beside / ".git/info/attributes").write_text(_AS_THEY_ARE)
        repo = Repo(beside / ".git", work_tree=beside, private=False)
        # What one user ignores everywhere is no reason to lose it from a solution.
        repo.run("config", "core.excludesFile", os.devnull)
        made.send(clash.onto, without="", to=repo)
        made.send(clash.tree, without=clash.onto, to=repo)
        oids = {e.oid for stages in clash.stages.values() for e in stages if e}
        for text in made.blobs(sorted(oids)):
            repo.write_blob(text)
        message = b"The base, with the patches before the one in conflict"
        ran = repo.run("commit-tree", clash.onto, stdin=message, env=_NOBODY)
        repo.run("update-ref", "--no-deref", "HEAD", decode(ran.out).strip())
        repo.run("read-tree", "--reset", "-u", clash.tree)
        repo.run("update-index", "-z", "--index-info", stdin=b"".join(_unmerged(clash)))
        beside.rename(path)
    except OSError as error:
        raise GitError(
            f"cannot make the work tree ({error.strerror})",
            where=str(path),
            hint="make room there, or make the folder writable",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unmerged(clash: Clash) -> Iterator[bytes]:
    """Yield lines for git-update-index(1) ``--index-info``."""
    for path, stages in clash.stages.items():
        yield encode(f"0 {NULL_ID}\t{path}\0")
        for number, entry in enumerate(stages, 1):
            if entry:
                yield encode(f"{entry.mode} {entry.oid} {number}\t{path}\0")


def read_solution(path: Path, *, onto: str, tree: str) -> Solution:
    """Return what a person made of a conflict, by the files as they lie there.

    Args:
        path: The work tree.
        onto: The tree before the patch.
        tree: The tree that the merge left.

    Raises:
        RefusedError: It is no work tree any more.
    """
    if not (path / ".git").is_dir():
        hint = "delete that folder: --continue then makes it anew"
        raise RefusedError("the work tree has lost its .git", where=str(path), hint=hint)
    path = path.absolute()
    repo = Repo(path / ".git", work_tree=path, private=False)
    added = set(decode(repo.run("ls-files", "-z").out).split("\0"))
    with repo.stage() as stage:
        stage.load(tree)
        stage.take_all()
        stage.take(added.intersection(stage.others()))
        ignored = stage.others(*_LEFT)
        found = stage.write()
    listed = decode(repo.run("ls-files", "-u", "-z").out).split("\0")[:-1]
    unmerged = {line.partition("\t")[2] for line in listed}
    untouched = unmerged - repo.changed(tree, found).keys()
    markers = _markers(repo, onto, tree, found)
    marked = {place.rpartition(":")[0] for place in markers}
    return Solution(
        # The user's own configuration has no say in how a diff is written.
        difference(Repo(repo.git_dir), onto, found, renames=True),
        tuple(markers),
        tuple(sorted(untouched - marked)),
        tuple(ignored),
    )


def _markers(repo: Repo, onto: str, tree: str, found: str) -> list[str]:
    """Return the places of conflict markers, but for lines that look like ones all along."""
    paths = sorted(path for path, how in repo.changed(onto, found).items() if how != "D")
    texts = {at: _texts(repo, at, paths) for at in (onto, tree, found)}
    places: list[str] = []
    for path in paths:
        before, merged, now = (_marks(texts[at].get(path, b"")) for at in (onto, tree, found))
        clashes = len(merged.get(b"<<<<<<<", ())) - len(before.get(b"<<<<<<<", ()))
        left = [
            lines[0]
            for mark, lines in now.items()
            if len(lines) > max(len(before.get(mark, ())), len(merged.get(mark, ())) - clashes)
        ]
        if left:
            places.append(f"{path}:{min(left)}")
    return places


def _texts(repo: Repo, tree: str, paths: list[str]) -> dict[str, bytes]:
    there = {
        path: entry
        for path, entry in (repo.entries(tree, paths) if paths else {}).items()
        if not (entry.is_folder or entry.is_way_out)
    }
    return dict(zip(there, repo.blobs([e.oid for e in there.values()]), strict=True))


def _marks(text: bytes) -> dict[bytes, list[int]]:
    """Return the numbers of the lines that look like each kind of conflict marker."""
    found: dict[bytes, list[int]] = {}
    for mark in _MARKER.finditer(text):
        line = text.count(b"\n", 0, mark.start()) + 1
        found.setdefault(mark[1], []).append(line)
    return found
