"""What may follow a pull request up, by what people wrote."""

from __future__ import annotations

import pytest

from vpatch.values.followups import candidates
from vpatch.values.pull import Remark

PROJECT = "https://github.com/vllm-project/vllm"
SQUASH = "1234567890abcdef1234567890abcdef12345678"


@pytest.mark.parametrize(
    ("title", "text", "relation"),
    [
        ('Revert "[Perf] Copy (#35442)"', "", "reverts it"),
        ('Reland "Copy"', "Relands #35442, which was reverted in #40300", "brings it back"),
        ('Reapply "Copy (#35442)" (#40300)', "", "brings it back"),
        ('[Core] Re-land "Fix copy (#35442)"', "", "brings it back"),
        ('Revert "Revert "Copy (#35442)" (#40300)"', "", "brings it back"),
        ("Undo", "Reverts #35442 until it can be relanded", "reverts it"),
        ("Undo", "This reverts commit 1234567890abcdef1234567890abcdef12345678.", "reverts it"),
        (
            "Fix race",
            "Follow-up of https://github.com/vllm-project/vllm/pull/35442",
            "follows it up",
        ),
        ("Fix race", "Fixes a regression from #35442", "fixes it"),
        ("Do it well", "Supersedes vllm-project/vllm#35442.", "replaces it"),
        ("Do it well", "In favour of this, #35442 can go", "replaces it"),
        ("Also", "see #35442", "mentions it"),
    ],
)
def test_what_another_one_says(title: str, text: str, relation: str) -> None:
    """By the words of the line that names it; the line is quoted."""
    (found,) = candidates(35442, SQUASH, [Remark(36013, title, text, merged=True)], PROJECT)
    assert (found.pr, found.title, found.relation) == (36013, title, relation)
    assert found.said in (title, text)


def test_a_mention_by_one_that_was_not_merged_is_none() -> None:
    """Much is tried and mentions much; who fixes something says so."""
    assert candidates(35442, "", [Remark(36013, "Try", "see #35442")], PROJECT) == []
    (found,) = candidates(35442, "", [Remark(36013, "Try", "fixes #35442")], PROJECT)
    assert found.relation == "fixes it"


def test_what_its_own_thread_says() -> None:
    """A number with a word to it; mere mentions, and its own number, lead nowhere."""
    said = [
        "Superseded by #39418, thanks! cc #12",
        "Unlike #77 this is nice\n\nSee #78",
        "Closing in favor of #39418",
        "#34863 is fixed",
    ]
    found = candidates(34863, "", [Remark(None, "", text) for text in said], PROJECT)
    assert [(one.pr, one.relation) for one in found] == [(39418, "replaces it")]
    assert found[0].said == "Superseded by #39418, thanks!"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Closing in favor of #40111, see also #1", {40111: "replaces it"}),
        ("See #1; closing, as #40111 does it better", {40111: "replaces it"}),
        ("Closing, see #40111", {40111: "replaces it"}),
        ("#40111, which was merged, replaces this (cc #1)", {40111: "replaces it"}),
        ("Fixed by #14, #15 and also #16 (unlike #1)", dict.fromkeys((14, 15, 16), "fixes it")),
        (
            "Reverted in #40300 and relanded in #40301, after #9",
            {40301: "brings it back", 40300: "reverts it", 9: "follows it up"},
        ),
    ],
)
def test_a_word_is_of_the_numbers_beside_it(text: str, found: dict[int, str]) -> None:
    """What a comment says of one pull request holds for no other that it names by the way."""
    told = candidates(34863, "", [Remark(None, "", text)], PROJECT)
    assert [(one.pr, one.relation) for one in told] == list(found.items())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Fixed by flashinfer-ai/flashinfer#900.", []),
        ("Closing in favor of https://github.com/pytorch/pytorch/pull/1234", []),
        ("Fixed by bob#7, a-#8, ../vllm#9 and x/vllm-project/vllm#10", []),
        ("Fixed by vLLM-project/vLLM#11", [11]),
        ("Fixed by https://github.com/vllm-project/vllm/pull/13/files", [13]),
        ("Fixed by (#14), #15", [14, 15]),
    ],
)
def test_the_numbers_of_other_projects(text: str, found: list[int]) -> None:
    """They lead nowhere here."""
    assert [one.pr for one in candidates(34863, "", [Remark(None, "", text)], PROJECT)] == found


def test_the_strongest_word_counts_once() -> None:
    """One entry for each, reverts first."""
    remarks = [
        Remark(36013, "Fix race", "After #35442", merged=True),
        Remark(36013, "Fix race (#36013)", "Fixes #35442", merged=True),
        Remark(40000, 'Revert "Copy (#35442)"', "", merged=True),
        Remark(35442, "Copy (#35442)", "Fixes #1", merged=True),
        Remark(41000, "Other", "Fixes #354421 and #3544", merged=True),
    ]
    found = candidates(35442, "", remarks, PROJECT)
    assert [(one.pr, one.relation) for one in found] == [
        (40000, "reverts it"),
        (36013, "fixes it"),
    ]


def test_a_quotation_is_harmless_and_short() -> None:
    """Escape codes are shown as what they are; long lines are cut."""
    (found,) = candidates(1, "", [Remark(2, "\x1b[2J", f"fixes #1 {'x' * 999}")], PROJECT)
    assert (found.title, len(found.said)) == ("\\x1b[2J", 160)
    assert found.as_json().keys() == {"pr", "title", "relation", "said"}
