"""The page for people: what is gathered, how it is told, and that it stays one valid file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import date, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_servers import Told
from pages import HOSTILE, MADE, SHOWN, html_of, page_of, parted
from support import Project, lines, sdist, series_of
from vpatch.jobs.bases import Bases
from vpatch.jobs.folder import Folder
from vpatch.jobs.replay import Setting
from vpatch.upkeep.nightly import Noted
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.replays import opened
from vpatch.upkeep.report import gather, render
from vpatch.upkeep.report.data import broken
from vpatch.upkeep.report.kept import Note, circumstances, left_out
from vpatch.upkeep.report.names import Names
from vpatch.upkeep.report.order import links
from vpatch.upkeep.report.page import Stand
from vpatch.values import config
from vpatch.values.base import Base
from vpatch.values.errors import BadInputError
from vpatch.values.matrix import Matrix
from vpatch.values.patch import read_patch
from vpatch.values.proof import Outcome, proof_key
from vpatch.values.shown import Proofs, Shown
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rebases import Works
    from support import Desk, Upstream
    from vpatch.doors.index import Index
    from vpatch.upkeep.report.page import Page

A, B = "vllm/a.py", "vllm/b.py"


def parsed(text: str) -> Any:
    """Read a page as a browser does, but with no error forgiven."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def data_in(text: str) -> dict[str, Any]:
    """Return what a page's script is given."""
    (found,) = [one for one in parsed(text).iter("script") if one.get("id") == "data"]
    data: dict[str, Any] = json.loads(found.text)
    return data


def result_in(data: Mapping[str, Any], patch: str, base: str) -> dict[str, Any]:
    """Return what a cell opens to."""
    found: dict[str, Any] = data["results"][data["cells"][patch][data["bases"].index(base)]]
    return found


def told(works: Works, *args: str) -> dict[str, Any]:
    """Write the page of a desk and return what its script is given."""
    path = works.near.folder / "report.html"
    works.near.run("report", "--html", str(path), *args)
    return data_in(path.read_text())


def test_a_conflict_comes_with_both_texts(works: Works) -> None:
    """Expected lines against upstream's, where each stands, and which release broke it."""
    data = told(works)
    assert data["bases"] == ["v0.16.0", "v0.17.0", "v0.18.0", "v0.19.0", "v0.20.0"]
    there = [result_in(data, "105", base) for base in data["bases"]]
    assert [one["verdict"] for one in there] == ["clean"] * 2 + ["conflict"] * 3
    faces = [one["hunks"][0]["face"] for one in there[2:]]
    assert [(face["old_start"], face["new_start"]) for face in faces] == [
        (12, 12),
        (12, 15),
        (12, 12),
    ]
    assert {face["path"] for face in faces} == {"vllm/e.py"}
    # The same text is kept once, wherever it stands.
    assert faces[0]["lines"] == faces[1]["lines"] != faces[2]["lines"]
    around = [[" ", f"line {n}"] for n in (12, 13, 14)]
    change = [["-", "line 15"], ["+", "upstream"]]
    after = [[" ", f"line {n}"] for n in (16, 17, 18)]
    assert data["texts"][faces[0]["lines"]] == around + change + after
    assert {tuple(one["hunks"][0]["broke"]) for one in there[2:]} == {("v0.17.0", "v0.18.0")}
    assert "face" not in there[0]["hunks"][0]


def test_a_result_is_told_once(works: Works) -> None:
    """What is the same on many bases stands once in the page."""
    data = told(works)
    cells = data["cells"]
    assert len(set(cells["101"])) == 1
    assert len(set(cells["103"])) == 2
    assert len(data["results"]) == len({json.dumps(one) for one in data["results"]})


def test_each_base_has_the_series_that_serves_it(works: Works) -> None:
    """Rows are matched by pull request; a cell opens to what its own series does there."""
    works.keep_later()
    data = told(works)
    assert data["series"] == ["v0.16.0"] * 2 + ["v0.18.0"] * 3
    assert list(data["rows"]) == ["101", "102", "103", "104", "105", "106", "107"]
    verdicts = {
        key: [result_in(data, key, base)["verdict"] for base in data["bases"]]
        for key in data["rows"]
    }
    absent = ["absent"] * 3
    assert verdicts == {
        "101": ["clean"] * 5,
        "102": ["clean", "offset", *absent],
        "103": ["clean", "landed", *absent],
        "104": ["clean", "partial", *absent],
        "105": ["clean", "clean", "clean", "offset", "conflict"],
        "106": ["clean", "clean", *absent],
        "107": ["absent", "absent", "clean", "clean", "clean"],
    }
    names = [data["patches"][result_in(data, "105", b)["patch"]]["name"] for b in data["bases"]]
    assert names == ["105-e.patch"] * 2 + ["105-e-anew.patch"] * 3
    (hunk,) = result_in(data, "105", "v0.20.0")["hunks"]
    assert hunk["broke"] == ["v0.19.0", "v0.20.0"]
    assert ["+", "twelve"] in data["texts"][hunk["face"]["lines"]]
    # Where it is as it was made, no series of another base breaks it.
    assert "broke" not in result_in(data, "105", "v0.18.0")["hunks"][0]


def test_why_a_cell_is_empty(works: Works) -> None:
    """In the words of the series; else what the other series, a replay and GitHub tell."""
    works.keep_later()
    facts = """[[pr]]
number = {}
title = "Edit"
state = "merged"
as_of = 2026-01-02
merged_in = "v0.19.0"
"""
    path = works.near.folder / "patches/upstream.toml"
    path.write_text(facts.format(104) + facts.format(107))
    data = told(works)

    def why(key: str, base: str) -> str:
        found: str = result_in(data, key, base)["why"]
        return found

    assert why("102", "v0.18.0") == (
        "Series v0.18.0 leaves it out: dropped on 2026-01-02: nobody needs it"
    )
    assert why("103", "v0.18.0") == "Series v0.18.0 leaves it out: landed in v0.17.0"
    silent = (
        "Series v0.18.0 does not carry it: v0.16.0 was the last that did, and the file does "
    )
    assert why("104", "v0.18.0") == why("106", "v0.20.0") == f"{silent}not say why"
    merged = "GitHub says that it was merged in v0.19.0"
    assert why("104", "v0.19.0") == f"{silent}not say why. {merged}"
    assert why("107", "v0.17.0") == (
        "Series v0.16.0 does not carry it: v0.18.0 is the first that does"
    )
    series = works.series("v0.18.0") / "series"
    series.write_text(series.read_text().replace("# 103-c.patch: landed", "# 103:"))
    data = told(works)
    landed = "As series v0.16.0 has it, it has landed there"
    assert why("103", "v0.18.0") == f"{silent}not say why. {landed}"


def test_where_each_landed_is_told_by_the_oldest_series(works: Works) -> None:
    """By a newer one where none older carries it, and on whichever base somebody works."""
    works.keep_later()
    (works.near.folder / "vpatch.toml").write_text('base = "v0.18.0"\n')
    path = works.near.folder / "report.html"
    works.near.run("report", "--html", str(path))
    (table,) = (
        one for one in parsed(path.read_text()).iter("table") if one.get("class") == "time"
    )
    rows = [[words(cell) for cell in row] for row in table.find("tbody")]
    assert [(row[0], *row[3:]) for row in rows] == [
        ("#101", "v0.16.0 to v0.20.0", ""),
        ("#102", "v0.16.0 to v0.20.0", ""),
        ("#103", "v0.16.0", "v0.17.0"),
        ("#104", "v0.16.0 to v0.20.0", "v0.17.0 in part"),
        ("#105", "v0.16.0 to v0.17.0", ""),
        ("#106", "v0.16.0 to v0.20.0", ""),
        ("#107", "v0.18.0 to v0.20.0", ""),
    ]
    last = table.find("tbody")[-1]
    assert [(one.get("x"), one.get("width")) for one in last.findall(".//{*}rect")] == [
        ("2", "3")
    ]


def test_one_series_on_all_bases(works: Works) -> None:
    """Where it is asked for, nothing of the others is in the map, nor in the history."""
    works.keep_later()
    data = told(works, "--series", "v0.16.0")
    assert set(data["series"]) == {"v0.16.0"}
    assert list(data["rows"]) == ["101", "102", "103", "104", "105", "106"]
    assert "absent" not in {one["verdict"] for one in data["results"]}
    page = (works.near.folder / "report.html").read_text()
    title, summary = section(page, "matrix")[:2]
    assert title == "Series v0.16.0 on 5 bases"
    assert summary.startswith(
        "The newest release that takes all of it is v0.17.0. On v0.20.0, 1 "
    )
    assert ">#107<" not in page.partition('id="time"')[2].partition("</table>")[0]
    told(works)
    page = (works.near.folder / "report.html").read_text()
    title, summary = section(page, "matrix")[:2]
    assert title == "The kept series on 5 bases"
    whole = "4 of the 5 bases take all of the series that serves them."
    assert summary == f"{whole} On v0.20.0, 1 of its 3 patches has no place: #105."
    wish = "no place on v0.20.0, which is newer than the newest series: #105"
    assert lead_in(page)[2] == [wish]
    assert '<a href="#105@v0.20.0">#105</a>' in page.partition("<nav")[0]


def test_a_base_that_no_series_serves(works: Works) -> None:
    """It is older than all of them, and has the oldest."""
    commit = works.near.json("bases")["bases"][2]["commit"]
    works.near.write_series("v0.18.0", {"101-a.patch": works_patch(works)}, commit=commit)
    shutil.rmtree(works.series("v0.16.0"))
    assert told(works)["series"] == ["v0.18.0"] * 5


def test_two_patches_of_one_pull_request(works: Works) -> None:
    """Each has its row, matched by its file; the address of the first is the number alone."""
    folder = works.series("v0.16.0")
    both = {name: (folder / name).read_bytes() for name in ("101-a.patch", "102-b.patch")}
    both["102-b.patch"] = both["102-b.patch"].replace(b"/pull/102", b"/pull/101")
    works.near.write_series("v0.16.0", both)
    last = {"102-b.patch": both["102-b.patch"]}
    works.near.write_series("v0.18.0", last)
    data = told(works)
    assert {key: row["label"] for key, row in data["rows"].items()} == {
        "101": "#101 a.patch",
        "102-b.patch": "#101 102-b.patch",
    }
    there = [result_in(data, key, "v0.18.0")["verdict"] for key in data["rows"]]
    assert there == ["absent", "offset"]


def test_a_file_that_moved_is_followed(desk: Desk, tmp_path: Path) -> None:
    """A file that upstream moved shows its lines in the new place, one that is gone none."""
    start = {A: lines(1, 40), B: lines(1, 40)}
    later = {"vllm/moved.py": lines(1, 40, l20="upstream")}
    for version, files in (("0.16.0", start), ("0.17.0", later), ("0.18.0", later)):
        desk.index.add(version, sdist(version, files))
        desk.run("bases", "--fetch", f"v{version}")
    author = Project(tmp_path / "author", start)
    mine = {A: lines(1, 40, l20="mine"), B: lines(1, 40, l20="mine")}
    desk.write_series("v0.16.0", {"1-both.patch": author.patch("Edit", mine)})
    desk.run("report", "--html", str(tmp_path / "page.html"))
    data = data_in((tmp_path / "page.html").read_text())
    for base in ("v0.17.0", "v0.18.0"):
        moved, gone = (hunk["face"] for hunk in result_in(data, "1-both.patch", base)["hunks"])
        assert (moved["path"], moved["new_start"]) == ("vllm/moved.py", 17)
        assert ["+", "upstream"] in data["texts"][moved["lines"]]
        assert (gone["path"], gone["new_start"]) == ("", 0)
        assert {mark for mark, _ in data["texts"][gone["lines"]]} == {"-"}


def test_who_needs_whom(upstream: Upstream, tmp_path: Path) -> None:
    """A need is tried, not guessed; what follows from others is left out."""
    author = Project(tmp_path / "author", {A: lines(1, 60), B: lines(1, 60)})
    home = upstream.release("v0.16.0", {A: lines(1, 60), B: lines(1, 60)})
    changes: list[dict[str, str | None]] = [
        {A: lines(1, 60, l10="one")},
        {A: lines(1, 60, l10="one", l11="two")},
        {A: lines(1, 60, l10="one", l11="two", l12="three")},
        {A: lines(1, 60, l10="one", l11="two", l12="three", l50="far")},
        {B: lines(1, 60, l10="other")},
        {"vllm/new.py": "new = 1\n"},
        {"vllm/new.py": "new = 2\n"},
    ]
    patches = {
        f"{number}.patch": author.patch(f"Edit {number}", change)
        for number, change in enumerate(changes, 1)
    }
    series = series_of(home, patches)
    found = links(Setting(upstream.repo, series, home, home=lambda: home))
    assert found is not None
    assert [(one.patch[0], one.on[0], one.needed) for one in found] == [
        ("2", "1", True),
        ("3", "2", True),
        ("4", "3", False),
        ("7", "6", True),
    ]
    # Without the series' own base nobody can try.
    nowhere = series_of(Base("v0.1.0", "", ""), patches)
    assert links(Setting(upstream.repo, nowhere, home)) is None


@pytest.mark.parametrize(
    ("lost", "home", "at", "found"),
    [
        ("..xx", 0, 3, ["b", "c"]),
        ("..xx", 0, 1, []),
        (".x.x", 0, 3, ["c", "d"]),
        ("xx..", 2, 0, ["c", "b"]),
        ("xxxx", 1, 3, []),
    ],
)
def test_which_base_broke_it(lost: str, home: int, at: int, found: list[str]) -> None:
    """The nearest base on the way home that has a place, and the one behind it."""
    assert broken([mark == "x" for mark in lost], "abcd", home, at) == found


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_what_broke_it_lies_on_the_way(lost: list[bool], data: st.DataObject) -> None:
    """Good at the one, lost at the other and on to the asked base, nothing else between."""
    names = [str(at) for at in range(len(lost))]
    home, at = (data.draw(st.integers(0, len(lost) - 1)) for _ in range(2))
    found = broken(lost, names, home, at)
    if not found:
        way = lost[min(home, at) : max(home, at) + 1]
        assert not lost[at] or all(way)
        return
    good, bad = map(int, found)
    assert not lost[good]
    assert abs(good - bad) == 1
    assert all(lost[min(bad, at) : max(bad, at) + 1])
    assert abs(good - home) < abs(at - home)


def test_proofs_and_kept_series_are_told(works: Works) -> None:
    """What the last proof showed stands beside its series, or that its base is not there."""
    works.near.write_series("v0.99.0", {"101-a.patch": works_patch(works)}, commit="1" * 40)
    smoke = works.near.folder / "patches/smoke"
    smoke.mkdir()
    for number in (101, 102):
        (smoke / f"test_pr{number}.py").write_text("def test_it(): ...\n")
    commit = works.near.json("bases")["bases"][0]["commit"]
    patch = read_patch("101-a.patch", works_patch(works))
    key = proof_key(patch.diff, b"def test_it(): ...\n", commit)
    about = "v0.16.0", "101-a.patch", 101, Outcome.PROVEN, "", ""
    shown = Shown(*about, date(2026, 11, 28), "vllm 0.16.0", "", "3.11.7", commit, key)
    (smoke / "proofs.json").write_text(Proofs({}, (shown,)).text)
    path = works.near.folder / "report.html"
    works.near.run("report", "--html", str(path), "--series", "v0.16.0")
    (kept,) = (
        one for one in parsed(path.read_text()).iter("table") if one.get("class") == "kept"
    )
    rows = [["".join(cell.itertext()).strip() for cell in row] for row in kept.iter("tr")]
    assert rows[0] == ["Patch", "v0.16.0 6 patches", "v0.99.0 1 patch"]
    assert rows[1:4] == [
        ["#101", "clean · proven", "carried"],
        ["#102", "clean · not run", ""],
        ["#103", "clean · no test", ""],
    ]
    told = section(path.read_text(), "kept")
    assert "Nothing was tried on v0.99.0, which is not at hand: " in told[-1]
    notes = [
        " ".join("".join(one.itertext()).split()) for one in parsed(path.read_text()).iter("dl")
    ]
    assert "#101 on v0.16.0 2026-11-28, vllm, Python 3.11.7" in notes


def test_a_series_without_patches_has_a_page(works: Works) -> None:
    """Where upstream has all of it, that is told, and there is nothing to open."""
    works.near.write_series("v0.20.0", {}, commit="1" * 40)
    path = works.near.folder / "report.html"
    works.near.run("report", "--html", str(path), "--series", "v0.20.0")
    page = parsed(path.read_text())
    assert "No patch is in it." in "".join(page.itertext())
    assert not {"script", "dialog"} & {one.tag for one in page.iter()}


def test_a_matrix_of_other_patches_is_refused(works: Works) -> None:
    """What another folder's matrix says is not told of this one's patches."""
    old = Matrix("v0.16.0", "another", ("101-a.patch",), {"v0.16.0": []})
    folder = Folder(works.near.folder)
    bases = Bases(works.near.cache, config.Upstream(), nowhere, Told())
    with pytest.raises(BadInputError, match="the matrix is of other patches"):
        gather(partial(opened, bases, {}, Told().say), folder, old, Outlook())


def nowhere() -> Index:
    """Return an index that nobody asks."""
    raise AssertionError


def works_patch(works: Works) -> bytes:
    """Return the first patch of a desk."""
    return (works.series("v0.16.0") / "101-a.patch").read_bytes()


def words(element: Any) -> str:
    """Return an element's text, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def section(text: str, name: str) -> list[str]:
    """Return the texts of a section, a heading, paragraph or entry each."""
    (found,) = (part for part in parsed(text).iter("section") if part.get("id") == name)
    told = (one for one in found.iter() if one.tag in ("h2", "h3", "p", "li"))
    return [words(one) for one in told]


def test_news_are_told_where_there_was_a_night() -> None:
    """First what wants a person, by its date what is older; in words, linked to its cell."""
    news = [
        Noted("release", "v0.8.0 is out", base="v0.8.0"),
        Noted(
            "conflict",
            "#1001 (Edit) has no place on v0.5.0: Edit the scheduler",
            1001,
            "v0.5.0",
        ),
        Noted("follow-up", "#1001: #7 mends it, perhaps", 1001),
        Noted("what nobody knows", "it happened"),
    ]
    before = [Noted("landed", "#9 (Old) is needed no more", 9, "v0.5.0", "2026-03-01")]
    text = html_of(page_of(2, 7), news, before=before)
    assert section(text, "news") == [
        "What changed",
        "In the night of 2026-03-04.",
        "Wants a person",
        "no place #1001 (Edit) has no place on v0.5.0: Edit the scheduler the hunks on v0.5.0",
        "follow-up #1001 #7 mends it, perhaps",
        "What else is new",
        "new release v0.8.0 is out",
        "it happened",
        "Told before, not merged yet",
        "2026-03-01 landed #9 (Old) is needed no more",
    ]
    assert '<a href="#1001@v0.5.0">the hunks on v0.5.0</a>' in text
    assert '<a href="#news">2 want a person</a>' in text


def test_a_quiet_night_and_none() -> None:
    """That nothing changed is said; where there was no night, no section is."""
    quiet, unlooked = html_of(page_of(2, 7), []), html_of(page_of(2, 7))
    assert section(quiet, "news") == ["What changed", "Nothing, in the night of 2026-03-04."]
    assert "What changed" not in unlooked
    parsed(unlooked)


def test_a_cell_that_says_something_else_is_not_linked() -> None:
    """The news may be of another series than the matrix."""
    news = [
        Noted("conflict", f"#1001 has no place on {base}: why", 1001, base)
        for base in ("v0.4.0", "v0.5.0")
    ]
    assert "the hunks on" not in html_of(page_of(2, 7), news)


def test_what_is_told_of_another_series_leads_to_its_cell() -> None:
    """News and wishes lead to the base where the map has the series that they are of."""
    news = [
        Noted("conflict", f"#{pr} has no place: Edit the scheduler", pr, "v0.6.0")
        for pr in (1000, 1007)
    ]
    text = html_of(parted(page_of(9, 6)), news)
    assert re.findall('href="(.*?)">the hunks on', text) == ["#1007@v0.6.0"]
    wish = "no place on v0.6.0, which their series is kept for: #1001, #1007, #1008"
    assert wish in lead_in(text)[2]
    assert '<a href="#1008@v0.6.0">#1008</a>' in text.partition("<nav")[0]


def lead_in(text: str) -> tuple[str, str, list[str]]:
    """Return what a page says first: its headline, the sentences below, and the wishes."""
    header = parsed(text).find("body/header")
    headline, told = header.find("h1"), header.find("p[@class='lead']")
    return words(headline), words(told), [words(one) for one in header.iter("li")]


def kept_of(
    page: Page, *verdicts: Verdict, proofs: Sequence[str], base: str = "v0.1.0"
) -> Page:
    """Return the page where its own series has these verdicts and proofs."""
    names = [patch.name for patch in page.patches]
    by_name = dict(zip(names, verdicts, strict=False))
    said = dict(zip(names, proofs, strict=True)) if verdicts else None
    stand = Stand(base, page.patches, {}, said, {names[0]: "on a day"}, by_name)
    return replace(page, kept=(Stand("v0.0.9", (), {}, {}), stand, Stand("main", (), {}, None)))


def test_the_newest_series_stands_first() -> None:
    """Its patches and proofs are counted; what is good wants nobody."""
    clean, merged = Verdict.CLEAN, Verdict.MERGED
    page = kept_of(page_of(3, 1), clean, merged, clean, proofs=["proven", "none", "proven"])
    told = "It is the newest series that is kept. On its own base: 2 clean, 1 merged. Proofs: "
    assert lead_in(html_of(page)) == (
        "3 patches for v0.1.0, all in place",
        f"{told}2 proven, 1 no test. Nothing wants a person.",
        [],
    )
    alone = kept_of(page_of(1, 1), clean, proofs=["not run"])
    assert lead_in(html_of(alone))[0] == "1 patch for v0.1.0, in place"


def test_what_is_wrong_with_a_series_is_said_first() -> None:
    """A patch without a place at home, a proof that failed; a newer release, if it is shown."""
    conflict, clean = Verdict.CONFLICT, Verdict.CLEAN
    page = kept_of(page_of(2, 6), clean, conflict, proofs=["failed", "not run"])
    headline, told, wishes = lead_in(html_of(page))
    assert headline == "1 of 2 patches has no place on v0.1.0"
    assert "newest series that is kept; v0.6.0 is newer." in told
    assert "Nothing wants" not in told
    assert wishes == [
        "no place on v0.6.0, which is newer than the newest series: #1000, #1001",
        "no place on v0.1.0, which their series is kept for: #1001",
        "proof failed on v0.1.0: #1000",
    ]
    # Of another series than the matrix is of, nobody knows what it lacks there.
    other = kept_of(page_of(2, 6), clean, clean, proofs=["proven"] * 2, base="v0.2.0")
    assert lead_in(html_of(other))[2] == []


def test_what_is_the_same_is_told_once() -> None:
    """Why a patch is left out by the bases, how proofs were run by the patches."""
    one, two, three = page_of(3, 1).patches
    run = {patch.name: "on a day" for patch in (one, two)}
    kept = [
        Stand("v0.1.0", (one, two), {three.name: "why"}, {}, run),
        Stand("v0.2.0", (one, two), {three.name: "why"}, {}, run),
        Stand("v0.3.0", (three,), {one.name: "why"}, {}, {three.name: "on a day"}),
    ]
    names = Names.of([stand.patches for stand in kept])
    assert left_out(kept, names) == [
        Note(("#1002",), ("v0.1.0", "v0.2.0"), "why"),
        Note(("#1000",), ("v0.3.0",), "why"),
    ]
    assert circumstances(kept, names) == [
        Note(("#1000", "#1001"), ("v0.1.0", "v0.2.0"), "on a day"),
        Note(("#1002",), ("v0.3.0",), "on a day"),
    ]


def test_a_series_that_is_not_at_hand_or_empty() -> None:
    """Nothing is claimed of what was not tried; where no patch is needed, that is said."""
    page = kept_of(page_of(2, 1), proofs=[])
    headline, told, _ = lead_in(html_of(page))
    assert headline == "2 patches for v0.1.0"
    assert "Its base is not at hand: vpatch bases --fetch v0.1.0 brings it." in told
    (hint,) = (one for one in section(html_of(page), "kept") if "Nothing was tried" in one)
    assert hint.startswith("Nothing was tried on v0.1.0, which is not at hand: ")
    empty = replace(page, kept=(Stand("v0.1.0", (), {}, {}),))
    assert lead_in(html_of(empty))[0] == "v0.1.0 needs no patch"


def test_a_time_is_told_with_its_distance_from_utc() -> None:
    """Letters for a zone may mean many."""
    page, east = page_of(1, 1), timezone(timedelta(hours=5, minutes=30), "IST")
    for made, told in ((MADE, "05:06 UTC<"), (MADE.astimezone(east), "10:36 UTC+05:30<")):
        assert told in render(page, project="", made=made)


def test_hostile_text_is_text_alone() -> None:
    """No element, attribute, template or script comes from a title: it is only seen."""
    news = [Noted(HOSTILE, HOSTILE, 1000, "v0.6.0")]
    honest, hostile = (
        html_of(parted(page_of(3, 8, text), text), news) for text in ("Edit", HOSTILE)
    )
    shapes = [
        [
            (one.tag, sorted(one.keys()))
            for one in parsed(text).iter()
            if isinstance(one.tag, str)
        ]
        for text in (honest, hostile)
    ]
    assert shapes[0] == shapes[1]
    assert "\x1b" not in hostile
    assert "49" not in parsed(hostile).find("head").find("title").text
    data = data_in(hostile)
    assert {one["title"] for one in data["rows"].values()} == {SHOWN}
    assert data["rows"]["1000"]["why"] == SHOWN


def test_only_the_pages_own_script_runs() -> None:
    """The policy forbids all but the script and the style that are there, by their digests."""
    text = html_of(page_of(1, 1))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy.startswith("default-src 'none'; ")
    for name in ("style", "script"):
        (source,) = re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert not re.search(
        r"\son\w+=|style=|<(?:link|img|iframe|object)[^>]+(?:https?:|//)", text
    )


@pytest.mark.parametrize("project", ["javascript:alert(1)", "/srv/git/vllm", ""])
def test_what_is_no_web_address_is_no_link(project: str) -> None:
    """Another kind of address is not followed."""
    text = html_of(page_of(2, 2), project=project)
    assert {one.get("href", "")[:1] for one in parsed(text).iter("a")} == {"#"}


def test_the_page_for_programs(works: Works, tmp_path: Path) -> None:
    """Where it was written and what is on it; a named base that is not to be had is 3."""
    path = tmp_path / "deep" / "page.html"
    found = works.near.json("report", "--html", str(path), "--bases", "v0.16.0,v0.17.0")
    assert found == {
        "schema": 1,
        "written": str(path),
        "series": "v0.16.0",
        "bases": ["v0.16.0", "v0.17.0"],
        "serving": {"v0.16.0": "v0.16.0", "v0.17.0": "v0.16.0"},
        "missing": [],
        "ok": True,
    }
    ran = works.near.run("report", "--html", str(path), "--bases", "v0.16.0,v7.0.0", status=3)
    assert "series v0.16.0, 6 patches on 1 base\n" in ran.out
    assert "no answer for v7.0.0: " in ran.err
    parsed(path.read_text())
    old = path.read_bytes()
    ran = works.near.run("report", "--html", str(path), "--bases", "v7.0.0", status=3)
    assert "error: no base gives an answer" in ran.err
    assert path.read_bytes() == old
    blocked = tmp_path / "file"
    blocked.write_text("")
    ran = works.near.run("report", "--html", str(blocked / "page.html"), status=3)
    assert "error: cannot write it" in ran.err
