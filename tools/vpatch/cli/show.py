"""Tables and texts for people, and JSON for programs; text of others is made harmless."""

from __future__ import annotations

import json
import os
import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from vpatch.values.followups import STRONGEST
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from vpatch.jobs.smoke.weigh import Weight
    from vpatch.values.facts import PullRequest
    from vpatch.values.followups import Candidate
    from vpatch.values.matrix import Carried
    from vpatch.values.patch import Patch
    from vpatch.values.proof import Proof
    from vpatch.values.verdict import Result

SCHEMA = 1

_PIPE = 160
"""Columns where no terminal says how wide it is: nothing is cut there."""
_GAP, _NARROWEST = 2, 12
"""Columns between two columns of a table, and of a title that gave way."""
_COLOURS = {
    "clean": "green",
    "offset": "green",
    "merged": "yellow",
    "partial": "yellow",
    "landed": "cyan",
    "misplaced": "bold red",
    "conflict": "bold red",
    "yes": "green",
    "no": "yellow",
    "drifted": "bold red",
    "partly": "bold red",
    "unseen": "bold red",
}


_COMMAND = re.compile(r"^\s*:(?=:)|#(?=#\[)", re.MULTILINE)
"""What GitHub's runner obeys in the words of a step (actions/runner, ActionCommand.cs)."""


def echo(text: str, *, err: bool = False, colour: str | None = None) -> None:
    """Print text in which words of others may be."""
    plain = harmless(text)
    click.echo(click.style(plain, fg=colour) if colour else plain, err=err)


def harmless(text: str) -> str:
    """Return text of others as it may be shown."""
    return _unbidden(printable(text))


def _unbidden(text: str) -> str:
    """Return text that gives GitHub's runner no command, where that is what reads it."""
    if "GITHUB_ACTIONS" not in os.environ:
        return text
    return _COMMAND.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)


def print_json(answer: dict[str, Any]) -> None:
    """Print an answer for programs."""
    click.echo(json.dumps({"schema": SCHEMA} | answer, indent=2))


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415, lazy

    width = None if sys.stdout.isatty() else _PIPE
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def width() -> int:
    """Return how many columns there are."""
    return _console().width


def has_room(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Return whether a table has room."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1) <= _console().width


def print_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    signs: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print rows as a table that fits the terminal.

    Args:
        titles: The columns' names; one that ends in ``…`` is cut where there is no room.
        rows: Cells as plain text.
        signs: Cells that stand for a word, and have its colour.
    """
    from rich.table import Table  # noqa: PLC0415, lazy
    from rich.text import Text  # noqa: PLC0415, lazy

    console = _console()
    texts = [[Text(printable(" ".join(cell.split()))) for cell in row] for row in rows]
    heads = [Text(title.rstrip("…"), style="bold") for title in titles]
    widths = [max(t.cell_len for t in column) for column in zip(heads, *texts, strict=True)]
    spare = console.width - sum(widths) - _GAP * (len(widths) - 1)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for title, width in zip(titles, widths, strict=True):
        # rich would cut the narrow columns first, and those are the ones that tell.
        fits = max(_NARROWEST, width + min(0, spare)) if title.endswith("…") else width
        table.add_column(no_wrap=True, width=fits, overflow="ellipsis")
    table.add_row(*heads)
    for row in texts:
        for text in row:
            text.stylize(_COLOURS.get(signs.get(text.plain, text.plain), ""))
        table.add_row(*row)
    with console.capture() as capture:
        console.print(table)
    # rich pads every line to the table's width, which a terminal may wrap.
    click.echo(_unbidden("\n".join(line.rstrip() for line in capture.get().splitlines())))


def label(patch: Patch | Proof | Weight | Carried) -> str:
    """Return what people know a patch by: its pull request, else its file."""
    return f"#{patch.pr}" if patch.pr else patch.name


def upstream_state(request: PullRequest | None) -> str:
    """Return the state of a pull request in a word or two."""
    if request is None:
        return "not known"
    return f"{request.state} {request.merged_in}".strip()


def print_notes(results: Iterable[Result]) -> None:
    """Print under a table why each patch is not simply clean."""
    for result in results:
        if result.cause:
            print_note(f"{label(result.patch)} {result.verdict.value}: {result.cause}")


def print_follow_ups(number: int, found: Sequence[Candidate]) -> None:
    """Print what may follow a pull request up, and who says so."""
    for one in found[:STRONGEST]:
        title = f" ({one.title})" if one.title else ""
        print_note(f'#{number}: #{one.pr}{title} {one.relation}, perhaps: "{one.said}"')
    if more := len(found[STRONGEST:]):
        click.echo(f"#{number}: and {more} more, see --json")


def print_note(text: str) -> None:
    """Print a paragraph, its further lines indented; in a pipe one line, to be searched."""
    width = _console().width if sys.stdout.isatty() else sys.maxsize
    echo(click.wrap_text(printable(text), width, subsequent_indent="  "))
