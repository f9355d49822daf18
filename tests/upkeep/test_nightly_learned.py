"""What earlier nights learned and nobody merged yet: it stands, whoever is silent tonight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import pytest

from nights import BRANCH, Nights, begun
from support import Desk, git
from vpatch.upkeep import news
from vpatch.values.facts import read_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vpatch.values.facts import PullRequest

NUMBERS = (40101, 40102, 40103)
FACTS = "patches/upstream.toml"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests, of which a was closed and b merged."""
    with begun(desk, tmp_path) as nights:
        nights.bureau.forge.api.shut(40101)
        nights.bureau.forge.merge(40102)
        nights.release("v0.17.0")
        nights.night(status=None)
        yield nights


def silence(nights: Nights, *, git_too: bool = False) -> None:
    """GitHub tells nothing from now on."""

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    nights.bureau.forge.api.refused = dict.fromkeys(NUMBERS, 451)
    if git_too:
        nights.bureau.forge.http.hold = refuse


def facts(nights: Nights, branch: str = BRANCH, folder: str = "") -> dict[int, PullRequest]:
    """Return what the last night left."""
    return read_facts(nights.text(f"{folder}{FACTS}", branch), where=FACTS)


def edit(nights: Nights, old: str, new: str) -> None:
    """Somebody changes the facts where they first say something, and commits that."""
    path = nights.folder / FACTS
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    nights.commit("Edit the facts")


def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tomorrow."""

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Tomorrow:
            then = datetime.now(tz) + timedelta(days=1)
            return cls.fromisoformat(then.isoformat())

    monkeypatch.setattr(news, "datetime", Tomorrow)


@pytest.mark.parametrize("git_too", [False, True])
def test_a_night_in_which_nobody_answers(nights: Nights, *, git_too: bool) -> None:
    """It keeps what was learned, however long that lasts; nothing is told again behind it."""
    learned, page = nights.text(FACTS), nights.text("PATCHES.md")
    assert [one.state for one in facts(nights).values()] == ["closed", "merged", "open"]
    assert facts(nights)[40102].merged_in == "v0.17.0"
    silence(nights, git_too=git_too)
    nights.night(status=3)
    (nights.folder / "notes.txt").write_text("mine\n")
    nights.commit()
    nights.night(status=3)
    assert (nights.text(FACTS), nights.text("PATCHES.md")) == (learned, page)
    nights.bureau.forge.api.refused = {}
    nights.bureau.forge.http.hold = str
    assert [one for one in nights.news() if not one.startswith("could look at ")] == []
    assert nights.text(FACTS) == learned


def test_upstream_that_goes_on(nights: Nights) -> None:
    """Whoever answers is believed; of the one that does not, what was learned stands."""
    nights.bureau.forge.api.pulls[40101]["state"] = "open"
    nights.bureau.forge.api.refused = {40102: 451}
    assert "#40101 (Edit a) is open again" in nights.news(status=None)
    assert [one.state for one in facts(nights).values()] == ["open", "merged", "open"]


def test_git_that_is_silent_alone(nights: Nights) -> None:
    """GitHub tells of the merge, and what git told of its release stands."""

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    learned = nights.text(FACTS)
    nights.bureau.forge.http.hold = refuse
    nights.night(status=3)
    assert nights.text(FACTS) == learned


def test_another_day(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned a second time keeps its day, and the commit stays what it was."""
    tip = nights.rev(BRANCH)
    a_day_later(monkeypatch)
    assert nights.night()["commit"] == tip
    nights.bureau.forge.api.pulls[40101]["state"] = "open"
    nights.bureau.forge.api.shut(40103)
    nights.night(status=1)
    known = facts(nights)
    today = datetime.now(UTC).date()
    assert [known[number].as_of - today for number in NUMBERS] == [
        timedelta(0),
        timedelta(0),
        timedelta(1),
    ]


def test_a_person_knows_better(nights: Nights) -> None:
    """Facts that he changed are his; what he writes of other things takes nothing away."""
    edit(nights, 'title = "Edit a"', 'title = "Edit a, by hand"')
    edit(nights, 'title = "Edit b"', 'title = "Edit b"\nwhy = "It is wanted."')
    silence(nights)
    nights.night(status=3)
    known = facts(nights)
    assert (known[40101].state, known[40101].title) == ("open", "Edit a, by hand")
    assert (known[40102].state, known[40102].why) == ("merged", "It is wanted.")
    # And they stay his in the nights behind it.
    nights.night(status=3)
    assert facts(nights) == known


def test_one_that_is_for_another_branch(nights: Nights) -> None:
    """What branch it is for stands as the rest does."""
    edit(nights, "number = 40103\n", 'number = 40103\ntarget = "elsewhere"\n')
    nights.night(status=None)
    assert facts(nights)[40103].target == "main"
    silence(nights)
    nights.night(status=3)
    assert facts(nights)[40103].target == "main"


def test_one_that_was_dropped(nights: Nights) -> None:
    """It stays dropped; nothing of it comes back."""
    nights.bureau.near.run("drop", "40101", "--why", "Nobody needs it")
    path = nights.folder / FACTS
    head, rest = path.read_text().split("[[pr]]", 1)
    path.write_text(f"{head}[[pr]]{rest.split('[[pr]]', 1)[1]}")
    nights.commit("Drop a")
    silence(nights)
    nights.night(status=None)
    assert facts(nights).keys() == {40102, 40103}


def test_what_was_merged_and_then_taken_back(nights: Nights) -> None:
    """Nothing is known by nights of before: the folder is as a person left it."""
    git(nights.folder, "merge", "-q", "--squash", BRANCH)
    nights.commit("Merge the night")
    git(nights.folder, "checkout", "-q", "HEAD^", "--", FACTS)
    nights.commit("Take the facts back")
    silence(nights)
    nights.night(status=3)
    assert nights.text(FACTS) == nights.text(FACTS, "HEAD")


def test_a_project_below_the_top_of_its_repository(nights: Nights) -> None:
    """Its own facts stand."""
    below = nights.folder / "deep"
    below.mkdir()
    git(nights.folder, "mv", "patches", "PATCHES.md", "vpatch.toml", "deep")
    nights.commit("Move")
    nights.bureau.near.folder = below
    nights.night(status=None)
    silence(nights)
    nights.night(status=3)
    known = facts(nights, f"{BRANCH}-deep", "deep/")
    assert [one.state for one in known.values()] == ["closed", "merged", "open"]
