"""Keep how a person solved a conflict, for the next time that it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.doors.git import Repo
from vpatch.jobs.checkout.conflict import read_solution
from vpatch.values.errors import RefusedError
from vpatch.values.resolution import read_resolution, resolution_name, resolution_text
from vpatch.values.scope import scopes_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.rebase.state import Stop
    from vpatch.values.base import Base

_NAMED = 5
"""Files that one message names."""


def keep_resolution(
    folder: Folder, tree: Path, stop: Stop, made_for: tuple[str, Base], hints: tuple[str, str]
) -> str:
    """Write down what a person made of a conflict, and return the file's name.

    Args:
        folder: The project's folder.
        tree: The work tree that was made of it.
        stop: The conflict.
        made_for: The name of the patch's series, and the base that it was in conflict with.
        hints: How to go on, and how to leave the patch out.

    Raises:
        RefusedError: It is not solved.
    """
    series, onto = made_for
    go_on, leave_out = hints
    found = read_solution(tree, onto=stop.onto, tree=stop.tree)
    if found.markers:
        raise RefusedError(
            "conflict markers are left",
            where=", ".join(str(tree / place) for place in found.markers[:_NAMED]),
            hint=f"solve them there, then run {go_on} again",
        )
    if found.undecided:
        raise RefusedError(
            "in conflict, and as the merge left it",
            where=", ".join(str(tree / path) for path in found.undecided[:_NAMED]),
            hint="edit it, or say with git add or git rm that it is right, there",
        )
    if found.ignored:
        raise RefusedError(
            "ignored by git, so no part of the solution",
            where=", ".join(str(tree / path) for path in found.ignored[:_NAMED]),
            hint="take it with git add -f there, or delete it",
        )
    if not found.diff:
        raise RefusedError(
            "nothing is left of the patch", where=str(tree), hint=f"{leave_out} leaves it out"
        )
    name = resolution_name(stop.patch, onto, stop.key)
    text = resolution_text(stop.patch, series, onto, stop.key, found.diff)
    # A change that no patch can carry is refused now, not by the next run.
    paths = read_resolution(name, text).patch.paths
    if broken := _no_python(tree, stop.onto, paths):
        raise RefusedError(
            "no Python any more",
            where=", ".join(str(tree / path) for path in broken[:_NAMED]),
            hint=f"mend it there, then run {go_on} again; python -m py_compile says where",
        )
    place = folder.resolutions / name
    if place.exists() and read_resolution(str(place), files.read(place)).key != stop.key:
        hint = f"give that file another name, then run {go_on} again"
        raise RefusedError("another conflict is solved there", where=str(place), hint=hint)
    files.write(place, text)
    return name


def _no_python(tree: Path, onto: str, paths: Iterable[str]) -> list[str]:
    """Return the files that Python could read before they were solved, and cannot now."""
    repo = Repo(tree / ".git", work_tree=tree, private=False)
    now = {p: tree / p for p in sorted(paths) if p.endswith(".py") and (tree / p).is_file()}
    broken = [path for path, place in now.items() if scopes_of(files.read(place)) is None]
    before = repo.entries(onto, broken) if broken else {}
    texts = dict(zip(before, repo.blobs([e.oid for e in before.values()]), strict=True))
    return [path for path, text in texts.items() if scopes_of(text) is not None]
