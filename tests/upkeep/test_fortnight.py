"""Fourteen nights in the life of a series, and what each of them is to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nights import BRANCH, C, Nights, begun
from steps import KilledError
from support import Desk, git, lines, tree_of
from vpatch.upkeep.nightly.branch import Branch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

A, B = "vllm/a.py", "vllm/b.py"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


class Fortnight:
    """What happens by day."""

    def __init__(self, nights: Nights) -> None:
        self.nights = nights
        self.forge = nights.bureau.forge
        self.reviewed = self.forge.rev("topic-40101")[:12]

    def nothing(self) -> None:
        """Nobody does anything."""

    def a_push(self) -> None:
        """The author of a makes it more."""
        self.forge.push(40101, [("More", {A: lines(1, 40, l7="mine a", l30="more")})])

    def a_merge(self) -> None:
        """Upstream takes b."""
        self.forge.merge(40102)

    def a_release(self) -> None:
        """Upstream releases, and b is in it."""
        self.nights.release("v0.17.0")

    def no_network(self) -> None:
        """Nobody answers."""
        place = self.nights.bureau.near.index.folder
        (place / "simple").rename(place / "away")
        self.forge.http.hold = self._refuse
        self.forge.api.stumbles = [500] * 9

    def _refuse(self, path: str) -> None:
        raise ConnectionError(path)

    def network(self) -> None:
        """It is back; meanwhile, upstream edited the lines of c."""
        place = self.nights.bureau.near.index.folder
        (place / "away").rename(place / "simple")
        self.forge.http.hold = str
        self.nights.land("Theirs", {C: lines(1, 40, l7="theirs")})

    def a_close(self) -> None:
        """The author of c gives up."""
        self.forge.api.shut(40103)

    def a_second_push(self) -> None:
        """The author of a goes on."""
        self.forge.push(40101, [("Most", {A: lines(1, 40, l7="mine a", l30="most")})])

    def a_way_back(self) -> None:
        """Upstream thinks better of it."""
        self.nights.land("Ours", {C: lines(1, 40)})

    def a_revert(self) -> None:
        """What b brought is taken out of upstream."""
        self.forge.revert(40102, by=40110)

    def a_person(self) -> None:
        """Somebody reads what the nights made, and merges it."""
        git(self.nights.folder, "merge", "-q", "--ff-only", BRANCH)

    def a_second_release(self) -> None:
        """Upstream releases again."""
        self.nights.release("v0.18.0")

    @property
    def now(self) -> str:
        """The head of a."""
        return self.forge.rev("topic-40101")[:12]


PUSHED = (
    "#40101 (Edit a) was pushed to, and is at {now}: vpatch refresh 40101 shows what changed "
    "since {reviewed}, which was reviewed"
)
EVERY_LINE = "the base has every line of it"
NIGHTS: list[tuple[Callable[[Fortnight], None], int, list[str]]] = [
    (Fortnight.nothing, 0, ["the series is brought to main: 3 patches"]),
    (Fortnight.nothing, 0, []),
    (Fortnight.a_push, 1, [PUSHED]),
    (
        Fortnight.a_merge,
        0,
        [
            "#40102 (Edit b) was merged",
            f"#40102 (Edit b) is needed no more on main: {EVERY_LINE}",
        ],
    ),
    (
        Fortnight.a_release,
        0,
        [
            "v0.17.0 is out",
            "#40102 (Edit b) is in v0.17.0",
            f"#40102 (Edit b) is needed no more on v0.17.0: {EVERY_LINE}",
            "the series is brought to v0.17.0: 2 patches, 1 landed",
        ],
    ),
    (
        Fortnight.no_network,
        3,
        [
            "could not look at the package index: the index does not know it: vllm",
            "could not look at main: the git remote gave no answer: {remote}",
            "could not look at the pull requests: the git remote gave no answer: {remote}",
        ],
    ),
    (
        Fortnight.network,
        1,
        [
            "could look at the package index again",
            "could look at main again",
            "could look at the pull requests again",
            (
                "#40103 (Edit c) has no place on main: vllm/c.py: hunk 1 (line 4) found other "
                "lines in main (good in v0.17.0, not in main)"
            ),
        ],
    ),
    (Fortnight.a_close, 1, ["#40103 (Edit c) was closed, and not merged"]),
    (Fortnight.a_second_push, 1, [PUSHED]),
    (
        Fortnight.a_way_back,
        0,
        [
            "#40103 (Edit c) has a place on main again (clean)",
            "the series is brought to main: 2 patches",
        ],
    ),
    (
        Fortnight.a_revert,
        1,
        [
            (
                '#40102: #40110 (Revert "Edit b (#40102)") reverts it, perhaps: '
                "'Revert \"Edit b (#40102)\"'"
            ),
            "#40102 (Edit b) is needed on main again: what it brings is gone from there",
        ],
    ),
    (Fortnight.a_person, 0, []),
    (
        Fortnight.a_second_release,
        0,
        ["v0.18.0 is out", "the series is brought to v0.18.0: 2 patches"],
    ),
    (Fortnight.nothing, 0, []),
]
KILLED, TWICE = 8, 9
"""Nights, from 1."""


def test_a_fortnight(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each night tells what is written down for it, and nothing twice.

    One is killed when all of it is done and nothing is kept, and told by the one behind it; one
    runs twice.
    """
    fortnight = Fortnight(nights)
    before = tree_of(nights.folder / "patches")
    for number, (happens, status, expected) in enumerate(NIGHTS, 1):
        happens(fortnight)
        if number == KILLED:
            with monkeypatch.context() as place:
                place.setattr(Branch, "keep", _killed)
                with pytest.raises(KilledError):
                    nights.news()
        said = {"now": fortnight.now, "reviewed": fortnight.reviewed}
        said["remote"] = fortnight.forge.url
        told = [line.format(**said) for line in expected]
        assert nights.news(status=status) == told, f"night {number}"
        if number == TWICE:
            assert nights.news() == []
        if happens is Fortnight.a_person:
            before = tree_of(nights.folder / "patches")
        assert tree_of(nights.folder / "patches") == before
        assert git(nights.folder, "status", "--porcelain") == ""
    assert "patches/v0.18.0/series" in nights.files()


def _killed(*_args: object) -> str:
    raise KilledError
