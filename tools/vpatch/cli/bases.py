"""``vpatch bases``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.session import Terminal
from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from vpatch.cli.session import Session

_NO_ANSWER = 3


@click.command("bases")
@click.option(
    "--fetch", metavar="A..B", help="Bring these into the store first, as matrix takes them."
)
@options.json
@click.pass_obj
def command(session: Session, fetch: str | None, *, as_json: bool) -> int:
    r"""List the bases at hand, and where each came from.

    Exit status: 3 not all that was to be brought could be; a release of a range that nobody
    offers is none of it.

    \b
    Examples:
      vpatch bases
      vpatch bases --fetch latest
      vpatch bases --fetch v0.16.0..
      vpatch bases --fetch main --upstream https://github.com/vllm-project/vllm
    """
    missing = _bring(session, fetch) if fetch else {}
    found = session.bases.at_hand()
    if as_json:
        answer = {"bases": [base.as_json() for base in found], "ok": not missing}
        show.print_json(answer | ({"missing": missing} if fetch else {}))
    elif found:
        rows = [(base.name, base.commit[:12], base.source) for base in found]
        show.print_table(("Base", "Commit", "Source…"), rows)
    else:
        click.echo("no base at hand: vpatch bases --fetch latest brings the newest release")
    for name, reason in missing.items():
        show.echo(f"no answer for {name}: {reason}", err=True)
    return _NO_ANSWER if missing else 0


def _bring(session: Session, text: str) -> dict[str, str]:
    """Bring bases, and return why some could not be had; one alone is an error by itself."""
    bases = session.bases
    if "," not in text and ".." not in text:
        # A release of the index never changes; a remote is asked again, whatever is at hand.
        url = session.config.upstream.url
        bases.get(text, fresh=bool(url) or version_of(text) is None)
        return {}
    from vpatch.upkeep.matrix import named  # noqa: PLC0415, lazy

    if ".." in text:
        # Where the index is silent, nobody knows what a range has, and `named` goes on.
        bases.index.versions()
    missing: dict[str, str] = {}
    for name, is_gap in named(bases, text, Terminal().say).items():
        try:
            bases.complete(bases.get(name, fresh=version_of(name) is None))
        except VpatchError as error:
            if not (is_gap and isinstance(error, BadInputError)):
                missing[name] = str(error)
    return missing
