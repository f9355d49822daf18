"""``vpatch matrix``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal
from vpatch.values.base import canonical, version_of
from vpatch.values.errors import VpatchError
from vpatch.values.matrix import (
    WHOLE,
    Matrix,
    Missing,
    digest_of,
    merge,
    read_part,
    read_shard,
)
from vpatch.values.paths import printable
from vpatch.values.span import verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpatch.cli.session import Session
    from vpatch.values.matrix import Row, Shard

_SIGNS = {
    "clean": "+",
    "offset": "~",
    "merged": "m",
    "partial": "p",
    "landed": "=",
    "conflict": "x",
    "misplaced": "!",
}
"""What stands for a verdict where the words have no room."""


@click.command("matrix")
@click.argument("parts", nargs=-1, metavar="[PART]...", type=click.Path(dir_okay=False))
@click.option(
    "--bases",
    metavar="A..B",
    help="All releases from A to B, or names with commas between.  [default: those at hand]",
)
@options.series
@click.option(
    "--shard", metavar="I/N", help="Only every N-th base, from the I-th on, as a part."
)
@click.option("--merge", "merging", is_flag=True, help="Put the JSON of all parts together.")
@options.json
@click.pass_obj
def command(
    session: Session,
    parts: tuple[str, ...],
    bases: str | None,
    series: str | None,
    shard: str | None,
    *,
    merging: bool,
    as_json: bool,
) -> int:
    r"""Show what becomes of each patch on many bases, the oldest release first.

    Releases that are not at hand are brought. A part has the bases of its shard alone;
    merged, the parts give what one run would.

    \b
    Examples:
      vpatch matrix
      vpatch matrix --bases v0.16.0.. --series v0.16.0
      vpatch matrix --bases v0.16.0.. --shard 2/4 --json > part-2.json
      vpatch matrix --merge part-*.json
    """
    if merging:
        if not parts or bases or series or shard:
            raise click.UsageError("--merge takes the files of the parts, and no other option")
        found = merge([(part, _read(part)) for part in parts])
    elif parts:
        raise click.UsageError("files are for --merge")
    else:
        found = made(session, bases, series, read_shard(shard) if shard else WHOLE)
    if found.shard == WHOLE:
        must_answer(found)
    if as_json:
        show.print_json(found.as_json())
    else:
        _print(found)
    if not found.answered:
        return VpatchError.status
    return 0 if found.ok else 1


def must_answer(found: Matrix) -> None:
    """Refuse a matrix without any answer.

    Raises:
        VpatchError: There is none.
    """
    if not found.rows:
        reasons = ", ".join(f"{one.base} ({one.reason})" for one in found.missing)
        hint = found.missing[0].hint
        raise VpatchError("no base gives an answer", where=reasons, hint=hint)


def _read(path: str) -> Matrix:
    from vpatch.doors import files  # noqa: PLC0415, lazy

    return read_part(files.read_text(Path(path)), show.SCHEMA, where=path)


def made(
    session: Session, text: str | None, series: str | None, shard: Shard = WHOLE
) -> Matrix:
    """Replay the series on the bases that fall to a part.

    Args:
        session: This run.
        text: The bases, as ``--bases`` takes them.
        series: The series, as ``--series`` takes it.
        shard: The part.

    Raises:
        VpatchError: There is no base, or no such series.
    """
    from vpatch.upkeep.matrix import bring, fill, named  # noqa: PLC0415, lazy

    say = Terminal().say
    name = canonical(series or session.folder.serving(session.usual_base()))
    carried = session.folder.series(name)
    solved = (one.patch for one in session.folder.all_resolutions())
    digest = digest_of([*carried.patches, *solved], session.facts)
    # In every part all of them: what became of a patch may rest on the releases before.
    found = bring(session.bases, named(session.bases, text, say))
    if not found:
        hint = "vpatch matrix --bases v0.16.0.. brings releases"
        raise VpatchError("no release is at hand", hint=hint)
    mine = {base: found[base] for base in shard.share(list(found))}
    rows: dict[str, Row | Missing] = {}
    rows |= {base: one for base, one in mine.items() if isinstance(one, Missing)}
    bases = [one for one in mine.values() if not isinstance(one, Missing)]
    with _counting(len(bases)) as count:

        def take(base: str, row: Row | Missing) -> None:
            rows[base] = row
            count()

        fill(session.replays, carried, bases, take)
    patches = tuple(patch.name for patch in carried.patches)
    return Matrix(name, digest, patches, {base: rows[base] for base in mine}, shard)


@contextmanager
def _counting(total: int) -> Iterator[Callable[[], None]]:
    """Show on a terminal how many bases are done."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415, lazy
    from rich.progress import BarColumn, MofNCompleteColumn, Progress  # noqa: PLC0415, lazy

    columns = ("replay", BarColumn(), MofNCompleteColumn())
    # Refreshed here alone: a thread of rich's own must not be there while processes start.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, auto_refresh=False
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.update(task, advance=1, refresh=True)


def _print(found: Matrix) -> None:
    part = "" if found.shard == WHOLE else f", part {found.shard}"
    count = len(found.rows)
    show.print_note(f"series {found.series} on {count} base{'' if count == 1 else 's'}{part}")
    numbered = bool(found.rows) and _print_grid(found)
    # A part knows its own bases alone, and a branch has no place among releases.
    if found.shard == WHOLE and any(map(version_of, found.rows)):
        _print_spans(found, numbered=numbered)
    if found.missing:
        click.echo()
    for (reason, hint), bases in groupby(
        sorted(found.missing, key=lambda one: one[1:]), lambda one: (one.reason, one.hint)
    ):
        show.print_note(f"no answer for {', '.join(one.base for one in bases)}: {reason}")
        if hint:
            show.print_note(f"  hint: {hint}")


def _print_grid(found: Matrix) -> bool:
    """Print what has room: words, or signs below labels or numbers; else nothing.

    Returns:
        Whether the patches go by numbers.
    """
    words = [
        (base, *(verdict_of(cell).value for cell in row)) for base, row in found.rows.items()
    ]
    signs = [(base, *(_SIGNS[word] for word in row)) for base, *row in words]
    labels = [printable(show.label(patch)) for patch in found.carried]
    numbers = [str(number) for number in range(1, len(labels) + 1)]
    for heads, rows in ((labels, words), (labels, signs), (numbers, signs)):
        titles = ("Base", *heads)
        if show.has_room(titles, rows):
            click.echo()
            show.print_table(titles, rows, {sign: word for word, sign in _SIGNS.items()})
            if rows is signs:
                seen = {word for _, *row in words for word in row}
                legend = [f"{sign} {word}" for word, sign in _SIGNS.items() if word in seen]
                click.echo("\n" + "  ".join(legend))
            return heads is numbers
    return False


def _print_spans(found: Matrix, *, numbered: bool) -> None:
    """Print where each patch is of use, and where the series is."""
    spans = found.spans
    titles = ["PR", "Applies on", "Landed from", "Patch…"]
    rows = [
        [show.label(one), spans[one.name].applies_on, spans[one.name].landed, one.subject]
        for one in found.carried
    ]
    if numbered:
        titles = ["No", *titles]
        rows = [[str(number), *row] for number, row in enumerate(rows, 1)]
    click.echo()
    show.print_table(titles, rows)
    reach = f"reaches {found.reach} whole" if found.reach else "reaches none of these whole"
    click.echo()
    show.print_note(f"series {found.series} {reach}")
