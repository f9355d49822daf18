"""A pull request that is carried in parts: what its author does, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bureau import A, B, Bureau, opened
from support import Desk, lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forge import Commits

ONE, TWO = "40102-01-one.patch", "40102-02-two.patch"


def parts(l20: str = "o", **more: str) -> Commits:
    """Return two commits that change one file."""
    first = {"l20": l20}
    return [("one", {B: lines(1, 40, **first)}), ("two", {B: lines(1, 40, **first, **more)})]


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk whose series carries a pull request in two parts."""
    with opened(desk, tmp_path) as bureau:
        bureau.forge.open(40102, "The whole", parts(l30="t"))
        bureau.add("40102", "--split-commits")
        yield bureau


def flat(text: str) -> str:
    """Return text without its line breaks."""
    return " ".join(text.split())


def catch_up(bureau: Bureau, files: dict[str, str] | None = None) -> str:
    """Let main go on, and the author merge it."""
    bureau.forge.land("Go on", {"vllm/z.py": "z\n"})
    return bureau.forge.catch_up(40102, files)


def test_the_page_tells_of_the_whole(bureau: Bureau) -> None:
    """PATCHES.md has the title of the pull request, and the places of all parts."""
    page = (bureau.near.folder / "PATCHES.md").read_text()
    assert "| The whole | open (" in page
    assert "| carried, 1 to 2 |" in page


def test_a_merge_of_main_alone(bureau: Bureau) -> None:
    """The same change: its head is noted, the parts stay, and there is an end of it."""
    head = catch_up(bureau)
    before = {name: bureau.text(name) for name in (ONE, TWO, "series")}
    assert "with the same change; to note it" in bureau.near.run("refresh").out
    bureau.near.run("refresh", "--accept")
    assert f'head = "{head}"' in bureau.facts
    assert {name: bureau.text(name) for name in before} == before
    assert "pushed" not in bureau.near.run("refresh").out
    bureau.near.run("check")


def test_a_merge_that_was_noted_is_no_end(bureau: Bureau) -> None:
    """What comes without merges later is shown as ever, and taken in parts."""
    catch_up(bureau)
    bureau.near.run("refresh", "--accept")
    bureau.forge.force(40102, parts("o2", l30="t"))
    ran = bureau.near.run("refresh", status=1)
    assert "-+o\n" in ran.out
    assert "++o2\n" in ran.out
    assert "to take it: " in ran.out
    bureau.near.run("refresh", "--accept")
    assert bureau.series == [ONE, TWO]
    assert "+o2\n" in bureau.text(ONE)
    bureau.near.run("check")


def test_a_merge_that_moves_the_same_lines(bureau: Bureau) -> None:
    """Where a text stands twice, a merge can move a change: that is not noted as no change."""
    twice, changed = lines(1, 9), lines(1, 9, l5="five")
    bureau.forge.land("Write it thrice", {A: twice * 3})
    bureau.forge.release("v0.16.1")
    first: Commits = [("z", {"vllm/z.py": "z\n"}), ("five", {A: twice + changed + twice})]
    bureau.forge.open(40103, "Five", first)
    bureau.near.write_series("v0.16.1", {}, commit=bureau.forge.rev("v0.16.1"))
    bureau.near.run("add", "40103", "--split-commits", "--base", "v0.16.1")
    bureau.forge.land("Go on", {"vllm/y.py": "y\n"})
    bureau.forge.catch_up(40103, {A: twice * 2 + changed})
    ran = bureau.near.run("refresh", "40103", "--base", "v0.16.1")
    assert "with the same change" in ran.out
    before = bureau.state()
    ran = bureau.near.run("refresh", "40103", "--base", "v0.16.1", "--accept", status=1)
    assert "the lines of #40103 are the same, and would stand elsewhere" in ran.err
    assert bureau.state() == before


def test_what_was_changed_by_hand_before_a_merge_was_noted(bureau: Bureau) -> None:
    """It is not written over behind a noted merge either."""
    catch_up(bureau)
    bureau.near.run("refresh", "--accept")
    changed = bureau.text(TWO).replace("+t\n", "+mine\n")
    (bureau.patches / TWO).write_text(changed)
    bureau.forge.force(40102, parts("o2", l30="t"))
    bureau.near.run("refresh", status=1)
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "#40102 is not as it was reviewed: it was changed by hand" in ran.err
    assert bureau.text(TWO) == changed


def test_a_head_that_nobody_saw_hides_behind_no_merge(bureau: Bureau) -> None:
    """Where upstream.toml names a head that is not what is carried, nothing is taken."""
    old = bureau.forge.rev("topic-40102")
    evil = catch_up(bureau, {B: lines(1, 40, l20="o", l30="evil")})
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(bureau.facts.replace(old, evil))
    bureau.forge.force(40102, parts("o2", l30="evil"))
    ran = bureau.near.run("refresh", status=1)
    assert "++evil" not in ran.out
    before = bureau.state()
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "#40102 is not as it was reviewed" in ran.err
    assert bureau.state() == before


def test_a_merge_with_more_than_main(bureau: Bureau) -> None:
    """No part can hold it: --accept is not offered and refuses, and the way out is one."""
    catch_up(bureau, {B: lines(1, 40, l20="o", l30="else")})
    call = f"vpatch -C {bureau.near.folder}"
    for _ in range(2):
        ran = bureau.near.run("refresh", status=1)
        assert "++else" in ran.out
        assert "--accept" not in ran.out
        said = "#40102 is carried in parts, and has merges in it now, which no part can hold. "
        way = f"When you have read it: {call} drop 40102, then {call} add 40102"
        assert said + way in flat(ran.out)
    before = bureau.state()
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "error: #40102 is carried in parts, and has merges in it now: " in flat(ran.err)
    assert "hint: vpatch drop 40102, then vpatch add 40102: one patch" in flat(ran.err)
    assert "--split-commits" not in ran.err
    assert bureau.state() == before
    bureau.near.run("drop", "40102")
    bureau.add("40102")
    assert bureau.series == ["40102-the-whole.patch"]
    assert "pushed" not in bureau.near.run("refresh").out


def test_another_series_with_the_same_parts(bureau: Bureau) -> None:
    """It carries them at the same head: that the first part is of an earlier commit is none."""
    bureau.forge.release("v0.17.0")
    bureau.near.run("rebase", "--onto", "v0.17.0")
    bureau.near.run("check", "--fix")
    (found,) = bureau.near.json("refresh", "--base", "v0.16.0")["pulls"]
    assert found["elsewhere"] == []
    bureau.forge.push(40102, [("three", {A: lines(1, 40, l7="three")})])
    (found,) = bureau.near.json("refresh", "--base", "v0.16.0", status=1)["pulls"]
    assert found["elsewhere"] == ["v0.17.0"]


def broken(bureau: Bureau, number: int, *paths: str) -> None:
    """Release what no change to some files fits, under a number of v0."""
    bureau.forge.land("Break", {path: lines(1, 40, l20="theirs") for path in paths})
    bureau.forge.release(f"v0.{number}.0")
    bureau.near.run("bases", "--fetch", f"v0.{number}.0")


def three(bureau: Bureau) -> list[str]:
    """Carry a pull request in three parts, of which the last needs the second."""
    first: Commits = [("zero", {A: lines(1, 40, l20="z")})]
    rest = [*parts()[:1], ("two", {B: lines(1, 40, l20="two")})]
    bureau.near.run("drop", "40102")
    bureau.forge.open(40103, "Three", first + rest)
    bureau.add("40103", "--split-commits")
    return bureau.series


def test_the_part_without_a_place_is_explained(bureau: Bureau) -> None:
    """Not the last one, which has its place: what is said of the whole is no other."""
    zero, *_ = three(bureau)
    broken(bureau, 17, A)
    ran = bureau.near.run("explain", "40103", "--base", "v0.17.0", status=1)
    assert ran.out.startswith(f"{zero} has no place on v0.17.0: conflict, 1 of 1 hunks\n")
    assert "has a place" not in ran.out
    found = bureau.near.json("explain", "40103", "--base", "v0.17.0", status=1)
    assert (found["name"], found["ok"], found["others"]) == (zero, False, [])


def test_all_parts_without_a_place_are_explained(bureau: Bureau) -> None:
    """One behind the other, each by its file; a part that needs another one names that."""
    zero, one, two = three(bureau)
    broken(bureau, 17, A, B)
    ran = bureau.near.run("explain", "40103", "--base", "v0.17.0", status=1)
    told = ran.out.splitlines()
    said = [f"{name} has no place on v0.17.0: conflict, 1 of 1 hunks" for name in (zero, one)]
    said += [f"{two} has no place on v0.17.0 only because an earlier patch has none"]
    assert [line for line in told if "has no place" in line] == said
    assert told[-2:] == [said[-1], f"explain {one} first"]
    found = bureau.near.json("explain", "40103", "--base", "v0.17.0", status=1)
    assert [found["name"], *(other["name"] for other in found["others"])] == [zero, one, two]
    ran = bureau.near.run("explain", zero, "--base", "v0.17.0", status=1)
    assert "hunk 1" in ran.out
    assert one not in ran.out


def test_parts_that_have_their_places(bureau: Bureau) -> None:
    """Each of them is told of, and that is good."""
    names = three(bureau)
    ran = bureau.near.run("explain", "40103", "--base", "v0.16.0")
    assert ran.out.splitlines() == [f"{name} has a place on v0.16.0: clean" for name in names]
    assert bureau.near.json("explain", "40103", "--base", "v0.16.0")["ok"] is True


def test_parts_that_move_up(bureau: Bureau) -> None:
    """A file that is in the series still is not told of as gone, nor after a drop."""
    zero: Commits = [("zero", {A: lines(1, 40, l7="zero")})]
    bureau.forge.force(40102, zero + parts(l30="t"))
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    names = ["40102-01-zero.patch", "40102-02-one.patch", "40102-03-two.patch"]
    assert bureau.text("series").splitlines()[1:] == names
    bureau.forge.force(40102, parts(l30="t")[1:])
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    assert bureau.text("series").splitlines()[1:] == ["40102-01-two.patch"]
    bureau.near.run("check")


def test_nothing_odd_is_left_of_a_drop(bureau: Bureau) -> None:
    """Of each part that went it is said once that it was dropped, and nothing else."""
    bureau.forge.push(40102, [("three", {A: lines(1, 40, l7="three")})])
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    bureau.forge.force(40102, parts("o2", l30="t"))
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    bureau.near.run("drop", "40102")
    said = bureau.text("series").splitlines()[1:]
    assert [line.partition(" on ")[0] for line in said] == [
        f"# {name} (#40102): dropped" for name in (ONE, TWO)
    ]
    page = (bureau.near.folder / "PATCHES.md").read_text()
    _, _, told = page.partition("## Carried no more\n\n")
    assert len(told.split("\n\n")[0].splitlines()) == 1
    bureau.near.run("check")
