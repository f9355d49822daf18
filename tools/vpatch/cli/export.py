"""``vpatch export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show

if TYPE_CHECKING:
    from vpatch.cli.session import Session
    from vpatch.values.verdict import Replay


@click.command("export")
@options.base
@options.series
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("quilt", "mbox")),
    required=True,
    help="A folder for quilt and StGit, or a mailbox for git am.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False),
    help="The folder to make; nothing may be in it.",
)
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    series: str | None,
    format_name: str,
    out: str,
    *,
    as_json: bool,
) -> int:
    r"""Write the series for other tools, each patch as it applies on the base.

    On another base than its own the series is written as vpatch rebase would write it.

    \b
    Examples:
      vpatch export --base v0.16.0 --format quilt --out ~/debian/patches
      vpatch export --base v0.17.0 --format mbox --out outbox
    """
    from vpatch.doors.files.folder import write_folder  # noqa: PLC0415, lazy
    from vpatch.upkeep.export import exported  # noqa: PLC0415, lazy

    found = session.bases.get(base or session.usual_base())
    asked = session.serving(found, series)
    with session.replays() as replays:
        replay = replays.replay(asked.series, asked.base)
        written: list[str] = []
        if replay.ok:
            source = session.folder.series_file(asked.name)
            contents = exported(replays, replay, source, format_name)
            write_folder(Path(out), contents)
            written = list(contents)
    if as_json:
        answer = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "tree": replay.tree,
            "patches": [result.as_json() for result in replay.results],
            "written": [str(Path(out) / name) for name in written],
            "ok": replay.ok,
        }
        show.print_json(answer)
    elif replay.ok:
        for name in written:
            click.echo(Path(out) / name)
    else:
        _print_conflicts(replay)
    return 0 if replay.ok else 1


def _print_conflicts(replay: Replay) -> None:
    rows = [(show.label(r.patch), r.patch.subject, r.verdict.value) for r in replay.results]
    show.print_table(("PR", "Patch…", "Verdict"), rows)
    show.print_notes(replay.results)
    lost = sum(not result.verdict.good for result in replay.results)
    click.echo(
        f"{lost} of {len(rows)} patches have no place on {replay.base.name}: "
        "nothing was written"
    )
