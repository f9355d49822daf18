"""Pages made of values alone, as large and as hostile as a test wants them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from vpatch.upkeep.report import render
from vpatch.upkeep.report.page import Facing, Link, Page, Stand
from vpatch.values.facts import PullRequest
from vpatch.values.matrix import Matrix, Missing
from vpatch.values.patch import Patch, read_patch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.values.news import News

PROJECT = "https://github.com/vllm-project/vllm"
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=hit=1> **bold** [a](javascript:1) {{ 7 * 7 }} \x1b[31m"
"""A text that would be more than text in HTML, Markdown, a template, or a terminal."""
SHOWN = HOSTILE.replace("\x1b", "\\x1b")
"""And what is to be seen of it."""
_VERDICTS = ("clean", "offset", "merged", "partial", "landed", "conflict", "misplaced")
_MAIL = """From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: {text} <ada@example.org>
Date: Fri, 2 Jan 2026 10:00:00 +0000
Subject: [PATCH] {text}

Upstream-PR: https://github.com/vllm-project/vllm/pull/{pr}
---
diff --git a/vllm/{pr}.py b/vllm/{pr}.py
--- a/vllm/{pr}.py
+++ b/vllm/{pr}.py
@@ -10,3 +10,3 @@
 first {text}
-old {text}
+new {text}
 last
@@ -60,2 +60,3 @@
 one
+more
 two
"""


def page_of(patches: int, bases: int, text: str = "Edit the scheduler") -> Page:
    """Return a page with every verdict on it."""
    made = [_patch(1000 + n, text) for n in range(patches)]
    names = [f"v0.{n}.0" for n in range(1, bases + 1)]
    rows = {
        base: [_cell(patch, _VERDICTS[(at + n) % 7], text) for n, patch in enumerate(made)]
        for at, base in enumerate(names)
    }
    lines = ((" ", text), ("-", "old"), ("+", "upstream"))
    face = Facing("vllm/there.py", "Class.method", 10, 14, lines)
    facing = {
        (patch.name, base): [face, None]
        for at, base in enumerate(names)
        for n, patch in enumerate(made)
        if (at + n) % 7 > 4
    }
    links = [
        Link(two.name, one.name, needed=True) for one, two in zip(made, made[3:], strict=False)
    ]
    gap = Missing("v9.0.0", text, "", gap=True)
    matrix = Matrix("v0.1.0", "", tuple(patch.name for patch in made), rows | {"v9.0.0": gap})
    facts = {
        number: PullRequest(number, text, "merged", date(2026, 1, 2), "v0.3.0", text, text)
        for number in (1000, 99)
    }
    proofs = {
        patch.name: ("proven", "failed", "not run")[n % 3] for n, patch in enumerate(made)
    }
    left_out = {made[0].name: text}
    kept = Stand("v0.1.0", tuple(made), {}, proofs), Stand("v0.2.0", (), left_out, None)
    return Page(matrix, tuple(made), facts, facing, tuple(links), kept)


def html_of(page: Page, news: Sequence[News] | None = None, project: str = PROJECT) -> str:
    """Render a page."""
    return render(page, project=project, made=MADE, news=news)


def _patch(pr: int, text: str) -> Patch:
    return read_patch(f"{pr}-edit.patch", _MAIL.format(pr=pr, text=text).encode())


def _cell(patch: Patch, verdict: str, text: str) -> dict[str, Any]:
    lost = verdict in ("conflict", "misplaced")
    hunks = [
        {"path": "f", "old_start": 10, "new_start": None if lost else 12, "verdict": verdict},
        {"path": "f", "old_start": 60, "new_start": 62, "verdict": "offset", "cause": text},
    ]
    found = {"name": patch.name, "pr": patch.pr, "subject": patch.subject, "verdict": verdict}
    return found | {"hunks": hunks, "needs": [], "cause": text if lost else ""}
