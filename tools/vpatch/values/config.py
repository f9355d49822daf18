"""``vpatch.toml``: what a project says of its upstream and of its usual base."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from vpatch.values.errors import FormatError


@dataclass(frozen=True, slots=True)
class Upstream:
    """The project that is patched."""

    package: str = "vllm"
    """Its name in the package index, and its folder in the source tree."""
    url: str = ""
    """A git remote to take branches, tags and commits from; empty for none."""
    api: str = ""
    """Its repository in GitHub's REST API, where that does not follow from `url`."""


@dataclass(frozen=True, slots=True)
class Config:
    """A project's settings."""

    base: str = ""
    """The base to work on where none is named; empty for none."""
    upstream: Upstream = Upstream()


def read_config(text: str, *, where: str) -> Config:
    """Read ``vpatch.toml``.

    Args:
        text: Its content.
        where: Its path, for messages.

    Raises:
        FormatError: It names the table and the key.
    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        hint = "correct the TOML there"
        raise FormatError(f"no valid TOML: {error}", where=where, hint=hint) from error
    upstream = document.pop("upstream", {})
    if not isinstance(upstream, dict):
        hint = "write [upstream], then its keys"
        raise FormatError("'upstream' is no table", where=where, hint=hint)
    _known(document, ("base",), where)
    _known(upstream, ("package", "url", "api"), f"{where}, [upstream]")
    return Config(document.get("base", ""), Upstream(**upstream))


def _known(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key, value in table.items():
        if key not in keys:
            hint = f"the keys are {', '.join(keys)}"
            raise FormatError(f"unknown key {key!r}", where=where, hint=hint)
        if not isinstance(value, str):
            raise FormatError(f"{key!r} is not text", where=where, hint="put it in quotes")
