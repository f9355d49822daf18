"""The answer of ``vpatch smoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import show
from vpatch.values.proof import Outcome

if TYPE_CHECKING:
    from vpatch.cli.session import Asked
    from vpatch.doors.python import Installed
    from vpatch.values.proof import Proof, TestRun

_OUTPUT = 6000
"""Characters of a failing test's output that are shown."""


def answer(
    asked: Asked,
    found: Installed,
    proofs: list[Proof],
    engine: TestRun | None,
    *,
    as_json: bool,
) -> int:
    """Print what proofs showed, and the engine's tests where they were run.

    Returns:
        The exit status.
    """
    ok = all(proof.outcome.good for proof in proofs)
    ok = ok and (engine is None or engine.state == "passed")
    if as_json:
        told = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "python": str(found.python),
            "proofs": [proof.as_json() for proof in proofs],
            "engine": engine.as_json() if engine else None,
        }
        show.print_json(told | {"ok": ok})
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
