"""What ``vpatch wheel`` says of the wheel that it made, or did not make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from vpatch.cli import show
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpatch.cli.session import Asked
    from vpatch.values.provenance import Provenance
    from vpatch.values.verdict import Replay

_SHOWN = 3


@dataclass(frozen=True)
class Made:
    """A patched wheel, and what is to be said of it."""

    path: Path
    origin: Provenance
    changed: bool = True
    """False where the wheel that was given is the one that is wanted."""


def print_lost(asked: Asked, replay: Replay, *, as_json: bool) -> int:
    """Say why there is no wheel."""
    results = replay.results
    if as_json:
        answer = {"base": asked.base.as_json(), "series": asked.name, "wheel": None}
        patches = [result.as_json() for result in results]
        show.print_json(answer | {"patches": patches, "ok": False})
        return 1
    _print_table(replay)
    lost = sum(not result.verdict.good for result in results)
    click.echo(
        f"{lost} of {len(results)} patches have no place on {asked.base.name}: "
        "no wheel was written"
    )
    return 1


def _print_table(replay: Replay) -> None:
    show.print_table(
        ("PR", "Patch…", "Verdict"),
        [(show.label(r.patch), r.patch.subject, r.verdict.value) for r in replay.results],
    )
    show.print_notes(replay.results)


def print_made(asked: Asked, replay: Replay, made: Made, *, as_json: bool) -> int:
    """Say what a patched wheel is and holds, and what it does not."""
    origin = made.origin
    if as_json:
        answer = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "wheel": str(made.path),
            "changed": made.changed,
            "patches": [result.as_json() for result in replay.results],
            "left_out": origin.as_json()["left_out"],
            "outside": origin.outside,
            "foreign": origin.foreign,
            "added": origin.added,
            "binary": origin.compiled,
        }
        show.print_json(answer | {"ok": True})
        return 0
    _print_table(replay)
    for one in origin.left_out:
        show.print_note(f"{f'#{one.pr}' if one.pr else one.name} left out: it {one.why}")
    if origin.outside:
        show.print_note(f"changed by the series, and not in the wheel: {few(origin.outside)}")
    if any(path.startswith("requirements/") for path in origin.outside):
        show.print_note(
            "it requires what the official wheel requires, not what the series says"
        )
    if origin.foreign:
        show.print_note(
            f"not as in {asked.base.name}, and not touched by the series: {few(origin.foreign)}"
        )
    if origin.added:
        show.print_note(f"in the wheel, and not in {asked.base.name}: {few(origin.added)}")
    if origin.compiled is not None:
        show.print_note(f"compiled in it: {few(origin.compiled) or 'nothing'}")
    if made.changed:
        click.echo(f"wrote {printable(str(made.path))}")
    else:
        click.echo(f"{printable(str(made.path))} holds this series already: nothing to do")
    return 0


def few(names: Sequence[str]) -> str:
    """Return the first of some names, for a message."""
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
