"""``vpatch drop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.add import series_named
from vpatch.cli.session import Terminal, patches_named

if TYPE_CHECKING:
    from vpatch.cli.session import Session


@click.command("drop")
@click.argument("patches", metavar="P...", nargs=-1, required=True)
@options.base
@click.option("--why", metavar="TEXT", default="", help="The reason, kept in the series file.")
@options.json
@click.pass_obj
def command(
    session: Session,
    patches: tuple[str, ...],
    base: str | None,
    why: str,
    *,
    as_json: bool,
) -> int:
    r"""Take patches out of the series, all of those named or none.

    P is a pull request's number or address, or a patch's file name. A comment stays in the
    series file, and the facts in upstream.toml: the pull request is watched from now on.

    \b
    Examples:
      vpatch drop 35358 --why "fixed upstream by #36000"
      vpatch drop 35442 36013 --base v0.16.0
    """
    from datetime import UTC, datetime  # noqa: PLC0415, lazy

    from vpatch.jobs.changeset import Changeset  # noqa: PLC0415, lazy
    from vpatch.upkeep.arrange import Change, sheet_of  # noqa: PLC0415, lazy
    from vpatch.upkeep.drop import drop  # noqa: PLC0415, lazy
    from vpatch.values.series import Series  # noqa: PLC0415, lazy

    changeset = Changeset(session.root, Terminal().say)
    with changeset.held():
        sheet = sheet_of(session.folder, session.bases, series_named(session, base))
        series = Series(sheet.base, sheet.patches)
        names = {name for asked in patches for name in patches_named(series, asked)}
        day = datetime.now(UTC).date()
        with session.replays() as replays:
            change = Change(session.folder, sheet, replays, session.project)
            found = drop(change, names, why, day)
        changeset.put(found.contents)
    if as_json:
        show.print_json(
            {
                "base": sheet.base.as_json(),
                "series": sheet.name,
                "dropped": list(found.names),
                "rewritten": list(found.rewritten),
                "merged": [result.as_json() for result in found.merged],
                "ok": True,
            }
        )
        return 0
    show.print_notes(found.merged)
    for name in found.names:
        click.echo(f"dropped {session.root / sheet.place / name}")
    for name in found.rewritten:
        click.echo(f"wrote {name} anew, which stood behind it")
    return 0
