"""``vpatch apply``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Asked, Ready, Session, Terminal
from vpatch.cli.target import find, found_and_held, held

if TYPE_CHECKING:
    from vpatch.jobs.checkout import Checkout
    from vpatch.values.base import Base


@click.command("apply")
@options.base
@options.checkout
@options.series
@click.option("--upto", metavar="PATCH", help="Apply the series up to and with this patch.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    series: str | None,
    upto: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    r"""Put the series into a checkout, one commit a patch: all of it, or nothing.

    Without --checkout the target is build/vllm-BASE, made if it is not there. With it, the
    clone's HEAD decides the base. The commits stand on the branch vpatch/BASE.

    \b
    Examples:
      vpatch apply --base v0.16.0
      vpatch apply --base latest --dry-run
      vpatch apply --checkout ~/src/vllm
    """
    with ExitStack() as held_to_the_end:
        if dry_run:
            found, target = find(session, base, checkout)
        else:
            there = found_and_held(session, base, checkout)
            found, target = held_to_the_end.enter_context(there)
        applied = target.applied() if target else None
        asked = session.serving(found, series or (applied.series if applied else None), upto)
        with session.replayed(asked, target) as ready:
            changed: bool | None = None
            if ready.replay.ok and not dry_run:
                if target is None:
                    target = _made(session, found)
                    held_to_the_end.enter_context(held(target))
                last = asked.series.patches[-1].name if upto else ""
                changed = target.apply(ready.replay, asked.name, last, ready.made)
            _print(asked, target, ready, changed, as_json=as_json)
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


def _print(
    asked: Asked,
    target: Checkout | None,
    ready: Ready,
    changed: bool | None,  # noqa: FBT001, None is "not written"
    *,
    as_json: bool,
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
            "changed": bool(changed),
            "ok": replay.ok,
        }
        show.print_json(answer)
        return
    show.print_table(
        ("PR", "Patch…", "Verdict"),
        [(show.label(r.patch), r.patch.subject, r.verdict.value) for r in replay.results],
    )
    show.print_notes(replay.results)
    click.echo(_summary(asked, target, ready, changed))


def _summary(
    asked: Asked,
    target: Checkout | None,
    ready: Ready,
    changed: bool | None,  # noqa: FBT001, None is "not written"
) -> str:
    replay = ready.replay
    if not replay.ok:
        lost = sum(not result.verdict.good for result in replay.results)
        return (
            f"{lost} of {len(replay.results)} patches have no place on {asked.base.name}: "
            "nothing was written"
        )
    if changed is None:
        return f"would give commit {replay.commit[:12]}; nothing was written"
    where = target.root if target else ""
    if not changed:
        return f"already applied: {where} is at {replay.commit[:12]}, nothing to do"
    return f"applied on branch vpatch/{asked.base.name} of {where}, commit {replay.commit[:12]}"
