"""``vpatch smoke``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal, patch_named
from vpatch.doors import files
from vpatch.jobs.smoke.prove import Prover
from vpatch.jobs.smoke.record import junit_xml, read_record, record
from vpatch.jobs.smoke.runner import Runner
from vpatch.values.base import canonical, version_of
from vpatch.values.errors import BadInputError, RefusedError
from vpatch.values.proof import Outcome

if TYPE_CHECKING:
    from vpatch.cli.session import Asked, Ready, Session
    from vpatch.doors.python import Installed
    from vpatch.values.base import Base
    from vpatch.values.proof import Proof, TestRun

_MANAGED = "build/env-<base>"
_TIMEOUT = 300
"""Seconds that one test file may run on one tree."""


@click.command("smoke")
@click.argument("patches", nargs=-1, metavar="[PATCH]...")
@options.base
@options.series
@click.option(
    "--python",
    metavar="PY",
    default=_MANAGED,
    show_default=True,
    help="An environment that has vLLM: its interpreter or its folder.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=_TIMEOUT,
    show_default=True,
    help="How long one test file may run on one tree.",
)
@click.option(
    "--junit", metavar="FILE", type=click.Path(dir_okay=False), help="Write JUnit XML."
)
@click.option(
    "--engine",
    is_flag=True,
    help="Run patches/smoke/engine on the whole series as well: minutes, and compiled vLLM.",
)
@click.option(
    "--each-hunk",
    is_flag=True,
    help="Take the hunks out one at a time instead, and list those that no test misses.",
)
@options.json
@click.pass_obj
def command(
    session: Session,
    patches: tuple[str, ...],
    base: str | None,
    series: str | None,
    python: str,
    timeout: float,
    junit: str | None,
    *,
    engine: bool,
    each_hunk: bool,
    as_json: bool,
) -> int:
    r"""Prove patches: the test of each is red on the series without it, green with it.

    The tests are patches/smoke/test_pr<N>.py. They run over overlays of an installed vLLM,
    whose version decides the base; the installation itself stays untouched.

    \b
    Examples:
      vpatch smoke --base v0.16.0
      vpatch smoke 33303 34863 --python ~/venv/bin/python
      vpatch smoke --junit proofs.xml
      vpatch smoke 33303 --each-hunk
    """
    from vpatch.doors.python import installed  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    if python == _MANAGED:
        name = canonical(base or session.usual_base())
        python = str(session.root / "build" / f"env-{name}")
        if not Path(python).exists():
            hint = f"make smoke BASE={name} makes one; --python names one of yours"
            raise BadInputError(f"no environment for {name}", where=python, hint=hint)
    found = installed(Path(python).absolute(), package)
    own = _base_of(session, found, base)
    asked = session.serving(own, series)
    names = [patch_named(asked.series, patch) for patch in patches]
    with session.replayed(asked) as ready:
        _refuse_foreign(ready, found, package)
        runner = Runner(found, session.folder.smoke.absolute(), timeout)
        if each_hunk:
            return _weigh(session, asked, ready, runner, names, as_json=as_json)
        prover = Prover(ready.replay, ready.made, runner, package)
        proofs = _prove(prover, names)
        ran = prover.engine(runner.smoke / "engine") if engine else None
        smoke = session.folder.smoke
        old = read_record(session.proofs)
        files.write(session.proofs, record(old, ready.replay, proofs, smoke))
        if junit:
            files.write(Path(junit), junit_xml(proofs))
        return _answer(asked, found, proofs, ran, as_json=as_json)


def prove_all(session: Session, python: str, kept: Path) -> tuple[Base, list[Proof]]:
    """Prove every patch of the series that serves an environment's vLLM.

    Args:
        session: This run.
        python: The environment: its interpreter or its folder.
        kept: The file that keeps what the proofs showed.

    Raises:
        VpatchError: There is no vLLM, or a file that the series touches is somebody else's.
    """
    from vpatch.doors.python import installed  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    found = installed(Path(python).absolute(), package)
    asked = session.serving(_base_of(session, found, None), None)
    with session.replayed(asked) as ready:
        _refuse_foreign(ready, found, package)
        smoke = session.folder.smoke
        runner = Runner(found, smoke.absolute(), _TIMEOUT)
        proofs = _prove(Prover(ready.replay, ready.made, runner, package), [])
        files.write(kept, record(read_record(kept), ready.replay, proofs, smoke))
    return asked.base, proofs


def _base_of(session: Session, found: Installed, base: str | None) -> Base:
    """Return the base that an environment's vLLM is of.

    Raises:
        BadInputError: It is another than the one named, or of no release.
    """
    version = version_of(found.version)
    own = f"v{version.public}" if version else ""
    if not own or found.version == "":
        raise BadInputError(
            f"its {found.name or 'vLLM'} is of no release ({found.version or 'no version'})",
            where=str(found.python),
            hint="install a released vLLM there",
        )
    if base and canonical(base) != own:
        raise BadInputError(
            f"it holds {own}, not {canonical(base)}",
            where=str(found.python),
            hint=f"leave --base out, or name an environment of {canonical(base)}",
        )
    return session.bases.get(own)


def _refuse_foreign(ready: Ready, found: Installed, package: str) -> None:
    """Refuse an installation in which a file that the series touches is somebody else's.

    One that holds the series is as good as the base: the overlays have their own of each.

    Raises:
        RefusedError: It names the files.
    """
    from vpatch.jobs.smoke.overlay import foreign_files  # noqa: PLC0415, lazy

    replay = ready.replay
    foreign = foreign_files(ready.made, replay, found, package)
    if mine := [path for path in foreign if path in replay.touched]:
        raise RefusedError(
            f"the installed files are not those of {replay.base.name}",
            where=", ".join(mine),
            hint=f"install {found.name} {found.version} again; this one proves nothing",
        )
    if foreign:
        shown = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")  # noqa: PLR2004
        Terminal().say(f"not as in {replay.base.name}, and not touched by the series: {shown}")


def _weigh(
    session: Session,
    asked: Asked,
    ready: Ready,
    runner: Runner,
    names: list[str],
    *,
    as_json: bool,
) -> int:
    """Weigh the hunks of patches; what no test misses is told, and is no failure."""
    import os  # noqa: PLC0415, lazy

    from vpatch.jobs.smoke.weigh import Scale  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    touched = ready.replay.touched
    scale = Scale(ready.again, ready.made, runner, package, touched, os.cpu_count() or 1)
    terminal = Terminal()
    weights = []
    for name in names or [patch.name for patch in asked.series.patches]:
        weights += scale.weigh(
            asked.series,
            name,
            lambda one: terminal.say(f"{one.path}:{one.old_start} {one.cause}"),
        )
    if as_json:
        answer = {"base": asked.base.as_json(), "series": asked.name}
        show.print_json(answer | {"hunks": [one.as_json() for one in weights], "ok": True})
        return 0
    rows = [
        (
            show.label(one),
            f"{one.path}:{one.old_start}",
            "yes" if one.noticed else "no",
        )
        for one in weights
    ]
    show.print_table(("PR", "Hunk…", "Missed"), rows)
    for one in weights:
        if not one.noticed:
            show.print_note(f"{one.path}:{one.old_start}: {one.cause}")
    return 0


def _prove(prover: Prover, names: list[str]) -> list[Proof]:
    found = prover.runner.found
    wanted = names or [patch.name for patch in prover.replay.series.patches]
    terminal = Terminal()
    terminal.say(f"proving {len(wanted)} patches with {found.name} {found.version}")
    return prover.prove(
        wanted, lambda proof: terminal.say(f"{show.label(proof)}: {proof.outcome}")
    )


def _answer(
    asked: Asked,
    found: Installed,
    proofs: list[Proof],
    engine: TestRun | None,
    *,
    as_json: bool,
) -> int:
    ok = all(proof.outcome.good for proof in proofs)
    ok = ok and (engine is None or engine.state == "passed")
    if as_json:
        answer = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "python": str(found.python),
            "proofs": [proof.as_json() for proof in proofs],
            "engine": engine.as_json() if engine else None,
        }
        show.print_json(answer | {"ok": ok})
        return 0 if ok else 1
    rows = []
    for proof in proofs:
        runs = [run for run in (proof.red, proof.green, proof.whole) if run]
        seconds = f"{sum(run.seconds for run in runs):.1f} s" if runs else ""
        cells = [run.state if run else "" for run in (proof.red, proof.green, proof.whole)]
        rows.append((show.label(proof), proof.outcome.value, *cells, seconds))
    show.print_table(("PR", "Proof", "Without", "With", "Whole series", "Time"), rows)
    for proof in proofs:
        show.print_note(f"{show.label(proof)} {proof.outcome}: {proof.cause}")
        if proof.outcome is Outcome.FAILED:
            _print_output(proof)
    if engine:
        _print_engine(engine)
    return 0 if ok else 1


def _print_engine(engine: TestRun) -> None:
    click.echo(f"engine: {engine.broken or engine.state} in {engine.seconds:.0f} s")
    for case in engine.cases:
        note = f" ({case.message})" if case.message else ""
        show.print_note(f"  {case.state.value} {case.name}{note}")
    if engine.state in ("failed", "error", "broken"):
        show.echo(engine.output.rstrip()[-_OUTPUT:], err=True)


def _print_output(proof: Proof) -> None:
    """Print what the runs that are to be green said, for the one who mends them."""
    for run in (proof.green, proof.whole):
        if run and run.state != "passed":
            show.echo(run.output.rstrip()[-_OUTPUT:], err=True)
            return
    if proof.red:
        show.echo(proof.red.output.rstrip()[-_OUTPUT:], err=True)


_OUTPUT = 6000
"""Characters of a failing test's output that are shown."""
