"""``vpatch report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from vpatch.cli.session import Session
    from vpatch.upkeep.nightly import Told


@click.command("report")
@click.option(
    "--bases",
    metavar="A..B",
    help="All releases from A to B, or names with commas between.  [default: those at hand]",
)
@options.series
@click.option(
    "--html",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False),
    help="The file to write.",
)
@options.json
@click.pass_obj
def command(
    session: Session, bases: str | None, series: str | None, html: str, *, as_json: bool
) -> int:
    r"""Write a page for people: what becomes of each patch on many bases, hunk by hunk.

    On each base stands the series that serves it, or that of --series. One file that works
    from disk and loads nothing. It tells too where each patch landed, which patch needs which,
    what the proofs showed, and what changed in the last night.

    \b
    Examples:
      vpatch report --html report.html
      vpatch report --bases v0.16.0.. --series v0.16.0 --html build/report.html
    """
    from datetime import datetime  # noqa: PLC0415, lazy

    from vpatch.cli.matrix import made, must_answer  # noqa: PLC0415, lazy
    from vpatch.doors import files  # noqa: PLC0415, lazy
    from vpatch.upkeep.outlook import Outlook  # noqa: PLC0415, lazy
    from vpatch.upkeep.report import gather, render  # noqa: PLC0415, lazy

    # The oldest has the whole history, on whichever base somebody works.
    matrix = made(session, bases, series or session.folder.oldest())
    must_answer(matrix)
    outlook = Outlook.at(session.outlook)
    page = gather(session.replays, session.folder, matrix, outlook, asked=bool(series))
    now = datetime.now().astimezone()
    text = render(page, project=session.project, made=now, told=_told(session))
    files.write(Path(html), text.encode())
    if as_json:
        missing = [one._asdict() for one in matrix.missing]
        serving = {base: page.serving[base].series for base in matrix.rows}
        answer: dict[str, Any] = {"written": html, "series": matrix.series}
        answer |= {"bases": list(serving), "serving": serving}
        show.print_json(answer | {"missing": missing, "ok": matrix.answered})
    else:
        places = _counted(len(matrix.rows), "base", "s")
        what = f"{len(page.served)} series"
        if len(page.served) == 1:
            patches = _counted(len(page.served[0].patches), "patch", "es")
            what = f"series {page.served[0].series}, {patches}"
        show.print_note(f"wrote {html}: {what} on {places}")
    for one in matrix.missing:
        hint = f"; {one.hint}" if one.hint else ""
        Terminal().say(f"no answer for {one.base}: {one.reason}{hint}")
    return 0 if matrix.answered else VpatchError.status


def _told(session: Session) -> Told | None:
    """Return what the last night told: where that cannot be read, the page goes without."""
    from vpatch.upkeep.nightly import last_told  # noqa: PLC0415, lazy

    try:
        return last_told(session.root)
    except VpatchError as error:
        Terminal().say(f"the page does not tell what changed: {error}")
        return None


def _counted(number: int, what: str, more: str) -> str:
    return f"{number} {what}{'' if number == 1 else more}"
