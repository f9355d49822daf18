"""``vpatch bases``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.values.base import version_of

if TYPE_CHECKING:
    from vpatch.cli.session import Session


@click.command("bases")
@click.option("--fetch", metavar="BASE", help="Bring this base into the store first.")
@options.json
@click.pass_obj
def command(session: Session, fetch: str | None, *, as_json: bool) -> int:
    r"""List the bases at hand, and where each came from.

    \b
    Examples:
      vpatch bases
      vpatch bases --fetch latest
      vpatch bases --fetch main --upstream https://github.com/vllm-project/vllm
    """
    if fetch:
        # A release of the index never changes; a remote is asked again, whatever is at hand.
        url = session.config.upstream.url
        session.bases.get(fetch, fresh=bool(url) or version_of(fetch) is None)
    found = session.bases.at_hand()
    if as_json:
        show.print_json({"bases": [base.as_json() for base in found], "ok": True})
    elif found:
        rows = [(base.name, base.commit[:12], base.source) for base in found]
        show.print_table(("Base", "Commit", "Source…"), rows)
    else:
        click.echo("no base at hand: vpatch bases --fetch latest brings the newest release")
    return 0
