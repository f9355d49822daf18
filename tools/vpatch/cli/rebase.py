"""``vpatch rebase``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal
from vpatch.values.base import Base, is_commit, version_of
from vpatch.values.errors import RefusedError

if TYPE_CHECKING:
    from vpatch.cli.session import Session
    from vpatch.upkeep.rebase import Fate, Place, Rebase, Rebased, Stopped
    from vpatch.upkeep.replays import Replays
    from vpatch.values.verdict import Result


@click.command("rebase")
@options.onto
@options.series
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option("--continue", "go_on", is_flag=True, help="Go on: the conflict is solved.")
@click.option("--skip", is_flag=True, help="Go on without the patch in conflict.")
@click.option("--abort", is_flag=True, help="Give the rebase up.")
@options.json
@click.pass_obj
def command(
    session: Session,
    onto: str | None,
    series: str | None,
    *,
    go_on: bool,
    skip: bool,
    abort: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    r"""Write the series for another base, as patches/BASE: all of it, or nothing.

    A patch that landed is left out, and the series file says so; one that landed in part keeps
    what is missing; the rest is rewritten where it has to be. A conflict stops it, with a work
    tree to solve it in. How it was solved is kept, and done again where it comes again.

    \b
    Examples:
      vpatch rebase --onto v0.17.0 --dry-run
      vpatch rebase --onto v0.17.0
      vpatch rebase --continue
    """
    given = {"continue": go_on, "skip": skip, "abort": abort}
    steps = [name for name, is_given in given.items() if is_given]
    step = steps[0] if steps else ""
    if bool(onto) + len(steps) != 1:
        raise click.UsageError("Give --onto BASE, or one of --continue, --skip, --abort.")
    if step and (series or dry_run):
        raise click.UsageError(f"--{step} takes no --series and no --dry-run.")
    from vpatch.doors.files import lock  # noqa: PLC0415, lazy
    from vpatch.upkeep.rebase import Place  # noqa: PLC0415, lazy

    place = Place(session.folder)
    if dry_run:
        return _start(session, place, onto or "", series, dry_run=True, as_json=as_json)
    with lock(place.lock_file, waiting=Terminal().say):
        if ended := place.recover():
            line = f"an earlier rebase was interrupted: wrote the rest of patches/{ended}"
            Terminal().say(line)
            if step:
                return _told({"series": ended, "ok": True}, "", as_json=as_json)
        if step == "abort":
            return _abort(session, place, as_json=as_json)
        if step:
            return _go_on(session, place, step, as_json=as_json)
        return _start(session, place, onto or "", series, dry_run=False, as_json=as_json)


def _start(
    session: Session,
    place: Place,
    name: str,
    series: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    if not dry_run and (state := place.state()):
        raise RefusedError(
            f"a rebase onto {state.onto.name} is in progress",
            where=str(place.root),
            hint=f"{session.call} rebase --continue goes on with it, --abort gives it up",
        )
    from vpatch.upkeep.rebase import Rebased  # noqa: PLC0415, lazy

    onto = session.bases.get(name)
    if is_commit(name) and version_of(onto.name) is None:
        # A commit that a branch is at goes by its own name if that is what the user said.
        onto = Base(onto.commit[:12], onto.commit, onto.source)
    with session.replays() as replays:
        found = _rebase(session, place, replays).start(onto, series, dry_run=dry_run)
        if found is None:
            line = f"patches/{onto.name} is for {onto.name} ({onto.commit[:12]}): nothing to do"
            answer = _answer(Rebased(onto.name, onto, (), ()), written=False)
            return _told(answer, line, as_json=as_json)
        return _print(session, found, dry_run=dry_run, as_json=as_json)


def _go_on(session: Session, place: Place, step: str, *, as_json: bool) -> int:
    with session.replays() as replays:
        rebase = _rebase(session, place, replays)
        found = rebase.skip() if step == "skip" else rebase.go_on()
        return _print(session, found, dry_run=False, as_json=as_json)


def _abort(session: Session, place: Place, *, as_json: bool) -> int:
    from vpatch.upkeep.rebase import give_up  # noqa: PLC0415, lazy

    kept = [f"{session.folder.resolutions / name}" for name in give_up(place)]
    line = "gave the rebase up: no series was written"
    if kept:
        line += f". Kept, to solve the same conflicts by themselves: {', '.join(kept)}"
    return _told({"kept": kept, "ok": True}, line, as_json=as_json)


def _rebase(session: Session, place: Place, replays: Replays) -> Rebase:
    from vpatch.upkeep.rebase import Rebase  # noqa: PLC0415, lazy

    return Rebase(session.folder, place, replays, session.call, Terminal().say)


def _told(answer: dict[str, Any], line: str, *, as_json: bool) -> int:
    if as_json:
        show.print_json(answer)
    elif line:
        show.print_note(line)
    return 0


def _answer(found: Rebased, *, written: bool) -> dict[str, Any]:
    stopped = found.stopped
    return {
        "base": found.onto.as_json(),
        "series": found.series,
        "patches": [result.as_json() for result in found.results],
        "written": [
            {"name": result.patch.name, "what": fate.value}
            for result, fate in zip(found.results, found.fates, strict=True)
            if written
        ],
        "stopped": {
            "name": stopped.result.patch.name,
            "tree": str(stopped.tree) if stopped.tree else None,
            "conflict": str(stopped.page),
        }
        if stopped
        else None,
        "ok": found.ok,
    }


def _print(session: Session, found: Rebased, *, dry_run: bool, as_json: bool) -> int:
    from vpatch.upkeep.check import page_of  # noqa: PLC0415, lazy

    status = 0 if found.ok else 1
    if as_json:
        show.print_json(_answer(found, written=found.ok and not dry_run))
        return status
    rows = [
        (show.label(one.patch), one.patch.subject, one.verdict.value, _what(found, one, fate))
        for one, fate in zip(found.results, found.fates, strict=True)
    ]
    show.print_table(("PR", "Patch…", "Verdict", "Written"), rows)
    show.print_notes(found.results)
    show.print_note(_summary(found, dry_run=dry_run))
    if found.stopped:
        _print_way_on(session, found.stopped)
    elif found.ok and not dry_run and page_of(session.folder).exists():
        click.echo("PATCHES.md does not know it yet: vpatch check --fix")
    return status


def _what(found: Rebased, result: Result, fate: Fate) -> str:
    return "stopped" if found.stopped and found.stopped.result is result else fate.value


def _summary(found: Rebased, *, dry_run: bool) -> str:
    from vpatch.upkeep.rebase import Fate  # noqa: PLC0415, lazy

    place = f"patches/{found.onto.name}"
    if found.stopped:
        return (
            f"stopped at {found.stopped.result.patch.name}, which has no place on "
            f"{found.onto.name}; {place} is not written yet"
        )
    lost = found.count(Fate.LOST)
    if lost:
        return (
            f"{lost} of {len(found.results)} patches have no place on {found.onto.name}: "
            "there a rebase would stop; nothing was written"
        )
    gone = {"landed": found.count(Fate.LANDED), "left out": found.count(Fate.SKIPPED)}
    count = len(found.results) - sum(gone.values())
    parts = [f"{count} patch{'' if count == 1 else 'es'}"]
    parts += [f"{number} {what}" for what, number in gone.items() if number]
    verb = "would write" if dry_run else "wrote"
    return f"{verb} {place}: {', '.join(parts)}"


def _print_way_on(session: Session, stopped: Stopped) -> None:
    call = session.call
    if stopped.tree:
        click.echo(f"solve it in    {stopped.tree}")
    click.echo(f"read about it  {stopped.page}")
    if stopped.tree:
        click.echo(f"then           {call} rebase --continue")
    click.echo(f"or             {call} rebase --skip, or --abort")
