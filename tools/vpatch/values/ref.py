"""Names of branches: what git itself takes for one."""

from __future__ import annotations

import re

# git-check-ref-format(1), and git-branch(1) for the dash.
_FORBIDDEN = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^/|^-|[/.]$|^$"
)


def is_branch(name: str) -> bool:
    """Whether git allows a branch of that name."""
    return not _FORBIDDEN.search(name)
