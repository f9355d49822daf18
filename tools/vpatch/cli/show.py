"""Tables and texts for people, and JSON for programs; text of others is made harmless."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Result

SCHEMA = 1

_PIPE = 160
"""Columns where no terminal says how wide it is: nothing is cut there."""
_COLOURS = {
    "clean": "green",
    "offset": "green",
    "merged": "yellow",
    "partial": "yellow",
    "landed": "cyan",
    "conflict": "bold red",
    "yes": "green",
    "no": "yellow",
    "drifted": "bold red",
}


def print_json(answer: dict[str, Any]) -> None:
    """Print an answer for programs."""
    click.echo(json.dumps({"schema": SCHEMA} | answer, indent=2))


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415, lazy

    width = None if sys.stdout.isatty() else _PIPE
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table that fits the terminal.

    Args:
        titles: The columns' names; one that ends in ``…`` is cut where there is no room.
        rows: Cells as plain text.
    """
    from rich.table import Table  # noqa: PLC0415, lazy
    from rich.text import Text  # noqa: PLC0415, lazy

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        gives_way = title.endswith("…")
        table.add_column(
            title.rstrip("…"), no_wrap=True, min_width=0 if gives_way else len(title)
        )
    for row in rows:
        cells = [printable(" ".join(cell.split())) for cell in row]
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in cells))
    console = _console()
    with console.capture() as capture:
        console.print(table)
    # rich pads every line to the table's width, which a terminal may wrap.
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def label(patch: Patch) -> str:
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


def print_note(text: str) -> None:
    """Print a paragraph, its further lines indented."""
    width = _console().width
    click.echo(click.wrap_text(printable(text), width, subsequent_indent="  "))
