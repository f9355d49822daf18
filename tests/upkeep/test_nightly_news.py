"""What is news, and what is not: a night beside the one before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vpatch.upkeep.nightly.proofs import tell_proofs
from vpatch.upkeep.nightly.seen import Diary, PullSeen, Seen
from vpatch.values.base import Base
from vpatch.values.errors import VpatchError
from vpatch.values.proof import Outcome, Proof
from vpatch.values.verdict import Verdict

BASE = Base("v0.16.0", "a" * 40, "")
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)


def night(old: Seen, *failing: str) -> Diary:
    """Look at three things, some of which fail."""
    diary = Diary(old, print, "2026-03-01")
    for what in ("one", "two", "three"):
        with diary.looking_at(what):
            if what in failing:
                raise VpatchError("no answer", where=what)
    diary.close()
    return diary


@given(st.lists(st.sets(st.sampled_from(["one", "two", "three"])), max_size=12))
def test_a_failure_is_told_when_it_begins_and_when_it_is_over(nights: list[set[str]]) -> None:
    """Whatever fails in whatever nights; never twice in a row, and nothing is left out."""
    seen, before = Seen(), set[str]()
    for failing in nights:
        diary = night(seen, *failing)
        began = {f"could not look at {w}: no answer: {w}" for w in failing - before}
        over = {f"could look at {w} again" for w in before - failing}
        assert sorted(one.text for one in diary.news) == sorted(began | over)
        seen, before = Seen.read(diary.new.told().written(), ""), failing


@given(
    st.builds(
        Seen,
        releases=st.lists(WORDS, max_size=3),
        pulls=st.dictionaries(st.integers(1, 9), st.builds(PullSeen, state=WORDS), max_size=3),
        verdicts=st.dictionaries(
            WORDS, st.dictionaries(WORDS, st.sampled_from([v.value for v in Verdict]))
        ),
        failures=st.dictionaries(WORDS, WORDS),
    )
)
def test_what_is_kept_is_what_was_seen(seen: Seen) -> None:
    """And the same is written in the same bytes."""
    again = Seen.read(seen.written(), "")
    assert again == seen
    assert again.written() == seen.written()


def proofs(old: Seen, *outcomes: Outcome) -> tuple[list[str], Seen]:
    """Prove patches, and return what is told and kept."""
    diary = Diary(old, print, "2026-03-01")
    made = [
        Proof(f"{number}.patch", number, outcome, "why")
        for number, outcome in enumerate(outcomes, 101)
    ]
    tell_proofs(BASE, made, diary)
    return [one.text for one in diary.news], diary.new


def test_proofs() -> None:
    """One that fails is told once, and once when it holds again."""
    told, seen = proofs(Seen(), Outcome.PROVEN, Outcome.FAILED)
    assert told == ["the proof of #102 on v0.16.0: failed, why"]
    assert proofs(seen, Outcome.NOT_NEEDED, Outcome.NOT_RUN)[0] == []
    unproven = Diary(seen, print, "2026-03-02")
    unproven.close()
    told, seen = proofs(unproven.new, Outcome.PROVEN, Outcome.PROVEN)
    assert told == ["#102 is proven again on v0.16.0"]
    assert proofs(seen, Outcome.PROVEN, Outcome.PROVEN)[0] == []
