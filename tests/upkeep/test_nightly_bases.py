"""Which bases a night looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nights import Nights, begun
from support import Desk, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def rename(nights: Nights, old: str, new: str) -> None:
    """Upstream renames its branch."""
    served = nights.bureau.forge.origin.served
    git(served, "branch", "-m", old, new)
    git(served, "symbolic-ref", "HEAD", f"refs/heads/{new}")


def to(branch: str) -> str:
    """Return what is told when the series came to a branch."""
    return f"the series is brought to {branch}: 3 patches"


def test_a_branch_of_another_name(nights: Nights) -> None:
    """The one that upstream's HEAD points at is looked at, whatever its name."""
    rename(nights, "main", "trunk")
    assert nights.news() == [to("trunk")]
    assert "patches/trunk/series" in nights.files()
    assert nights.news() == []


def test_a_branch_that_is_renamed(nights: Nights) -> None:
    """It is told once, and what was known of it goes on."""
    assert nights.news() == [to("main")]
    rename(nights, "main", "trunk")
    assert nights.news() == ["upstream's branch is trunk now, and was main", to("trunk")]
    assert nights.news() == []


def test_a_server_that_does_not_tell(nights: Nights) -> None:
    """The branch is the one that it told last, and `main` before that."""
    served = nights.bureau.forge.origin.served
    tip = nights.bureau.forge.rev("main")
    (served / "HEAD").write_text(f"{tip}\n")
    assert nights.news() == [to("main")]
    rename(nights, "main", "trunk")
    assert nights.news() == [to("trunk")]
    # It tells a commit, and no name.
    (served / "HEAD").write_text(f"{tip}\n")
    assert nights.news() == []


def test_the_branch_of_last_night_without_an_answer(nights: Nights) -> None:
    """It goes by its name, and the failure too."""
    rename(nights, "main", "trunk")
    nights.news()

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    nights.bureau.forge.http.hold = refuse
    assert nights.night(status=3)["failures"].keys() >= {"trunk"}
    nights.bureau.forge.http.hold = str
    assert nights.news() == ["could look at trunk again"]
