"""What the last night told, read by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nights import BRANCH, Nights, begun
from support import Desk, git
from vpatch.upkeep.nightly import Noted, Told, last_told
from vpatch.upkeep.nightly.seen import Seen
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TO_MAIN = "the series is brought to main: 3 patches"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def told(nights: Nights) -> Told:
    """Return what the last night told."""
    found = last_told(nights.folder)
    assert found is not None
    return found


def test_the_last_night_that_had_news(nights: Nights) -> None:
    """Nothing before the first; a quiet night and a merge leave the news what they were."""
    assert last_told(nights.folder) is None
    nights.night()
    first = told(nights)
    assert [one.text for one in first.news] == [TO_MAIN]
    assert (first.night, first.before) == (first.news[0].night, [])
    nights.night()
    assert told(nights) == first
    git(nights.folder, "merge", "-q", "--squash", BRANCH)
    nights.commit("Merge the night")
    assert told(nights) == first
    git(nights.folder, "branch", "-q", "-D", BRANCH)
    assert told(nights) == first


def test_news_of_more_than_one_night(nights: Nights) -> None:
    """What is not merged yet is told apart from the last night's; what is merged, no more."""
    one, two, three = (
        Noted("release", f"v{day} is out", night=f"2026-03-0{day}", told=True)
        for day in range(1, 4)
    )
    path = nights.folder / "patches/nightly.json"
    git(nights.folder, "switch", "-q", "-c", BRANCH)
    path.write_bytes(Seen(news=[one, two, three], since="2026-03-03T03:00").written())
    nights.commit("Bring the patches up to date")
    git(nights.folder, "switch", "-q", "main")
    assert told(nights) == Told("2026-03-03", [three], [one, two])
    path.write_bytes(Seen(news=[one], since="2026-03-01T03:00").written())
    nights.commit("Merge the first night")
    assert told(nights) == Told("2026-03-03", [three], [two])


def test_what_stops_a_night_stops_no_reader(nights: Nights) -> None:
    """The branch is checked out, with work of somebody's on it: it is read all the same."""
    nights.night()
    first = told(nights)
    git(nights.folder, "switch", "-q", BRANCH)
    nights.commit("Mend it")
    assert told(nights) == first
    before = git(nights.folder, "for-each-ref"), git(nights.folder, "status", "--porcelain")
    last_told(nights.folder)
    after = git(nights.folder, "for-each-ref"), git(nights.folder, "status", "--porcelain")
    assert before == after


def test_without_a_repository(nights: Nights) -> None:
    """It is read where such a night keeps it; what is damaged is said."""
    (nights.folder / ".git").rename(nights.folder / "away")
    nights.night()
    assert [one.text for one in told(nights).news] == [TO_MAIN]
    (nights.folder / "build/nightly.json").write_text("{")
    with pytest.raises(VpatchError, match="what the last night saw is damaged"):
        last_told(nights.folder)


def test_a_report_by_day(nights: Nights, tmp_path: Path) -> None:
    """The page has the news of the night; where these are damaged, it goes without."""
    path = tmp_path / "page.html"
    nights.night()
    nights.bureau.near.run("report", "--html", str(path))
    assert TO_MAIN in path.read_text()
    git(nights.folder, "switch", "-q", BRANCH)
    (nights.folder / "patches/nightly.json").write_text("{")
    nights.commit("Damage it")
    ran = nights.bureau.near.run("report", "--html", str(path))
    damage = "the page does not tell what changed: what the last night saw is damaged"
    assert f"{damage}: nightly.json" in ran.err
    assert "What changed" not in path.read_text()
