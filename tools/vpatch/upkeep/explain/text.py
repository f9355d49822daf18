"""An explanation as lines of plain text, as a person wants to read it."""

from __future__ import annotations

from itertools import groupby
from textwrap import dedent, wrap
from typing import TYPE_CHECKING

from vpatch.values.base import version_of
from vpatch.values.explanation import Line
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpatch.values.explanation import Break, Explanation, HunkExplanation
    from vpatch.values.patch import Patch

_AROUND = 3
"""Unchanged lines that are shown beside a change."""
_MOST = 12
"""Lines in a row of one kind that are shown."""


def lines(found: Explanation, width: int = 80) -> Iterator[str]:
    """Yield an explanation line by line, harmless to a terminal.

    Args:
        found: The explanation.
        width: Columns; code beyond them is cut.
    """
    for line in _lines(found, width):
        yield printable(line)


def _lines(found: Explanation, width: int) -> Iterator[str]:
    label, base = _label(found.result.patch, found), found.base.name
    verdict, cause = found.result.verdict, found.result.cause
    if verdict.good:
        yield f"{label} has a place on {base}: {verdict.value}"
        yield from _reasons(cause, width)
    elif not found.fits_home:
        yield f"{label} does not fit {found.home}, the base that it was made on: mend it first"
        yield from _reasons(cause, width)
    elif found.roots:
        yield f"{label} has no place on {base} only because an earlier patch has none"
        yield from (f"explain {_label(root, found)} first" for root in found.roots)
    else:
        yield from _conflict(found, width)
    if found.solved:
        solved = f"{label} is put in all the same: {found.solved.verdict.value}"
        yield from ("", solved, *_reasons(found.solved.cause, width))
    for note in [*found.notes, *_missing(found)]:
        yield from _wrapped(f"note: {note}", width)


def _missing(found: Explanation) -> Iterator[str]:
    """Say how the releases are to be had that were not asked for want of them."""
    breaks = [hunk.broke for hunk in found.hunks] + ([found.broke] if found.broke else [])
    names = {name for broke in breaks for name in broke.untried}
    said = " ".join(found.notes)
    if any(name not in said for name in names):
        yield "what was not asked is not at hand: vpatch bases --fetch NAME brings it"


def _label(patch: Patch, found: Explanation) -> str:
    return f"#{patch.pr}" if patch.pr and patch.pr not in found.in_parts else patch.name


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _reasons(cause: str, width: int) -> Iterator[str]:
    for reason in cause.split("; "):
        yield from _wrapped(reason, width, "  ")


def _conflict(found: Explanation, width: int) -> Iterator[str]:
    label, base = _label(found.result.patch, found), found.base.name
    verdict = found.result.verdict
    lost = f"{len(found.hunks)} of {len(found.result.hunks)} hunks" if found.hunks else ""
    by_itself = ", by itself" if found.solved else ""
    said = ", ".join(filter(None, (verdict, lost)))
    yield f"{label} has no place on {base}{by_itself}: {said}"
    breaks = {hunk.broke for hunk in found.hunks}
    if found.broke and breaks != {found.broke}:
        yield from _wrapped(_broken(found.broke), width)
    if not found.hunks or any(_is_there(hunk) for hunk in found.hunks):
        # The lines that it expects are there: the reason is another.
        yield from _reasons(found.result.cause, width)
    for hunk in found.hunks:
        yield ""
        yield from _hunk(hunk, found, width)


def _is_there(hunk: HunkExplanation) -> bool:
    return all(line.mark == " " for line in hunk.lines)


def _broken(broke: Break) -> str:
    good, bad = version_of(broke.good), version_of(broke.bad)
    said = f"first broken in {broke.bad}, good in {broke.good}"
    if good and bad and bad < good:
        said = f"came with {broke.good}, not yet in {broke.bad}"
    return f"{said} (not asked: {', '.join(broke.untried)})" if broke.untried else said


def _hunk(hunk: HunkExplanation, found: Explanation, width: int) -> Iterator[str]:
    base = found.base.name
    yield f"{hunk.path}, hunk {hunk.number} (line {hunk.old_start})"
    if hunk.function:
        now = hunk.function_now
        there = "which is gone"
        if now:
            name = "" if now.name == hunk.function else f"{now.name} "
            path = "" if now.path in (hunk.path, hunk.moved_to) else f" of {now.path}"
            there = f"now {name}at line {now.line}{path}"
        yield from _wrapped(f"in {hunk.function}, {there}", width, "  ")
    if hunk.moved_to:
        yield f"  moved to {hunk.moved_to}"
    elif not hunk.there:
        yield f"  the file is not in {base}, and its lines are in no other"
    yield from _wrapped(_broken(hunk.broke), width, "  ")
    if hunk.commit:
        yield f"    by {hunk.commit.oid[:12]} of {hunk.commit.date}"
        yield from _wrapped(hunk.commit.subject, width, "    ")
    yield f"  - expected, as in {found.home}; + in {base}:"
    numbered = [(f"{line.old or '':>5} {line.new or '':>5} ", line) for line in hunk.lines]
    yield from _code(numbered, width)
    upstream = list(_read(hunk.change))
    if base != hunk.broke.bad and upstream and _changes(upstream) != _changes(hunk.lines):
        yield f"  what upstream changed between {hunk.broke.good} and {hunk.broke.bad}:"
        yield from _code([("", line) for line in upstream], width)


def _changes(lines: Iterable[Line]) -> list[tuple[str, str]]:
    return [(line.mark, line.text) for line in lines if line.mark != " "]


def _read(diff: str) -> Iterator[Line]:
    """Yield the lines of a unified diff of one hunk."""
    for text in diff.split("\n")[3:-1]:
        yield Line(text[:1], None, None, text[1:])


def _code(rows: Sequence[tuple[str, Line]], width: int) -> Iterator[str]:
    """Yield lines of a comparison, each behind what stands before it, in so many columns."""
    texts = [printable(line.text.expandtabs()) for _, line in rows]
    room = width - max((len(head) for head, _ in rows), default=0) - 4
    if any(len(text) > room for text in texts):
        # What all have in common at their start tells least.
        texts = dedent("\n".join(texts)).split("\n")
    shown = [
        (line.mark, f"  {head}{line.mark} {text}".rstrip())
        for (head, line), text in zip(rows, texts, strict=True)
    ]
    while shown and not shown[-1][1]:
        shown.pop()
    for text in _short(shown):
        yield text if len(text) <= width else f"{text[: width - 1]}…"


def _short(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield texts, long runs of one mark without their middle."""
    runs = [(mark, [text for _, text in run]) for mark, run in groupby(rows, lambda r: r[0])]
    for at, (mark, texts) in enumerate(runs):
        head = tail = _MOST // 2
        if mark == " " and len(runs) > 1:
            head, tail = _AROUND * (at > 0), _AROUND * (at < len(runs) - 1)
        left_out = len(texts) - head - tail
        if left_out <= 1:
            yield from texts
            continue
        yield from texts[:head]
        if head and tail:
            yield f"  … {left_out} more lines …"
        yield from texts[len(texts) - tail :]
