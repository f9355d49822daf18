"""``vpatch verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import environment, options, show
from vpatch.cli.target import Named, find, lent
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from vpatch.cli.environment import Seen
    from vpatch.cli.session import Asked, Ready, Session
    from vpatch.cli.target import Target


@click.command("verify")
@options.base
@options.checkout
@options.python
@options.series
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    python: str | None,
    series: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Compare a checkout or an installed vLLM, file by file, with what the series makes.

    All is told by content. A checkout is compared with its HEAD as well. Of an installed vLLM
    it says which patches it holds, whoever put them there, and needs no record of that.

    \b
    Examples:
      vpatch verify
      vpatch verify --checkout ~/src/vllm --json
      vpatch verify --python ~/venv
    """
    found, target = find(session, Named(base, checkout, python))
    if target is None:
        raise BadInputError(
            "no checkout to verify",
            where=str(session.managed(found.name)),
            hint=f"vpatch apply --base {found.name} makes one, --checkout DIR names yours",
        )
    applied = target.applied()
    name = series or (applied.series if applied else None)
    asked = session.serving(found, name, applied.upto if applied else None)
    with session.replayed(asked, lent(target)) as ready:
        seen = _seen(session, asked, target, ready)
        pending = target.interrupted()
        ok = not (seen.drift or seen.lacking or pending) and ready.replay.ok
        if as_json:
            answer = {"base": found.as_json(), "target": str(target.root), "ok": ok}
            show.print_json(answer | seen.as_json())
        else:
            _print(asked, target, ready, seen, ok=ok)
        return 0 if ok else 1


def _seen(session: Session, asked: Asked, target: Target, ready: Ready) -> Seen:
    clone = lent(target)
    if clone is None:
        return environment.look(asked, target, ready)
    from vpatch.jobs.checkout import drift  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    return environment.Seen(tuple(drift(clone, ready.replay, ready.made, package)))


def _print(asked: Asked, target: Target, ready: Ready, seen: Seen, *, ok: bool) -> None:
    if seen.patches:
        rows = [
            (show.label(result.patch), result.patch.subject, state)
            for result, state in seen.patches
        ]
        show.print_table(("PR", "Patch…", "Applied"), rows)
    for one in seen.drift:
        show.echo(f"{one.kind:<10}  {one.path}")
    show.print_notes(r for r in ready.replay.results if not r.verdict.good)
    for note in seen.notes:
        show.print_note(note)
    if target.interrupted():
        click.echo("an apply was interrupted here: run vpatch apply or vpatch unapply")
    applied = target.applied()
    part = f" up to {applied.upto}" if applied and applied.upto else ""
    whole = f"{asked.name}{part} on {asked.base.name}"
    if ok:
        click.echo(f"{target.root} holds {whole}, nothing differs")
    elif seen.lacking and not seen.drift:
        missed = ", ".join(show.label(result.patch) for result in seen.lacking)
        show.echo(f"not seen to be in, of {whole}: {missed}")
    else:
        count = len(seen.drift)
        names = f"{count} files differ" if count != 1 else "1 file differs"
        click.echo(f"{names} from {whole}")
