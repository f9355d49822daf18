"""``PATCHES.md``: what people read, and what hostile text may not do in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from support import series_of
from vpatch.upkeep.overview import Kept, code, escaped, overview
from vpatch.values.base import Base
from vpatch.values.facts import PullRequest

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
    kept = [Kept("v0.16.0", series, {}, {11})]
    return overview(kept, {11: facts, 99: watched}, PROJECT)


def test_the_page_says_what_is_carried_and_why() -> None:
    """A table of all bases, a part for each patch, and what is only watched."""
    page = page_of("Edit a")
    row = f"| [#11]({PROJECT}/pull/11) | Edit a | merged in v0.17.0 (2026-01-02) | carried, 1 |"
    assert row in page
    assert f"## [#11]({PROJECT}/pull/11) Edit a\n\nBy Ada.\n\nIt helps.\n" in page
    assert f"Follow-ups: [#12]({PROJECT}/pull/12), [#13]({PROJECT}/pull/13).\n" in page
    assert "Proof: `patches/smoke/test_pr11.py`.\n" in page
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
    assert "Proof" not in page
    assert "Watched" not in page


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
    why = "dropped on 2026-03-01: *slow*"
    left_out = {"12-b.patch": why, "11-b.patch": "landed in v0.17.0", "own.patch": "dropped"}
    page = overview([Kept("v0.16.0", series, left_out)], {}, PROJECT)
    told = f"- [#12]({PROJECT}/pull/12) on v0.16.0: dropped on 2026-03-01: \\*slow\\*\n"
    assert page.endswith(f"## Carried no more\n\n{told}")
    assert page.count("dropped") == 1
