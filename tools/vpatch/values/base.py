"""A base: a named upstream state that a series sits on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Base:
    """A named upstream state. The name is a label; the commit is the truth."""

    name: str
    """A release (``v0.16.0``), a branch, or an abbreviated commit."""
    commit: str
    """Full commit id, 40 hex digits."""
    source: str
    """Where it came from: an archive's name, or the address of a git remote."""

    def as_json(self) -> dict[str, str]:
        """Return the form that every verb's JSON uses."""
        return {"name": self.name, "commit": self.commit, "source": self.source}


def version_of(name: str) -> Version | None:
    """Return the release that a name means, or None where it means something else.

    Args:
        name: ``v0.16.0``, ``0.16.0``, ``main``, a commit.
    """
    # git-describe(1) names a commit by the release before it and the way from there.
    text = re.sub(r"-\d+-g[0-9a-f]+$", "", name).removeprefix("v")
    if not re.match(r"\d+\.\d", text):
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def same_release(name: str, other: str) -> bool:
    """Whether two names mean one release: ``0.17`` is ``v0.17.0``."""
    version = version_of(name)
    # git-describe(1) names a commit behind a release by that release.
    described = "-g" in name or "-g" in other
    return version is not None and not described and version == version_of(other)


def canonical(name: str) -> str:
    """Return a base's name as folders and tags spell it: releases with a ``v``."""
    return f"v{name.removeprefix('v')}" if re.match(r"\d", name) and version_of(name) else name


def is_commit(name: str) -> bool:
    """Whether a name is a commit id, full or abbreviated (7 digits at least)."""
    return bool(_COMMIT.fullmatch(name))


def nearest_lower(name: str, names: list[str]) -> str | None:
    """Return the highest release of `names` that is not above the release `name`.

    Where `name` is no release (a branch, a commit), it counts as the newest of all.
    """
    limit = version_of(name)
    known = [(version, n) for n in names if (version := version_of(n))]
    lower = [(version, n) for version, n in known if limit is None or version <= limit]
    return max(lower)[1] if lower else None
