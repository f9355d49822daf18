"""What nights tell of pull requests: each change once, whoever fails to answer between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from nights import C, Nights, begun
from support import Desk, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUMBERS = (40101, 40102, 40103)
ABOUT_PULLS = ("open", "closed", "merged", "pushed", "failure", "back")
STATES = "the states of the pull requests"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def told(nights: Nights) -> list[str]:
    """Let a night pass, and return what it told of pull requests."""
    news = nights.bureau.near.json("nightly", status=None)["news"]
    return [one["text"] for one in news if one["kind"] in ABOUT_PULLS]


def shut(nights: Nights) -> None:
    """All are closed."""
    for number in NUMBERS:
        nights.bureau.forge.api.shut(number)


def merge(nights: Nights) -> None:
    """All are merged."""
    for number in NUMBERS:
        nights.bureau.forge.merge(number)


CLOSED, MERGED = "was closed, and not merged", "was merged"


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (str, ["#40103 (Edit c) is open again"]),
        (shut, [f"#40101 (Edit a) {CLOSED}", f"#40102 (Edit b) {CLOSED}"]),
        (
            merge,
            [f"#4010{n} (Edit {letter}) {MERGED}" for n, letter in enumerate("abc", start=1)],
        ),
    ],
)
def test_a_first_night(
    nights: Nights, happens: Callable[[Nights], object], expected: list[str]
) -> None:
    """It tells what upstream.toml does not say: of the three, unknown, open and closed."""
    happens(nights)
    facts = nights.folder / "patches/upstream.toml"
    said = iter(("unknown", "open", "closed"))
    facts.write_text(
        re.sub('state = "open"', lambda _: f'state = "{next(said)}"', facts.read_text())
    )
    nights.commit()
    assert told(nights) == expected
    assert told(nights) == []


def test_nights_without_github(nights: Nights) -> None:
    """One failure when it begins, one word when it is over; git's word counts between."""
    forge = nights.bureau.forge
    down = dict.fromkeys(NUMBERS, 451)

    def push() -> None:
        forge.push(40102, [("More", {"vllm/b.py": lines(1, 40, l7="mine b", l30="more")})])

    table: list[tuple[Callable[[], object], dict[int, int], list[str]]] = [
        (lambda: forge.api.shut(40101), {}, [f"#40101 (Edit a) {CLOSED}"]),
        (
            str,
            down,
            [f"could not look at {STATES}: GitHub gave no answer (HTTP 451): 127.0.0.1"],
        ),
        (str, down, []),
        (push, down, ["#40102 (Edit b) was pushed to, and is at {head}: …"]),
        (lambda: forge.api.shut(40103), down, []),
        (str, {}, [f"could look at {STATES} again", f"#40103 (Edit c) {CLOSED}"]),
        (str, {}, []),
    ]
    for happens, refused, expected in table:
        happens()
        forge.api.refused = dict(refused)
        head = forge.rev("topic-40102")[:12]
        said = [re.sub("vpatch refresh .*", "…", line) for line in told(nights)]
        assert said == [line.format(head=head) for line in expected]


def test_one_that_github_refuses(nights: Nights) -> None:
    """It is told once when that begins and once when it is over, and hides no other."""
    forge = nights.bureau.forge

    def cut() -> None:
        def refuse(path: str) -> None:
            raise ConnectionError(path)

        forge.http.hold = refuse

    def mend() -> None:
        forge.http.hold = str

    gone = "could not look at #40102: 127.0.0.1 knows no such pull request: #40102"
    remote = f"the git remote gave no answer: {forge.url}"
    table: list[tuple[Callable[[], object], dict[int, int], list[str]]] = [
        (str, {40102: 404}, [gone]),
        (lambda: forge.api.shut(40101), {40102: 404}, [f"#40101 (Edit a) {CLOSED}"]),
        # That nobody can be asked is no answer to what was open.
        (
            cut,
            dict.fromkeys(NUMBERS, 451),
            [
                f"could not look at main: {remote}",
                f"could not look at the pull requests: {remote}",
            ],
        ),
        (
            mend,
            {40102: 404},
            ["could look at main again", "could look at the pull requests again"],
        ),
        (lambda: forge.api.shut(40103), {40102: 500}, [f"#40103 (Edit c) {CLOSED}"]),
        (
            lambda: forge.api.shut(40102),
            {},
            ["could look at #40102 again", f"#40102 (Edit b) {CLOSED}"],
        ),
        (str, {}, []),
    ]
    for happens, refused, expected in table:
        happens()
        forge.api.refused = refused
        assert sorted(told(nights)) == sorted(expected)


def test_one_that_is_pushed_to_while_it_is_closed(nights: Nights) -> None:
    """Nobody is told of the push before it opens again; then somebody is to read it."""
    forge = nights.bureau.forge
    nights.night()
    forge.api.shut(40103)
    now = forge.push(40103, [("More", {C: lines(1, 40, l7="mine c", l30="more")})])[:12]
    assert told(nights) == [f"#40103 (Edit c) {CLOSED}"]
    assert told(nights) == []
    forge.api.pulls[40103]["state"] = "open"
    again, pushed = told(nights)
    assert again == "#40103 (Edit c) is open again"
    assert pushed.startswith(f"#40103 (Edit c) was pushed to, and is at {now}: vpatch refresh")
    assert told(nights) == []
