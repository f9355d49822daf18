"""What nights tell of pull requests: each change once, whoever fails to answer between."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock, Timeout

from bureau import A, B
from nights import C, Nights, begun
from support import Desk, git, lines
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.refresh import Refresh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from vpatch.upkeep.news import News

NUMBERS = (40101, 40102, 40103)
ABOUT_PULLS = ("open", "closed", "merged", "pushed", "retargeted", "failure", "back")
ALL = "all pull requests"
NO_ANSWER = "GitHub gave no answer (HTTP 451): 127.0.0.1"


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
            [f"could not look at #40101 and 2 more: {NO_ANSWER}"],
        ),
        (str, down, []),
        (push, down, ["#40102 (Edit b) was pushed to, and is at {head}: …"]),
        (lambda: forge.api.shut(40103), down, []),
        (str, {}, [f"could look at {ALL} again", f"#40103 (Edit c) {CLOSED}"]),
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


def test_one_that_is_refused_for_good(nights: Nights) -> None:
    """Its first night could not look at it; those behind it name it, and are no failures."""
    nights.night()
    nights.bureau.forge.api.refused = {40102: 404}
    nights.night(status=3)
    assert nights.news() == []
    ran = nights.bureau.near.run("nightly")
    assert "could still not look at #40102" in ran.out


def test_a_limit_beside_one_that_is_refused(nights: Nights) -> None:
    """Each cause is told for itself; of whom nobody could be asked, the old failure stays."""
    api = nights.bureau.forge.api
    nights.night()
    api.refused = {40102: 404}
    gone = "could not look at #40102: 127.0.0.1 knows no such pull request: #40102"
    assert told(nights) == [gone]
    shutil.rmtree(nights.bureau.near.cache / "github")
    api.remaining = 0
    (limit,) = told(nights)
    assert limit.startswith("could not look at #40101 and 2 more: the rate limit is used up")
    api.remaining = 5000
    assert told(nights) == [f"could look at {ALL} again"]
    api.refused = {}
    assert told(nights) == ["could look at #40102 again"]


def test_somebody_at_work_by_night(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """What he was shown, and what was found for him, stays; the night's own comes to it."""
    forge, near = nights.bureau.forge, nights.bureau.near
    nights.night()
    forge.push(40101, [("More", {"vllm/a.py": lines(1, 40, l7="mine a", l30="more")})])
    for number, by in ((40102, 50102), (40103, 50103)):
        forge.api.shut(number)
        forge.api.comment(number, f"Superseded by #{by}.")
    real = Refresh.look

    def look(self: Refresh, numbers: Collection[int]) -> list[News]:
        found = real(self, numbers)
        monkeypatch.setattr(Refresh, "look", real)
        near.run("refresh", "40101", status=1)
        near.run("refresh", "40102")
        return found

    monkeypatch.setattr(Refresh, "look", look)
    nights.night(status=1)
    kept = Outlook.at(nights.folder / "build/outlook.json")
    found = {number: [one.pr for one in each] for number, each in kept.follow_ups.items()}
    assert found == {40102: [50102], 40103: [50103]}
    # It was shown, so it may be taken.
    (pull,) = near.json("refresh", "40101", "--accept")["pulls"]
    assert pull["accepted"] is True


def test_the_lock_of_the_folder(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows up is written while no other run can write."""
    nights.bureau.forge.api.shut(40101)
    nights.bureau.forge.api.comment(40101, "Superseded by #50101.")
    held: list[bool] = []
    real = Outlook.save

    def save(self: Outlook, path: Path) -> None:
        with pytest.raises(Timeout), FileLock(path.parent / ".change.lock", timeout=0):
            """It is not to be had."""
        held.append(True)
        real(self, path)

    monkeypatch.setattr(Outlook, "save", save)
    nights.night(status=1)
    assert held == [True]


def test_one_that_is_pushed_to_and_merged(nights: Nights) -> None:
    """That what was merged is not what was reviewed is told in one line, and once."""
    forge = nights.bureau.forge
    nights.night()
    was = forge.rev("topic-40101")[:12]
    now = forge.push(40101, [("More", {A: lines(1, 40, l7="mine a", l30="more")})])[:12]
    forge.merge(40101)
    # The same change elsewhere is no other, nor is one that was told before.
    forge.push(40102, [("Edit b, again", {B: lines(1, 40, l7="mine b")})])
    forge.merge(40102)
    read = forge.push(40103, [("More", {C: lines(1, 40, l7="mine c", l30="more")})])[:12]
    other = f"{now}, other than reviewed at {was}: vpatch refresh 40101 shows the difference"
    merged, same, pushed = told(nights)
    assert merged == f"#40101 (Edit a) {MERGED}, at {other}"
    assert same == f"#40102 (Edit b) {MERGED}"
    assert f"was pushed to, and is at {read}" in pushed
    forge.merge(40103)
    assert told(nights) == [f"#40103 (Edit c) {MERGED}"]
    assert told(nights) == []


def test_one_that_is_pushed_to_while_it_is_closed(nights: Nights) -> None:
    """It is told with its end; if it opens again, somebody is to read what was pushed."""
    forge = nights.bureau.forge
    nights.night()
    was = forge.rev("topic-40103")[:12]
    forge.api.shut(40103)
    now = forge.push(40103, [("More", {C: lines(1, 40, l7="mine c", l30="more")})])[:12]
    other = f"{now}, other than reviewed at {was}: vpatch refresh 40103 shows the difference"
    assert told(nights) == [f"#40103 (Edit c) {CLOSED}, at {other}"]
    assert told(nights) == []
    forge.api.pulls[40103]["state"] = "open"
    again, pushed = told(nights)
    assert again == "#40103 (Edit c) is open again"
    assert pushed.startswith(f"#40103 (Edit c) was pushed to, and is at {now}: vpatch refresh")
    assert told(nights) == []


def test_one_that_is_for_another_branch_than_it_was_taken_for(nights: Nights) -> None:
    """It is told once, as long as it is so: what is carried is another change."""
    near, forge = nights.bureau.near, nights.bureau.forge
    git(forge.origin.folder, "checkout", "-q", "-b", "releases/v0.16", "v0.16.1")
    forge.origin.commit("Pick", {B: lines(1, 40, l30="picked")})
    edit = {B: lines(1, 40, l25="seven", l30="picked")}
    forge.open(50, "Fix", [("Fix", edit)], start="releases/v0.16")
    git(forge.origin.folder, "checkout", "-q", "main")
    forge.api.remaining = 0
    near.run("add", "50")
    nights.commit()
    assert "is for" not in "".join(told(nights))
    forge.api.remaining = 5000
    line = "#50 (Fix) is for main and was taken as for releases/v0.16"
    one = nights.night(status=1)["news"]
    (news,) = [each for each in one if each["kind"] == "retargeted"]
    assert news["text"] == f"{line}: vpatch refresh 50 shows the difference"
    assert (news["pr"], news["wants_a_person"]) == (50, True)
    assert told(nights) == []
    forge.api.refused = {50: 451}
    assert len(told(nights)) == 1
    forge.api.refused = {}
    assert told(nights) == ["could look at #50 again"]
    near.run("refresh", "50", status=1)
    near.run("refresh", "50", "--accept")
    nights.commit()
    assert told(nights) == []


@pytest.mark.parametrize("api", [False, True])
def test_a_server_without_pull_requests(nights: Nights, *, api: bool) -> None:
    """That none can be looked at is a failure of the first night, and named from then on."""
    forge = nights.bureau.forge
    settings = nights.folder / "vpatch.toml"
    before = settings.read_text()
    served = forge.origin.served
    git(served.parent, "clone", "-q", "--bare", str(served), "plain.git")
    url = f"{forge.http.url}/plain.git"
    plain = before.replace(forge.url, url)
    settings.write_text(plain if api else re.sub("api = .*\n", "", plain))
    nights.commit()
    if api:
        forge.api.refused = dict.fromkeys(NUMBERS, 404)
    other = "127.0.0.1 knows none" if api else "no GitHub API is known"
    (told_first,) = (one for one in nights.news(status=3) if "pull requests" in one)
    assert told_first == (
        "could not look at upstream's pull requests: the git remote has none of these pull "
        f"requests, and {other}: {url} (name another [upstream] url, or its api, in "
        "vpatch.toml; vpatch add takes changes from files too)"
    )
    still = "could still not look at upstream's pull requests\n"
    assert nights.bureau.near.run("nightly").out.startswith(f"nothing new\n{still}\n")

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    # That nobody can be asked does not say that there are any.
    forge.http.hold = refuse
    forge.api.refused = dict.fromkeys(NUMBERS, 451)
    nights.night(status=3)
    forge.http.hold = str
    forge.api.refused = dict.fromkeys(NUMBERS, 404) if api else {}
    assert nights.news() == [
        "could look at main again",
        "could look at the pull requests again",
    ]
    forge.api.refused = {}
    settings.write_text(before)
    nights.commit()
    assert nights.news() == ["could look at upstream's pull requests again"]


def test_one_that_is_not_there(nights: Nights) -> None:
    """Where git alone tells of them, the one that it lacks is named, and counts once."""
    forge = nights.bureau.forge
    settings = nights.folder / "vpatch.toml"
    settings.write_text(re.sub("api = .*\n", "", settings.read_text()))
    nights.commit()
    git(forge.origin.served, "update-ref", "-d", "refs/pull/40102/head")
    lacks = f"could not look at #40102: {forge.url} has no such pull request"
    assert lacks in nights.news(status=3)
    assert nights.news() == []
