"""Names of branches."""

from __future__ import annotations

import subprocess

import pytest

from vpatch.values.ref import is_branch

_ALLOWED = ("main", "releases/v0.16.0", "a.b", "a@b", "@", "\N{SNOWMAN}", "a.locked", "a/-b")
_ODD = ("", "-a", "a b", "a\nb", "a\x1b[31mb", "a\x7f", "a~1", "a^", "a:b", "a?", "*", "a[b")
_SHAPES = ("a\\b", "a..b", "a@{b", "a//b", "/a", "a/", "a.", ".a", "a/.b", "a.lock", "a.lock/b")


@pytest.mark.parametrize("name", [*_ALLOWED, *_ODD, *_SHAPES])
def test_git_has_the_same_opinion(name: str) -> None:
    """What git refuses is refused, and nothing else."""
    asked = ["git", "check-ref-format", "--branch", name]
    ran = subprocess.run(asked, check=False, capture_output=True)
    assert is_branch(name) == (ran.returncode == 0) == (name in _ALLOWED)
