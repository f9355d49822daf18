"""By what the page knows patches: parts of a pull request, and what has another name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

from pages import html_of, page_of, split
from rebases import CLASH, URL
from support import lines
from vpatch.upkeep.nightly import Noted
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.report.kept import Note, left_out, stories
from vpatch.upkeep.report.names import Names
from vpatch.upkeep.report.page import Stand
from vpatch.values.followups import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rebases import Works

PARTS = ["#7 01-part.patch", "#7 02-part.patch", "#7 03-part.patch"]
FACTS = """[[pr]]
number = {}
title = "Edit"
state = "{}"
as_of = 2026-01-02
"""


def words(element: Any) -> str:
    """Return an element's text, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def parsed(text: str) -> Any:
    """Read a page as a browser does."""
    return html5lib.parse(text, namespaceHTMLElements=False)


def table(text: str, kind: str) -> list[list[str]]:
    """Return the rows of a table, without its head."""
    (found,) = (one for one in parsed(text).iter("table") if one.get("class") == kind)
    return [[words(cell) for cell in row] for row in found.find("tbody")]


def written(works: Works) -> str:
    """Write the page of a desk."""
    path = works.near.folder / "report.html"
    works.near.run("report", "--html", str(path))
    return path.read_text()


def told_apart(text: str) -> Mapping[str, list[str]]:
    """Return by the place on a page what its patches are called there."""
    (order,) = (one for one in parsed(text).iter("section") if one.get("id") == "order")
    (wants,) = (one for one in parsed(text).iter("ul") if one.get("class") == "wants")
    first = (row.find("td/button") for row in parsed(text).iter("tr") if row.get("data-key"))
    return {
        "map": [one.get("aria-label").partition(" on ")[0] for one in first],
        "kept": [row[0] for row in table(text, "kept")],
        "time": [row[0] for row in table(text, "time")],
        "order": [words(one).partition(" part ")[0] for one in order.iter("li")],
        "wishes": [words(one).partition(": ")[2] for one in wants],
    }


def test_parts_are_told_apart() -> None:
    """Wherever the page names a part, it says which; so it does whose fault another's is."""
    page = split(page_of(3, 6))
    (one,) = page.served
    one.rows["v0.5.0"][2]["needs"] = ["7-01-part.patch"]
    text = html_of(page)
    found = told_apart(text)
    assert found["map"] == found["kept"] == found["time"] == found["order"] == PARTS
    assert found["wishes"] == [f"{PARTS[0]}, {PARTS[1]}", PARTS[1]]
    assert f'"needs":["{PARTS[0]}"]' in text


def test_a_number_names_what_is_whole() -> None:
    """It does beside parts of another pull request; what has none goes by its file."""
    page = page_of(4, 1)
    one, two, three, four = page.patches
    parts = [replace(patch, pr=7) for patch in (two, three)]
    names = Names.of([[one], [*parts, replace(four, pr=None)]])
    assert names.label(one) == "#1000"
    assert [names.label(part) for part in parts] == ["#7 1001-edit.patch", "#7 1002-edit.patch"]
    assert names.label(replace(four, pr=None)) == "1003-edit.patch"


def test_each_part_stands_with_what_became_of_it() -> None:
    """One that lost its place, and one whose proof failed, hide behind no other."""
    page = split(page_of(3, 6))
    (stand,) = page.kept
    rows = [
        [f"#7 0{n}-part.patch", f"{stand.verdicts[name]} · {stand.proofs[name]}"]
        for n, name in enumerate(stand.verdicts, 1)
        if stand.proofs
    ]
    assert [row[1] for row in rows] == ["clean · proven", "offset · failed", "merged · not run"]
    assert table(html_of(page), "kept") == rows


def test_why_a_pull_request_is_left_out_is_found_by_its_number(works: Works) -> None:
    """Its patch has another name there; all that is told of it says the same."""
    works.keep_later()
    series = works.series("v0.18.0") / "series"
    text = series.read_text()
    text = text.replace("# 102-b.patch (#102)", "# once-b.patch (#102)")
    series.write_text(text.replace("# 103-c.patch:", "# 103-c-by-another-name.patch:"))
    page = written(works)
    rows = {row[0]: row[2] for row in table(page, "kept")}
    assert (rows["#102"], rows["#103"], rows["#104"]) == ("dropped", "landed", "")
    labels = re.findall(r'aria-label="(#10[23] on v0\.18\.0: .*?)"', page)
    assert labels == [
        "#102 on v0.18.0: absent, dropped",
        "#103 on v0.18.0: absent, landed",
    ]
    works.near.run("check", "--fix", status=None)
    overview = (works.near.folder / "PATCHES.md").read_text()
    assert "Not on v0.18.0: dropped on 2026-01-02: nobody needs it" in overview
    assert "Not on v0.18.0: landed in v0.17.0" in overview


def test_what_was_dropped_whole_and_came_in_parts(works: Works) -> None:
    """Why the older series leaves it out stands at each part of the newer one."""
    series = works.series("v0.16.0") / "series"
    why = "# 102-b.patch (#102): dropped on 2026-01-02: too slow"
    series.write_text(series.read_text().replace("102-b.patch", why))
    (works.series("v0.16.0") / "102-b.patch").unlink()
    works.author.commit("v0.18.0", CLASH)
    parts = {
        f"102-0{n}-b.patch": works.author.patch(
            f"Edit b {n}\n\n{URL}102", {f"vllm/{name}.py": lines(1, 40, l20="mine")}
        )
        for n, name in enumerate("ad", 1)
    }
    bases = works.near.json("bases")["bases"]
    (commit,) = (base["commit"] for base in bases if base["name"] == "v0.18.0")
    works.near.write_series("v0.18.0", parts, commit=commit)
    page = written(works)
    rows = {row[0]: row[1] for row in table(page, "kept")}
    assert rows["#102 01-b.patch"] == rows["#102 02-b.patch"] == "dropped"
    for n in (1, 2):
        assert f'"#102 0{n}-b.patch on v0.17.0: absent, dropped"' in page
    notes = [words(one) for one in parsed(page).iter("dt")]
    assert "#102 on v0.16.0" in notes


def test_a_part_that_is_left_out_speaks_for_itself() -> None:
    """What is said of one part is not said of the others, nor of a whole that is carried."""
    parts = split(page_of(3, 1)).patches
    one, two, three = parts
    said = {two.name: "landed in v0.2.0", "7-whole.patch": "dropped: too slow"}
    numbers = {"7-whole.patch": 7}
    kept = [
        Stand("v0.1.0", parts, {}, None),
        Stand("v0.2.0", (one,), said, None, numbers=numbers),
        Stand("v0.3.0", (), said, None, numbers=numbers),
    ]
    names = Names.of([stand.patches for stand in kept])
    assert [story.stands for story in stories(kept, names)] == [
        (("carried",), ("carried",), ("dropped",)),
        (("carried",), ("landed",), ("landed",)),
        (("carried",), ("dropped",), ("dropped",)),
    ]
    assert names.why(kept[2], three) == "dropped: too slow"
    assert left_out(kept, names) == [
        Note((PARTS[1],), ("v0.2.0", "v0.3.0"), "landed in v0.2.0"),
        Note(("#7",), ("v0.3.0",), "dropped: too slow"),
    ]


def test_what_another_series_carries_is_no_question(works: Works) -> None:
    """Whoever carries a follow-up in any kept series has decided."""
    works.keep_later()
    facts = "".join(FACTS.format(101, "closed"))
    (works.near.folder / "patches/upstream.toml").write_text(facts)
    found = [Candidate(pr, "Edit", "replaces it", f"See #{pr}.") for pr in (107, 108)]
    Outlook(follow_ups={101: found}).save(works.near.folder / "build/outlook.json")
    page = written(works)
    assert "See #108." in page
    assert "See #107." not in page


def links(page: str) -> list[str]:
    """Return the addresses of the cells that the news lead to."""
    return re.findall('href="(.*?)">the hunks on', page)


def test_news_of_a_part_lead_to_its_cell() -> None:
    """To that of no other part, whatever that says."""
    page = split(page_of(3, 6))
    (one,) = page.served
    for cell in one.rows["v0.5.0"]:
        cell.update(verdict="conflict", cause="one cause")
    news = [
        Noted("conflict", f"#7 ({part}) has no place on v0.5.0: one cause", 7, "v0.5.0")
        for part in ("part 1", "part 2", "part 3", "part 4")
    ]
    assert links(html_of(page, news)) == [
        "#7@v0.5.0",
        "#7-02-part.patch@v0.5.0",
        "#7-03-part.patch@v0.5.0",
    ]


def test_news_of_what_has_no_pull_request_lead_to_its_cell() -> None:
    """Its file names it."""
    page = page_of(2, 6)
    (one,) = page.served
    bare = tuple(replace(patch, pr=None) for patch in page.patches)
    for cell in one.rows["v0.6.0"]:
        cell.update(verdict="conflict", cause="one cause", pr=None)
    page = replace(page, patches=bare, served=(replace(one, patches=bare),))
    news = [
        Noted("conflict", f"{name} (Edit) has no place: one cause", None, "v0.6.0")
        for name in ("1001-edit.patch", "1000-edit.patch", "001-edit.patch")
    ]
    assert links(html_of(page, news)) == ["#1001-edit.patch@v0.6.0", "#1000-edit.patch@v0.6.0"]


@pytest.mark.parametrize(("cause", "found"), [("", []), ("why", ["#1000@v0.6.0"])])
def test_a_cell_without_a_cause_says_nothing(cause: str, found: list[str]) -> None:
    """No news say the same as a cell that gives no reason."""
    page = page_of(1, 6)
    page.matrix.rows["v0.6.0"][0]["cause"] = cause
    news = [Noted("conflict", "#1000 (Edit) has no place on v0.6.0: why", 1000, "v0.6.0")]
    assert links(html_of(page, news)) == found
