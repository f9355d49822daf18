"""``vpatch unapply``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.target import held, opened
from vpatch.values.base import canonical
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from vpatch.cli.session import Session


@click.command("unapply")
@options.base
@options.checkout
@options.json
@click.pass_obj
def command(session: Session, base: str | None, checkout: str | None, *, as_json: bool) -> int:
    r"""Bring a checkout back to what it was before apply, bit for bit.

    \b
    Examples:
      vpatch unapply --base v0.16.0
      vpatch unapply --checkout ~/src/vllm
    """
    from pathlib import Path  # noqa: PLC0415, lazy

    path = Path(checkout) if checkout else session.managed(_named(session, base))
    if not path.exists():
        hint = "name another with --base or --checkout"
        raise BadInputError("no checkout there", where=str(path), hint=hint)
    target = opened(session, path)
    with held(target):
        before = target.unapply()
        _, commit = target.head()
    if as_json:
        answer = {"target": str(target.root), "commit": commit, "changed": before is not None}
        show.print_json(answer | {"ok": True})
    elif before is None:
        click.echo(f"nothing is applied in {target.root}, nothing to do")
    else:
        click.echo(f"took the series for {before.base.name} out of {target.root}")
    return 0


def _named(session: Session, base: str | None) -> str:
    """Return the name that a base's checkout goes by, without fetching anything."""
    name = base or session.usual_base()
    found = session.bases.find(name)
    return found.name if found else canonical(name)
