"""Series files: written so, read liberally, unknown lines kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import wide

from vpatch.values.base import Base
from vpatch.values.errors import FormatError
from vpatch.values.patch import read_patch
from vpatch.values.series import Entry, Series, first_line, read_series, series_text

COMMIT = "48882f1b985568c92f2fd9b13eadff2403a04b01"

names = st.from_regex(r"[a-z0-9][a-zA-Z0-9._+#-]{0,12}\.patch", fullmatch=True)
comments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")).map(
    "#{}".format
)


@wide
@given(st.lists(st.one_of(names, comments, st.just(""))), st.sampled_from(("\n", "\r\n")))
def test_what_is_written_is_read(lines: list[str], end: str) -> None:
    """Names in order, and every line as it was, whatever a comment holds."""

    base = Base("v0.16.0", COMMIT, "x")
    rows = [first_line(base), *lines]
    found = read_series("".join(row + end for row in rows), where="series")

    assert found.base == ("v0.16.0", COMMIT)
    assert [entry.name for entry in found.entries] == [
        line for line in lines if line and not line.startswith("#")
    ]
    assert [line.rstrip("\r") for line in found.lines] == [row.rstrip("\r") for row in rows]


notes = st.sampled_from(("", " # fix#1", "\t-p1 # note", " -p1", "  "))


@wide
@given(st.lists(st.tuples(names, notes), unique_by=lambda one: one[0]), st.data())
def test_a_comment_takes_the_place_of_a_patch(
    rows: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Whatever its line holds behind the name; the other lines stay."""
    source = read_series("".join(f"{name}{note}\n" for name, note in rows), where="series")
    gone = data.draw(st.sets(st.sampled_from([name for name, _ in rows]))) if rows else set()
    instead = {name: f"# {name}: landed" for name in gone}
    found = read_series(
        series_text(Base("v0.16.0", COMMIT, "x"), source, instead), where="series"
    )
    assert [entry.name for entry in found.entries] == [n for n, _ in rows if n not in gone]
    assert set(found.left_out) == gone


@wide
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Text of any kind gives entries that lie beside the file, or a format error."""

    try:
        found = read_series(text, where="series")
    except FormatError as error:
        assert error.hint  # noqa: PT017, the error is one answer of two
        return
    for entry in found.entries:
        assert entry.name.isprintable()
        assert ".." not in entry.name.split("/")
        assert not entry.name.startswith("/")


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("a.patch", Entry("a.patch", None)),
        ("  a.patch  ", Entry("a.patch", None)),
        ("a.patch -p1", Entry("a.patch", 1)),
        ("a.patch -p0 # a note", Entry("a.patch", 0)),
        ("a.patch -pab", Entry("a.patch", 1)),
        ("a.patch\t# a note -R", Entry("a.patch", None)),
        ("sub/a.patch.gz", Entry("sub/a.patch.gz", None)),
        ("a#1.patch", Entry("a#1.patch", None)),
    ],
)
def test_forms_of_quilt(line: str, entry: Entry) -> None:
    """Options and notes behind a name are understood."""

    assert read_series(f"# c\n\n{line}\n# d", where="series").entries == (entry,)


def test_a_mark_before_the_text() -> None:
    """The mark that some editors of Windows write hides neither base nor name."""

    text = f"\ufeff# This series applies on vLLM v0.16.0 ({COMMIT})\r\na.patch\r\n"
    found = read_series(text, where="series")
    assert found.base == ("v0.16.0", COMMIT)
    assert found.entries == (Entry("a.patch", None),)
    assert read_series("\ufeffa.patch", where="series").entries == (Entry("a.patch", None),)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a b.patch", "cannot read"),
        ("a.patch -R", "the option -R"),
        ("a.patch --fuzz=3", "the option --fuzz=3"),
        ("a.patch -p12", "the option -p12"),
        ("../a.patch", "leaves the folder"),
        ("x/../../a.patch", "leaves the folder"),
        ("/etc/a.patch", "leaves the folder"),
        ("a\0.patch", "no name of a file"),
        ("\x1b[2J.patch", "no name of a file"),
    ],
)
def test_lines_that_are_refused(line: str, what: str) -> None:
    """The message has the line's number, and a way out."""

    with pytest.raises(FormatError, match=what) as caught:
        read_series(f"# c\n{line}\n", where="v0.16.0/series")
    assert caught.value.where == "v0.16.0/series, line 2"
    assert caught.value.hint
    assert ("git diff -R" in caught.value.hint) == (line.endswith("-R"))


def test_no_base() -> None:
    """Without the first line, or with a short commit in it, no base is recorded."""

    assert read_series("a.patch\n", where="s").base is None
    short = "# This series applies on vLLM v0.16.0 (48882f1)\n"
    assert read_series(short, where="s").base is None


def test_up_to_a_patch() -> None:
    """A series ends with the patch that is named."""

    raw = b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n"
    patches = tuple(read_patch(name, raw) for name in ("a.patch", "b.patch", "c.patch"))
    base = Base("v0.16.0", COMMIT, "x")
    assert Series(base, patches).upto("b.patch") == Series(base, patches[:2])


def test_comments_on_patches_that_are_left_out() -> None:
    """A comment that begins with a name says why that patch is not there."""
    text = (
        "# This series applies on vLLM v0.17.0 (" + "0" * 40 + ")\n"
        "# Free words: not of a patch.\n"
        "# 1-a.patch: landed in v0.17.0\n"
        "# (a.py:1)\n"
        "2-b.patch\n"
        "# 3-c.patch.gz (#33): left out\n"
        "#\n"
        "# More free words.\n"
    )
    found = read_series(text, where="series")
    expected = {"1-a.patch": "landed in v0.17.0 (a.py:1)", "3-c.patch.gz": "left out"}
    assert found.left_out == expected
    assert found.numbers == {"3-c.patch.gz": 33}
    assert read_series("", where="series").left_out == {}
