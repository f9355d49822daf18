"""The door to a build: pip makes a wheel of a source tree, as the tree's own settings say."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ERRORS = 2
"""Standard error, where the build's words go: they take hours, and are no answer."""
_VERSION = "SETUPTOOLS_SCM_PRETEND_VERSION"


def build_wheel(pip: Sequence[str], tree: Path, out: Path, version: str) -> Path:
    """Build the wheel of a source tree, with the user's own environment variables.

    Args:
        pip: The command, ``pip wheel`` with the user's flags; its Python is the wheel's.
        tree: The source tree.
        out: A folder without wheels, for this one.
        version: What the tree is a release of; empty where git's tags are to tell.

    Raises:
        BadInputError: It made more than one.
        VpatchError: The build failed.
    """
    named = {_VERSION: version} if version else {}
    try:
        ran = subprocess.run(
            [*pip, "--no-deps", f"--wheel-dir={out}", str(tree)],
            env=named | os.environ,
            stdin=subprocess.DEVNULL,
            stdout=_ERRORS,
            check=False,
        )
    except OSError as error:
        raise VpatchError(
            f"this Python cannot be started ({error.strerror})",
            where=pip[0],
            hint="name another one with --python",
        ) from error
    built = sorted(out.glob("*.whl"))
    if ran.returncode or not built:
        raise VpatchError(
            f"the build failed (pip's exit status {ran.returncode})",
            where=pip[0],
            hint="pip's own words are above; vLLM's guide to building tells what it needs",
        )
    if len(built) > 1:
        raise BadInputError(
            f"the build made {len(built)} wheels",
            where=", ".join(path.name for path in built),
            hint="what stands behind -- is for pip wheel; name no other package there",
        )
    return built[0]
