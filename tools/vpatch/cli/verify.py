"""``vpatch verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.target import find
from vpatch.values.errors import BadInputError
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from vpatch.cli.session import Session


@click.command("verify")
@options.base
@options.checkout
@options.series
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    series: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Compare a checkout, file by file and by content, with the replay and with its HEAD.

    \b
    Examples:
      vpatch verify
      vpatch verify --checkout ~/src/vllm --json
    """
    from vpatch.jobs.checkout import drift  # noqa: PLC0415, lazy

    found, target = find(session, base, checkout)
    if target is None:
        raise BadInputError(
            "no checkout to verify",
            where=str(session.managed(found.name)),
            hint=f"vpatch apply --base {found.name} makes one, --checkout DIR names yours",
        )
    applied = target.applied()
    name = series or (applied.series if applied else None)
    asked = session.serving(found, name, applied.upto if applied else None)
    with session.replayed(asked, target) as ready:
        replay = ready.replay
        drifted = drift(target, replay, ready.made, session.config.upstream.package)
        pending = target.interrupted()
        ok = not drifted and replay.ok and not pending
        if as_json:
            answer = {"base": found.as_json(), "target": str(target.root), "ok": ok}
            show.print_json(answer | {"drift": [one.as_json() for one in drifted]})
            return 0 if ok else 1
        for one in drifted:
            click.echo(printable(f"{one.kind:<10}  {one.path}"))
        show.print_notes(result for result in replay.results if not result.verdict.good)
        if pending:
            click.echo("an apply was interrupted here: run vpatch apply or vpatch unapply")
        names = f"{len(drifted)} files differ" if len(drifted) != 1 else "1 file differs"
        whole = f"{asked.name} on {found.name}"
        words = (
            f"{target.root} holds {whole}, nothing differs" if ok else f"{names} from {whole}"
        )
        click.echo(words)
        return 0 if ok else 1
