"""``vpatch check``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.values.errors import FormatError

if TYPE_CHECKING:
    from vpatch.cli.session import Session


@click.command("check")
@click.option("--fix", is_flag=True, help="Write PATCHES.md anew first.")
@options.json
@click.pass_obj
def command(session: Session, *, fix: bool, as_json: bool) -> int:
    r"""Check the patches folder itself: formats, order, facts, and PATCHES.md.

    A series whose base is at hand is replayed on it; nothing is fetched.

    \b
    Examples:
      vpatch check
      vpatch check --fix
    """
    from vpatch.doors import files  # noqa: PLC0415, lazy
    from vpatch.upkeep.check import check, page, page_of  # noqa: PLC0415, lazy

    if fix:
        with suppress(FormatError):  # which the check then names
            new = page(session.folder, session.project)
            files.write(page_of(session.folder), new)
    found = check(session.folder, session.bases, session.project)
    ok = not found.problems
    if as_json:
        answer = {
            "problems": [problem.as_json() for problem in found.problems],
            "replayed": list(found.replayed),
            "not_replayed": list(found.not_replayed),
        }
        show.print_json(answer | {"ok": ok})
        return 0 if ok else 1
    for problem in found.problems:
        show.print_note(f"{problem.path}: {problem.what}")
        if problem.hint:
            show.print_note(f"  hint: {problem.hint}")
    for name in found.not_replayed:
        line = f"{name} was not replayed: vpatch bases --fetch {name} brings its base"
        show.echo(line)
    count = len(found.problems)
    click.echo("no problem found" if ok else f"{count} problem{'s' if count > 1 else ''}")
    return 0 if ok else 1
