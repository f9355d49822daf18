"""Which bases a night looks at, and which it brings for the page alone."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from nights import Nights, begun
from support import Desk, git, lines

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


def test_a_night_without_the_remote(nights: Nights) -> None:
    """Nothing of the branch is told in it, and nothing again behind it."""
    nights.night()
    nights.bureau.forge.land("Rewrite c", {"vllm/c.py": lines(1, 40, l7="theirs")})
    told = nights.news(status=1)
    assert [text.partition(":")[0] for text in told] == ["#40103 (Edit c) has no place on main"]
    settings = nights.folder / "vpatch.toml"
    text = settings.read_text()
    api = f'[upstream]\napi = "{nights.bureau.forge.api.url}"\n'
    settings.write_text(f'base = "v0.16.1"\n{api}')
    nights.commit("Go without")
    found = nights.bureau.near.run("nightly", status=None)
    assert "no git remote" in found.err
    assert "no place on main" not in found.out
    settings.write_text(text)
    nights.commit("Go with it")
    assert not [one for one in nights.news(status=None) if "main" in one]


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


def test_the_page_of_a_fresh_machine(nights: Nights) -> None:
    """It has every kept series, and on each base, brought for that, the one that serves it."""
    near = nights.bureau.near
    for tag in ("v0.17.0", "v0.18.0", "v0.19.0", "v0.20.0"):
        nights.release(tag)
    near.run("rebase", "--onto", "v0.17.0")
    near.run("rebase", "--onto", "v0.20.0")
    # On which base somebody works is no affair of the page's.
    settings = near.folder / "vpatch.toml"
    settings.write_text(settings.read_text().replace("v0.16.1", "v0.20.0"))
    nights.commit()
    shutil.rmtree(near.cache)
    found = nights.night()
    assert found["failures"] == {}
    page = (nights.folder / "build/report.html").read_text()
    assert "not at hand" not in page
    data = re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data
    shown = json.loads(data[1])
    assert shown["series"] == ["v0.16.1", *["v0.17.0"] * 3, "v0.20.0", "main"]
    assert shown["bases"] == ["v0.16.1", "v0.17.0", "v0.18.0", "v0.19.0", "v0.20.0", "main"]
    seen = json.loads(nights.text("patches/nightly.json"))["verdicts"]
    assert seen.keys() == {"v0.18.0", "v0.19.0", "v0.20.0", "main"}


def test_a_first_night_in_which_nobody_answers(nights: Nights) -> None:
    """Without any base there is no page, which is said in words of its own."""
    near, forge = nights.bureau.near, nights.bureau.forge
    shutil.rmtree(near.cache)
    (near.index.folder / "simple").rename(near.index.folder / "away")
    forge.close()
    ran = near.run("nightly", status=3)
    page = "could not look at the page: no base is at hand"
    assert [line for line in ran.out.splitlines() if "page" in line] == [
        page,
        "no page was written",
    ]


def test_a_kept_base_that_cannot_be_had(nights: Nights) -> None:
    """It is told once, hides no other, and once when it is there again."""
    series = nights.folder / "patches/v0.16.0"
    shutil.copytree(nights.folder / "patches/v0.16.1", series)
    text = (series / "series").read_text()
    (series / "series").write_text(text.replace("v0.16.1", "v0.16.0"))
    nights.commit()
    tags = nights.bureau.forge.origin.folder
    tip = git(tags, "rev-parse", "v0.16.0")
    git(tags, "tag", "-d", "v0.16.0")
    nights.bureau.forge.origin.push()
    shutil.rmtree(nights.bureau.near.cache)
    told = "could not look at v0.16.0: no such release in the index: v0.16.0"
    assert nights.news(status=3) == [told, to("main")]
    assert nights.news(status=3) == []
    git(tags, "tag", "v0.16.0", tip)
    nights.bureau.forge.origin.push()
    assert nights.news() == ["could look at v0.16.0 again"]


def listed(nights: Nights, tag: str) -> None:
    """The package index gets a release that has its tag by now."""
    git(nights.bureau.forge.origin.folder, "tag", "-d", tag)
    nights.release(tag)


def test_a_release_that_is_only_tagged(nights: Nights) -> None:
    """It is told as that, newer ones alone; when the index has it, it is no news again."""
    forge = nights.bureau.forge
    nights.news()
    for tag in ("v0.15.9", "v0.17.0rc1", "v0.17.0", "vast-0.18.0"):
        forge.release(tag)
    assert nights.news() == ["v0.17.0 has a tag, and is not in the package index yet"]
    assert nights.news() == []

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    forge.http.hold = refuse
    nights.night(status=3)
    forge.http.hold = str
    assert [one for one in nights.news() if "v0.17.0" in one] == []
    listed(nights, "v0.17.0")
    assert [one for one in nights.news() if "v0.17.0" in one] == [to("v0.17.0")]
    assert nights.news() == []


def test_a_tag_that_the_index_gets_late(nights: Nights) -> None:
    """What came between does not have it told again; one that is taken back is gone."""
    forge = nights.bureau.forge
    nights.news()
    forge.release("v0.17.0")
    forge.release("v0.19.0")
    assert len(nights.news()) == 2
    git(forge.origin.folder, "tag", "-d", "v0.19.0")
    nights.release("v0.18.0")
    assert [one for one in nights.news() if "index" in one or " out" in one] == [
        "v0.18.0 is out"
    ]
    listed(nights, "v0.17.0")
    told = nights.news()
    assert [one for one in told if "index" in one or " out" in one] == []
    seen = json.loads(nights.text("patches/nightly.json"))
    assert (seen["tags"], seen["releases"][:2]) == ([], ["v0.18.0", "v0.17.0"])


def test_a_tag_while_the_index_is_silent(nights: Nights) -> None:
    """What the index lacks is then not known, and told when it is."""
    place = nights.bureau.near.index.folder
    nights.news()
    (place / "simple").rename(place / "away")
    nights.bureau.forge.release("v0.17.0")
    assert [one for one in nights.news(status=3) if "v0.17.0" in one] == []
    (place / "away").rename(place / "simple")
    told = "v0.17.0 has a tag, and is not in the package index yet"
    assert told in nights.news()
