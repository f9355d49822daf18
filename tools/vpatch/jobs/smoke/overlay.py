"""An overlay of an installed package: links to its files, changed ones in their place.

Compiled parts come along, and the installation stays untouched.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.doors.python import Installed
    from vpatch.values.base import Base
    from vpatch.values.tree import Change
    from vpatch.values.verdict import Replay


def foreign_files(repo: Repo, replay: Replay, found: Installed, package: str) -> list[str]:
    """Return the Python files of an installation that are neither the base's nor the series'.

    Files that a build writes (``_version.py``) are no part of a base, and left out.

    Args:
        repo: Where the base and the replay's objects are.
        replay: The series on the base that the installation says it is.
        found: The installation.
        package: Name of the package.
    """
    tree = repo.entries(f"{replay.base.commit}:{package}")
    wanted = {f"{package}/{path}": {entry.oid} for path, entry in tree.items()}
    for path, entry in replay.change.items():
        wanted.setdefault(path, set()).add(entry.oid if entry else "")
    python = [path for path in wanted if path.startswith(f"{package}/") and path[-3:] == ".py"]
    ids = repo.hash_paths({path: found.where.parent / path for path in python})
    return sorted(path for path in python if ids.get(path, "") not in wanted[path])


def files_after(
    repo: Repo, base: Base, changes: Sequence[Change], paths: Iterable[str]
) -> dict[str, bytes | None]:
    """Return the content of files on a base after some changes; None where there is none.

    Those that do not change are told too: an installation may hold them patched.

    Args:
        repo: Where the objects are.
        base: The base.
        changes: What patches changed, in order.
        paths: Every file that is of interest.
    """
    found = repo.entries(base.commit, paths)
    whole: Change = {path: e for path, e in found.items() if not e.is_folder}
    for change in changes:
        whole |= change
    oids = sorted({entry.oid for entry in whole.values() if entry})
    contents = dict(zip(oids, repo.blobs(oids), strict=True))
    return {
        path: contents[entry.oid] if (entry := whole.get(path)) else None
        for path in {*paths, *whole}
    }


def make_overlay(
    found: Installed, package: str, changed: Mapping[str, bytes | None], into: Path
) -> Path:
    """Lay an overlay of an installed package.

    Args:
        found: The installation.
        package: Name of the package.
        changed: Content of each changed file by its path in the source tree; None deletes it.
        into: An empty folder; it is what goes to the front of ``PYTHONPATH``.

    Raises:
        VpatchError: The folder can't be written.
    """
    inside = {
        path.removeprefix(f"{package}/"): content
        for path, content in changed.items()
        if path.startswith(f"{package}/")
    }
    try:
        _lay(found.where, into / package, inside)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "make room there, or set TMPDIR to another disk"
        raise VpatchError(
            f"cannot lay the overlay ({error.strerror})",
            where=str(into),
            hint=hint if full else "look at that folder's permissions, or set TMPDIR",
        ) from error
    return into


def _lay(source: Path, target: Path, changed: Mapping[str, bytes | None]) -> None:
    """Link a folder's entries; go down only where something below changes."""
    target.mkdir(parents=True)
    below: dict[str, dict[str, bytes | None]] = {}
    for path, content in changed.items():
        first, _, rest = path.partition("/")
        if rest:
            below.setdefault(first, {})[rest] = content
        elif content is not None:
            (target / first).write_bytes(content)
    for name in {entry.name for entry in os.scandir(source)} if source.is_dir() else ():
        # Byte code beside a link would be that of the unchanged file.
        if name not in changed and name not in below and name != "__pycache__":
            (target / name).symlink_to(source / name)
    for name, inner in below.items():
        _lay(source / name, target / name, inner)
