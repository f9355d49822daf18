"""``vpatch smoke``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal, patch_named
from vpatch.cli.smoke_answer import answer
from vpatch.cli.target import placed
from vpatch.doors import files
from vpatch.jobs.smoke.prove import Prover
from vpatch.jobs.smoke.record import junit_xml, shown_by
from vpatch.jobs.smoke.runner import Runner
from vpatch.values.base import canonical, version_of
from vpatch.values.errors import BadInputError, RefusedError, VpatchError

if TYPE_CHECKING:
    from vpatch.cli.session import Asked, Ready, Session
    from vpatch.doors.python import Installed
    from vpatch.values.base import Base
    from vpatch.values.patch import Patch
    from vpatch.values.proof import Proof, TestRun
    from vpatch.values.shown import Shown

_MANAGED = "build/env-<base>"
_TIMEOUT = 300
"""Seconds that one test file may run on one tree."""
_FEW = 3
"""Proofs at work that are named one by one."""


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
    whose version decides the base; the installation itself stays untouched. What they showed
    is kept in patches/smoke/proofs.json and told in PATCHES.md.

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
    found = installed(placed(python), package)
    own = _base_of(session, found, base)
    asked = session.serving(own, series)
    names = [patch_named(asked.series, patch) for patch in patches]
    with session.replayed(asked) as ready:
        _refuse_foreign(ready, found, package)
        runner = Runner(found, session.folder.smoke.absolute(), timeout)
        if each_hunk:
            return _weigh(session, asked, ready, runner, names, as_json=as_json)
        prover = Prover(ready.replay, ready.made, runner, package)
        proofs, shown = _prove(session, prover, names)
        ran = _engine(prover) if engine else None
        _keep(session, shown)
        if junit:
            files.write(Path(junit), junit_xml(proofs))
        return answer(asked, found, proofs, ran, as_json=as_json)


def prove_all(session: Session, python: str) -> tuple[Base, list[Proof]]:
    """Prove every patch of the series that serves an environment's vLLM.

    Args:
        session: This run.
        python: The environment: its interpreter or its folder.

    Raises:
        VpatchError: There is no vLLM, or a file that the series touches is somebody else's.
    """
    from vpatch.doors.python import installed  # noqa: PLC0415, lazy
    from vpatch.upkeep.proofs import keep  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    found = installed(placed(python), package)
    asked = session.serving(_base_of(session, found, None), None)
    with session.replayed(asked) as ready:
        _refuse_foreign(ready, found, package)
        runner = Runner(found, session.folder.smoke.absolute(), _TIMEOUT)
        prover = Prover(ready.replay, ready.made, runner, package)
        proofs, shown = _prove(session, prover, [])
    keep(session.folder, session.project, shown, Terminal().say)
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
        head = {"base": asked.base.as_json(), "series": asked.name}
        show.print_json(head | {"hunks": [one.as_json() for one in weights], "ok": True})
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


def _prove(
    session: Session, prover: Prover, names: list[str]
) -> tuple[list[Proof], list[Shown]]:
    """Run proofs, and say what there is to keep of them.

    Raises:
        FormatError: The record of what they showed before is damaged.
    """
    from datetime import UTC, datetime  # noqa: PLC0415, lazy

    # Before they run: the tests as they are now, and nothing that is then for nothing.
    kept = session.folder.proofs()
    found = prover.runner.found
    wanted = names or [patch.name for patch in prover.replay.series.patches]
    watch = _Watch(f"proving {len(wanted)} patches with {found.name} {found.version}")
    proofs = prover.prove(wanted, watch.begun, watch.done)
    day = datetime.now(UTC).date()
    return proofs, list(shown_by(proofs, prover.replay, kept, found, day))


def _engine(prover: Prover) -> TestRun:
    Terminal().say("running the tests of patches/smoke/engine on the whole series")
    return prover.engine(prover.runner.smoke / "engine")


class _Watch:
    """Says what became of each proof, and keeps in mind which are at work.

    Args:
        first: What is said before all of them.
    """

    def __init__(self, first: str) -> None:
        self._terminal = Terminal()
        self._at_work: dict[str, str] = {}
        self._terminal.say(first)

    def begun(self, patch: Patch) -> None:
        """Note that a patch's proof begins."""
        self._at_work[patch.name] = show.label(patch)
        self._note()

    def done(self, proof: Proof) -> None:
        """Say what one showed."""
        del self._at_work[proof.name]
        self._terminal.say(f"{show.label(proof)}: {proof.outcome}")
        self._note()

    def _note(self) -> None:
        names = list(self._at_work.values())
        if names:
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            self._terminal.note(f"now proving {', '.join(names[:_FEW])}{more}")


def _keep(session: Session, shown: list[Shown]) -> None:
    """Write what proofs showed; where that can't be, their answer is worth telling still."""
    from vpatch.upkeep.proofs import keep  # noqa: PLC0415, lazy

    terminal = Terminal()
    try:
        written = keep(session.folder, session.project, shown, terminal.say)
    except VpatchError as error:
        terminal.say(f"what the proofs showed is not kept: {error}")
        terminal.say(f"hint: {error.hint}")
        return
    if written:
        terminal.say(f"wrote {' and '.join(written)}")
