"""An overlay of an installed package: links to its files, changed ones in their place.

Compiled parts come along, and the installation stays untouched.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.doors.python import Installed
    from vpatch.values.base import Base


def foreign_files(repo: Repo, base: Base, found: Installed, package: str) -> list[str]:
    """Return the Python files of an installation that are not the base's.

    Files that a build writes (``_version.py``) are no part of a base, and left out.

    Args:
        repo: Where the base is.
        base: The base that the installation says it is.
        found: The installation.
        package: Name of the package.
    """
    tree = repo.entries(f"{base.commit}:{package}")
    wanted = {path: entry.oid for path, entry in tree.items() if path.endswith(".py")}
    ids = repo.hash_paths({path: found.where / path for path in wanted})
    return sorted(f"{package}/{path}" for path, oid in wanted.items() if ids.get(path) != oid)


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
