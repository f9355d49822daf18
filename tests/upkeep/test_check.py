"""``vpatch check``: every kind of problem is found, and none hides another."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from cli.shop import nearer
from support import Desk, IndexServer, Project, git, lines, sdist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = {"vllm/a.py": lines(1, 30), "vllm/b.py": lines(1, 30), "tests/test_a.py": "a = 1\n"}
FACTS = """
[[pr]]
number = 111
title = "Edit a"
state = "open"
as_of = 2026-01-02
exclude = ["tests/*"]

[[pr]]
number = 112
title = "Edit b"
state = "open"
as_of = 2026-01-02
"""
TRAILER = "\n\nUpstream-PR: https://github.com/vllm-project/vllm/pull/"


@dataclass
class Place:
    """A folder in order, and the way to put it out of order."""

    desk: Desk
    author: Project
    folder: Path
    commit: str

    @property
    def first(self) -> Path:
        """The first patch."""
        return self.folder / "111-a.patch"

    @property
    def series(self) -> Path:
        """The series file."""
        return self.folder / "series"

    @property
    def facts(self) -> Path:
        """The facts on pull requests."""
        return self.desk.folder / "patches/upstream.toml"

    def change(self, path: Path, old: bytes, new: bytes) -> None:
        """Replace bytes in a file."""
        raw = path.read_bytes()
        assert old in raw
        path.write_bytes(raw.replace(old, new))

    def smoke(self, name: str, text: str) -> None:
        """Write a file of the proofs."""
        path = self.desk.folder / "patches/smoke" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def problems(self, status: int = 1) -> dict[str, list[str]]:
        """Return what is wrong, by file name; the forms for people and programs agree."""
        answer = self.desk.json("check", status=status)
        assert answer["ok"] is (not answer["problems"])
        found: dict[str, list[str]] = {}
        for problem in answer["problems"]:
            assert set(problem) == {"path", "what", "hint"}
            name = problem["path"].rpartition("/")[2]
            found.setdefault(name, []).append(problem["what"])
        return found


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Lay out a folder in which nothing is wrong, its base at hand."""
    root = tmp_path_factory.mktemp("in-order")
    for name in ("project", "home"):
        (root / name).mkdir()
    index = IndexServer(root / "index")
    desk = Desk(root / "project", root / "cache", root / "home", index)
    desk.index.add("0.16.0", sdist("0.16.0", START))
    commit = desk.json("bases", "--fetch", "v0.16.0")["bases"][0]["commit"]
    author = Project(root / "author", START)
    first = author.patch(f"Edit a{TRAILER}111", {"vllm/a.py": lines(1, 30, l7="seven")})
    second = author.patch(f"Edit b{TRAILER}112", {"vllm/b.py": lines(1, 30, l7="seven")})
    patches = {"111-a.patch": first, "112-b.patch": second}
    folder = desk.write_series("v0.16.0", patches, commit=commit)
    made = Place(desk, author, folder, commit)
    made.facts.write_text(FACTS)
    desk.run("check", "--fix")
    yield made
    index.close()


@pytest.fixture
def place(in_order: Place, tmp_path: Path) -> Place:
    """Copy that folder, and its cache."""
    desk = nearer(in_order.desk)
    desk = replace(desk, folder=tmp_path / "project", cache=tmp_path / "cache")
    shutil.copytree(in_order.desk.folder, desk.folder)
    shutil.copytree(in_order.desk.cache, desk.cache)
    return replace(in_order, desk=desk, folder=desk.folder / "patches/v0.16.0")


def test_a_folder_in_order(place: Place) -> None:
    """Nothing is wrong: exit status 0, and what was replayed is told."""
    ran = place.desk.run("check")
    assert ran.out == "no problem found\n"
    answer = place.desk.json("check")
    assert answer == {
        "schema": 1,
        "problems": [],
        "replayed": ["v0.16.0"],
        "not_replayed": [],
        "ok": True,
    }


def test_nothing_is_fetched(place: Place) -> None:
    """A series whose base is not at hand is looked at only, and that is said."""
    place.desk.write_series("v0.17.0", {})
    place.change(place.folder.parent / "v0.17.0/series", b"0" * 40, b"1" * 40)
    place.desk.run("check", "--fix")
    before = list(place.desk.index.asked)
    ran = place.desk.run("check")
    assert "v0.17.0 was not replayed: vpatch bases --fetch v0.17.0 brings its base" in ran.out
    assert place.desk.json("check")["not_replayed"] == ["v0.17.0"]
    assert place.desk.index.asked == before


EXPORTED = "no mail of git format-patch with a zero commit id"


@pytest.mark.parametrize(
    ("mess", "name", "what"),
    [
        (
            lambda p: p.change(p.series, b"# This series applies on", b"# Applies on"),
            "series",
            "its first line does not record the base",
        ),
        (
            lambda p: p.change(p.series, b"v0.16.0 (", b"v0.17.0 ("),
            "series",
            "its first line does not record the base",
        ),
        (
            lambda p: p.change(p.series, b"112-b.patch", b"112-b.patch\n111-a.patch"),
            "series",
            "111-a.patch stands twice",
        ),
        (
            lambda p: p.change(p.series, b"111-a.patch", b"111-a.patch -p1"),
            "series",
            "111-a.patch has an option",
        ),
        (
            lambda p: p.change(p.series, b"111-a.patch", b"111-a.patch\n13-none.patch"),
            "series",
            "no patch file 13-none.patch",
        ),
        (lambda p: p.series.write_bytes(b"\xff\xfe\n"), "series", "the file is not UTF-8"),
        (
            lambda p: (p.folder / "99-left.diff").write_text("x"),
            "99-left.diff",
            "no line of the series names it",
        ),
        (
            lambda p: (p.folder / "99-left.patch.gz").write_bytes(gzip.compress(b"x")),
            "99-left.patch.gz",
            "no line of the series names it",
        ),
        (lambda p: p.first.write_text("Hello\n"), "111-a.patch", "no diff in it"),
        (
            lambda p: p.change(p.first, b"From " + b"0" * 40, b"From " + b"1" * 40),
            "111-a.patch",
            EXPORTED,
        ),
        (
            lambda p: p.change(p.first, b"From: Ada <ada@example.org>\n", b""),
            "111-a.patch",
            "no author or no date in it",
        ),
        (
            lambda p: p.first.write_bytes(p.first.read_bytes() + b"-- \n2.39.5\n\n"),
            "111-a.patch",
            "a signature at its end",
        ),
        (
            lambda p: p.change(p.first, b"Upstream-PR: ", b"See: "),
            "111-a.patch",
            "no Upstream-PR trailer",
        ),
        (
            lambda p: p.change(p.facts, b"number = 111", b"number = 9111"),
            "111-a.patch",
            "upstream.toml does not know #111",
        ),
        (
            lambda p: p.change(p.facts, b'"tests/*"', b'"vllm/a*"'),
            "111-a.patch",
            "vllm/a.py is excluded for #111",
        ),
        (
            lambda p: p.change(p.folder / "112-b.patch", b"pull/112", b"pull/111"),
            "112-b.patch",
            None,
        ),
        (
            lambda p: p.change(p.facts, b'state = "open"', b'state = "merrged"'),
            "upstream.toml, [[pr]] 111",
            "state 'merrged' is unknown",
        ),
        (lambda p: p.facts.write_text("[["), "upstream.toml", None),
        (
            lambda p: p.smoke("proofs.json", '{"schema": 1, "proofs": [}\n'),
            "proofs.json",
            "no valid JSON: Expecting value: line 1 column 26 (char 25)",
        ),
        (
            lambda p: p.smoke("proofs.json", '{"schema": 1, "proofs": [{}]}\n'),
            "proofs.json, entry 1",
            "it is no entry of a proof",
        ),
        (
            lambda p: p.smoke("test_pr111.py", "def test_it(): ...\n"),
            "PATCHES.md",
            "it is not what vpatch would write",
        ),
        (
            lambda p: (p.desk.folder / "PATCHES.md").write_text("# Mine\n"),
            "PATCHES.md",
            "it is not what vpatch would write",
        ),
        (lambda p: (p.desk.folder / "PATCHES.md").unlink(), "PATCHES.md", "it is missing"),
    ],
)
def test_each_problem_is_found(
    place: Place, mess: Callable[[Place], object], name: str, what: str | None
) -> None:
    """One thing put out of order: it is named with its file."""
    mess(place)
    found = place.problems()
    if what is None:
        assert found
    else:
        assert what in found.get(name, []), found


def test_short_ids_and_bare_diffs(place: Place) -> None:
    """A bare diff with short ids and no prefixes: each of its shortcomings is told."""
    diff = git(place.author.folder, "diff", "--no-prefix", "HEAD~2", "HEAD~1")
    place.first.write_text(diff + "\n")
    assert place.problems()["111-a.patch"] == [
        EXPORTED,
        "no author or no date in it",
        "index lines without full blob ids",
        "paths without a/ and b/",
        "no Upstream-PR trailer",
    ]


def test_a_pull_request_carried_twice(place: Place) -> None:
    """Two patches say that they are the same pull request."""
    place.change(place.folder / "112-b.patch", b"pull/112", b"pull/111")
    assert place.problems()["series"] == ["#111 is carried twice: 111-a.patch and 112-b.patch"]


def test_a_series_is_clean_at_home(place: Place) -> None:
    """On its own base nothing but clean is right: an offset and a conflict are problems."""
    place.change(place.first, b"@@ -4,7 +4,7 @@", b"@@ -5,7 +5,7 @@")
    assert "offset on its own base v0.16.0" in place.problems()["111-a.patch"][0]
    place.change(place.first, b"-line 7\n", b"-line seven\n")
    place.change(place.first, b" line 6\n", b" line six\n")
    assert "conflict on its own base v0.16.0" in place.problems()["111-a.patch"][0]


def test_an_index_line_that_names_another_blob(place: Place) -> None:
    """The lines are right and the ids are not: a later three-way merge would go wrong."""
    raw = place.first.read_bytes()
    at = raw.index(b"..") + 2
    place.first.write_bytes(raw[:at] + b"a" * 40 + raw[at + 40 :])
    assert place.problems()["111-a.patch"] == ["the index line of vllm/a.py names another blob"]


def test_no_problem_hides_another(place: Place) -> None:
    """Broken facts, a broken patch, a file too many, a broken series beside: all are named."""
    place.facts.write_text("pr = 3\n")
    place.first.write_text("Hello\n")
    (place.folder / "99-left.patch").write_text("x")
    place.desk.write_series("v0.17.0", {})
    (place.folder.parent / "v0.17.0/series").write_bytes(b"\xff\n")
    found = place.problems()
    assert set(found) >= {"upstream.toml", "111-a.patch", "99-left.patch", "series"}
    ran = place.desk.run("check", status=1)
    assert f"{sum(map(len, found.values()))} problems" in ran.out.splitlines()[-1]
    # --fix mends what it can, and tells of what it can't.
    ran = place.desk.run("check", "--fix", status=1)
    assert "no diff in it" in ran.out


def test_fix_writes_the_page(place: Place) -> None:
    """--fix writes PATCHES.md, and what is wrong beyond it is told still."""
    page = place.desk.folder / "PATCHES.md"
    right = page.read_bytes()
    page.write_text("# Mine\n")
    ran = place.desk.run("check", status=1)
    assert "vpatch check --fix writes it" in ran.out
    place.desk.run("check", "--fix")
    assert page.read_bytes() == right
    place.change(place.first, b"Upstream-PR: ", b"See: ")
    assert "no Upstream-PR trailer" in place.desk.run("check", "--fix", status=1).out


def test_an_empty_folder_of_patches(desk: Desk) -> None:
    """A patches folder without a series is a problem, not a crash."""
    (desk.folder / "patches").mkdir()
    answer: Any = desk.json("check", status=1)
    assert [problem["what"] for problem in answer["problems"]] == ["no series"]


def test_hostile_words_are_shown_without_harm(place: Place) -> None:
    """Escape codes in names and titles reach neither the screen nor the page."""
    name = "66-\x1b]0;x\x07evil.patch"
    (place.folder / name).write_text("x")
    place.change(place.facts, b'title = "Edit a"', b'title = "\\u001b[2J \\u202e evil"')
    ran = place.desk.run("check", "--fix", status=1)
    assert "no line of the series names it" in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert b"\x1b" not in (place.desk.folder / "PATCHES.md").read_bytes()
