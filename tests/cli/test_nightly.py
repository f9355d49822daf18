"""``vpatch nightly``: what it looks at, what it keeps, what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nights import BRANCH, Nights, begun
from support import Desk, git, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def test_a_first_night(nights: Nights) -> None:
    """The series is brought to main, on a branch; the user's files stay as they are."""
    before = tree_of(nights.folder)
    found = nights.night()
    assert [one["text"] for one in found["news"]] == [
        "the series is brought to main: 3 patches"
    ]
    assert nights.rev(f"{BRANCH}^") == nights.rev("HEAD")
    after = tree_of(nights.folder)
    assert {p: raw for p, raw in after.items() if not p.startswith("build/")} == {
        p: raw for p, raw in before.items() if not p.startswith("build/")
    }
    assert git(nights.folder, "status", "--porcelain") == ""
    assert (nights.folder / "build/report.html").is_file()
    assert nights.night()["news"] == []
