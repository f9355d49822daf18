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
    """One that fails is told once, and once when it holds again; not run, it still fails."""
    told, seen = proofs(Seen(), Outcome.PROVEN, Outcome.FAILED)
    assert told == ["the proof of #102 on v0.16.0: failed, why"]
    assert proofs(seen, Outcome.NOT_NEEDED, Outcome.NOT_RUN)[0] == []
    unproven = Diary(seen, print, "2026-03-02")
    unproven.close()
    told, seen = proofs(unproven.new, Outcome.PROVEN, Outcome.PROVEN)
    assert told == ["#102 is proven again on v0.16.0"]
    assert proofs(seen, Outcome.PROVEN, Outcome.PROVEN)[0] == []


def kinds(old: Seen, **outcomes: str) -> tuple[list[tuple[str, str, bool]], Seen]:
    """Prove patches, and return kind, text and whether that wants a person; what is kept."""
    diary = Diary(old, print, "2026-03-01")
    made = [
        Proof(f"{name[1:]}.patch", int(name[1:]), Outcome(outcome), f"why {outcome}")
        for name, outcome in outcomes.items()
    ]
    tell_proofs(BASE, made, diary)
    assert {one.base for one in diary.news} <= {"v0.16.0"}
    diary.close()
    return [(one.kind, one.text, one.wants_a_person) for one in diary.news], diary.new.told()


def test_proofs_that_are_not_run() -> None:
    """All are told in one line, which is no alarm; so is that they are run again."""
    names = [f"p{number}" for number in range(101, 106)]
    told, seen = kinds(Seen(), **dict.fromkeys(names, "not run"))
    line = "proofs that were not run on v0.16.0: #101, #102, #103 and 2 more (why not run)"
    assert told == [("not-run", line, False)]
    assert kinds(seen, **dict.fromkeys(names, "not run"))[0] == []
    # What was never run and fails is told as one that was proven before.
    outcomes = dict.fromkeys(names, "proven") | {"p102": "failed", "p103": "not needed"}
    told, seen = kinds(seen, **outcomes)
    assert told == [
        ("unproven", "the proof of #102 on v0.16.0: failed, why failed", True),
        ("back", "proofs that were run again on v0.16.0: #101, #103, #104 and 1 more", False),
    ]
    told, seen = kinds(seen, **(outcomes | {"p102": "not run", "p104": "not run"}))
    assert told == [
        ("not-run", "proofs that were not run on v0.16.0: #104 (why not run)", False)
    ]
    told, seen = kinds(seen, **outcomes)
    assert told == [("back", "proofs that were run again on v0.16.0: #104", False)]
    told, seen = kinds(seen, **(outcomes | {"p102": "proven"}))
    assert told == [("proven", "#102 is proven again on v0.16.0", False)]


def test_many_causes() -> None:
    """Three are named, and the proofs of the others counted."""
    diary = Diary(Seen(), print, "2026-03-01")
    made = [Proof(f"{n}.patch", n, Outcome.NOT_RUN, f"no test_pr{n}.py") for n in range(1, 6)]
    tell_proofs(BASE, made, diary)
    (told,) = diary.news
    three = "#1 (no test_pr1.py), #2 (no test_pr2.py), #3 (no test_pr3.py)"
    assert told.text == f"proofs that were not run on v0.16.0: {three} and 2 more"
