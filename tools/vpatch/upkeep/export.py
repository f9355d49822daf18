"""The series for other tools, on any base: a folder for quilt and StGit, a mailbox for git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.rewrite import Form, listing, prove, rewrite
from vpatch.values.envelope import in_mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpatch.upkeep.replays import Replays
    from vpatch.values.series import SeriesFile
    from vpatch.values.verdict import Replay

FORMATS = {"quilt": Form.QUILT, "mbox": Form.MAILBOX}


def exported(
    replays: Replays, replay: Replay, source: SeriesFile, format_name: str
) -> Mapping[str, bytes]:
    """Return the files that another tool takes, by path.

    Args:
        replays: Where the replay was made.
        replay: The series on the base; every patch has its place.
        source: The series file whose comments are kept.
        format_name: One of `FORMATS`.
    """
    form = FORMATS[format_name]
    files = rewrite(replay, replays.repo, form)
    prove(replays, replay, files)
    written = [file for file in files if file]
    if form is Form.MAILBOX:
        name = f"{replay.base.name.replace('/', '-')}.mbox"
        return {name: b"".join(in_mailbox(file.content) for file in written)}
    series = {"series": listing(replay, files, source, replays.facts)}
    return series | {file.name: file.content for file in written}
