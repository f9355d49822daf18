"""Patches by bases: what became of each patch on each base, whole or in parts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.version import Version

from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, FormatError
from vpatch.values.paths import encode
from vpatch.values.span import Cell, Span, span_of, verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch

Row = Sequence[Cell]
"""The results on one base, in the order of the patches."""


class Shard(NamedTuple):
    """One of several parts of a matrix: every n-th base, so that slow ones spread evenly."""

    number: int
    """From 1."""
    of: int

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        return f"{self.number}/{self.of}"

    def share(self, names: Sequence[str]) -> list[str]:
        """Return the names that fall to this part."""
        return list(names[self.number - 1 :: self.of])


WHOLE = Shard(1, 1)


class Missing(NamedTuple):
    """A base that was asked for and gave no answer."""

    base: str
    reason: str
    hint: str
    """The way out; empty where none is known."""
    gap: bool
    """Whether it is only a gap in a range: such a one was not asked for by its name."""


class Carried(NamedTuple):
    """A patch of the series, as people know it."""

    name: str
    pr: int | None
    subject: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """What became of the patches of a series on bases."""

    series: str
    digest: str
    """Tells this series, how its conflicts are solved, and by what its patches have landed,
    from another of its name."""
    patches: tuple[str, ...]
    found: Mapping[str, Row | Missing]
    """By base, in the order of `in_order`."""
    shard: Shard = WHOLE

    @property
    def rows(self) -> dict[str, Row]:
        """The bases that gave an answer."""
        pairs = self.found.items()
        return {base: row for base, row in pairs if not isinstance(row, Missing)}

    @property
    def missing(self) -> list[Missing]:
        """The bases that gave none."""
        return [one for one in self.found.values() if isinstance(one, Missing)]

    @property
    def carried(self) -> list[Carried]:
        """The patches in order; none where no base gave an answer."""
        row = next(iter(self.rows.values()), [])
        patches = zip(self.patches, row, strict=False)
        return [Carried(name, cell["pr"], cell["subject"]) for name, cell in patches]

    @property
    def ok(self) -> bool:
        """Whether every patch is in on every base."""
        return all(map(_whole, self.rows.values()))

    @property
    def answered(self) -> bool:
        """Whether there is an answer for all that was asked by name."""
        return all(one.gap for one in self.missing)

    @property
    def spans(self) -> dict[str, Span]:
        """The span of each patch, over releases alone: a branch has no place among them."""
        releases = {base: row for base, row in self.rows.items() if version_of(base)}
        return {
            patch: span_of([(base, row[at]) for base, row in releases.items()])
            for at, patch in enumerate(self.patches)
        }

    @property
    def reach(self) -> str | None:
        """The newest release that the series reaches whole."""
        good = [base for base, row in self.rows.items() if version_of(base) and _whole(row)]
        return good[-1] if good else None

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``matrix``; a part says which one it is."""
        rows = self.rows
        found: dict[str, Any] = {
            "series": self.series,
            "digest": self.digest,
            "bases": list(rows),
            "patches": list(self.patches),
            "cells": {
                patch: {base: row[at] for base, row in rows.items()}
                for at, patch in enumerate(self.patches)
            },
            "missing": [one._asdict() for one in self.missing],
            "spans": {patch: span.as_json() for patch, span in self.spans.items()},
            "reach": self.reach,
            "ok": self.ok and self.answered,
        }
        return found if self.shard == WHOLE else found | {"shard": str(self.shard)}


def _whole(row: Row) -> bool:
    return all(verdict_of(cell).good for cell in row)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of bases, each once: oldest release first, then the others by name."""
    found = {name: version_of(name) for name in names}
    return sorted(found, key=lambda name: (not found[name], found[name] or Version("0"), name))


def digest_of(patches: Iterable[Patch], facts: Mapping[int, PullRequest]) -> str:
    """Return what tells some patches from all others, 64 hex digits.

    Args:
        patches: Those of a series, and those that solve its conflicts.
        facts: What is known of each pull request; only when it landed changes a result.
    """
    found = hashlib.sha256()
    for patch in patches:
        found.update(f"{patch.name} {len(patch.raw)}\n".encode())
        found.update(patch.raw)
    for number, known in sorted(facts.items()):
        for mark in known.landed_when:
            found.update(encode(f"{number} {mark.path!r} {mark.contains!r}\n"))
    return found.hexdigest()


def read_shard(text: str) -> Shard:
    """Read ``2/4``.

    Raises:
        BadInputError: It is no part of anything.
    """
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text, re.ASCII)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of:
        hint = "write I/N, the part and how many there are: 1/4, 2/4, 3/4 and 4/4"
        raise BadInputError("no such shard", where=text, hint=hint)
    return shard


def read_part(text: str, schema: int, *, where: str) -> Matrix:
    """Read the JSON of a matrix, or of a part of one.

    Args:
        text: What ``vpatch matrix --json`` printed.
        schema: The form that is known.
        where: Its path, for messages.

    Raises:
        FormatError: It is something else.
    """
    hint = "name files that 'vpatch matrix --shard I/N --json' wrote"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError("it is no JSON", where=where, hint=hint) from error
    if isinstance(found, dict) and found.get("schema", schema) != schema:
        hint = "write all parts with the vpatch that merges them"
        raise FormatError(f"its schema is not {schema}", where=where, hint=hint)
    try:
        return _part(found)
    except (LookupError, TypeError, ValueError, AttributeError, BadInputError) as error:
        raise FormatError("it is no matrix of vpatch", where=where, hint=hint) from error


def _part(found: Any) -> Matrix:  # noqa: ANN401, JSON of any form, which is the question
    patches = tuple(found["patches"])
    rows: dict[str, Row] = {
        base: [found["cells"][name][base] for name in patches] for base in found["bases"]
    }
    missing = [Missing(**one) for one in found["missing"]]
    cells = [cell for row in rows.values() for cell in row]
    for cell in cells:
        for one in (cell, *cell["hunks"]):
            verdict_of(one)
    texts = [found["series"], found["digest"], *patches, *rows]
    texts += [text for one in missing for text in (one.base, one.reason, one.hint)]
    texts += [text for cell in cells for text in (cell["subject"], str(cell["pr"]))]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    shard = read_shard(found["shard"]) if "shard" in found else WHOLE
    there: dict[str, Row | Missing] = rows | {one.base: one for one in missing}
    there = {name: there[name] for name in in_order(there)}
    return Matrix(found["series"], found["digest"], patches, there, shard)


def merge(parts: Sequence[tuple[str, Matrix]]) -> Matrix:
    """Put the parts of a matrix together.

    Args:
        parts: In any order, each with the name of its file.

    Raises:
        BadInputError: They are not the parts of one matrix, all of them, each once.
    """
    of = parts[0][1].shard.of
    there: dict[int, str] = {}
    for where, part in parts:
        _same_matrix(parts[0], (where, part))
        if part.shard.number in there:
            both = f"{there[part.shard.number]} and {where}"
            hint = "name each part once"
            raise BadInputError(f"the part {part.shard} is there twice", where=both, hint=hint)
        there[part.shard.number] = where
    lacking = [str(Shard(number, of)) for number in range(1, of + 1) if number not in there]
    if lacking:
        hint = f"name its file too; vpatch matrix --shard {lacking[0]} --json writes it"
        raise BadInputError("a part is missing", where=", ".join(lacking), hint=hint)
    whole = {base: found for _, part in parts for base, found in part.found.items()}
    names = in_order(whole)
    for where, part in parts:
        if part.shard.share(names) != list(part.found):
            hint = "write all parts with the same --bases, and the same releases at hand"
            raise BadInputError("the parts speak of different bases", where=where, hint=hint)
    first = parts[0][1]
    ordered = {name: whole[name] for name in names}
    return Matrix(first.series, first.digest, first.patches, ordered)


def _same_matrix(first: tuple[str, Matrix], other: tuple[str, Matrix]) -> None:
    (a, one), (b, two) = first, other
    if (one.series, one.digest, one.patches) != (two.series, two.digest, two.patches):
        names = one.series if one.series == two.series else f"{one.series} and {two.series}"
        hint = "write all parts from the same patches folder"
        raise BadInputError(
            f"the parts speak of different series ({names})", where=f"{a} and {b}", hint=hint
        )
    if one.shard.of != two.shard.of:
        hint = "name the parts of one matrix"
        what = f"they are parts of different wholes: {one.shard} and {two.shard}"
        raise BadInputError(what, where=f"{a} and {b}", hint=hint)
