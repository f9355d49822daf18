"""``vpatch drop``: patches go, the rest stays in order, and the series file says why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bureau import A, B, Bureau, edited, opened
from support import Desk, lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forge import Commits

TODAY = datetime.now(UTC).date()


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk whose series has three patches, two of them of one file."""
    with opened(desk, tmp_path) as bureau:
        bureau.forge.open(40101, "Edit a", edited(A, l7="seven"))
        bureau.forge.open(40102, "Edit a again", edited(A, l20="twenty"))
        bureau.forge.open(40103, "Edit b", edited(B, l7="seven"))
        for number in ("40101", "40103", "40102"):
            bureau.add(number)
        yield bureau


def test_one_goes(bureau: Bureau) -> None:
    """File and line go; a comment and the facts stay, and the page follows."""
    ran = bureau.near.run("drop", "40101", "--why", "fixed upstream\nby\x1b[2J #40200")
    assert ran.out.splitlines() == [
        f"dropped {bureau.patches / '40101-edit-a.patch'}",
        "wrote 40102-edit-a-again.patch anew, which stood behind it",
    ]
    text = (bureau.patches / "series").read_text()
    why = "fixed upstream by\\x1b[2J #40200"
    assert text.splitlines()[1:] == [
        f"# 40101-edit-a.patch (#40101): dropped on {TODAY}: {why}",
        "40103-edit-b.patch",
        "40102-edit-a-again.patch",
    ]
    assert not (bureau.patches / "40101-edit-a.patch").exists()
    assert "number = 40101" in bureau.facts
    bureau.near.run("check")
    answer = bureau.near.json("status", "--base", "v0.16.0")
    assert [one["pr"] for one in answer["watched"]] == [40101]
    assert [one["verdict"] for one in answer["patches"]] == ["clean", "clean"]


def test_several_go_or_none(bureau: Bureau) -> None:
    """A name that the series lacks lets all of them stay."""
    before = bureau.state()
    ran = bureau.near.run("drop", "40101", "40999", status=2)
    assert "no such patch: 40999" in ran.err
    assert bureau.state() == before
    tab = "https://github.com/vllm-project/vllm/pull/40103/files"
    answer = bureau.near.json("drop", "40102-edit-a-again.patch", tab)
    assert answer["dropped"] == ["40103-edit-b.patch", "40102-edit-a-again.patch"]
    assert answer["rewritten"] == []
    assert bureau.series == ["40101-edit-a.patch"]
    bureau.near.run("check")


def test_one_that_another_needs_stays(bureau: Bureau) -> None:
    """What stands on it would have no place: that is said, with its name, and nothing goes."""
    bureau.forge.land("Take a", {A: lines(1, 40, l7="seven")})
    bureau.forge.open(40104, "On top", edited(A, l7="seven and more"))
    bureau.add("40104")
    before = bureau.state()
    ran = bureau.near.run("drop", "40101", status=1)
    assert "a patch of the series has no place: 40104-on-top.patch" in ran.err
    assert "hint: drop what needs it too, then vpatch add that again" in ran.err
    assert bureau.state() == before
    bureau.near.run("drop", "40101", "40104")
    bureau.near.run("check")


def test_one_whose_lines_stand_near(bureau: Bureau) -> None:
    """What stands behind it, two lines on, is merged through the series as it was."""
    bureau.forge.open(40104, "Near", edited(A, l9="nine"))
    bureau.add("40104")
    assert " seven\n" in bureau.text("40104-near.patch")
    ran = bureau.near.run("drop", "40101")
    assert "#40104 merged: three-way through the series as it was" in ran.out
    assert "wrote 40104-near.patch anew, which stood behind it" in ran.out
    text = bureau.text("40104-near.patch")
    assert "seven" not in text
    assert "-line 9\n+nine\n" in text
    assert "Rebased-From: the series" not in text
    bureau.near.run("check")


def test_what_stands_thrice_stays_where_it_is(bureau: Bureau) -> None:
    """With lines gone before it, a patch fits into the wrong one of several like places too."""
    nine, five = lines(1, 9), lines(1, 9, l5="five")
    bureau.forge.land("Write it thrice", {B: nine * 3})
    bureau.forge.release("v0.15.0")
    bureau.near.run("drop", "40101", "40102", "40103")
    (bureau.patches / "series").unlink()
    top = "top\n" * 9
    bureau.forge.open(40104, "Top", [("x", {B: top + nine * 3})])
    change: Commits = [("x", {B: top + nine + five + nine})]
    bureau.forge.open(40105, "Five", change, start="topic-40104")
    for number in ("40104", "40105"):
        bureau.near.run("add", number, "--base", "v0.15.0")
    bureau.near.run("drop", "40104", "--base", "v0.15.0")
    text = (bureau.near.folder / "patches/v0.15.0/40105-five.patch").read_text()
    assert "@@ -11,7 +11,7 @@" in text, "line 20, where it stood, has the same words"


def test_the_parts_of_one_go_together(bureau: Bureau) -> None:
    """A pull request in parts goes whole, by its number."""
    bureau.forge.open(40105, "Parts", [("One", {B: lines(1, 40, l20="x")})])
    bureau.forge.push(40105, [("Two", {B: lines(1, 40, l20="x", l30="y")})])
    bureau.add("40105", "--split-commits")
    answer = bureau.near.json("drop", "40105")
    assert answer["dropped"] == ["40105-01-one.patch", "40105-02-two.patch"]
    page = (bureau.near.folder / "PATCHES.md").read_text()
    assert page.count(f"on v0.16.0: dropped on {TODAY}") == 1
    bureau.near.run("check")


def test_all_go(bureau: Bureau) -> None:
    """An empty series is one, and can be added to again."""
    bureau.near.run("drop", "40101", "40102", "#40103")
    assert bureau.series == []
    ran = bureau.near.run("drop", "40101", status=2)
    assert "no such patch: 40101\nhint: the series is empty\n" in ran.err
    bureau.near.run("check")
    assert bureau.add("40101")["written"] == ["40101-edit-a.patch"]
    text = (bureau.patches / "series").read_text()
    last = f"-again.patch (#40102): dropped on {TODAY}\n40101-edit-a.patch\n"
    assert text.endswith(last)


def test_what_comes_again(bureau: Bureau) -> None:
    """Of what is in the series again no drop is told any more, and of a new drop that alone."""
    bureau.near.run("drop", "40101", "--why", "no need")
    bureau.add("40101")
    assert "40101-edit-a.patch (" not in (bureau.patches / "series").read_text()
    with (bureau.patches / "series").open("a") as series:
        series.write("# 40101-edit-a.patch: dropped on my toes\n")
    bureau.near.run("drop", "40101", "--why", "once more")
    text = (bureau.patches / "series").read_text()
    assert text.count("# 40101-edit-a.patch") == 1
    assert f"dropped on {TODAY}: once more" in text


def test_the_page_tells_what_is_carried_no_more(bureau: Bureau, tmp_path: Path) -> None:
    """One's own patch by its name, whatever that begins with; a pull request by its number."""
    text = "--- a/vllm/b.py\n+++ b/vllm/b.py\n@@ -20,2 +20,3 @@\n line 20\n+mine\n line 21\n"
    for name in ("7-way-own.patch", "mine.patch"):
        (tmp_path / name).write_text(text)
        bureau.add(str(tmp_path / name))
        bureau.near.run("drop", name, "--why", "no need")
    bureau.forge.open(7, "Edit c", [("Edit c", {"vllm/c.py": "cc\n"})])
    bureau.forge.release("v0.17.0")
    bureau.near.run("rebase", "--onto", "v0.17.0")
    bureau.near.run("check", "--fix")
    bureau.near.run("add", "7", "--base", "v0.17.0")
    bureau.near.run("drop", "7", "--base", "v0.17.0")
    bureau.near.run("check")
    page = (bureau.near.folder / "PATCHES.md").read_text()
    _, _, told = page.partition("## Carried no more\n\n")
    link = "[#7](https://github.com/vllm-project/vllm/pull/7)"
    bases, names = ("v0.16.0", "v0.17.0"), ("mine.patch", "7-way-own.patch")
    own = [(name, base) for base in bases for name in names]
    assert set(told.splitlines()) == {
        *(f"- `{name}` on {base}: dropped on {TODAY}: no need" for name, base in own),
        f"- {link} on v0.17.0: dropped on {TODAY}",
    }
    bureau.near.run("add", "7", "--base", "v0.17.0")
    series = (bureau.near.folder / "patches/v0.17.0/series").read_text()
    assert "(#7)" not in series
    assert "# 7-way-own.patch: dropped on" in series, "that is another one's number"


def test_one_dropped_under_an_older_name(bureau: Bureau) -> None:
    """Where another series carries the pull request, the page says why this one does not."""
    bureau.forge.release("v0.17.0")
    bureau.near.run("rebase", "--onto", "v0.17.0")
    series = bureau.near.folder / "patches/v0.17.0/series"
    series.write_text(series.read_text().replace("40101-edit-a.patch", "40101-new.patch"))
    (series.parent / "40101-edit-a.patch").rename(series.parent / "40101-new.patch")
    bureau.near.run("drop", "40101", "--why", "slow", "--base", "v0.16.0")
    page, old = bureau.near.folder / "PATCHES.md", bureau.patches / "series"
    assert f"Not on v0.16.0: dropped on {TODAY}: slow\n" in page.read_text()
    earlier = old.read_text().replace(" (#40101)", "")
    old.write_text(earlier)
    bureau.near.run("check")
    bureau.near.run("add", "40101", "--base", "v0.16.0")
    assert "dropped on" not in old.read_text()
    bureau.near.run("check")


def test_files_of_ones_own_are_left_alone(bureau: Bureau) -> None:
    """Notes, drafts and changes in other files of the folder are nobody's business."""
    (bureau.patches / "NOTES").write_text("mine\n")
    (bureau.near.folder / "patches/smoke").mkdir()
    (bureau.near.folder / "patches/smoke/test_pr40101.py").write_text("mine = 1\n")
    with (bureau.patches / "series").open("a") as series:
        series.write("# A note of mine.\n")
    bureau.near.run("drop", "40103")
    assert (bureau.patches / "NOTES").read_text() == "mine\n"
    assert (bureau.patches / "series").read_text().endswith("# A note of mine.\n")
    assert (bureau.near.folder / "patches/smoke/test_pr40101.py").read_text() == "mine = 1\n"
