"""``vpatch refresh``: what upstream did since, and what follows from it."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from bureau import A, B, Bureau, edited, opened
from steps import KilledError, Steps
from support import Desk, git, lines
from vpatch.cli import show
from vpatch.jobs.bases.pulls import Pulls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from forge import Commits

TODAY = datetime.now(UTC).date()
NAME = "40101-edit-a.patch"


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk whose series carries one pull request."""
    with opened(desk, tmp_path) as bureau:
        bureau.forge.open(40101, "Edit a", edited(A, l7="seven"))
        bureau.add("40101")
        yield bureau


def refresh(bureau: Bureau, *args: str, status: int = 0) -> Any:
    """Refresh one pull request and return what is told of it; the folder is in order then."""
    answer = bureau.near.json("refresh", *args, status=status)
    bureau.near.run("check")
    (found,) = answer["pulls"]
    return found


def test_nothing_new(bureau: Bureau) -> None:
    """Exit status 0, and nothing is written."""
    before = bureau.state()
    found = refresh(bureau)
    assert (found["state"], found["pushed"], found["follow_ups"]) == ("open", None, [])
    assert bureau.state() == before
    assert bureau.near.run("refresh").out.splitlines() == [
        "PR      Title         Upstream  News",
        "#40101  Edit a        open",
    ]


def test_states_and_titles(bureau: Bureau) -> None:
    """What GitHub says goes to upstream.toml, where comments stay, and to the page."""
    facts = bureau.near.folder / "patches/upstream.toml"
    old = f"as_of = {TODAY}"
    facts.write_text(bureau.facts.replace(old, "as_of = 2026-01-02 # then"))
    bureau.forge.api.retitle(40101, "Edit a well")
    bureau.forge.api.shut(40101)
    found = refresh(bureau, "#40101")
    assert (found["state"], found["title"]) == ("closed", "Edit a well")
    assert 'title = "Edit a well"\nstate = "closed"\n' in bureau.facts
    assert f"as_of = {TODAY} # then" in bureau.facts
    assert "Subject: Edit a\n" in bureau.text(NAME), "the patch itself stays"


def test_a_look_that_finds_nothing_new(bureau: Bureau) -> None:
    """It leaves the date alone on which it was learned: a quiet day changes no file."""
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(bureau.facts.replace(f"as_of = {TODAY}", "as_of = 2026-01-02"))
    bureau.near.run("check", "--fix")
    before = bureau.state()
    assert refresh(bureau)["state"] == "open"
    assert bureau.state() == before


def test_a_push_is_shown_first_and_taken_on_request(bureau: Bureau) -> None:
    """The difference to what was reviewed; taken by a later call, in the form that fits."""
    old = bureau.text(NAME)
    reviewed = bureau.forge.rev("topic-40101")
    head = bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN", l20="x")})])
    found = refresh(bureau, "40101", status=1)
    assert found["pushed"]["reviewed"] == reviewed
    assert "-+seven\n" in found["pushed"]["difference"]
    assert bureau.text(NAME) == old
    ran = bureau.near.run("refresh", "40101", status=1)
    assert f"#40101 went from {reviewed[:12]} to {head[:12]}; what is different:" in ran.out
    assert "++SEVEN" in ran.out
    assert "the first sign: - as reviewed, + as pushed; the second: the change" in ran.out
    assert "refresh 40101 --accept" in ran.out
    assert refresh(bureau, "40101", "--accept")["accepted"] is True
    assert bureau.series == [NAME]
    assert "+SEVEN" in bureau.text(NAME)
    assert f"Upstream-Head: {head}" in bureau.text(NAME)
    assert f'head = "{head}"' in bureau.facts
    assert refresh(bureau)["pushed"] is None


def test_what_nobody_saw_is_not_taken(bureau: Bureau) -> None:
    """A push between the look and the word to take it is shown, and not taken."""
    old = bureau.text(NAME)
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "#40101 is not taken: this is shown for the first time" in " ".join(ran.out.split())
    bureau.forge.push(40101, [("Evil", {A: lines(1, 40, l7="evil")})])
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "++evil" in ran.out
    assert bureau.text(NAME) == old
    bureau.near.run("refresh", "--accept")
    assert "+evil" in bureau.text(NAME)


def retarget(bureau: Bureau) -> None:
    """Put the pull request onto another branch, behind whose back main has gone on."""
    bureau.forge.api.pulls[40101]["base"]["ref"] = "release"


def unheard(bureau: Bureau) -> None:
    """Let GitHub say no more what branch it is for: upstream's HEAD is taken then."""
    retarget(bureau)
    bureau.near.run("refresh", status=1)
    bureau.forge.api.remaining = 0


def widen(bureau: Bureau) -> None:
    """Leave nothing out any more."""
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(re.sub(r"exclude = \[.*?\]", "exclude = []", bureau.facts))


@pytest.mark.parametrize(
    ("change", "status"),
    [(retarget, 1), (unheard, 3), (widen, 1)],
    ids=["target", "no target", "exclude"],
)
def test_the_same_head_that_would_bring_more(
    bureau: Bureau, change: Callable[[Bureau], None], status: int
) -> None:
    """A look is at a change: where the same head means another one, that is shown first."""
    forge, place = bureau.forge, bureau.forge.origin.folder
    start, tests = lines(1, 40, l30="upstream"), {"tests/test_a.py": "evil\n"}
    git(place, "branch", "release", "main")
    if change is unheard:
        git(place, "checkout", "-q", "release")
        forge.origin.commit("Go on", {A: start})
        start = "release"
    else:
        forge.land("Go on", {A: start})
        start = "main"
    forge.force(
        40101, [("Edit", {A: lines(1, 40, l7="7", l30="upstream"), **tests})], start=start
    )
    if change is not unheard:
        difference = refresh(bureau, status=1)["pushed"]["difference"]
        assert "++7\n" in difference
        assert "++upstream" not in difference
        assert "++evil" not in difference
    change(bureau)
    old = bureau.text(NAME)
    found = bureau.near.json("refresh", "--accept", status=status)["pulls"][0]
    assert found["accepted"] is False
    assert ("++evil" if change is widen else "++upstream") in found["pushed"]["difference"]
    assert bureau.text(NAME) == old
    found = bureau.near.json("refresh", "--accept", status=None)["pulls"][0]
    assert found["accepted"] is True
    assert ("+evil" if change is widen else "+upstream") in bureau.text(NAME)


@pytest.mark.parametrize("form", ["print_table", "print_json"])
def test_one_who_is_killed_has_not_seen_it(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """What was to be shown and was not is shown by the next call, and not taken."""
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    with monkeypatch.context() as place:
        place.setattr(show, form, Steps(1, KilledError, for_good=True).wrapped(show.echo))
        with pytest.raises(KilledError):
            bureau.near.run("refresh", *(["--json"] if form == "print_json" else []))
    assert refresh(bureau, "--accept", status=1)["accepted"] is False
    assert refresh(bureau, "--accept")["accepted"] is True


def test_a_push_while_it_is_looked_at(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown and taken is noted as what it is, and no head that was there before it."""
    real = Pulls.tips

    def early(self: Pulls, numbers: Iterable[int]) -> dict[int, str]:
        found = real(self, numbers)
        change: Commits = [("More", {A: lines(1, 40, l7="SEVEN", l20="x")})]
        bureau.forge.push(40101, change)
        return found

    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    with monkeypatch.context() as place:
        place.setattr(Pulls, "tips", early)
        found = refresh(bureau, status=1)
    assert "+x" in found["pushed"]["difference"]
    head = bureau.forge.rev("topic-40101")
    assert refresh(bureau, "--accept")["accepted"] is True
    assert f'head = "{head}"' in bureau.facts
    assert f"Upstream-Head: {head}" in bureau.text(NAME)


def test_a_change_that_hides_in_a_merge_is_shown(bureau: Bureau) -> None:
    """A merge of main can bring what neither side had; the whole is compared, not commits."""
    bureau.forge.land("Go further", {"vllm/c.py": "cc\n"})
    bureau.forge.catch_up(40101, {B: lines(1, 40, l9="evil")})
    difference = refresh(bureau, status=1)["pushed"]["difference"]
    assert "++evil" in difference
    assert "cc" not in difference


@pytest.mark.parametrize("how", ["binary", "mode"])
def test_what_a_diff_could_pass_over_is_shown(bureau: Bureau, how: str) -> None:
    """A byte that makes git take a file for binary hides nothing, nor does a mode."""
    folder = bureau.forge.origin.folder
    bureau.forge.push(40101, [("More", {"vllm/data": "x\0good\n", "vllm/tool": "#!/bin/sh\n"})])
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    if how == "mode":
        (folder / "vllm/tool").chmod(0o755)
    change: Commits = [("Evil", {"vllm/data": "x\0evil\n"} if how == "binary" else {})]
    bureau.forge.push(40101, change)
    difference = refresh(bureau, status=1)["pushed"]["difference"]
    wanted = ["-+x\x00good", "++x\x00evil"]
    if how == "mode":
        wanted = ["- new file mode 100644", "+ new file mode 100755"]
    assert [line for line in difference.split("\n") if line[:1] in "-+" and line] == wanted


def test_a_rebase_by_its_author_is_no_news(bureau: Bureau) -> None:
    """The same change on a later main needs no second look, and can be noted."""
    bureau.forge.land("Top", {A: "top\n" + lines(1, 40), B: "b\n"})
    change = {A: "top\n" + lines(1, 40, l7="seven"), "tests/test_a.py": "left = out\n"}
    head = bureau.forge.force(40101, [("Edit a", change)])
    found = refresh(bureau)
    assert found["pushed"]["differs"] is False
    assert "with the same change; to note it" in bureau.near.run("refresh").out
    assert refresh(bureau, "--accept")["accepted"] is True
    assert f"Upstream-Head: {head}" in bureau.text(NAME)


def test_the_same_lines_elsewhere_are_not_taken_unseen(bureau: Bureau) -> None:
    """Where a text stands twice, a change can move without a word of it being another."""
    twice = {B: lines(1, 9) * 3}
    bureau.forge.land("Write it thrice", twice)
    bureau.forge.release("v0.15.0")
    changed = lines(1, 9, l5="five")
    bureau.forge.open(40102, "Five", [("Five", {B: lines(1, 9) + changed + lines(1, 9)})])
    bureau.near.run("drop", "40101")
    (bureau.patches / "series").unlink()
    bureau.near.run("add", "40102", "--base", "v0.15.0")
    bureau.forge.force(40102, [("Five", {B: lines(1, 9) * 2 + changed})])
    answer = bureau.near.json("refresh", "40102", "--base", "v0.15.0")
    assert answer["pulls"][0]["pushed"]["differs"] is False
    ran = bureau.near.run("refresh", "40102", "--base", "v0.15.0", "--accept", status=1)
    assert "the lines of #40102 are the same, and would stand elsewhere" in ran.err


def test_a_reviewed_head_that_is_lost(bureau: Bureau) -> None:
    """The whole change is shown then, and the patch is to be added anew."""
    old = bureau.forge.rev("topic-40101")
    bureau.forge.force(40101, [("Edit a", {A: lines(1, 40, l7="SEVEN")})])
    bureau.forge.origin.push()
    git(bureau.forge.origin.served, "gc", "-q", "--prune=now")
    shutil.rmtree(bureau.near.cache / "pulls.git")
    ran = bureau.near.run("refresh", status=1)
    assert f"#40101 went from {old[:12]}, which is lost" in " ".join(ran.out.split())
    assert "+SEVEN" in ran.out
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "whether #40101 was changed by hand is not to be told any more" in ran.err
    assert "hint: vpatch drop it, then vpatch add it again" in ran.err


def test_one_that_stands_on_another(bureau: Bureau) -> None:
    """It is compared as a whole, and what it adds to the one that is carried is taken."""
    change: Commits = [("On top", {A: lines(1, 40, l7="seven and more")})]
    bureau.forge.open(40102, "On top", change, start="topic-40101")
    bureau.add("40102")
    bureau.forge.push(40102, [("More", {A: lines(1, 40, l7="seven and most")})])
    bureau.near.run("refresh", "40102", status=1)
    assert refresh(bureau, "40102", "--accept")["accepted"] is True
    assert "-seven\n+seven and most\n" in bureau.text("40102-on-top.patch")


def test_one_behind_it_whose_lines_stand_near(bureau: Bureau) -> None:
    """It is merged through the series as it was, and that is said; both can be taken too."""
    bureau.forge.open(40102, "Near", edited(A, l9="nine"))
    bureau.add("40102")
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    bureau.forge.push(40102, [("More", {A: lines(1, 40, l9="NINE")})])
    bureau.near.run("refresh", "40101", status=1)
    ran = bureau.near.run("refresh", "40101", "--accept")
    assert "#40102 merged: three-way through the series as it was" in ran.out
    assert " SEVEN\n line 8\n-line 9\n+nine\n" in bureau.text("40102-near.patch")
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="Seven")})])
    bureau.near.run("refresh", status=1)
    bureau.near.run("refresh", "--accept")
    assert " Seven\n line 8\n-line 9\n+NINE\n" in bureau.text("40102-near.patch")
    bureau.near.run("check")


def test_words_of_ones_own_are_kept(bureau: Bureau) -> None:
    """A note that a person wrote into the message stays, and the commit that is carried."""
    text = bureau.text(NAME).replace("\nUpstream-PR", "\nNote: only half of it.\n\nUpstream-PR")
    (bureau.patches / NAME).write_text(text)
    bureau.near.run("check", "--fix")
    head = bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    bureau.near.run("refresh", status=1)
    assert refresh(bureau, "--accept")["accepted"] is True
    text = bureau.text(NAME)
    assert "\nNote: only half of it.\n\nUpstream-PR: " in text
    assert f"\nUpstream-Head: {head}\n" in text
    assert "+SEVEN" in text


def test_a_branch_that_was_reset(bureau: Bureau) -> None:
    """One that has upstream's commits alone is empty: that is news, and no failure."""
    forge = bureau.forge
    head = forge.force(40101, [])
    found = refresh(bureau, status=1)
    assert (found["unseen"], found["pushed"]["empty"]) == (None, True)
    ran = bureau.near.run("refresh", status=1)
    assert f"to {head[:12]} and is empty now: nothing is left of it: " in " ".join(
        ran.out.split()
    )
    assert " drop 40101" in ran.out
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "error: nothing is left of #40101 as it is now" in ran.err
    bureau.near.run("drop", "40101")
    ran = bureau.near.run("refresh", status=1)
    assert "refresh 40101 --accept" in " ".join(ran.out.split()), "drop is done"
    assert refresh(bureau, "--accept")["accepted"] is True
    assert refresh(bureau)["pushed"] is None
    ran = bureau.near.run("add", "40101", status=1)
    assert "upstream has every commit of #40101: there is nothing to take" in ran.err


def test_no_known_head(bureau: Bureau) -> None:
    """Where nothing tells what was reviewed, no push can be told either, and that is said."""
    text = re.sub(r"Upstream-Head: .*\n", "", bureau.text(NAME))
    (bureau.patches / NAME).write_text(text)
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(re.sub(r"head = .*\n", "", bureau.facts))
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    told = " ".join(bureau.near.run("refresh").out.split())
    assert "#40101: no head is known, so that what was pushed since cannot be told" in told
    assert refresh(bureau)["reviewed"] is None
    facts.write_text(f'{bureau.facts}head = "{bureau.forge.rev("topic-40101")}"\n')
    assert "no head is known" not in bureau.near.run("refresh").out


def test_each_series_has_its_own_head(bureau: Bureau) -> None:
    """What is taken into one series does not speak for what another one carries."""
    forge, old = bureau.forge, bureau.forge.rev("topic-40101")
    forge.release("v0.17.0")
    bureau.near.write_series("v0.17.0", {}, commit=forge.rev("v0.17.0"))
    bureau.near.run("check", "--fix")
    new = forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    bureau.add("40101", "--base", "v0.17.0")
    assert f'head = "{old}"' in bureau.facts
    assert refresh(bureau, "--base", "v0.17.0")["reviewed"] == new
    assert refresh(bureau, status=1)["reviewed"] == old
    newer = forge.push(40101, [("More", {A: lines(1, 40, l7="Seven")})])
    refresh(bureau, "--base", "v0.17.0", status=1)
    assert refresh(bureau, "--base", "v0.17.0", "--accept")["accepted"] is True
    assert f'head = "{old}"' in bureau.facts
    refresh(bureau, status=1)
    assert refresh(bureau, "--accept")["accepted"] is True
    assert f'head = "{newer}"' in bureau.facts, "now all carry that"


@pytest.mark.parametrize("how", ["empty", "tests alone"])
def test_nothing_is_left_of_it(bureau: Bureau, how: str) -> None:
    """Where its author took all of it back, that is said, with the way out."""
    rest = {A: lines(1, 40)} | ({"tests/test_a.py": "a = 2\n"} if how != "empty" else {})
    bureau.forge.push(40101, [("Take it back", rest)])
    ran = bureau.near.run("refresh", status=1)
    assert "nothing is left of it but what is left out" in ran.out
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "error: nothing is left of #40101 as it is now" in ran.err
    assert "hint: vpatch drop 40101" in ran.err


def test_work_of_ones_own_is_not_undone(bureau: Bureau) -> None:
    """A patch that a person changed since it was taken is not written over."""
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    text = bureau.text(NAME).replace("+seven", "+mine")
    (bureau.patches / NAME).write_text(text)
    bureau.near.run("refresh", status=1)
    before = bureau.state()
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert f"#40101 is not as it was reviewed: it was changed by hand: {NAME}" in ran.err
    assert bureau.state() == before


def test_a_new_head_without_a_place(bureau: Bureau) -> None:
    """It is refused, with the cause, and nothing is written."""
    bureau.forge.land("Rewrite", {A: lines(1, 40, l6="six", l8="eight")})
    change = {A: lines(1, 40, l6="six", l7="SEVEN", l8="eight")}
    bureau.forge.force(40101, [("Edit a", change)])
    bureau.near.run("refresh", status=1)
    before = bureau.state()
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "the new head of #40101 has no place: vllm/a.py: hunk 1" in ran.err
    assert bureau.state() == before


def test_parts_are_taken_anew(bureau: Bureau) -> None:
    """One in parts stays in parts, as many as it has now; others keep their places."""
    bureau.forge.open(40102, "Parts", [("One", {B: lines(1, 40, l7="x")})])
    bureau.forge.push(40102, [("Two", {B: lines(1, 40, l7="x", l30="y")})])
    bureau.add("40102", "--split-commits")
    bureau.forge.open(40103, "Last", edited(A, l30="last"))
    bureau.add("40103")
    bureau.forge.push(40102, [("Three", {B: lines(1, 40, l7="x", l20="z", l30="y")})])
    bureau.near.run("refresh", "40102", status=1)
    refresh(bureau, "40102", "--accept")
    assert bureau.series == [
        NAME,
        *("40102-01-one.patch", "40102-02-two.patch", "40102-03-three.patch"),
        "40103-last.patch",
    ]


def test_the_release_that_has_it(bureau: Bureau) -> None:
    """Of what was merged, the first release is looked for in upstream's history."""
    bureau.forge.merge(40101)
    assert refresh(bureau)["merged_in"] is None
    bureau.forge.release("v0.17.0")
    assert refresh(bureau)["merged_in"] == "v0.17.0"
    assert 'merged_in = "v0.17.0"' in bureau.facts


def test_follow_ups(bureau: Bureau) -> None:
    """Who fixes, reverts or replaces it is named with the words that say so; not added."""
    forge = bureau.forge
    forge.merge(40101)
    forge.open(40110, "Fix race", [("x", {B: "b\n"})], body="Fixes a regression from #40101.")
    forge.merge(40110)
    forge.open(40111, "Chat", [("x", {B: "bb\n"})], body="Unlike #40101")
    forge.revert(40101, by=40112)
    forge.api.comment(40101, "Superseded by #40113, thanks. cc #7")
    found = refresh(bureau)["follow_ups"]
    assert [(one["pr"], one["relation"]) for one in found] == [
        (40112, "reverts it"),
        (40113, "replaces it"),
        (40110, "fixes it"),
    ]
    assert "40110" not in bureau.facts
    ran = bureau.near.run("refresh")
    told = " ".join(ran.out.split())
    line = '#40101: #40110 (Fix race) fixes it, perhaps: "Fixes a regression from #40101."'
    assert line in told
    assert line in " ".join(bureau.near.run("status", "--base", "v0.16.0").out.split())
    (first, *_) = bureau.near.json("status", "--base", "v0.16.0")["follow_ups"]
    assert (first["of"], first["pr"], first["relation"]) == (40101, 40112, "reverts it")
    page = bureau.near.folder / "build/report.html"
    bureau.near.run("report", "--html", str(page))
    assert "(Fix race)" in re.sub("<.*?>", "", page.read_text())
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(bureau.facts.replace("head =", "follow_ups = [40112, 40113]\nhead ="))
    assert [one["pr"] for one in refresh(bureau)["follow_ups"]] == [40110]


def test_a_comment_that_names_hundreds(bureau: Bureau) -> None:
    """The five strongest are shown, and the rest counted."""
    bureau.forge.api.shut(40101)
    said = " ".join(f"Fixed by #{number}." for number in range(50001, 50301))
    bureau.forge.api.comment(40101, f"{said} Reverted by #60000.")
    ran = bureau.near.run("refresh")
    told = [line for line in ran.out.splitlines() if line.startswith("#40101: ")]
    assert [line.split()[1] for line in told[:2]] == ["#60000", "#50001"]
    assert told[5:] == ["#40101: and 296 more, see --json"]
    assert len(refresh(bureau)["follow_ups"]) == 301


def test_follow_ups_by_git_alone(bureau: Bureau) -> None:
    """Where GitHub does not answer, upstream's commits still speak."""
    bureau.forge.merge(40101)
    bureau.near.run("refresh")
    bureau.forge.revert(40101, by=40112)
    bureau.forge.api.remaining = 0
    ran = bureau.near.run("refresh", status=3)
    assert "the rate limit is used up until" in ran.err
    assert "#40101: #40112 (Revert" in ran.out


@pytest.mark.parametrize("remaining", [0, 1])
def test_follow_ups_that_were_found_before(bureau: Bureau, remaining: int) -> None:
    """What was not read this time takes none of them away; what was read does."""
    forge = bureau.forge
    forge.merge(40101)
    forge.api.comment(40101, "Superseded by #40113, thanks.")

    def found(status: int) -> list[tuple[int, str]]:
        each = refresh(bureau, status=status)["follow_ups"]
        told = bureau.near.json("status", "--base", "v0.16.0")["follow_ups"]
        assert [one["pr"] for one in told] == [one["pr"] for one in each]
        return [(one["pr"], one["relation"]) for one in each]

    assert found(0) == [(40113, "replaces it")]
    # The thread is not read, upstream's commits are.
    forge.api.remaining = remaining
    shutil.rmtree(bureau.near.cache / "github")
    forge.revert(40101, by=40112)
    both = [(40112, "reverts it"), (40113, "replaces it")]
    assert found(3) == both
    # The thread is read, upstream's commits are not.
    forge.api.remaining = 5000
    forge.http.hold = cut
    assert found(3) == both
    forge.http.hold = str
    assert found(0) == both
    forge.api.timelines[40101] = [
        one for one in forge.api.timelines[40101] if one["event"] != "commented"
    ]
    assert found(0) == [(40112, "reverts it")]


def test_follow_ups_of_one_that_nobody_tells_of(bureau: Bureau) -> None:
    """That upstream.toml calls it open does not take them away; that it is open does."""
    forge = bureau.forge
    forge.api.shut(40101)
    forge.api.comment(40101, "Superseded by #40113, thanks.")
    assert len(refresh(bureau)["follow_ups"]) == 1
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(bureau.facts.replace('"closed"', '"open"'))
    kept = bureau.near.folder / "build/outlook.json"
    forge.api.refused = {40101: 451}
    refresh(bureau, status=3)
    assert "40113" in kept.read_text()
    forge.api.refused = {}
    forge.api.pulls[40101]["state"] = "open"
    refresh(bureau)
    assert "40113" not in kept.read_text()


def cut(path: str) -> NoReturn:
    """Answer nothing."""
    raise ConnectionError(path)


def test_a_limit_in_the_middle(bureau: Bureau) -> None:
    """What was learned before it is written; of the rest, git tells the heads."""
    bureau.forge.open(40102, "Edit b", edited(B, l7="seven"))
    bureau.add("40102")
    bureau.forge.api.shut(40101)
    bureau.forge.api.shut(40102)
    bureau.forge.api.remaining = 1
    ran = bureau.near.run("refresh", status=3)
    assert "nothing is known of #40102 and those after it" in ran.err
    assert f"#40102  Edit b        open, as of {TODAY}" in ran.out
    assert bureau.facts.count('state = "closed"') == 1
    assert bureau.facts.count('state = "open"') == 1
    answer = bureau.near.json("refresh", status=3)
    assert [one["state"] for one in answer["pulls"]] == [None, None]
    assert all(one["head"] for one in answer["pulls"])


def test_an_odd_one_hides_no_other(bureau: Bureau) -> None:
    """One that begins nowhere has its row, and status 3; the one behind it is told."""
    forge = bureau.forge
    forge.open(40102, "Edit b", edited(B, l7="seven"))
    bureau.add("40102")
    forge.force(40101, [])
    forge.api.merge(40101, forge.rev("main"))
    forge.api.shut(40102)
    ran = bureau.near.run("refresh", status=3)
    assert "#40101  Edit a        merged    pushed, not looked at" in ran.out
    assert "#40101 is part of upstream as it is" in " ".join(ran.out.split())
    assert "#40102  Edit b        closed" in ran.out
    odd, other = bureau.near.json("refresh", status=3)["pulls"]
    assert odd["unseen"].startswith("#40101 is part of upstream as it is")
    assert (other["unseen"], other["state"]) == (None, "closed")


def test_one_that_github_refuses(bureau: Bureau) -> None:
    """The one behind it is asked about all the same."""
    bureau.forge.open(40102, "Edit b", edited(B, l7="seven"))
    bureau.add("40102")
    bureau.forge.api.shut(40102)
    bureau.forge.api.refused = {40101: 451}
    ran = bureau.near.run("refresh", status=3)
    assert "#40101: GitHub gave no answer (HTTP 451)" in ran.err
    assert "#40102  Edit b        closed" in ran.out


def test_neither_answers(bureau: Bureau) -> None:
    """Without git and GitHub there is no answer: exit status 3, and nothing is written."""
    before = bureau.state()
    bureau.forge.http.close()
    bureau.forge.api.stumbles = [500] * 9
    ran = bureau.near.run("refresh", status=3)
    assert "the git remote gave no answer" in ran.err
    assert bureau.state() == before


def test_github_alone(bureau: Bureau) -> None:
    """Without a git remote, states are learned all the same."""
    (bureau.near.folder / "vpatch.toml").write_text(
        f'base = "v0.16.0"\n[upstream]\napi = "{bureau.forge.api.url}"\n'
    )
    shutil.rmtree(bureau.near.cache)
    bureau.forge.api.shut(40101)
    assert refresh(bureau)["state"] == "closed"
    assert bureau.near.index.asked == [], "no base is needed for that"
    bureau.forge.api.stumbles = [500] * 3
    ran = bureau.near.run("refresh", status=3)
    assert "error: GitHub gave no answer (HTTP 500)" in ran.err


def test_who_is_meant(bureau: Bureau) -> None:
    """A number, an address or a file name; one that nobody knows is wrong usage."""
    for name in ("40101", "#40101", "https://github.com/vllm-project/vllm/pull/40101", NAME):
        assert refresh(bureau, name)["pr"] == 40101
    ran = bureau.near.run("refresh", "40999", status=2)
    assert "no such pull request: 40999" in ran.err
    assert "hint: the folder knows #40101" in ran.err


def test_a_watched_one(bureau: Bureau) -> None:
    """One that is only watched is asked about as well, and its head noted on request."""
    bureau.forge.open(40102, "Edit b", edited(B, l7="seven"))
    bureau.add("40102")
    bureau.near.run("drop", "40102")
    head = bureau.forge.push(40102, [("More", {B: lines(1, 40, l7="SEVEN")})])
    assert refresh(bureau, "40102", status=1)["pushed"]["differs"] is True
    assert refresh(bureau, "40102", "--accept")["accepted"] is True
    assert f'head = "{head}"' in bureau.facts
    assert bureau.series == [NAME]


def test_a_memory_that_is_damaged(bureau: Bureau) -> None:
    """What was shown is then forgotten, and shown again before it is taken."""
    bureau.forge.push(40101, [("More", {A: lines(1, 40, l7="SEVEN")})])
    bureau.near.run("refresh", status=1)
    outlook = bureau.near.folder / "build/outlook.json"
    assert json.loads(outlook.read_text())["shown"].keys() == {"40101"}
    outlook.write_text("{")
    ran = bureau.near.run("refresh", "--accept", status=1)
    assert "is shown for the first time" in " ".join(ran.out.split())


def test_another_series_that_carries_it(bureau: Bureau) -> None:
    """What is taken into one series is not in the others: they are named, with what to type."""
    bureau.forge.release("v0.17.0")
    bureau.near.run("rebase", "--onto", "v0.17.0")
    bureau.near.run("check", "--fix")
    bureau.forge.push(40101, edited(A, l7="7"))
    ran = bureau.near.run("refresh", "--base", "v0.16.0", status=1)
    call = f"vpatch -C {bureau.near.folder} refresh"
    assert f"to take it: {call} --base v0.16.0 40101 --accept" in ran.out
    ran = bureau.near.run("refresh", "--base", "v0.16.0", "--accept")
    line = f"#40101 is carried at another head in v0.17.0: {call} 40101 --base v0.17.0"
    assert line in ran.out.splitlines()
    bureau.near.run("refresh", "40101", "--base", "v0.17.0", status=1)
    answer = bureau.near.json("refresh", "40101", "--base", "v0.17.0", "--accept")
    assert [(one["accepted"], one["elsewhere"]) for one in answer["pulls"]] == [(True, [])]


def taken_unheard(bureau: Bureau, *, told: str) -> str:
    """Add a pull request on a release branch while GitHub is silent, and return its patch."""
    forge, place = bureau.forge, bureau.forge.origin.folder
    git(place, "checkout", "-q", "-b", "releases/v0.16.0", "v0.16.0")
    forge.origin.commit("Pick", {B: lines(1, 40, l30="picked")})
    forge.open(50, "Fix", edited(B, l7="seven", l30="picked"), start="releases/v0.16.0")
    git(place, "checkout", "-q", "main")
    forge.api.pulls[50]["base"]["ref"] = told
    forge.api.remaining = 0
    ran = bureau.near.run("add", "50")
    forge.api.remaining = 5000
    taken = "#50 is taken as for releases/v0.16.0 (1 commit): nobody told its branch"
    assert f"{taken}; or it is for main (2 commits), which is not certain" in ran.err
    assert 'target = "releases/v0.16.0"' in bureau.facts
    return bureau.series[-1]


def test_a_branch_that_was_assumed_and_is_right(bureau: Bureau) -> None:
    """Nobody else's commits were taken, and nothing is new once GitHub answers again."""
    name = taken_unheard(bureau, told="releases/v0.16.0")
    assert "picked" not in bureau.text(name)
    assert refresh(bureau, "50")["pushed"] is None


def test_a_branch_that_was_assumed_and_is_wrong(bureau: Bureau) -> None:
    """What it means for the other one is shown first, and taken on request."""
    name = taken_unheard(bureau, told="main")
    old = bureau.text(name)
    ran = bureau.near.run("refresh", "50", "--accept", status=1)
    assert "for another branch" in ran.out
    assert (
        "#50 is for main and was taken as for releases/v0.16.0; what is different:" in ran.out
    )
    assert "\n++picked\n" in ran.out
    assert bureau.text(name) == old
    ran = bureau.near.run("refresh", "50", "--accept")
    assert " ".join(ran.out.splitlines()[1].split()) == "#50 Fix open taken as for main"
    assert "\n+picked\n" in bureau.text(name)
    assert 'target = "main"' in bureau.facts
    assert refresh(bureau, "50")["pushed"] is None


def test_a_branch_that_was_assumed_of_one_that_is_only_watched(bureau: Bureau) -> None:
    """Nothing is taken, and nobody pushed: the branch is noted."""
    taken_unheard(bureau, told="main")
    bureau.near.run("drop", "50")
    bureau.near.run("refresh", "50", status=1)
    ran = bureau.near.run("refresh", "50", "--accept")
    assert " ".join(ran.out.splitlines()[1].split()) == "#50 Fix open noted as for main"
    assert 'target = "main"' in bureau.facts
    assert refresh(bureau, "50")["pushed"] is None


def test_a_branch_that_was_assumed_before_it_was_taken_anew(bureau: Bureau) -> None:
    """Taken as GitHub says, it is for that branch: no change is told that never was."""
    taken_unheard(bureau, told="main")
    bureau.near.run("drop", "50")
    assert bureau.near.json("add", "50")["pr"] == 50
    assert 'target = "main"' in bureau.facts
    assert "\n+picked\n" in bureau.text(bureau.series[-1])
    assert refresh(bureau, "50")["pushed"] is None


def test_a_branch_that_was_assumed_and_is_as_good(bureau: Bureau) -> None:
    """Where it begins at the same commit for both, only the name is noted."""
    git(bureau.forge.origin.folder, "branch", "next", "main")
    bureau.forge.open(50, "Fix", edited(B, l7="seven"))
    bureau.forge.api.pulls[50]["base"]["ref"] = "next"
    bureau.forge.api.remaining = 0
    assert (
        "#50 is taken as for main (1 commit): nobody told" in bureau.near.run("add", "50").err
    )
    bureau.forge.api.remaining = 5000
    assert refresh(bureau, "50")["pushed"] is None
    assert 'target = "next"' in bureau.facts
