"""Which files of vLLM's source tree a build turns into something else than themselves.

What lies below ``vllm/`` is in a wheel as it is in the tree, C++ that is compiled at run time
included. The rest of this list was read from ``setup.py``, ``CMakeLists.txt`` and
``MANIFEST.in`` of the releases from v0.13.0 to v0.33.0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.values.verdict import Replay

_COMPILED = re.compile(
    r"""
    (?:csrc|cmake|rust)/.*(?<!\.md)
    | CMakeLists\.txt | setup\.py | pyproject\.toml | MANIFEST\.in | rust-toolchain\.toml
    | tools/build_rust\.py
    | vllm/.*\.proto  # protoc makes Python of it, v0.14.0 to v0.17.1
    """,
    re.VERBOSE | re.DOTALL,
)


def compiled(paths: Iterable[str]) -> list[str]:
    """Return those paths that no exchange of files in a wheel can stand for, sorted."""
    return sorted(path for path in paths if _COMPILED.fullmatch(path))


def compiled_by(replay: Replay) -> dict[str, list[str]]:
    """Return by file name the patches that touch such files on a base, and which.

    A patch without a place is taken by all that it names.
    """
    found = {}
    for result, change in zip(replay.results, replay.changes, strict=True):
        paths = compiled(change if result.verdict.good else result.patch.paths)
        if paths:
            found[result.patch.name] = paths
    return found
