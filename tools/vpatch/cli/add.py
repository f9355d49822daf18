"""``vpatch add``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal, patch_named
from vpatch.values.errors import BadInputError
from vpatch.values.paths import listed
from vpatch.values.project import pull_named

if TYPE_CHECKING:
    from vpatch.cli.session import Session
    from vpatch.upkeep.add import Added
    from vpatch.upkeep.arrange import Sheet
    from vpatch.upkeep.bench import Asked, Bench


@click.command("add")
@click.argument("what", metavar="[PR|URL|FILE|CLONE@COMMIT]", required=False)
@options.base
@click.option("--after", metavar="P", help="Put it behind this patch instead of at the end.")
@click.option("--split-commits", is_flag=True, help="Make a patch of each commit.")
@click.option("--all-files", is_flag=True, help="Take upstream's tests and documents too.")
@click.option("--continue", "step", flag_value="continue", help="Go on: it is solved.")
@click.option("--abort", "step", flag_value="abort", help="Give up what is in conflict.")
@options.json
@click.pass_obj
def command(
    session: Session,
    what: str | None,
    base: str | None,
    after: str | None,
    step: str | None,
    *,
    split_commits: bool,
    all_files: bool,
    as_json: bool,
) -> int:
    r"""Take a pull request into the series, in the form that applies there.

    Its commits come from the git remote; title and state are GitHub's, where that answers.
    A diff, a mail or a mailbox is taken as well, and a commit of a clone. What is in conflict
    is laid out to be solved. Upstream's tests and documents are left out.

    \b
    Examples:
      vpatch add 33303
      vpatch add https://github.com/vllm-project/vllm/pull/33303 --base v0.16.0
      vpatch add ~/33303.diff --after 35442
      vpatch add ~/src/vllm@my-branch
    """
    if bool(what) == bool(step):
        raise click.UsageError("Name what to add, or give one of --continue, --abort.")
    from vpatch.jobs.changeset import Changeset  # noqa: PLC0415, lazy
    from vpatch.upkeep.arrange import sheet_of  # noqa: PLC0415, lazy
    from vpatch.upkeep.bench import Asked, Bench  # noqa: PLC0415, lazy

    changeset = Changeset(session.root, Terminal().say)
    bench = Bench(session.folder)
    with changeset.held():
        if step == "abort":
            bench.give_up()
            return _abort(as_json=as_json)
        if step:
            asked = bench.asked()
            _look_at(session, asked.what)
            sheet = sheet_of(session.folder, session.bases, asked.series)
            bench.solved(sheet.base)
        else:
            bench.refuse_waiting()
            _look_at(session, what or "")
            sheet = sheet_of(session.folder, session.bases, series_named(session, base))
            asked = Asked(_placed(what or ""), sheet.name, after, split_commits, all_files)
        if asked.after:
            asked = replace(asked, after=_behind(sheet, asked.after))
        found = _added(session, sheet, bench, asked)
        if found.ok:
            changeset.put(found.contents)
            bench.clear()
    _print(session, sheet, bench, found, as_json=as_json)
    return 0 if found.ok else 1


def _abort(*, as_json: bool) -> int:
    if as_json:
        show.print_json({"ok": True})
    else:
        click.echo("forgot what was in conflict; how conflicts were solved is kept")
    return 0


def series_named(session: Session, base: str | None) -> str:
    """Return the series that a call is to change: the base's own, or the usual one."""
    if base:
        return session.bases.get(base).name if base == "latest" else base
    usual = session.usual_base()
    try:
        return session.folder.serving(usual)
    except BadInputError:
        return usual


def _placed(what: str) -> str:
    """Return what is to be added by a name that holds in any folder."""
    path, clone = Path(what).expanduser(), what.rpartition("@")[0]
    there = path.is_file() or (clone and Path(clone).expanduser().is_dir())
    return str(path.absolute()) if there and not pull_named(what) else what


def _look_at(session: Session, what: str) -> None:
    """Mind the project that an address names, or that a number alone can only mean."""
    pull, upstream = pull_named(what), session.config.upstream
    if pull and pull.project:
        session.look_at(pull.project)
    elif pull and not upstream.url and upstream.package == "vllm":
        session.look_at(session.project)


def _behind(sheet: Sheet, after: str) -> str:
    from vpatch.values.series import Series  # noqa: PLC0415, lazy

    return patch_named(Series(sheet.base, sheet.patches), after)


def _added(session: Session, sheet: Sheet, bench: Bench, asked: Asked) -> Added:
    """Find what the user means, and take it in."""
    from vpatch.upkeep.add import Add  # noqa: PLC0415, lazy

    pull = pull_named(asked.what)
    add = Add(session.folder, session.bases, sheet, session.upstream, bench)
    if pull:
        return add.pull(pull.number, asked)
    if Path(asked.what).is_file():
        return add.file(Path(asked.what), asked)
    clone, _, revision = asked.what.rpartition("@")
    if clone and Path(clone).is_dir() and revision and not revision.startswith("-"):
        return add.commit(Path(clone), revision, asked)
    raise BadInputError(
        "no pull request, file or commit",
        where=asked.what,
        hint="name a number (33303), a pull request's address, a .diff, .patch or mailbox, "
        "or CLONE@COMMIT",
    )


def _print(
    session: Session, sheet: Sheet, bench: Bench, found: Added, *, as_json: bool
) -> None:
    if as_json:
        answer = {
            "base": sheet.base.as_json(),
            "series": sheet.name,
            "pr": found.number,
            "patches": [result.as_json() for result in found.results],
            "written": list(found.written),
            "rewritten": list(found.rewritten),
            "left_out": list(found.left_out),
            "stopped": {"tree": str(bench.tree)} if found.stopped else None,
            "ok": found.ok,
        }
        show.print_json(answer)
        return
    show.print_notes(found.results)
    for name in found.written:
        click.echo(f"wrote {session.root / sheet.place / name}")
    if found.left_out:
        show.print_note(_left_out(found))
    for name in found.rewritten:
        click.echo(f"wrote {name} anew, behind it")
    if found.ok:
        click.echo(f"read it, then: {session.call} apply --base {sheet.name}")
    elif found.stopped:
        _print_way_on(session, sheet, bench)
    elif all(result.verdict.good for result in found.results):
        series = " with its series" if sheet.patches else ""
        click.echo(f"nothing to add: {sheet.base.name}{series} has it")
    else:
        show.print_note(
            f"no three-way merge could be tried, and nothing is written. Make the change in a "
            f"clone on {sheet.base.name} and commit it, then: vpatch add CLONE@COMMIT"
        )


def _left_out(found: Added) -> str:
    return f"left out: {listed(found.left_out)} (--all-files takes them)"


def _print_way_on(session: Session, sheet: Sheet, bench: Bench) -> None:
    call = session.call
    click.echo(f"nothing is written: it has no place behind the series on {sheet.base.name}")
    click.echo(f"solve it in    {bench.tree}")
    click.echo(f"then           {call} add --continue")
    click.echo(f"or             {call} add --abort")
