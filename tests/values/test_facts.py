"""``upstream.toml``: what people know of each pull request, or an error that names the key."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vpatch.values.errors import FormatError
from vpatch.values.facts import Held, Landmark, PullRequest, read_facts

ROOT = Path(__file__).parents[2]
ONE = '[[pr]]\nnumber = 35442\ntitle = "t"\nstate = "merged"\nas_of = 2026-11-24\n'


def test_every_key() -> None:
    """All keys are read; lists become tuples."""

    head = "4" * 40
    text = f"""{ONE}merged_in = "v0.17.0"
why = "w"
follow_ups = [36013]
exclude = ["tests/*"]
head = "{head}"
landed_when = [{{ path = "vllm/x.py", contains = "y" }}]
"""
    assert read_facts(text, where="u") == {
        35442: PullRequest(
            number=35442,
            title="t",
            state="merged",
            as_of=date(2026, 11, 24),
            merged_in="v0.17.0",
            why="w",
            follow_ups=(36013,),
            exclude=("tests/*",),
            head=head,
            landed_when=(Landmark("vllm/x.py", "y"),),
        )
    }


def test_little_is_needed() -> None:
    """Without the optional keys they are empty, and a file may be empty, too."""

    assert read_facts(ONE, where="u")[35442].landed_when == ()
    assert read_facts("", where="u") == {}


def test_own_facts() -> None:
    """The project's own file is in this form."""

    text = (ROOT / "patches/upstream.toml").read_text()
    assert len(read_facts(text, where="u")) >= 5


def test_evidence() -> None:
    """A landmark that holds says where and what."""

    assert Held("vllm/x.py", 7, "y = 1").evidence == "vllm/x.py:7 has 'y = 1'"


PR = r"u, \[\[pr\]\] 35442"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[[pr]\n", "u", "no valid TOML: .*line 1"),
        ("x = 1" + "0" * 5000, "u", "no valid TOML"),
        ("[pr]\nnumber = 1\n", "u", "'pr' is no list of tables"),
        ("pr = [1]\n", "u", "'pr' is no list of tables"),
        ("[[prs]]\n", "u", "unknown key 'prs'"),
        (ONE + "who = 'me'\n", PR, "unknown key 'who'"),
        (ONE + ONE, PR, "a second table for it"),
        (ONE.replace("35442", '"35442"'), PR, "'number' is not a number"),
        (ONE.replace("35442", "true"), r"u, \[\[pr\]\] True", "'number' is not a number"),
        (ONE.replace("number = 35442\n", ""), r"u, \[\[pr\]\] table 1", "'number' is missing"),
        (ONE.replace('title = "t"\n', ""), PR, "'title' is missing"),
        (ONE.replace("merged", "done"), PR, "state 'done' is unknown"),
        (ONE.replace("2026-11-24", '"2026-11-24"'), PR, "'as_of' is not a date"),
        (ONE.replace("2026-11-24", "2026-11-24T10:00:00"), PR, "'as_of' is not a date"),
        (ONE + "follow_ups = 36013\n", PR, "'follow_ups' is not a list of numbers"),
        (ONE + "follow_ups = ['36013']\n", PR, "'follow_ups' is not a list of numbers"),
        (ONE + "follow_ups = [true]\n", PR, "'follow_ups' is not a list of numbers"),
        (ONE + "exclude = 'tests/*'\n", PR, "'exclude' is not a list of file patterns"),
        (ONE + "merged_in = 'main'\n", PR, "merged_in 'main' is no release"),
        (ONE + "head = '4a3f7c1'\n", PR, "head '4a3f7c1' is no full commit"),
        (ONE + "target = 'a b'\n", PR, "target 'a b' is no branch"),
        (ONE + "landed_when = 'x'\n", PR, "'landed_when' is not a list"),
        (ONE + "landed_when = ['x']\n", PR, "an entry of 'landed_when' is wrong"),
        (ONE + "landed_when = [{ path = 'x' }]\n", PR, "an entry of 'landed_when' is wrong"),
        (
            ONE + "landed_when = [{ path = 'x', contains = '' }]\n",
            PR,
            "an entry of 'landed_when' is wrong",
        ),
        (ONE + "landed_when = [{ path = '../x', contains = 'y' }]\n", PR, "leaves the tree"),
    ],
)
def test_errors_name_file_table_and_key(text: str, where: str, what: str) -> None:
    """What is wrong, in which table, and what would be right."""

    with pytest.raises(FormatError, match=f"{what}.*: {where}$") as caught:
        read_facts(text, where="u")
    assert caught.value.hint or " is not " in caught.value.what
