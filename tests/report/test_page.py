"""The page in a real Chromium: looked through, clicked, walked by keyboard, read aloud."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from pages import HOSTILE, LONG, SHOWN, html_of, page_of, parted, split
from vpatch.upkeep.nightly import Noted
from vpatch.values.patch import read_patch

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from rebases import Works
    from report.conftest import Reader

CELL = "#105 on v0.18.0: conflict"
WHOLE = """element => {
  const { left, top, width, height } = element.getBoundingClientRect();
  const seen = (part) => document.elementFromPoint(left + width * part, top + height / 2);
  return [0.1, 0.3, 0.5, 0.7, 0.9].every((part) => element.contains(seen(part)));
}"""
"""Says of an element that nothing is in front of it."""
SEEN = """(element, part) => {
  const text = element.firstChild;
  const range = document.createRange();
  range.setStart(text, text.data.indexOf(part));
  range.setEnd(text, text.data.indexOf(part) + part.length);
  const [word, box] = [range, element].map((one) => one.getBoundingClientRect());
  return word.right <= box.right && word.bottom <= box.bottom + 1;
}"""
"""Says of an element whether a word of its text is inside of it."""


@pytest.fixture(scope="module")
def file(_works: Works, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a series that moves, lands and clashes, once for all who only look."""
    works = _works.beside(tmp_path_factory.mktemp("desk"), cache=True)
    path = works.near.folder / "page #1 ü.html"
    works.near.run("report", "--html", str(path))
    return path


@pytest.fixture(scope="module")
def both(_works: Works, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of two series, once for all who only look."""
    works = _works.beside(tmp_path_factory.mktemp("desk"), cache=True)
    works.keep_later()
    path = works.near.folder / "page.html"
    works.near.run("report", "--html", str(path))
    return path


def written(folder: Path, text: str) -> Path:
    """Write a page."""
    path = folder / "page.html"
    path.write_text(text)
    return path


def cell(page: Page, name: str) -> Locator:
    """Return a cell by what a screen reader calls it."""
    return page.get_by_role("button", name=name, exact=True)


def test_a_reader_finds_a_conflict_and_sees_why(reader: Reader, file: Path) -> None:
    """The filter shows who is in conflict; the cell opens to what is expected and there."""
    page = reader.open(file)
    headline = page.get_by_role("heading", level=1)
    expect(headline).to_have_text("6 patches for v0.16.0, all in place")
    expect(page.get_by_role("heading", name="Series v0.16.0 on 5 bases")).to_be_visible()
    page.get_by_label("Filter").fill("conflict")
    expect(page.locator(".filter output")).to_have_text("1 of 6")
    cell(page, CELL).click()

    panel = page.get_by_role("dialog")
    expect(panel).to_have_accessible_name("#105 on v0.18.0")
    expect(panel).to_contain_text("Has its place on v0.17.0, none on v0.18.0.")
    texts = panel.get_by_role("table", name="What it expects (-), and what is there (+)")
    expect(texts.locator(".change .text.old")).to_have_text("line 15")
    expect(texts.locator(".change .text.new")).to_have_text("upstream")
    expect(texts.locator(".change .number")).to_have_text(["15", "15"])
    does = panel.get_by_role("table", name="What it does")
    expect(does.locator(".change .text.new")).to_have_text("mine")
    expect(panel).to_contain_text("vpatch explain 105 --base v0.18.0 --series v0.16.0")
    assert page.url.endswith("#105@v0.18.0")

    panel.get_by_role("button", name="Newer base").click()
    expect(page.get_by_role("heading", name="#105 on v0.19.0")).to_be_visible()
    expect(texts.locator(".change .number")).to_have_text(["15", "18"])
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(cell(page, "#105 on v0.19.0: conflict")).to_be_focused()


def test_each_base_shows_the_series_that_serves_it(reader: Reader, both: Path) -> None:
    """A cell opens to the texts of its own series, from base to base another one."""
    page = reader.open(both)
    expect(page.get_by_role("heading", name="The kept series on 5 bases")).to_be_visible()
    heads = page.locator(".heat thead th.own")
    expect(heads).to_have_text(["v0.16.0", "v0.18.0"])
    expect(page.locator(".heat tbody th b")).to_have_text([f"#10{n}" for n in range(1, 8)])
    cell(page, "#105 on v0.20.0: conflict").click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("As series v0.18.0 has it.")
    expect(panel).to_contain_text("Has its place on v0.19.0, none on v0.20.0.")
    texts = panel.get_by_role("table", name="What it expects (-), and what is there (+)")
    expect(texts.locator(".change .text.new")).to_have_text("twelve")
    does = panel.get_by_role("table", name="What it does")
    expect(does.locator(".change .text.old")).to_have_text(["line 12", "upstream"])
    expect(panel).to_contain_text("vpatch explain 105 --base v0.20.0 --series v0.18.0")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(panel).to_have_accessible_name("#105 on v0.17.0")
    expect(panel).to_contain_text("As series v0.16.0 has it.")
    panel.locator("summary").first.click()
    panel.locator("summary").first.click()
    expect(does.locator(".change .text.old")).to_have_text("line 15")


def test_a_pull_request_in_parts(reader: Reader, tmp_path: Path) -> None:
    """Each part is a row; what to type for more names its file, since no number does."""
    whole = page_of(3, 7)
    (one,) = whole.served
    first, second, third = whole.patches
    part = read_patch(second.name, second.raw.replace(b"1001", b"1000"))
    served = replace(one, patches=(first, part, third))
    split = replace(whole, patches=served.patches, served=(served,))
    page = reader.open(written(tmp_path, html_of(split)))
    panel = page.get_by_role("dialog")
    for key, asked in (("1000", first.name), (part.name, part.name), ("1002", "1002")):
        page.locator(f'tr[data-key="{key}"] button.conflict').first.click()
        expect(panel).to_contain_text(f"vpatch explain {asked} --base v0.")
        panel.get_by_role("button", name="Close").click()


def test_parts_are_told_apart_by_name(reader: Reader, tmp_path: Path) -> None:
    """Each is called by its part, read aloud too; the filter finds all by their number."""
    news = [
        Noted("conflict", f"#7 (part {n}) has no place: cause 7-0{n}-part.patch", 7, "v0.6.0")
        for n in (1, 2)
    ]
    page = reader.open(written(tmp_path, html_of(split(page_of(3, 6)), news)))
    panel = page.get_by_role("dialog")
    lost = page.locator("ul.wants li").first
    lost.get_by_role("link", name="#7 02-part.patch", exact=True).click()
    expect(panel).to_have_accessible_name("#7 02-part.patch on v0.6.0")
    panel.get_by_role("button", name="Close").click()
    cell(page, "#7 01-part.patch on v0.6.0: conflict").click()
    expect(panel).to_have_accessible_name("#7 01-part.patch on v0.6.0")
    panel.get_by_role("button", name="Close").click()
    (link,) = page.get_by_role("link", name="the hunks on v0.6.0").all()
    link.click()
    expect(panel).to_have_accessible_name("#7 01-part.patch on v0.6.0")
    panel.get_by_role("button", name="Close").click()
    page.get_by_label("Filter").fill("#7")
    expect(page.locator(".heat tbody tr:visible")).to_have_count(3)
    page.get_by_label("Filter").fill("#7 02-part")
    expect(page.locator(".heat tbody tr:visible")).to_have_count(1)
    kept = page.get_by_role("table", name="Kept series and proofs")
    row = kept.get_by_role("row").filter(has_text="#7 02-part.patch")
    expect(row).to_contain_text("failed")


def test_an_empty_cell_says_why(reader: Reader, both: Path) -> None:
    """It has no colour of a verdict, and opens to what is known, no more."""
    page = reader.open(both)
    gone = cell(page, "#103 on v0.18.0: absent, landed")
    expect(gone).to_have_text("\N{MIDDLE DOT}")
    colour = "e => getComputedStyle(e).backgroundColor"
    assert gone.evaluate(colour) == "rgba(0, 0, 0, 0)"
    gone.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("Series v0.18.0 leaves it out: landed in v0.17.0.")
    expect(panel.locator(".chip")).to_have_text("\N{MIDDLE DOT}absent")
    expect(panel.locator("details, code")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(panel.locator(".chip").first).to_have_text("=landed")
    expect(panel.locator("details")).to_have_count(1)
    page.keyboard.press("Escape")
    for name in (
        "#102 on v0.19.0: absent, dropped",
        "#104 on v0.20.0: absent, not any more",
        "#107 on v0.16.0: absent, not yet",
    ):
        expect(cell(page, name)).to_be_visible()
    page.get_by_role("button", name="absent", exact=True).click()
    heads = page.locator(".heat tbody th b:visible")
    expect(heads).to_have_text(["#102", "#103", "#104", "#106", "#107"])
    page.get_by_label("Filter").fill("105-e-anew")
    expect(heads).to_have_text(["#105"])


def test_no_mouse_is_needed(reader: Reader, file: Path) -> None:
    """Tab leads to the newest cell, arrows to others; Enter opens, Escape goes back."""
    page = reader.open(file)
    page.get_by_role("button", name="conflict", exact=True).focus()
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.matches('.scroll')"):
        page.keyboard.press("Tab")
    expect(cell(page, "#101 on v0.20.0: clean")).to_be_focused()
    for key in ("Home", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    expect(cell(page, "#101 on v0.16.0: clean")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "End", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(cell(page, "#103 on v0.18.0: landed")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="#103 on v0.18.0")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="#103 on v0.17.0")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cell(page, "#103 on v0.17.0: landed")).to_be_focused()
    # One stop for the whole table: the next leads out of it.
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('.heat')")


def test_an_address_leads_to_a_cell(reader: Reader, file: Path) -> None:
    """A link opens its cell at once, Back closes it; what no cell has opens nothing."""
    page = reader.open(file, "#104@v0.17.0")
    expect(page.get_by_role("dialog", name="#104 on v0.17.0")).to_be_visible()
    page.goto(f"{file.as_uri()}#kept")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("heading", name="Kept series and proofs")).to_be_in_viewport()
    for at in ("#999@v0.17.0", "#104@v9", "#%E0%A4%A@", "#@", "#time"):
        page.goto(f"{file.as_uri()}{at}")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="#105").first.click()
    expect(page.get_by_role("dialog", name="#105 on v0.20.0")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_filter_takes_words_and_verdicts(reader: Reader, file: Path) -> None:
    """Numbers, titles and paths narrow the rows, a verdict its cells; so does a chip."""
    page = reader.open(file)
    heads = page.locator(".heat tbody th b:visible")
    for text, shown in (
        ("#102", ["#102"]),
        ("EDIT e again", ["#106"]),
        ("vllm/e.py", ["#105", "#106"]),
        ("vllm/e.py conflict", ["#105"]),
        ("nothing", []),
        ("", [f"#10{n}" for n in range(1, 7)]),
    ):
        page.get_by_label("Filter").fill(text)
        expect(heads).to_have_text(shown)
    chip = page.get_by_role("button", name="landed", exact=True)
    chip.click()
    expect(heads).to_have_text(["#103"])
    expect(chip).to_have_attribute("aria-pressed", "true")
    ring = "e => [getComputedStyle(e).outlineColor, getComputedStyle(document.body).color]"
    page.get_by_label("Filter").focus()
    assert len(set(chip.evaluate(ring))) == 1
    expect(page.get_by_label("Filter")).to_have_value("landed")
    faded, whole = (
        cell(page, f"#103 on {name}").evaluate("e => getComputedStyle(e).backgroundColor")
        for name in ("v0.16.0: clean", "v0.17.0: landed")
    )
    assert faded == "rgba(0, 0, 0, 0)" != whole
    chip.click()
    expect(heads).to_have_count(6)


def test_hostile_text_stays_text(reader: Reader, tmp_path: Path) -> None:
    """Titles, authors, causes, paths' lines and news: seen as written, and run by nobody."""
    news = [Noted("conflict", HOSTILE, 1000, "v0.6.0"), Noted(HOSTILE, "more")]
    text = html_of(parted(page_of(3, 7, HOSTILE), HOSTILE), news)
    page = reader.open(written(tmp_path, text))
    expect(page.locator(".heat tbody th").first).to_contain_text(SHOWN)
    expect(page.locator(".news li").first).to_contain_text(SHOWN)
    rumours = page.get_by_role("region", name="Perhaps followed up").locator("dd")
    expect(rumours.first).to_have_text(f"#2000 ({SHOWN}) fixes it, perhaps: {SHOWN}")
    expect(rumours.last).to_have_text("And 2 more: vpatch status --json has them.")
    page.get_by_role("link", name="the hunks on v0.6.0").click()
    panel = page.get_by_role("dialog")
    panel.locator("summary").last.click()
    for told in (f"{SHOWN}, by {SHOWN}", f"10{SHOWN}14{SHOWN}", f"old {SHOWN}", f"{SHOWN}."):
        expect(panel).to_contain_text(told)
    page.goto(f"{page.url.partition('#')[0]}#1000@v0.7.0")
    expect(panel).to_contain_text(f"Series v0.7.0 leaves it out: {SHOWN}.")
    assert page.locator("img").count() == 0
    assert page.evaluate("typeof hit") == "undefined"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_for_everybody(reader: Reader, tmp_path: Path, width: int, scheme: str) -> None:
    """No violation of WCAG that axe knows: wide and narrow, light and dark, closed and open."""
    news = [Noted("release", "v0.8.0 is out")]
    file = written(tmp_path, html_of(parted(page_of(9, 8)), news))
    page = reader.open(file, width=width, color_scheme=scheme, reduced_motion="reduce")
    axe = Axe()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    cell(page, "#1000 on v0.6.0: conflict").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    page.goto(f"{file.as_uri()}#1000@v0.8.0")
    expect(page.get_by_role("dialog")).to_contain_text("leaves it out")
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_phone_shows_all_of_it(reader: Reader, file: Path) -> None:
    """Nothing is wider than the screen but tables that scroll; texts stand in one column."""
    page = reader.open(file, "#matrix", width=390)
    # The newest bases are the ones in sight.
    expect(cell(page, "#105 on v0.20.0: conflict")).to_be_in_viewport()
    cell(page, "#105 on v0.20.0: conflict").click()
    old, new = (page.locator(f"dialog .change .text.{kind}").first for kind in ("old", "new"))
    above, below = old.bounding_box(), new.bounding_box()
    assert above is not None
    assert below is not None
    assert above["x"] == below["x"]
    assert above["y"] < below["y"]
    page.keyboard.press("Escape")
    # Without the lines, the words say what needs what, and titles are whole.
    expect(page.locator(".order svg")).to_be_hidden()
    expect(page.locator(".order .needs").first).to_be_visible()


def test_a_phone_tells_parts_apart(reader: Reader, tmp_path: Path) -> None:
    """A second line has room for which part of a long number it is, and the rows stay low."""
    page = reader.open(written(tmp_path, html_of(split(page_of(3, 6), 123456))), width=390)
    names = page.locator(".heat tbody th b")
    for name, part in zip(names.all(), ("01", "02", "03"), strict=True):
        inside = name.evaluate(SEEN, part)
        assert inside, part
    low, cells = (
        page.locator(f".heat tbody {one}").first.bounding_box() for one in ("th", "td")
    )
    assert low is not None
    assert cells is not None
    assert low["height"] == cells["height"]


@pytest.mark.parametrize("width", [390, 320])
def test_nothing_runs_out_of_a_phone(reader: Reader, tmp_path: Path, width: int) -> None:
    """Paths and words that do not end break; only tables scroll, each in its own box."""
    news = [Noted("conflict", f"#1000 {LONG}", 1000, "v0.7.0"), Noted("failure", LONG)]
    drawn = parted(page_of(4, 9, LONG), LONG)
    text = html_of(drawn, news, before=[Noted("landed", LONG)])
    page = reader.open(written(tmp_path, text), "#1000@v0.6.0", width=width)
    fits = "e => e.scrollWidth <= e.clientWidth"
    panel, whole = page.get_by_role("dialog"), page.locator("html")
    panel.locator("summary").last.click()
    assert panel.evaluate(fits)
    page.keyboard.press("Escape")
    expect(page.locator(".news")).to_have_count(3)
    for notes in page.locator(".notes").all():
        notes.locator("summary").click()
    assert whole.evaluate(fits)
    for box in page.locator("header, section > :not(.scroll)").all():
        assert box.evaluate(fits), box.inner_text()


def test_without_script_the_tables_are_there(reader: Reader, file: Path) -> None:
    """Signs, verdicts and order can be read; what would do nothing is not offered."""
    page = reader.open(file, java_script_enabled=False)
    expect(cell(page, CELL)).to_have_text("\N{MULTIPLICATION SIGN}")
    expect(page.get_by_text("Without JavaScript the cells stay closed")).to_be_visible()
    expect(page.locator(".filter")).to_be_hidden()
    expect(page.get_by_role("table", name="Where each landed")).to_contain_text("v0.17.0")


ENDS = """element => {
  const words = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let text;
  while (words.nextNode()) if (words.currentNode.data.trim()) text = words.currentNode;
  const left = (at) => {
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    return range.getBoundingClientRect().left;
  };
  const whole = text.data.trimEnd().length;
  return [left(whole - 1), left(text.data.search(/\\S/))];
}"""
"""Says where the last and the first character of an element's last text stand."""


def test_a_writing_from_right_to_left(reader: Reader, tmp_path: Path) -> None:
    """A title in Hebrew is read as such to its last sign, beside words that are not."""
    title = "\u05ea\u05d9\u05e7\u05d5\u05df!"
    news = [Noted("closed", title)]
    page = reader.open(written(tmp_path, html_of(page_of(2, 7, title), news)))
    for place in (".news li", ".heat tbody th", ".order .title"):
        last, first = page.locator(place).first.evaluate(ENDS)
        assert last < first, place


def test_a_patch_with_hundreds_of_files(reader: Reader, tmp_path: Path) -> None:
    """Those without a place come first; the texts of a hunk are laid out when it is opened."""
    page = reader.open(written(tmp_path, html_of(page_of(1, 7, files=500))), "#1000@v0.6.0")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", level=3)).to_have_text(
        [
            "Hunks without a place (1)",
            "The other hunks (999)",
            "What it is for",
            "What it is worth",
            "Which commit broke it, and where its lines went",
        ]
    )
    expect(panel.locator("details")).to_have_count(1000)
    expect(panel.locator("table")).to_have_count(2)
    last = panel.locator("details").last
    last.locator("summary").click()
    expect(last.get_by_role("table", name="What it does")).to_be_visible()


def test_the_browsers_own_keys_stay_its_own(reader: Reader, file: Path) -> None:
    """Alt and an arrow go back in the browser's history, not to another base."""
    page = reader.open(file, "#104@v0.17.0")
    panel = page.get_by_role("dialog")
    page.keyboard.press("Control+ArrowLeft")
    expect(panel).to_have_accessible_name("#104 on v0.17.0")
    page.keyboard.press("ArrowLeft")
    expect(panel).to_have_accessible_name("#104 on v0.16.0")


def test_print_shows_whole_tables(reader: Reader, tmp_path: Path) -> None:
    """On paper nothing scrolls, and no controls are in the way."""
    page = reader.open(written(tmp_path, html_of(page_of(60, 30))), width=794)
    page.emulate_media(media="print")
    box = page.locator(".scroll").first
    for table in page.locator(".scroll").all():
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert box.evaluate("e => e.scrollHeight - e.clientHeight") == 0
    expect(page.locator("nav")).to_be_hidden()


def test_a_large_matrix_works_as_a_small_one(reader: Reader, tmp_path: Path) -> None:
    """200 patches on 60 bases: head and names stay in sight, and any cell opens."""
    page = reader.open(written(tmp_path, html_of(page_of(200, 60))))
    assert page.locator(".heat td button").count() == 12_000
    last = page.locator(".heat tbody tr").last.locator("button").first
    page.get_by_label("Filter").fill("conflict")
    # No cell is in front of a name, not even a faded one.
    name = page.locator(".heat tbody th").first
    name.scroll_into_view_if_needed()
    assert page.locator(".scroll").first.evaluate("e => e.scrollLeft") > 0
    assert name.evaluate(WHOLE)
    page.get_by_label("Filter").fill("")
    end = "e => { e.scrollIntoView(); e.scrollTo(0, e.scrollHeight); }"
    page.locator(".scroll").first.evaluate(end)
    expect(page.locator(".heat thead th").nth(1)).to_be_in_viewport()
    expect(page.locator(".heat tbody th b").last).to_be_in_viewport()
    last.click()
    expect(page.get_by_role("dialog", name="#1199 on v0.1.0")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Filter").fill("#1150")
    expect(page.locator(".heat tbody tr:visible")).to_have_count(1)
