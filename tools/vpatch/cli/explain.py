"""``vpatch explain``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import patches_named
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from vpatch.cli.session import Asked, Session


@click.command("explain")
@click.argument("patch")
@options.base
@options.series
@options.json
@click.pass_obj
def command(
    session: Session, patch: str, base: str | None, series: str | None, *, as_json: bool
) -> int:
    r"""Say why a patch has no place on a base: hunk by hunk, and which release broke it.

    PATCH is a pull request's number or address, or a patch's file name; of a pull request in
    parts, those without a place are explained. The replay is asked again for the releases
    between the base that the patch was made on and this one; those that are not at hand are
    fetched, five at most. With a git remote, the commit is named.

    \b
    Examples:
      vpatch explain 33303 --base latest
      vpatch explain 34863 --base v0.20.0 --series v0.16.0
      vpatch --upstream https://github.com/vllm-project/vllm explain 35358 --base main
    """
    from vpatch.upkeep.explain import explain, lines  # noqa: PLC0415, lazy

    asked = session.serving(session.bases.get(base or session.usual_base()), series)
    names = _named(session, asked, patch)
    with session.replays() as replays:
        every = [explain(replays, asked.series, name, asked.base) for name in names]
    lost = [found for found in every if not found.result.verdict.good]
    first, *others = lost or every
    ok = all(found.ok for found in every)
    if as_json:
        answer = {"series": asked.name} | first.as_json()
        show.print_json(answer | {"others": [found.as_json() for found in others], "ok": ok})
    else:
        for found in (first, *others):
            if lost and found is not first:
                click.echo()
            for line in lines(found, show.width()):
                click.echo(line)
    return 0 if ok else 1


def _named(session: Session, asked: Asked, patch: str) -> list[str]:
    """Return the file names of a patch; where only another series has it, say which."""
    try:
        return patches_named(asked.series, patch)
    except BadInputError as error:
        for name in session.folder.names():
            with suppress(BadInputError):
                patches_named(session.folder.series(name), patch)
                error.hint = f"{name} has it: --series {name}"
        raise
