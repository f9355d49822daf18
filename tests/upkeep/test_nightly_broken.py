"""A file of the project that cannot be read: told once, to a person, and it hides no news."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bureau import A
from nights import BRANCH, Nights, begun
from support import Desk, git, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATCH = "patches/v0.16.1/40102-edit-b.patch"
SERIES = "patches/v0.16.1/series"
FACTS = "patches/upstream.toml"
CLOSED = "#40103 (Edit c) was closed, and not merged"
MERGED = "#40101 (Edit a) was merged"
HIDDEN = "the series v0.16.1, the series for main, PATCHES.md, the page"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests; its first night is over."""
    with begun(desk, tmp_path) as nights:
        nights.night()
        yield nights


def spoil(nights: Nights, name: str, text: str) -> Callable[[], None]:
    """Commit a file with another text; return what brings it back."""
    path = nights.folder / name
    good = path.read_text()

    def put(text: str) -> None:
        path.write_text(text)
        nights.commit()

    put(text)
    return lambda: put(good)


def test_a_broken_patch(nights: Nights, tmp_path: Path) -> None:
    """It is one line for a person that names what it hides; all pull requests are asked."""
    forge, markdown = nights.bureau.forge, tmp_path / "news.md"
    mend = spoil(nights, PATCH, "garbage\n")
    forge.api.shut(40103)
    now = forge.push(40101, [("More", {A: lines(1, 40, l7="mine a", l30="more")})])
    night = nights.night("--markdown", str(markdown), status=1)
    broken, pushed, closed = (one["text"] for one in night["news"])
    assert broken == f"{PATCH} is broken: no diff in it; hidden by that: {HIDDEN}"
    assert [one["wants_a_person"] for one in night["news"]] == [True, True, True]
    assert f"was pushed to, and is at {now[:12]}" in pushed
    assert closed == CLOSED
    assert night["failures"] == {f"the file {PATCH}": f"no diff in it: {PATCH}"}
    kept = nights.text("patches/nightly.json") + nights.text("patches/upstream.toml")
    message = git(nights.folder, "log", "-1", "--format=%B", BRANCH)
    assert "build/nightly" not in kept + message + markdown.read_text() + str(night)
    assert 'state = "closed"' in kept
    assert f"* {broken}" in message
    assert f"`{broken}`" in markdown.read_text().partition("### What else")[0]
    # It stays so: that is named, and no news.
    ran = nights.bureau.near.run("nightly", status=3)
    assert ran.out.startswith(f"nothing new\ncould still not look at the file {PATCH}\n")
    mend()
    assert nights.news() == [f"could look at the file {PATCH} again"]
    assert nights.news() == []


def test_a_pull_request_whose_patch_is_broken(nights: Nights) -> None:
    """What became of it is told by what is known of it."""
    spoil(nights, PATCH, "garbage\n")
    forge = nights.bureau.forge
    forge.merge(40101)
    forge.api.shut(40102)
    forge.api.comment(40102, "Superseded by #40103.")
    told = nights.news(status=1)
    # The one that it names is carried, and no follow-up to look at.
    assert told[1:] == [MERGED, "#40102 (Edit b) was closed, and not merged"]


def test_broken_facts(nights: Nights) -> None:
    """Those that are carried are asked for; the night behind it has them all again."""
    mend = spoil(nights, FACTS, "[[pr]\n")
    nights.bureau.forge.api.shut(40103)
    night = nights.night(status=1)
    broken, closed = night["news"]
    assert broken["text"].startswith(f"{FACTS} is broken: no valid TOML: ")
    assert "hidden by that: pull requests that are only watched, the series" in broken["text"]
    assert (closed["text"], list(night["failures"])) == (CLOSED, [f"the file {FACTS}"])
    assert nights.text(FACTS) == "[[pr]"
    mend()
    assert nights.news() == [f"could look at the file {FACTS} again"]
    assert 'state = "closed"' in nights.text(FACTS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a.patch -x\n", "the option -x is not for vpatch, line 1"),
        ("a.patch\n", "no patch file a.patch"),
        ("40103-edit-c.patch\n40103-edit-c.patch\n", "40103-edit-c.patch stands twice"),
    ],
)
def test_a_broken_series(nights: Nights, text: str, why: str) -> None:
    """Whatever is wrong with it, facts say which pull requests there are."""
    spoil(nights, SERIES, text)
    nights.bureau.forge.api.shut(40103)
    broken, closed = nights.news(status=1)
    whole = HIDDEN.replace("for main", "for v0.16.1, the series for main")
    assert broken == f"{SERIES} is broken: {why}; hidden by that: {whole}"
    assert closed == CLOSED


def test_two_broken_files(nights: Nights) -> None:
    """Each is told for itself, of a series that no base asks for too, and when one is gone."""
    old = nights.folder / "patches/v0.15.0"
    old.mkdir()
    (old / "series").write_text("a.patch\n")
    (old / "a.patch").write_text("garbage\n")
    spoil(nights, PATCH, "")
    other, series = "patches/v0.15.0/a.patch", "the series v0.16.1, the series for main"
    assert nights.news(status=1) == [
        f"{other} is broken: no diff in it; hidden by that: PATCHES.md, the page",
        f"{PATCH} is broken: the file is empty; hidden by that: {series}",
        "could not look at v0.15.0: no such release in the index: v0.15.0",
    ]
    git(nights.folder, "rm", "-q", "-r", "-f", "patches/v0.15.0")
    nights.commit()
    assert nights.news(status=3) == [f"{other}, which was broken, is gone"]
    # The one that a broken series named is there as before, and no news behind it either.
    mend = spoil(nights, SERIES, "40101-edit-a.patch -x\n")
    (told,) = nights.news(status=1)
    assert told.startswith(f"{SERIES} is broken: the option -x is not for vpatch, line 1;")
    mend()
    assert nights.news(status=3) == [f"could look at the file {SERIES} again"]
    spoil(nights, SERIES, "40101-edit-a.patch\n40103-edit-c.patch\n")
    assert f"{PATCH}, which was broken, is in no series any more" in nights.news()


def test_one_that_fails_behind_a_broken_file(nights: Nights) -> None:
    """A pull request that no night could look at is told once, whatever hides it meanwhile."""
    nights.bureau.forge.api.refused = {40102: 404}
    facts = nights.folder / FACTS
    # One that fails is only watched, and the other is known from its patch alone.
    one = '[[pr]]\nnumber = {}\ntitle = "Edit"\nstate = "open"\nas_of = 2026-01-01\n'
    facts.write_text(one.format(40101) + one.format(999))
    nights.commit()
    why = "127.0.0.1 knows no such pull request"
    told = [f"could not look at #{one}: {why}: #{one}" for one in (40102, 999)]
    assert nights.news(status=3) == told
    for name in (FACTS, PATCH, SERIES):
        mend = spoil(nights, name, "[[pr]\n")
        assert len(nights.news(status=1)) == 1
        mend()
        assert nights.news() == [f"could look at the file {name} again"]
    facts.write_text("")
    nights.commit()
    ran = nights.bureau.near.run("nightly")
    assert ran.out.startswith("nothing new\ncould still not look at #40102\n\n")
