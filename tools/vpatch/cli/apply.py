"""``vpatch apply``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from vpatch.cli import environment, options, show
from vpatch.cli.environment import Done
from vpatch.cli.session import Asked, Ready, Session, Terminal
from vpatch.cli.target import Named, find, found_and_held, held, lent

if TYPE_CHECKING:
    from vpatch.cli.target import Target
    from vpatch.jobs.checkout import Checkout
    from vpatch.values.base import Base


@click.command("apply")
@options.base
@options.checkout
@options.python
@options.series
@click.option("--upto", metavar="PATCH", help="Apply the series up to and with this patch.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    python: str | None,
    series: str | None,
    upto: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    r"""Put the series into a checkout or an installed vLLM: all of it, or nothing.

    Without --checkout and --python the target is build/vllm-BASE, made if it is not there.
    A clone's HEAD decides the base. In a checkout the series is one commit a patch, on the
    branch vpatch/BASE.

    With --python the target is the vLLM that pip installed in that environment; its version
    decides the base, where --base does not. Its files are kept beside, for vpatch unapply.

    \b
    Examples:
      vpatch apply --base v0.16.0
      vpatch apply --base latest --dry-run
      vpatch apply --checkout ~/src/vllm
      vpatch apply --python ~/venv
    """
    named = Named(base, checkout, python)
    with ExitStack() as held_to_the_end:
        if dry_run:
            found, target = find(session, named)
        else:
            there = found_and_held(session, named)
            found, target = held_to_the_end.enter_context(there)
        applied = target.applied() if target else None
        asked = session.serving(found, series or (applied.series if applied else None), upto)
        with session.replayed(asked, lent(target)) as ready:
            last = asked.series.patches[-1].name if upto else ""
            if not ready.replay.ok:
                done = Done(summary=_lost(asked, ready))
            elif python:
                wish = environment.Wish(session, asked, ready, last)
                done = environment.put(wish, target, write=not dry_run)
            elif dry_run:
                commit = ready.replay.commit[:12]
                done = Done(f"would give commit {commit}; nothing was written")
            else:
                clone = lent(target)
                if clone is None:
                    target = clone = _made(session, found)
                    held_to_the_end.enter_context(held(clone))
                done = _commit(asked, clone, ready, last)
            _print(asked, target, ready, done, as_json=as_json)
            return 0 if ready.replay.ok else 1


def _made(session: Session, base: Base) -> Checkout:
    """Make the managed checkout of a base."""
    from vpatch.doors.files import lock  # noqa: PLC0415, lazy
    from vpatch.jobs.checkout import Checkout, make_checkout  # noqa: PLC0415, lazy

    path = session.managed(base.name).absolute()
    package = session.config.upstream.package
    terminal = Terminal()
    with lock(path.parent / ".vpatch.lock", waiting=terminal.say):
        if path.exists():
            return Checkout(path, package)
        session.bases.complete(base)
        terminal.say(f"making the checkout {session.managed(base.name)}")
        return make_checkout(session.bases.store, base, path, package)


def _commit(asked: Asked, target: Checkout, ready: Ready, last: str) -> Done:
    """Put the series into a checkout."""
    commit = ready.replay.commit[:12]
    where = target.root
    if not target.apply(ready.replay, asked.name, last, ready.made):
        return Done(f"already applied: {where} is at {commit}, nothing to do")
    branch = f"vpatch/{asked.base.name}"
    return Done(f"applied on branch {branch} of {where}, commit {commit}", changed=True)


def _lost(asked: Asked, ready: Ready) -> str:
    results = ready.replay.results
    lost = sum(not result.verdict.good for result in results)
    return (
        f"{lost} of {len(results)} patches have no place on {asked.base.name}: "
        "nothing was written"
    )


def _print(
    asked: Asked, target: Target | None, ready: Ready, done: Done, *, as_json: bool
) -> None:
    replay = ready.replay
    if as_json:
        answer = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "target": str(target.root) if target else None,
            "commit": replay.commit,
            "tree": replay.tree,
            "patches": [result.as_json() for result in replay.results],
            "changed": done.changed,
            "ok": replay.ok,
        }
        show.print_json(answer)
        return
    show.print_table(
        ("PR", "Patch…", "Verdict"),
        [(show.label(r.patch), r.patch.subject, r.verdict.value) for r in replay.results],
    )
    show.print_notes(replay.results)
    click.echo(done.summary)
