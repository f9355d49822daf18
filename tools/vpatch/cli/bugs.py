"""The report of a bug in vpatch: a file to send, and a line that names it."""

from __future__ import annotations

import os
import re
import sys

from vpatch import __version__
from vpatch.cli import show

STATUS = 4
_LOGIN = re.compile(r"([\w+.-]+://)[^/\n]*@")
"""User and password in an address."""


def report(error: Exception) -> str:
    """Keep the report of a bug, and say where it is.

    Args:
        error: What nobody expected.

    Returns:
        The name of its file; empty where none could be written, and all of it was said.
    """
    import traceback  # noqa: PLC0415, lazy

    from vpatch.cli.session import cache_folder, log_file  # noqa: PLC0415, lazy

    text = "".join(traceback.format_exception(error))
    text = _LOGIN.sub(r"\1", f"vpatch {__version__}\n{sys.argv}\n{text}")
    for token in os.environ.get("GITHUB_TOKEN", "").split():
        text = text.replace(token, "(a token)")
    place = log_file(cache_folder(), text)
    show.echo(f"error: this is a bug in vpatch ({type(error).__name__})", err=True)
    show.echo(f"hint: report it with the file {place}" if place else text, err=True)
    return place.name if place else ""
