"""``vpatch explain``: what a person reads and a program gets, and what is asked wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shop import SOURCE
from git_servers import Http, Origin
from support import Project, git, lines, sdist

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shop import Shop

PATCH = "101-edit-a.patch"
BROKEN = SOURCE | {"vllm/a.py": lines(-2, 30, l8="odd \x1b[31m")}
URL = "https://github.com/vllm-project/vllm/pull/101"


@pytest.fixture
def newer(shop: Shop) -> Shop:
    """Publish v0.17.0, which changes nothing, and v0.18.0, which breaks the first patch."""
    shop.desk.index.add("0.17.0", sdist("0.17.0", SOURCE | {"docs/guide.md": "# New\n"}))
    shop.desk.index.add("0.18.0", sdist("0.18.0", BROKEN))
    return shop


def test_a_conflict_is_explained(newer: Shop) -> None:
    """File, function, lines, release: in a pipe, without colours or codes, with status 1."""
    ran = newer.desk.run("explain", PATCH, "--base", "v0.18.0", status=1)
    assert ran.out.splitlines() == [
        "#101 has no place on v0.18.0: conflict, 1 of 1 hunks",
        "",
        "vllm/a.py, hunk 1 (line 4)",
        "  first broken in v0.18.0, good in v0.17.0",
        "  - expected, as in v0.16.0; + in v0.18.0:",
        "      4     7   line 4",
        "      5     8   line 5",
        "      6     9   line 6",
        "      7    10   line 7",
        "      8       - line 8",
        r"           11 + odd \x1b[31m",
        "      9    12   line 9",
        "     10    13   line 10",
    ]
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("name", ["101", "#101", URL, f"{URL}/", PATCH])
def test_a_patch_goes_by_many_names(newer: Shop, name: str) -> None:
    """A number, an address, a file: as for every verb."""
    found = newer.near.json("explain", name, "--base", "0.18.0", status=1)
    assert found["name"] == PATCH


def test_json(newer: Shop) -> None:
    """The answer for programs has the series too, and the schema's number."""
    found = newer.near.json("explain", "101", "--base", "v0.18.0", status=1)
    assert (found["schema"], found["series"], found["home"]) == (1, "v0.16.0", "v0.16.0")
    assert (found["pr"], found["verdict"], found["ok"]) == (101, "conflict", False)
    (hunk,) = found["hunks"]
    assert hunk["broke_in"] == "v0.18.0"
    assert hunk["there"]["lines"][4] == {"line": 11, "text": "odd \x1b[31m"}
    assert found["replays"] == len(found["asked"]) <= 3


def test_a_patch_with_a_place(newer: Shop) -> None:
    """That is a good answer: status 0."""
    ran = newer.near.run("explain", "101", "--base", "v0.17.0")
    assert ran.out == "#101 has a place on v0.17.0: clean\n"
    assert newer.near.json("explain", "101", "--base", "v0.17.0")["ok"] is True
    assert "on v0.16.0: clean" in newer.near.run("explain", "101").out


def test_a_patch_that_needs_another(newer: Shop, tmp_path: Path) -> None:
    """Only because the first has no place, the second has none: explain the first."""
    author = Project(tmp_path / "author", SOURCE)
    series = {PATCH: newer.patches[PATCH]}
    author.commit("first", {"vllm/a.py": lines(1, 30, l7="seven")})
    series["105-more.patch"] = author.patch("more", {"vllm/a.py": lines(1, 30, l7="VII")})
    newer.desk.write_series("v0.16.0", series)
    ran = newer.near.run("explain", "105", "--base", "v0.18.0", status=1)
    assert ran.out.splitlines()[-1] == "explain #101 first"
    found = newer.near.json("explain", "105", "--base", "v0.18.0", status=1)
    assert found["needs"] == [PATCH]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("999",), "no such patch: 999"),
        (("101", "--series", "v0.9.0"), "no series v0.9.0"),
        (("101", "--base", "v9.9.9"), "no such release in the index: v9.9.9"),
        (("101", "--base", "main"), "no such base: main"),
        ((), "Missing argument 'PATCH'"),
    ],
)
def test_what_is_asked_wrongly(newer: Shop, args: tuple[str, ...], said: str) -> None:
    """Wrong usage, said with the way out."""
    ran = newer.near.run("explain", *args, status=2)
    assert said in ran.err
    assert ran.out == ""


def test_a_patch_of_another_series(newer: Shop) -> None:
    """The series that serves the base lacks it: the one that has it is named."""
    patches = {"101-edit-a.patch": newer.patches["101-edit-a.patch"]}
    newer.desk.write_series("v0.17.0", patches)
    ran = newer.near.run("explain", "102", "--base", "v0.18.0", status=2)
    assert "no such patch: 102" in ran.err
    assert "hint: v0.16.0 has it: --series v0.16.0" in ran.err
    newer.near.run("explain", "102", "--base", "v0.18.0", "--series", "v0.16.0")


def test_a_base_below_every_series(newer: Shop) -> None:
    """An older release is served by no series of itself; with one named, it is explained."""
    older = SOURCE | {"vllm/a.py": lines(1, 30, l8="old")}
    newer.desk.index.add("0.14.0", sdist("0.14.0", older))
    ran = newer.near.run("explain", "101", "--base", "v0.14.0", status=2)
    assert "--series NAME" in ran.err
    ran = newer.near.run("explain", "101", "--base", "v0.14.0", "--series", "v0.16.0", status=1)
    assert "came with v0.16.0, not yet in v0.14.0" in ran.out


def test_the_series_own_base_is_not_to_be_had(newer: Shop) -> None:
    """Nobody can tell what the patch was made on: no answer, and why."""
    newer.desk.write_series("v0.15.0", {PATCH: newer.patches[PATCH]})
    ran = newer.near.run("explain", "101", "--base", "v0.18.0", "--series", "v0.15.0", status=3)
    assert "the base that this series was made on is not to be had: v0.15.0" in ran.err
    assert "hint: vpatch bases --fetch v0.15.0 says why" in ran.err


def test_with_a_git_remote(newer: Shop, tmp_path: Path) -> None:
    """Releases of the index, and the commit of the remote's history."""
    for name in ("v0.16.0", "v0.17.0", "v0.18.0"):
        newer.near.run("bases", "--fetch", name)
    origin = Origin(tmp_path / "upstream", tmp_path / "served/vllm.git")
    origin.commit("sixteen", SOURCE)
    git(origin.folder, "tag", "v0.16.0")
    origin.commit("seventeen", {"docs/guide.md": "# New\n"})
    git(origin.folder, "tag", "v0.17.0")
    origin.commit("[Core] Make it odd \x1b[2J (#4321)", {"vllm/a.py": BROKEN["vllm/a.py"]})
    origin.commit("more", {"docs/guide.md": "# Newer\n"})
    git(origin.folder, "tag", "v0.18.0")
    origin.push()
    server = Http(origin.served.parent)
    url = f"{server.url}/vllm.git"

    ran = newer.near.run("--upstream", url, "explain", "101", "--base", "v0.18.0", status=1)
    server.close()

    commit = git(origin.folder, "rev-parse", "HEAD~1")
    assert f"    by {commit[:12]} of 20" in ran.out
    assert r"    [Core] Make it odd \x1b[2J (#4321)" in ran.out
    found = newer.near.json("--upstream", url, "explain", "101", "--base", "v0.18.0", status=1)
    assert found["hunks"][0]["commit"]["pr"] == 4321


def test_a_branch_that_moved(shop: Shop, tmp_path: Path) -> None:
    """Its series was made on an earlier commit of it, which is named as where it was good."""
    origin = Origin(tmp_path / "upstream", tmp_path / "served/vllm.git")
    own = origin.commit("one", SOURCE)
    origin.push()
    shop.desk.write_series("main", {PATCH: shop.patches[PATCH]}, commit=own)
    told = ("--upstream", str(origin.served), "explain", "101", "--base", "main")
    assert "has a place on main" in shop.near.run(*told).out
    origin.commit("Make it odd", {"vllm/a.py": BROKEN["vllm/a.py"]})
    origin.push()
    ran = shop.near.run(*told, status=1)
    assert f"  first broken in main, good in {own[:12]}" in ran.out.splitlines()
    assert "#101 has no place on main: conflict, 1 of 1 hunks" in ran.out
