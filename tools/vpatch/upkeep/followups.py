"""Look up what may have fixed, replaced or reverted a pull request that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.errors import DownError, VpatchError
from vpatch.values.followups import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.followups import Candidate
    from vpatch.values.pull import Remark

HISTORY = "upstream's commits"
"""What tells of follow-ups besides threads."""


def look_up(
    upstream: Upstream, ended: Mapping[int, str], down: DownError | None = None
) -> tuple[dict[int, list[Candidate]], dict[int, str], dict[str, str]]:
    """Read threads, and the messages of upstream's commits.

    Args:
        upstream: Who can be asked.
        ended: Pull requests, and the commit by which each was merged, where it was.
        down: Why GitHub need not be asked, where that is known.

    Returns:
        What may follow each up, the first release that has each, and why what was not read.
        Of whom nobody could be asked, nothing is told.
    """
    unread: dict[str, str] = {}
    if down:
        unread = {f"#{number}": _not_read(down) for number in ended}
    threads = {} if down else _threads(upstream, ended, unread)
    spoken = _history(upstream, ended, unread)
    found = {
        number: candidates(
            number,
            merged_as,
            [*threads.get(number, ()), *(spoken or ())],
            upstream.project,
        )
        for number, merged_as in ended.items()
        if number in threads or spoken is not None
    }
    releases: dict[int, str] = {}
    if upstream.pulls and spoken is not None:
        merged = [number for number, commit in ended.items() if commit]
        releases = {number: upstream.pulls.first_release(number) for number in merged}
    return found, releases, unread


def _threads(
    upstream: Upstream, ended: Mapping[int, str], unread: dict[str, str]
) -> dict[int, list[Remark]]:
    """Ask GitHub for the threads, as long as it answers."""
    found: dict[int, list[Remark]] = {}
    if upstream.github is None or not ended:
        return found
    upstream.say(f"asking {upstream.github.host} what was said of them")
    for number in ended:
        try:
            found[number] = upstream.github.thread(number)
        except VpatchError as error:
            reason = _not_read(error)
            unread[f"#{number}"] = reason
            if isinstance(error, DownError):
                unread |= {f"#{one}": reason for one in ended if one not in found}
                rest = f"the threads of #{number} and those after it were not read"
                upstream.say(f"{error}; {rest}")
                break
            upstream.say(f"{error}; the thread of #{number} was not read")
    return found


def _not_read(error: VpatchError) -> str:
    return f"its thread was not read: {error}"


def _history(
    upstream: Upstream, ended: Mapping[int, str], unread: dict[str, str]
) -> list[Remark] | None:
    """Return the commits that speak of any of them, None where nobody could be asked."""
    if upstream.pulls is None or not ended:
        return None
    try:
        upstream.pulls.update()
    except VpatchError as error:
        unread[HISTORY] = str(error)
        upstream.say(f"{error}; {HISTORY} were not read")
        return None
    names = [f"#{number}" for number in ended]
    return upstream.pulls.mentions([*names, *filter(None, ended.values())])
