"""A resolution: how somebody solved a conflict, kept in ``patches/resolutions``.

It is text to be reviewed: a few lines on what it solves, and the change to make instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpatch.values.base import nearest_lower
from vpatch.values.errors import FormatError
from vpatch.values.patch import Patch, read_patch
from vpatch.values.paths import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.values.base import Base

_KEY = re.compile(rb"^Conflict: ([0-9a-f]{64})$", re.MULTILINE)
_ONTO = re.compile(rb"^Onto: (\S+)", re.MULTILINE)
_SHOWN = 6
"""Digits of each end of the key in a file's name: the change, and what it clashed with."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """One conflict and the change that solves it."""

    key: str
    """The conflict, 64 hex digits."""
    onto: str
    """Name of the base on which it was solved, empty where nothing tells."""
    patch: Patch
    """The change to make instead, by the name of its file."""


def resolution_name(patch: str, onto: Base, key: str) -> str:
    """Return the file name for the resolution of a patch's conflict."""
    stem = PurePosixPath(patch.removesuffix(".gz")).stem
    return f"{stem}@{onto.name.replace('/', '-')}-{key[:_SHOWN]}{key[-_SHOWN:]}.patch"


def resolution_text(patch: str, series: str, onto: Base, key: str, diff: bytes) -> bytes:
    """Return the file that keeps a resolution.

    Args:
        patch: Name of the patch.
        series: Name of its series.
        onto: The base on which it was in conflict.
        key: The conflict.
        diff: The change to make instead.
    """
    lines = (
        "How a conflict was solved; vpatch rebase does the same where it comes again.",
        "",
        f"Patch: {patch}",
        f"Series: {series}",
        f"Onto: {onto.name} ({onto.commit})",
        f"Conflict: {key}",
        "",
    )
    return encode("".join(f"{line}\n" for line in lines)) + diff


def read_resolution(name: str, raw: bytes) -> Resolution:
    """Read the file of a resolution.

    Args:
        name: Its name.
        raw: Its bytes.

    Raises:
        FormatError: It holds no diff, or does not say which conflict it solves.
    """
    patch = read_patch(name, raw)
    key, onto = _KEY.search(patch.head), _ONTO.search(patch.head)
    if key is None or not patch.located:
        hint = "bring it back from git, or delete it: then the conflict is to be solved again"
        what = "no line 'Conflict: <64 hex digits>'" if key is None else "no diff of git's"
        raise FormatError(what, where=name, hint=hint)
    return Resolution(decode(key[1]), decode(onto[1]) if onto else "", patch)


def chosen(resolutions: Iterable[Resolution], base: Base) -> dict[str, Patch]:
    """Return the change to make for each conflict on a base.

    Where a conflict was solved on several bases, the one solved on this base counts, else the
    one on the nearest lower release.
    """
    by_key: dict[str, dict[str, Patch]] = {}
    for one in resolutions:
        by_key.setdefault(one.key, {})[one.onto] = one.patch
    return {
        key: found.get(base.name) or found[nearest_lower(base.name, list(found)) or min(found)]
        for key, found in by_key.items()
    }
