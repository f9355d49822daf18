"""``vpatch nightly``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from vpatch.cli import bugs, options, show
from vpatch.cli.session import Session, Terminal
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpatch.upkeep.nightly import Means, Night, Noted
    from vpatch.values.base import Base
    from vpatch.values.matrix import Matrix


@click.command("nightly")
@click.option(
    "--bases",
    metavar="A..B",
    help="The bases to look at, as matrix takes them.  [default: the newest 3 releases; "
    "upstream's branch, if there is a git remote]",
)
@click.option("--python", metavar="PY", help="Run the proofs in this environment.")
@click.option("--push", metavar="REMOTE", help="Push the branch to this git remote.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Where to write the page.  [default: build/report.html]",
)
@click.option(
    "--markdown",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the news as Markdown too, for an issue.",
)
@click.option(
    "--matrix",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Take the page's matrix from what matrix --merge --json wrote.",
)
@options.json
@click.pass_obj
def command(
    session: Session,
    bases: str | None,
    python: str | None,
    push: str | None,
    html: str | None,
    markdown: str | None,
    matrix: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Look at upstream, do all that is safe, and say only what changed since the last night.

    New releases, new commits, pushes to pull requests, merges, follow-ups; then the series on
    the newest bases, brought there where every patch has its place; PATCHES.md and the page.
    The result is one commit on the branch vpatch/nightly, on what is checked out; your files
    stay as they are.

    Exit status, the first of these that is so: 4 a step ended in a bug of vpatch, 1 something
    new wants a person, 3 something could not be looked at, 0 none of them.

    \b
    Examples:
      vpatch nightly
      vpatch nightly --bases v0.32.0..,main --python build/env-v0.33.0
      vpatch nightly --push origin --markdown news.md --json
    """
    from vpatch.doors import files  # noqa: PLC0415, lazy
    from vpatch.upkeep import nightly  # noqa: PLC0415, lazy

    page = Path(html) if html else session.root / "build" / "report.html"
    with files.lock(session.root / "build" / ".nightly.lock", waiting=_busy):
        night = nightly.Night(session.root, Terminal().say, push or "", bugs.report)
        means = _means(session, night.root, python, matrix)
        night.draw(means, night.look(means, bases), page)
        night.keep()
        if as_json:
            show.print_json(_as_json(night))
        else:
            _print(night, asked=python is not None)
        if markdown:
            text = nightly.markdown(night.diary, session.project)
            files.write(Path(markdown), text.encode())
        # Whatever ends a night before this line, the next one tells its news.
        night.told()
    if night.unpushed:
        show.echo(f"error: {night.unpushed}", err=True)
        show.echo(f"hint: {night.unpushed.hint}", err=True)
    return _status(night)


def _busy(_line: str) -> NoReturn:
    hint = "wait for it; this one did nothing"
    raise VpatchError("another night is at work in this folder", hint=hint)


def _means(session: Session, root: Path, python: str | None, matrix: str | None) -> Means:
    """Return what a night works with: a session on its own tree."""
    from vpatch.cli.smoke import prove_all  # noqa: PLC0415, lazy
    from vpatch.upkeep.nightly import Means  # noqa: PLC0415, lazy

    # Who upstream is, the user's own files say.
    inner = Session(str(root), session.config.upstream.url, verbose=session.verbose)
    return Means(
        inner.folder,
        inner.bases,
        inner.upstream,
        inner.replays,
        inner.project,
        session.call,
        session.outlook,
        None if python is None else partial(prove_all, inner, python),
        partial(_matrix, inner, matrix),
    )


def _matrix(inner: Session, made_elsewhere: str | None, found: Sequence[Base]) -> Matrix:
    """Return the page's matrix, made here or elsewhere.

    Raises:
        VpatchError: No base gives an answer, or the file is no matrix.
    """
    from vpatch.cli.matrix import made, must_answer  # noqa: PLC0415, lazy
    from vpatch.doors import files  # noqa: PLC0415, lazy
    from vpatch.values.matrix import read_part  # noqa: PLC0415, lazy

    if made_elsewhere:
        text = files.read_text(Path(made_elsewhere))
        whole = read_part(text, show.SCHEMA, where=made_elsewhere)
    else:
        there = dict.fromkeys(base.name for base in [*inner.bases.releases(), *found])
        if not there:
            raise VpatchError("no base is at hand")
        Terminal().say("replaying the series on all releases at hand, for the page")
        # The oldest has the whole history, on whichever base somebody works.
        whole = made(inner, ",".join(there), inner.folder.names()[0])
    must_answer(whole)
    return whole


def _status(night: Night) -> int:
    """Return the exit status: of a bug first, then of what wants a person tonight."""
    if night.diary.has_bugs:
        return bugs.STATUS
    if night.wants_a_person:
        return 1
    return 0 if night.is_whole else VpatchError.status


def _as_json(night: Night) -> dict[str, Any]:
    diary = night.diary
    return {
        "news": [_noted(one) for one in diary.news],
        "before": [_noted(one) for one in diary.before],
        "failures": night.failures,
        "release": next(iter(diary.new.releases), None),
        "branch": night.branch if night.commit else None,
        "commit": night.commit or None,
        "pushed": night.pushed,
        "proofs": night.proven,
        "page": str(night.page) if night.page else None,
        "ok": not _status(night),
    }


def _noted(one: Noted) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415, lazy

    found = asdict(one) | {"wants_a_person": one.wants_a_person}
    del found["told"]
    return found


def _print(night: Night, *, asked: bool) -> None:
    """Print the news, then where the rest is; why something is not there, the news says."""
    for one in night.diary.news:
        show.print_note(one.text)
    if not night.diary.news:
        click.echo("nothing new")
    if night.still_failing:
        show.print_note(f"could still not look at {', '.join(night.still_failing)}")
    click.echo()
    if night.commit:
        branch = night.branch
        line = f"{branch} is at {night.commit[:12]}: git diff HEAD...{branch}"
        show.print_note(line)
    show.echo(f"the page is {night.page}" if night.page else "no page was written")
    if not night.proven:
        click.echo("the proofs were not run" + (": --python PY runs them" * (not asked)))
