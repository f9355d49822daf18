"""Render the page: one file, all text of others escaped, no script but its own."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from vpatch.upkeep.report.data import data_of, keys_of, label
from vpatch.upkeep.report.drawing import drawn
from vpatch.values.base import version_of
from vpatch.values.paths import printable
from vpatch.values.span import verdict_of
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from vpatch.upkeep.report.page import Page, Stand
    from vpatch.values.facts import PullRequest
    from vpatch.values.news import News
    from vpatch.values.patch import Patch
    from vpatch.values.span import Cell

_SIGNS = {
    Verdict.CLEAN: ("+", "applies, each hunk at its own lines"),
    Verdict.OFFSET: ("~", "applies unchanged, some hunks at other lines"),
    Verdict.MERGED: ("m", "applies through a three-way merge"),
    Verdict.PARTIAL: ("p", "has landed in part; the rest applies"),
    Verdict.LANDED: ("=", "is in the base already"),
    Verdict.MISPLACED: ("!", "would put lines into another function or class"),
    Verdict.CONFLICT: ("\N{MULTIPLICATION SIGN}", "has at least one hunk without a place"),
}
"""For each verdict a sign, as `matrix` has it, and what it means."""


def render(
    page: Page, *, project: str, made: datetime, news: Sequence[News] | None = None
) -> str:
    """Return the page.

    Args:
        page: What it tells.
        project: Address of the upstream project, for links.
        made: When that was gathered.
        news: What changed since the last look; None where nobody looked.
    """
    loader = PackageLoader("vpatch.upkeep", "report", encoding="utf-8")
    jinja = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    jinja.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    jinja.filters["shown"] = printable
    matrix = page.matrix
    rows = _rows(page)
    newest = next((base for base in reversed(matrix.rows) if version_of(base)), None)
    style = f":root {{ --bases: {len(matrix.rows)}; }}\n{_source(jinja, 'page.css')}"
    parts = {"css": Markup(style), "js": Markup(_source(jinja, "page.js"))}  # noqa: S704, our own
    return jinja.get_template("page.html").render(
        **parts,
        hashes={name: _hash(part) for name, part in parts.items()},
        data=data_of(page),
        project=project,
        # An address of any other kind could run something when it is followed.
        links=project.startswith(("https://", "http://")),
        made=made,
        news=news,
        page=page,
        matrix=matrix,
        rows=rows,
        signs={verdict.value: sign for verdict, sign in _SIGNS.items()},
        newest=newest,
        lost=[row for row in rows if newest and not Verdict(dict(row.cells)[newest]).good],
        order=drawn(page.patches, page.links or ()),
        stories=_stories(page.kept),
        watched=_watched(page),
        state=_state,
    )


def _source(jinja: Environment, name: str) -> str:
    assert jinja.loader is not None  # noqa: S101, for mypy: it was just given
    return jinja.loader.get_source(jinja, name)[0]


def _hash(text: str) -> str:
    """Return what a content security policy knows a script or a style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A patch in the matrix, and on the line of time."""

    patch: Patch
    key: str
    label: str
    cells: list[tuple[str, str]]
    """Base and verdict."""
    runs: list[tuple[int, int, str]]
    """Where a run of bases of one kind begins, how long it is, and its kind."""
    applies: str
    landed: str
    merged: int | None
    """Which base is the first that has it by GitHub's word, where one is shown."""


def _rows(page: Page) -> list[_Row]:
    spans, keys = page.matrix.spans, keys_of(page.patches)
    found = []
    for at, patch in enumerate(page.patches):
        column = [(base, row[at]) for base, row in page.matrix.rows.items()]
        span = spans[page.matrix.patches[at]]
        found.append(
            _Row(
                patch,
                keys[patch.name],
                label(patch),
                [(base, cell["verdict"]) for base, cell in column],
                list(_runs([cell for _, cell in column])),
                span.applies_on,
                span.landed,
                _merged(page.facts.get(patch.pr or 0), list(page.matrix.rows)),
            )
        )
    return found


def _runs(cells: Sequence[Cell]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for kind, run in groupby(cells, _kind):
        length = len(list(run))
        yield start, length, kind
        start += length


def _kind(cell: Cell) -> str:
    verdict = verdict_of(cell)
    if verdict in (Verdict.LANDED, Verdict.PARTIAL):
        return verdict.value
    return "applies" if verdict.good else "lost"


def _merged(facts: PullRequest | None, bases: Sequence[str]) -> int | None:
    release = version_of(facts.merged_in) if facts and facts.merged_in else None
    versions = [version_of(base) for base in bases]
    return next(
        (at for at, one in enumerate(versions) if release and one and one >= release), None
    )


@dataclass(frozen=True, slots=True)
class _Story:
    """A patch through all kept series."""

    patch: Patch
    label: str
    stands: list[tuple[str, str]]
    """For each series a word, and what more there is to say."""


def _stories(kept: Sequence[Stand]) -> list[_Story]:
    found: dict[int | str, dict[str, Patch]] = {}
    for patch in (patch for stand in kept for patch in stand.patches):
        found.setdefault(patch.pr or patch.name, {})[patch.name] = patch
    return [
        _Story(patch, label(patch), [_stands(stand, patches) for stand in kept])
        for patches in found.values()
        for patch in [*patches.values()][-1:]
    ]


def _stands(stand: Stand, names: Iterable[str]) -> tuple[str, str]:
    """Say what became of a pull request in a series, whose patch has one of some names."""
    carried = {patch.name for patch in stand.patches}
    for name in names:
        if name in carried:
            word = stand.proofs[name] if stand.proofs else "not at hand"
            return word, printable(stand.shown.get(name, ""))
        if why := stand.left_out.get(name):
            return ("landed" if why.startswith("landed") else "left out"), printable(why)
    return "", ""


def _watched(page: Page) -> list[PullRequest]:
    carried = {patch.pr for stand in page.kept for patch in stand.patches}
    carried |= {patch.pr for patch in page.patches}
    return [facts for number, facts in page.facts.items() if number not in carried]


def _state(facts: PullRequest | None) -> str:
    if facts is None:
        return "not known"
    return f"{facts.state} {facts.merged_in}".strip()
