"""Render the page: one file, all text of others escaped, no script but its own."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from vpatch.upkeep.report.data import data_of
from vpatch.upkeep.report.drawing import drawn
from vpatch.upkeep.report.heat import ABSENT, heat_of
from vpatch.upkeep.report.kept import circumstances, left_out, stories
from vpatch.upkeep.report.lead import lead_of
from vpatch.upkeep.report.names import names_of
from vpatch.upkeep.report.page import Tried
from vpatch.upkeep.report.told import grouped
from vpatch.values.base import version_of
from vpatch.values.followups import STRONGEST
from vpatch.values.paths import printable
from vpatch.values.span import span_of, verdict_of
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from vpatch.upkeep.nightly.told import Told
    from vpatch.upkeep.report.heat import Row
    from vpatch.upkeep.report.page import Page
    from vpatch.values.facts import PullRequest
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


def render(page: Page, *, project: str, made: datetime, told: Told | None = None) -> str:
    """Return the page.

    Args:
        page: What it tells.
        project: Address of the upstream project, for links.
        made: When that was gathered.
        told: What the last night told; None where there was none.
    """
    loader = PackageLoader("vpatch.upkeep", "report", encoding="utf-8")
    jinja = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    jinja.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    jinja.filters["shown"] = printable
    matrix, names = page.matrix, names_of(page)
    rows = heat_of(page)
    newest = page.newest_release
    lost = {
        base: [row for row in rows if row.squares[at].is_lost]
        for at, base in enumerate(matrix.rows)
    }
    style = f":root {{ --bases: {len(matrix.rows)}; }}\n{_source(jinja, 'page.css')}"
    parts = {"css": Markup(style), "js": Markup(_source(jinja, "page.js"))}  # noqa: S704, our own
    return jinja.get_template("page.html").render(
        **parts,
        hashes={name: _hash(part) for name, part in parts.items()},
        data=data_of(page, rows),
        project=project,
        # An address of any other kind could run something when it is followed.
        links=project.startswith(("https://", "http://")),
        made=made,
        zone=_zone(made),
        lead=lead_of(page, rows),
        told=told,
        news=grouped(told, rows) if told else [],
        page=page,
        matrix=matrix,
        rows=rows,
        signs=_signs(rows),
        newest=newest,
        lost=lost,
        past=_past(page),
        order=drawn(page.patches, page.links or (), names),
        own={stand.base for stand in page.kept},
        stories=stories(page.kept, names),
        left_out=left_out(page.kept, names),
        circumstances=circumstances(page.kept, names),
        watched=_watched(page),
        strongest=STRONGEST,
        state=_state,
    )


def _source(jinja: Environment, name: str) -> str:
    assert jinja.loader is not None  # noqa: S101, for mypy: it was just given
    return jinja.loader.get_source(jinja, name)[0]


def _hash(text: str) -> str:
    """Return what a content security policy knows a script or a style sheet by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _signs(rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """Return the signs on the map: that a patch is not there, only where one is not."""
    signs = {verdict.value: sign for verdict, sign in _SIGNS.items()}
    if any(square.verdict == ABSENT for row in rows for square in row.squares):
        signs[ABSENT] = "\N{MIDDLE DOT}", "is not in the series there"
    return signs


@dataclass(frozen=True, slots=True)
class _Past:
    """A patch on the line of time."""

    patch: Patch
    label: str
    runs: list[tuple[int, int, str]]
    """Where a run of bases of one kind begins, how long it is, and its kind."""
    applies: str
    landed: str
    merged: int | None
    """Which base is the first that has it by GitHub's word, where one is shown."""


def _past(page: Page) -> list[_Past]:
    """Return each patch as the oldest series has it that carries it."""
    first = Tried(page.matrix.series, page.patches, page.matrix.rows)
    tried = first, *page.later
    names = names_of(page)
    found: dict[int | str, _Past] = {}
    for one in tried:
        for at, patch in enumerate(one.patches):
            column = {base: row[at] for base, row in one.rows.items()}
            found.setdefault(
                names.key(patch), _past_of(page, patch, names.label(patch), column)
            )
    return list(found.values())


def _past_of(page: Page, patch: Patch, label: str, column: Mapping[str, Cell]) -> _Past:
    bases = list(page.matrix.rows)
    span = span_of([(base, cell) for base, cell in column.items() if version_of(base)])
    return _Past(
        patch,
        label,
        list(_runs([column.get(base) for base in bases])),
        span.applies_on,
        span.landed,
        _merged(page.facts.get(patch.pr or 0), bases),
    )


def _runs(cells: Sequence[Cell | None]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for kind, run in groupby(cells, _kind):
        length = len(list(run))
        if kind:
            yield start, length, kind
        start += length


def _kind(cell: Cell | None) -> str:
    if cell is None:
        return ""
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


def _watched(page: Page) -> list[PullRequest]:
    carried = {patch.pr for stand in page.kept for patch in stand.patches}
    carried |= {patch.pr for patch in page.patches}
    return [facts for number, facts in page.facts.items() if number not in carried]


def _state(facts: PullRequest | None) -> str:
    if facts is None:
        return "not known"
    return f"{facts.state} {facts.merged_in}".strip()


def _zone(made: datetime) -> str:
    """Return the zone of a time by its distance from UTC: its letters may mean many."""
    return f"UTC{made.isoformat()[-6:]}" if made.utcoffset() else "UTC"
