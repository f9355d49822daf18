"""What the page's script is given: the results, told each once, and the texts beside them."""

from __future__ import annotations

from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING, Any

from vpatch.upkeep.report.facing import lost_in
from vpatch.upkeep.report.names import names_of
from vpatch.values.paths import decode, printable
from vpatch.values.series import in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpatch.upkeep.report.heat import Row, Square
    from vpatch.upkeep.report.names import Names
    from vpatch.upkeep.report.page import Facing, Page, Tried
    from vpatch.values.patch import Patch
    from vpatch.values.span import Cell

_LARGEST = 400
"""Lines of a hunk that are shown."""


def data_of(page: Page, rows: Sequence[Row]) -> dict[str, Any]:
    """Return all that the cells open to, as JSON takes it.

    Args:
        page: What the page tells.
        rows: Its map.
    """
    pools = results, texts, patches = _Pool(), _Pool(), _Pool()
    names = names_of(page)
    found = {key: at for one in page.served for key, at in _results(one, names, *pools)}

    def result(square: Square) -> int:
        if square.cell:
            return found[square.base, square.name]
        return results.add({"verdict": square.verdict, "why": square.why})

    return {
        "bases": list(page.matrix.rows),
        "series": [page.serving[base].series for base in page.matrix.rows],
        "rows": {row.key: _row(page, row) for row in rows},
        "cells": {row.key: [result(square) for square in row.squares] for row in rows},
        "patches": patches.found,
        "results": results.found,
        "texts": texts.found,
    }


def _results(
    one: Tried, names: Names, results: _Pool, texts: _Pool, patches: _Pool
) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield by base and patch the number of each result of a series."""
    labels = {patch.name: names.label(patch) for patch in one.patches}
    parts = in_parts(one.patches)
    for at, patch in enumerate(one.patches):
        column = {base: row[at] for base, row in one.rows.items()}
        breaks = _breaks(one.series, column)
        number = patches.add(_patch(patch, texts, parts))
        for base, cell in column.items():
            faces = [
                _face(face, texts) if face else None
                for face in one.facing.get((patch.name, base), ())
            ]
            told = {
                "patch": number,
                "verdict": cell["verdict"],
                "cause": printable(cell["cause"]),
                "needs": [labels.get(name, printable(name)) for name in cell["needs"]],
                "hunks": _hunks(cell, breaks[base], faces),
            }
            yield (base, patch.name), results.add(told)


class _Pool:
    """Values that stand in many places, kept once."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._at: dict[str, int] = {}

    def add(self, value: Any) -> int:  # noqa: ANN401, JSON of any form
        """Return the number of a value."""
        number = self._at.setdefault(repr(value), len(self.found))
        if number == len(self.found):
            self.found.append(value)
        return number


def _row(page: Page, row: Row) -> dict[str, Any]:
    patch = row.patch
    facts = page.facts.get(patch.pr or 0)
    return {
        "label": row.label,
        "title": printable(patch.subject),
        "author": printable(patch.author[0]),
        "why": printable(facts.why) if facts else "",
        "gain": printable(facts.gain) if facts else "",
    }


def _patch(patch: Patch, texts: _Pool, parts: frozenset[int]) -> dict[str, Any]:
    own = patch.pr and patch.pr not in parts
    return {
        "name": printable(patch.name),
        "asked": str(patch.pr) if own else quote(printable(patch.name)),
        "hunks": [
            {
                "path": printable(file.path),
                "old": hunk.old_start,
                "new": hunk.new_start,
                "lines": texts.add(_told(_lines(hunk.text.split(b"\n")[1:-1]))),
            }
            for file in patch.files
            for hunk in file.hunks
        ],
    }


def _told(lines: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[mark, printable(text)] for mark, text in lines]


def _lines(raw: Iterable[bytes]) -> list[tuple[str, str]]:
    texts = (decode(line) for line in raw)
    # Of what an editor made of an empty line, only the line is left.
    return [(text[:1] or " ", text[1:]) for text in texts if text[:1] != "\\"][:_LARGEST]


def _hunks(
    cell: Cell, breaks: Sequence[list[str]], faces: Sequence[dict[str, Any] | None]
) -> list[dict[str, Any]]:
    found = []
    for at, hunk in enumerate(cell["hunks"]):
        more = {
            "cause": printable(hunk.get("cause", "")),
            "landed_in": hunk.get("landed_in"),
            "changed_since": hunk.get("changed_since"),
            "broke": breaks[at],
            "face": faces[at] if at < len(faces) else None,
        }
        told = {"verdict": hunk["verdict"], "line": hunk["new_start"]}
        found.append(told | {key: value for key, value in more.items() if value})
    return found


def _face(one: Facing, texts: _Pool) -> dict[str, Any]:
    told = asdict(one) | {"path": printable(one.path), "function": printable(one.function)}
    told["lines"] = texts.add(_told(one.lines))
    return told


def _breaks(series: str, column: dict[str, Cell]) -> dict[str, list[list[str]]]:
    """Say by base for each hunk where it lost its place, seen from the series' own base."""
    names = list(column)
    lost = {base: lost_in(cell) for base, cell in column.items()}
    home = names.index(series) if series in names else 0
    return {
        base: [
            broken([row[at] if at < len(row) else one for row in lost.values()], names, home, n)
            for at, one in enumerate(lost[base])
        ]
        for n, base in enumerate(names)
    }


def broken(lost: Sequence[bool], names: Sequence[str], home: int, at: int) -> list[str]:
    """Return the base nearest to home that has a place, and its neighbour that has none.

    Args:
        lost: For each base whether there is no place.
        names: The bases, in order.
        home: Which of them is the series' own.
        at: Which of them is asked about.

    Returns:
        Nothing where it has a place, or none at home either.
    """
    step = 1 if at < home else -1
    while lost[at] and at != home:
        if not lost[at + step]:
            return [names[at + step], names[at]]
        at += step
    return []
