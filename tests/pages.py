"""Pages made of values alone, as large and as hostile as a test wants them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from vpatch.upkeep.nightly import Told
from vpatch.upkeep.report import render
from vpatch.upkeep.report.page import Facing, Link, Page, Stand, Tried
from vpatch.values.facts import PullRequest
from vpatch.values.followups import Candidate
from vpatch.values.matrix import Matrix, Missing
from vpatch.values.patch import Patch, read_patch
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpatch.upkeep.nightly import Noted

PROJECT = "https://github.com/vllm-project/vllm"
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
HOSTILE = "</script><img src=x onerror=hit=1> **bold** [a](javascript:1) {{ 7 * 7 }} \x1b[31m"
"""A text that would be more than text in HTML, Markdown, a template, or a terminal."""
SHOWN = HOSTILE.replace("\x1b", "\\x1b")
"""And what is to be seen of it."""
LONG = "vllm/" + "model_executor" * 30 + ".py"
"""A word that no line has room for."""
_VERDICTS = ("clean", "offset", "merged", "partial", "landed", "conflict", "misplaced")
_MAIL = """From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: {text} <ada@example.org>
Date: Fri, 2 Jan 2026 10:00:00 +0000
Subject: [PATCH] {text}

Upstream-PR: https://github.com/vllm-project/vllm/pull/{pr}
---
"""
_FILE = """diff --git a/vllm/{name}.py b/vllm/{name}.py
--- a/vllm/{name}.py
+++ b/vllm/{name}.py
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


def page_of(
    patches: int, bases: int, text: str = "Edit the scheduler", *, files: int = 1
) -> Page:
    """Return a page with every verdict on it, of patches that change so many files."""
    made = [_patch(1000 + n, text, files) for n in range(patches)]
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
    verdicts = {
        patch.name: Verdict(cell["verdict"])
        for patch, cell in zip(made, rows["v0.1.0"], strict=True)
    }
    shown = dict.fromkeys(proofs, text)
    kept = (
        Stand("v0.0.9", (), left_out, None),
        Stand("v0.1.0", tuple(made), {}, proofs, shown, verdicts),
    )
    rumours = {1000: [Candidate(n, text, "fixes it", text) for n in range(2000, 2007)]}
    served = Tried("v0.1.0", tuple(made), rows, facing)
    return Page(matrix, tuple(made), (served,), (), facts, tuple(links), kept, rumours)


def parted(page: Page, text: str = "landed in v0.3.0") -> Page:
    """Return a page whose newest base has a series of its own, without the first patch.

    Args:
        page: One of `page_of`.
        text: Why this series does not have it.
    """
    (one,) = page.served
    *older, last = one.rows
    rest = Tried(last, one.patches[1:], {last: one.rows[last][1:]}, one.facing)
    first = replace(one, rows={base: one.rows[base] for base in older})
    verdicts = {
        patch.name: Verdict(cell["verdict"])
        for patch, cell in zip(rest.patches, rest.rows[last], strict=True)
    }
    left_out = {one.patches[0].name: text}
    proofs = dict.fromkeys(verdicts, "not run")
    kept = (*page.kept, Stand(last, rest.patches, left_out, proofs, {}, verdicts))
    return replace(page, served=(first, rest), kept=kept)


def split(page: Page, pr: int = 7) -> Page:
    """Return a page whose patches are the parts of one pull request, each with a cause.

    Args:
        page: One of `page_of`.
        pr: The pull request.
    """
    (one,), (_, stand) = page.served, page.kept
    parts = tuple(
        replace(patch, name=f"{pr}-0{n}-part.patch", subject=f"part {n}", pr=pr)
        for n, patch in enumerate(page.patches, 1)
    )
    names = {old.name: new.name for old, new in zip(page.patches, parts, strict=True)}
    rows = {
        base: [
            cell
            | {"name": part.name, "pr": pr, "subject": part.subject}
            | ({"cause": f"cause {part.name}"} if cell["cause"] else {})
            for part, cell in zip(parts, row, strict=True)
        ]
        for base, row in one.rows.items()
    }

    def renamed(by_name: Mapping[str, Any]) -> dict[str, Any]:
        return {names[name]: value for name, value in by_name.items()}

    facing = {(names[name], base): face for (name, base), face in one.facing.items()}
    kept = Stand(
        stand.base,
        parts,
        {},
        renamed(stand.proofs or {}),
        renamed(stand.shown),
        renamed(stand.verdicts),
    )
    links = tuple(
        replace(link, patch=names[link.patch], on=names[link.on]) for link in page.links or ()
    )
    matrix = replace(
        page.matrix, patches=tuple(names.values()), found={**page.matrix.found, **rows}
    )
    served = Tried(one.series, parts, rows, facing)
    return replace(
        page, matrix=matrix, patches=parts, served=(served,), links=links, kept=(kept,)
    )


def html_of(
    page: Page, news: Sequence[Noted] | None = None, project: str = PROJECT, **told: Any
) -> str:
    """Render a page, with the news of a night if there was one."""
    night = None if news is None else Told("2026-03-04", news, **told)
    return render(page, project=project, made=MADE, told=night)


def _patch(pr: int, text: str, files: int) -> Patch:
    whole = _MAIL.format(pr=pr, text=text)
    whole += "".join(_FILE.format(name=f"{pr}/{n}", text=text) for n in range(files))
    return read_patch(f"{pr}-edit.patch", whole.encode())


def _cell(patch: Patch, verdict: str, text: str) -> dict[str, Any]:
    lost = verdict in ("conflict", "misplaced")
    second = {"path": "f", "old_start": 60, "new_start": 62, "verdict": "offset", "cause": text}
    first = second | {"old_start": 10, "new_start": None if lost else 12, "verdict": verdict}
    del first["cause"]
    hunks = [first, *[second] * (2 * len(patch.files) - 1)]
    found = {"name": patch.name, "pr": patch.pr, "subject": patch.subject, "verdict": verdict}
    return found | {"hunks": hunks, "needs": [], "cause": text if lost else ""}
