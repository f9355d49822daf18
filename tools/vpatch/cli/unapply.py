"""``vpatch unapply``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import environment, options, show
from vpatch.cli.target import Named, held, lent, of_the_users, opened
from vpatch.values.base import canonical
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from vpatch.cli.session import Session
    from vpatch.cli.target import Target


@click.command("unapply")
@options.base
@options.checkout
@options.python
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    python: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Bring a checkout or an installed vLLM back to what it was before apply, bit for bit.

    \b
    Examples:
      vpatch unapply --base v0.16.0
      vpatch unapply --checkout ~/src/vllm
      vpatch unapply --python ~/venv
    """
    target = _target(session, Named(base, checkout, python))
    with held(target):
        clone = lent(target)
        before = clone.unapply() if clone else environment.take_out(target)
        more = {"commit": clone.head()[1]} if clone else {}
    if as_json:
        answer = {"target": str(target.root)} | more | {"changed": before is not None}
        show.print_json(answer | {"ok": True})
    elif before is None:
        click.echo(f"nothing is applied in {target.root}, nothing to do")
    else:
        click.echo(f"took the series for {before.base.name} out of {target.root}")
    return 0


def _target(session: Session, named: Named) -> Target:
    """Return what the call is about; nothing is fetched for it."""
    if found := of_the_users(session, named):
        return found
    path = session.managed(_named(session, named.base))
    if not path.exists():
        hint = "name another with --base, --checkout or --python"
        raise BadInputError("no checkout there", where=str(path), hint=hint)
    return opened(session, path)


def _named(session: Session, base: str | None) -> str:
    """Return the name that a base's checkout goes by, without fetching anything."""
    name = base or session.usual_base()
    found = session.bases.find(name)
    return found.name if found else canonical(name)
