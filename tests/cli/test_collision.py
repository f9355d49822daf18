"""Where patches of one's own series stand in the way of another, they are named."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from bureau import A, B, Bureau, edited, opened
from support import Desk, Project, git, lines
from vpatch.jobs.replay import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NEW = "vllm/new.py"
FIRST, AGAIN, MOVE = "40101-edit-a.patch", "40102-edit-a-again.patch", "40103-move-b.patch"
SEVEN = "which changes line 7"


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk whose series has two patches of one file, and one of two others."""
    with opened(desk, tmp_path) as bureau:
        bureau.forge.open(40101, "Edit a", edited(A, l7="seven", l25="five"))
        bureau.forge.open(40102, "Edit a again", edited(A, l11="eleven"))
        both = {B: None, NEW: "new\n"}
        bureau.forge.open(40103, "Move b", [("Move b", both)])
        for number in ("40101", "40102", "40103"):
            bureau.add(number)
        yield bureau


def diff(
    bureau: Bureau, name: str, files: Mapping[str, str | None], *, start: str = "v0.16.0"
) -> str:
    """Make a change in a clone of upstream's, and return the file that git's diff is in."""
    clone = bureau.near.folder.parent / "clone"
    if not clone.exists():
        git(clone.parent, "clone", "-q", str(bureau.forge.origin.served), "clone")
    git(clone, "checkout", "-q", start)
    for path, text in files.items():
        if text is None:
            (clone / path).unlink()
        else:
            (clone / path).write_text(text)
    git(clone, "add", "-A")
    file = clone.parent / f"{name}.diff"
    file.write_text(git(clone, "diff", "--cached", "-M") + "\n")
    git(clone, "reset", "-q", "--hard")
    return str(file)


def cause(bureau: Bureau, *args: str) -> str:
    """Add what has no place, and return why it has none; nothing waits to be solved then."""
    before = bureau.state()
    answer: Any = bureau.near.json("add", *args, status=1)
    assert bureau.state() == before
    bureau.near.run("add", "--abort", status=None)
    (result,) = answer["patches"]
    assert result["verdict"] == "conflict"
    return str(result["cause"])


ON_FIRST = f"{A}: hunk 1 (line 4) collides with {FIRST}, {SEVEN}"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({A: lines(1, 40, l7="7")}, [ON_FIRST]),
        (
            {A: lines(1, 40, l8="8")},
            [f"{A}: hunk 1 (line 5) collides with {FIRST}, {SEVEN}"],
        ),
        (
            {A: lines(1, 40, l6="6", l26="26")},
            [f"{A}: hunks 1, 2 (lines 3, 23) collide with {FIRST}, which changes lines 7, 25"],
        ),
        (
            {A: lines(1, 40, l7="7", l11="11")},
            [ON_FIRST, f"{A}: hunk 1 (line 4) collides with {AGAIN}, which changes line 11"],
        ),
        (
            {A: lines(1, 40, l7="7"), NEW: "mine\n"},
            [ON_FIRST, f"{NEW} collides with {MOVE}, which makes it"],
        ),
        (
            {B: lines(1, 40, l9="9")},
            [f"{B}: hunk 1 (line 6) collides with {MOVE}, which deletes it"],
        ),
        (
            {B: None, "vllm/c.py": lines(1, 40)},
            [f"vllm/c.py collides with {MOVE}, which deletes {B}"],
        ),
    ],
)
def test_own_patches_in_the_way(
    bureau: Bureau, files: Mapping[str, str | None], told: list[str]
) -> None:
    """Each is named that takes a hunk's place away, one hunk's several too, with its lines."""
    assert cause(bureau, diff(bureau, "mine", files)) == "; ".join(told)


def test_the_lines_of_what_was_moved_down(bureau: Bureau) -> None:
    """An own patch's lines are those of the series, as its other patches moved them."""
    bureau.forge.open(40104, "Edit the top", [("Top", {A: "top\n" + lines(1, 40)})])
    bureau.add("40104", "--after", "40101")
    mine = diff(bureau, "mine", {A: lines(1, 40, l11="11")})
    told = f"{A}: hunk 1 (line 8) collides with {AGAIN}, which changes line 12"
    assert cause(bureau, mine) == told


def test_upstream_and_an_own_patch_in_the_way(bureau: Bureau) -> None:
    """Of the one the words are as ever, of the other the name; and how to go on."""
    change = {A: lines(1, 40, l7="7", l18="18", l30="thirty")}
    bureau.forge.land("Go on in a", {A: lines(1, 40, l18="eighteen", l30="thirty")})
    bureau.forge.open(40104, "Both", [("Both", change)])
    ran = bureau.near.run("add", "40104", status=1)
    lost = f"{A}: hunk 2 (line 15) found other lines in v0.16.0"
    assert f"#40104 conflict: {lost}; {ON_FIRST}\n" in ran.out
    assert "add --continue" in ran.out
    bureau.near.run("add", "--abort")
    bureau.near.run("drop", "40101")
    assert cause(bureau, "40104") == lost


def test_what_an_own_patch_makes_already(bureau: Bureau) -> None:
    """It is not the base that has it: whoever makes the same change is named."""
    before = bureau.state()
    same = diff(bureau, "same", {A: lines(1, 40, l7="seven", l25="five")})
    ran = bureau.near.run("add", same, status=1)
    assert f"same.patch landed: {FIRST} makes the same change already\n" in ran.out
    assert "nothing to add: v0.16.0 with its series has it" in ran.out
    both = {A: lines(1, 40, l7="seven", l25="five"), B: None}
    told = bureau.near.json("add", diff(bureau, "both", both), status=1)["patches"][0]["cause"]
    assert told == (
        f"{A}: hunks 1, 2 (lines 4, 22) are already in {FIRST}, which changes lines 7, 25; "
        f"{B}: hunk 1 (line 1) is already in {MOVE}, which deletes it"
    )
    assert bureau.state() == before
    part = {A: lines(1, 40, l7="seven", l35="mine")}
    answer = bureau.add(diff(bureau, "part", part))
    (result,) = answer["patches"]
    assert result["verdict"] == "partial"
    assert result["cause"] == f"{A}: hunk 1 (line 4) is already in {FIRST}, {SEVEN}"


def test_what_the_base_and_an_own_patch_have(bureau: Bureau) -> None:
    """Between the two, nothing is left of it: both are named."""
    clone = bureau.near.folder.parent / "clone"
    old, new = {A: lines(1, 40, l35="old")}, {A: lines(1, 40, l7="seven")}
    file = diff(bureau, "mine", old)
    git(clone, "apply", file)
    git(clone, "commit", "-q", "-a", "-m", "old")
    ran = bureau.near.run("add", diff(bureau, "both", new, start="HEAD"), status=1)
    told = f"{A}: hunk 1 (line 4) is already in {FIRST}, {SEVEN}; the base has the rest"
    assert f"both.patch landed: {told}\n" in ran.out


def test_a_new_one_before_those_that_it_collides_with(bureau: Bureau) -> None:
    """Those behind it that have no place any more are named, all of them, and why."""
    mine = diff(bureau, "mine", {A: lines(1, 40, l12="12"), NEW: "mine\n"})
    before = bureau.state()
    ran = bureau.near.run("add", mine, "--after", "40101", status=1)
    which = f"{AGAIN}, {A}: hunk 1 (line 8) collides with mine.patch, which changes line 12"
    also = f"{MOVE}, {NEW} collides with mine.patch, which makes it"
    assert f"error: 2 patches of the series have no place: {which}; {also}\n" in ran.err
    assert "hint: a patch behind the new one has no place any more: leave --after" in ran.err
    assert bureau.state() == before


def test_a_new_one_before_that_which_makes_the_same(bureau: Bureau) -> None:
    """The one behind it would change nothing, and it is said why."""
    same = diff(bureau, "same", {A: lines(1, 40, l11="eleven")})
    ran = bureau.near.run("add", same, "--after", "40101", status=1)
    what = "a patch of the series would change nothing"
    assert f"{what}: {AGAIN}, same.patch makes the same change already" in ran.err


def test_those_that_need_what_goes(bureau: Bureau) -> None:
    """All that have no place without it are named, with its lines or with whom they need."""
    series = {"l7": "seven", "l11": "eleven", "l25": "five"}
    clone = bureau.near.folder.parent / "clone"
    diff(bureau, "none", {})
    for change in ({}, {"l7": "more"}, {"l25": "6"}, {"l7": "most", "l11": "most"}):
        series |= change
        (clone / A).write_text(lines(1, 40, **series))
        git(clone, "commit", "-q", "-a", "-m", f"On {' and '.join(change) or 'top'}")
    for commit in ("HEAD~2", "HEAD~1", "HEAD"):
        bureau.add(f"{clone}@{commit}")
    before = bureau.state()
    ran = bureau.near.run("drop", "40101", status=1)
    assert (
        "error: 3 patches of the series have no place: "
        f"on-l7.patch, {A}: hunk 1 (line 4) needs {FIRST}, {SEVEN}; "
        f"on-l25.patch, {A}: hunk 1 (line 22) needs {FIRST}, which changes line 25; "
        "on-l7-and-l11.patch, needs on-l7.patch, which has no place\n"
    ) in ran.err
    assert "hint: drop what needs it too, then vpatch add that again" in ran.err
    ran = bureau.near.run("drop", "40102", status=1)
    told = f"{A}: hunk 1 (line 4) needs {AGAIN}, which changes line 11"
    assert f"a patch of the series has no place: on-l7-and-l11.patch, {told}\n" in ran.err
    assert bureau.state() == before
    bureau.near.run("drop", "40101", "on-l7.patch", "on-l25.patch", "on-l7-and-l11.patch")
    bureau.near.run("check")


BIG, MANY, APART = "vllm/big.py", 24, 8


@pytest.fixture
def long(bureau: Bureau) -> Bureau:
    """Give the desk a long series, each patch of which changes a line of one file."""
    bureau.forge.land("Add big", {BIG: lines(1, MANY * APART)})
    commit = bureau.forge.release("v0.17.0")
    git(bureau.near.folder.parent, "clone", "-q", str(bureau.forge.origin.served), "clone")
    clone = Project.there(bureau.near.folder.parent / "clone")
    clone.back("v0.17.0")
    changed: dict[str, str] = {}
    patches: dict[str, bytes] = {}
    for at in range(MANY):
        changed[f"l{at * APART + 4}"] = f"own {at}"
        text = lines(1, MANY * APART, **changed)
        patches[f"{at:02}.patch"] = clone.patch(f"Own {at}", {BIG: text})
    bureau.near.write_series("v0.17.0", patches, commit=commit)
    return bureau


def counted(bureau: Bureau, text: str) -> tuple[str, Counter[bool]]:
    """Add a change of the long file; return why not, and what was replayed how often.

    The replays of the series are counted apart from those of the change, which is one patch.
    """
    mine = diff(bureau, "mine", {BIG: text}, start="v0.17.0")
    with mock.patch.object(run, "_Run", wraps=run._Run) as runs:  # noqa: SLF001, counted
        told = cause(bureau, mine, "--base", "v0.17.0")
    asked = [call.args[0].series.patches for call in runs.call_args_list]
    return told, Counter(len(patches) > 1 for patches in asked)


@pytest.mark.parametrize("hunks", [1, 5])
def test_a_long_series(long: Bureau, hunks: int) -> None:
    """Each is named; the series is replayed twice for that, the change by halves of it."""
    where = [at * MANY // hunks for at in range(hunks)]
    mine = {f"l{at * APART + 4}": "mine" for at in where}
    told, times = counted(long, lines(1, MANY * APART, **mine))
    assert told == "; ".join(
        f"{BIG}: hunk {number} (line {at * APART + 1}) collides with {at:02}.patch, "
        f"which changes line {at * APART + 4}"
        for number, at in enumerate(where, 1)
    )
    assert times[True] == 2
    # With all of it, before it, behind it; from then on for each hunk the halves alone.
    halves = MANY.bit_length()
    assert times[False] <= 4 + hunks * halves
    assert times[False] < MANY


def test_a_hunk_in_the_way_of_many(long: Bureau) -> None:
    """Some of them are named, and that there may be more; the replays have an end."""
    text = "mine\n" + lines(MANY * APART - 7, MANY * APART)
    told, times = counted(long, text)
    named = [
        f"{BIG}: hunk 1 (line 1) collides with {at:02}.patch, "
        f"which changes line {at * APART + 4}"
        for at in range(4)
    ]
    assert told == "; ".join([*named, "there may be more: not all of the series was asked"])
    assert times[True] == 4
    # With all of it and before it, then for each of the four behind it and the halves.
    assert times[False] <= 2 + 4 * (1 + MANY.bit_length())
    mine = diff(long, "mine", {BIG: text}, start="v0.17.0")
    said = long.near.run("add", mine, "--base", "v0.17.0", status=1).err
    assert "looking for what stands in the way\n" in said


def test_more_hunks_than_are_asked_about(long: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found by then is named, and that there may be more."""
    monkeypatch.setattr("vpatch.upkeep.turns._ASKED", 7)
    mine = {f"l{at * APART + 4}": "mine" for at in range(MANY)}
    told, times = counted(long, lines(1, MANY * APART, **mine))
    assert told.startswith(f"{BIG}: hunk 1 (line 1) collides with 00.patch, ")
    assert told.endswith("; there may be more: not all of the series was asked")
    assert "other lines" not in told
    assert times[False] == 2 + 7
