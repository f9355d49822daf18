"""The values of a matrix: spans are right for any verdicts, and parts make the whole again."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import fast, wide

from support import series_of
from vpatch.values.errors import BadInputError, FormatError
from vpatch.values.facts import Landmark, PullRequest
from vpatch.values.matrix import (
    Matrix,
    Missing,
    Shard,
    digest_of,
    in_order,
    merge,
    read_part,
    read_shard,
)
from vpatch.values.span import span_of
from vpatch.values.verdict import Verdict

RELEASES = ("v0.9.2", "v0.13.0", "v0.16.0", "v0.17.0rc1", "v0.17.0", "v0.17.1", "v0.100.0")
OTHERS = ("1234567", "main", "releases/v0.16.0")
PATCHES = ("11-a.patch", "b.patch", "33-c.patch")
GOOD = {Verdict.CLEAN, Verdict.OFFSET, Verdict.MERGED, Verdict.PARTIAL}

verdicts = st.sampled_from(Verdict)
rows = st.lists(verdicts, min_size=len(PATCHES), max_size=len(PATCHES))
reasons = st.sampled_from(["no route", "\x1b[31m \u2192 \udcff", ""])
missing = st.builds(Missing, st.just(""), reasons, reasons, st.booleans())
grids = st.dictionaries(st.sampled_from(RELEASES + OTHERS), st.one_of(rows, missing))


def cell(name: str, verdict: Verdict, *hunks: Verdict) -> dict[str, Any]:
    """Return a result as JSON shows it."""
    return {
        "name": name,
        "pr": int(name[:2]) if name[:2].isdecimal() else None,
        "subject": f"What {name} does",
        "verdict": verdict.value,
        "hunks": [{"path": "vllm/a.py", "verdict": hunk.value} for hunk in hunks or (verdict,)],
    }


def matrix(grid: dict[str, list[Verdict] | Missing]) -> Matrix:
    """Return a whole matrix with these verdicts."""
    found = {
        base: row._replace(base=base)
        if isinstance(row, Missing)
        else [cell(name, verdict) for name, verdict in zip(PATCHES, row, strict=True)]
        for base, row in ((base, grid[base]) for base in in_order(grid))
    }
    return Matrix("v0.16.0", "d1", PATCHES, found)


def text(found: Matrix, **changed: Any) -> str:
    """Return the JSON of a matrix, with other values in it."""
    return json.dumps({"schema": 1} | found.as_json() | changed)


def parts(whole: Matrix, count: int) -> list[tuple[str, Matrix]]:
    """Cut a matrix as --shard does, and read each part back from its JSON."""
    found = []
    for shard in (Shard(number, count) for number in range(1, count + 1)):
        own = {base: whole.found[base] for base in shard.share(list(whole.found))}
        part = Matrix(whole.series, whole.digest, whole.patches, own, shard)
        found.append((f"{shard.number}.json", read_part(text(part), 1, where="it")))
    return found


@fast
@given(grids, st.integers(1, 12), st.randoms())
def test_the_parts_make_the_whole_again(
    grid: dict[str, list[Verdict] | Missing], count: int, chance: Any
) -> None:
    """For any number of parts in any order, the JSON is that of one run, byte for byte."""
    whole = matrix(grid)
    found = parts(whole, count)
    chance.shuffle(found)

    assert text(merge(found)) == text(whole)


@wide
@given(st.lists(verdicts, max_size=9))
def test_a_span_tells_every_release(row: list[Verdict]) -> None:
    """A release is in a run exactly where the patch applies, and runs never touch."""
    names = [f"v0.{number}.0" for number in range(len(row))]
    span = span_of([(n, cell(PATCHES[0], v)) for n, v in zip(names, row, strict=True)])

    in_runs = [
        name
        for first, last in span.runs
        for name in names[names.index(first) : names.index(last) + 1]
    ]
    applies = [name for name, verdict in zip(names, row, strict=True) if verdict in GOOD]
    assert in_runs == applies
    for (_, last), (first, _) in pairwise(span.runs):
        assert names.index(first) - names.index(last) > 1
    answer = span.as_json()
    assert answer["first"] == (applies[0] if applies else None)
    assert answer["last"] == (applies[-1] if applies else None)


@wide
@given(st.lists(st.tuples(verdicts, verdicts), max_size=9))
def test_landed_is_told_from_the_newest_backwards(row: list[tuple[Verdict, Verdict]]) -> None:
    """From that release on all have it, and the one before has it not; in part likewise."""
    names = [f"v0.{number}.0" for number in range(len(row))]
    cells = [(n, cell(PATCHES[0], v, h)) for n, (v, h) in zip(names, row, strict=True)]
    span = span_of(cells)

    whole = [verdict is Verdict.LANDED for verdict, _ in row]
    partly = [Verdict.LANDED in both for both in row]
    for since, has in ((span.landed_from, whole), (span.partly_from, partly)):
        at = names.index(since) if since else len(names)
        assert all(has[at:])
        assert not any(has[at - 1 : at])


@fast
@given(grids)
def test_the_reach_is_the_newest_release_with_all(
    grid: dict[str, list[Verdict] | Missing],
) -> None:
    """No newer release is whole, and a branch has no place among releases."""
    whole = matrix(grid)
    rows = {b: r for b, r in whole.found.items() if b in RELEASES and isinstance(r, list)}
    good = [b for b in rows if all(Verdict(c["verdict"]).good for c in rows[b])]

    assert whole.reach == (good[-1] if good else None)


def test_the_order_of_bases() -> None:
    """Releases by their numbers, not their letters; then all others."""
    assert in_order([*OTHERS[::-1], *RELEASES[::-1], "main"]) == [*RELEASES, *OTHERS]


def test_what_is_asked_by_name_must_be_answered() -> None:
    """A gap in a range spoils nothing; a base that was named, or is at hand, does."""
    row = [Verdict.CLEAN] * 3
    gap = matrix({"v0.16.0": row, "v0.17.0": Missing("", "none", "", gap=True)})
    named = matrix({"v0.16.0": row, "v0.17.0": Missing("", "none", "", gap=False)})

    assert (gap.ok, gap.answered, gap.as_json()["ok"]) == (True, True, True)
    assert (named.ok, named.answered, named.as_json()["ok"]) == (True, False, False)


def test_a_series_is_known_by_its_patches() -> None:
    """Another byte, another name, another order: another digest; so when it landed."""
    diff = b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n"
    one = {"1.patch": diff, "2.patch": diff}
    others = [
        {"1.patch": diff, "2.patch": diff + b"\n"},
        {"2.patch": diff, "1.patch": diff},
        {"1.patch": diff, "3.patch": diff},
        {"1.patch": diff},
    ]

    def digest(patches: dict[str, bytes], *marks: Landmark, why: str = "") -> str:
        known = PullRequest(1, "One", "open", date(2026, 1, 2), why=why, landed_when=marks)
        return digest_of(series_of(None, patches).patches, {1: known})

    assert digest(one) == digest(dict(one)) == digest(one, why="It is faster.")
    digests = {digest(patches) for patches in (one, *others)}
    digests |= {digest(one, Landmark("f", "two")), digest(one, Landmark("g", "two"))}
    assert len(digests) == 3 + len(others)


@pytest.mark.parametrize("said", ["0/3", "4/3", "1", "1/", "/1", "-1/3", "1/3/3", "a/b", "1/0"])
def test_no_such_shard(said: str) -> None:
    """From 1 to N, and nothing else."""
    with pytest.raises(BadInputError, match="no such shard"):
        read_shard(said)


WHOLE = matrix({base: [Verdict.CLEAN, Verdict.LANDED, Verdict.CONFLICT] for base in RELEASES})


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it is no matrix of vpatch"),
        ('{"schema": 1, "bases": [], "ok": true}', "it is no matrix of vpatch"),
        (text(WHOLE, schema=2), "its schema is not 1"),
        (text(WHOLE, patches=["11-a.patch", "other.patch"]), "it is no matrix"),
        (text(WHOLE, bases=["v0.16.0", "v0.99.0"]), "it is no matrix"),
        (text(WHOLE, missing=[{"base": "v0.1.0"}]), "it is no matrix"),
        (text(WHOLE, series=3), "it is no matrix"),
        (text(WHOLE, shard="5/4"), "it is no matrix"),
        (text(WHOLE).replace('"conflict"', '"weird"'), "it is no matrix"),
        (text(WHOLE).replace('"subject"', '"object"'), "it is no matrix"),
    ],
)
def test_what_is_no_part(part: str, said: str) -> None:
    """Another kind of file is named for what it is, however it is broken."""
    with pytest.raises(FormatError, match=said) as caught:
        read_part(part, 1, where="part.json")
    assert caught.value.hint


def test_a_whole_matrix_is_its_only_part() -> None:
    """A run without --shard can be shown again from its JSON."""
    found = merge([("all.json", read_part(text(WHOLE), 1, where="all.json"))])
    assert text(found) == text(WHOLE)


def changed(part: tuple[str, Matrix], **values: Any) -> tuple[str, Matrix]:
    """Return a part with other values in it."""
    return part[0], read_part(text(part[1], **values), 1, where="it")


def test_parts_that_are_not_of_one_whole() -> None:
    """Missing, doubled, of another series, another number, other bases: each is said."""
    one, two, three = parts(WHOLE, 3)
    shorter = Matrix("v0.16.0", "d1", PATCHES, dict(list(WHOLE.found.items())[1:]))
    cases = [
        ([one, three], "a part is missing: 2/3"),
        ([three], "a part is missing: 1/3, 2/3"),
        ([one, two, three, ("again.json", two[1])], "the part 2/3 is there twice: 2.json and"),
        ([one, changed(two, series="v0.17.0"), three], r"\(v0.16.0 and v0.17.0\): 1.json"),
        ([one, changed(two, digest="d2"), three], r"series \(v0.16.0\): 1.json and 2"),
        ([one, two, parts(WHOLE, 4)[2]], "parts of different wholes: 1/3 and 3/4"),
        ([one, two, parts(shorter, 3)[2]], "the parts speak of different bases: "),
    ]
    for found, said in cases:
        with pytest.raises(BadInputError, match=said):
            merge(found)
