"""Look up what may have fixed, replaced or reverted a pull request that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.errors import DownError, VpatchError
from vpatch.values.followups import candidates, strongest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.followups import Candidate
    from vpatch.values.pull import Remark

HISTORY = "upstream's commits"
"""What tells of follow-ups besides threads."""


@dataclass(slots=True)
class Read:
    """What was read of pull requests that have ended."""

    candidates: dict[int, list[Candidate]]
    """By pull request what may follow it up; of whom nobody could be asked, nothing."""
    releases: dict[int, str]
    """The first release that has each."""
    unread: dict[str, str]
    """By what may have told more, as ``#7``, why it was not read."""
    down: DownError | None
    """Why GitHub answers no question any more; None where it does."""


def look_up(
    upstream: Upstream,
    ended: Mapping[int, str],
    known: Mapping[int, list[Candidate]],
    down: DownError | None = None,
) -> Read:
    """Read threads, and the messages of upstream's commits.

    Args:
        upstream: Who can be asked.
        ended: Pull requests, and the commit by which each was merged, where it was.
        known: What was found before; it counts on where something was not read.
        down: Why GitHub need not be asked, where that is known.
    """
    read = Read({}, {}, {}, down)
    threads = _threads(upstream, ended, read)
    spoken = _history(upstream, ended, read.unread)
    for number, merged_as in ended.items():
        if number not in threads and spoken is None:
            continue
        remarks = [*threads.get(number, ()), *(spoken or ())]
        found = candidates(number, merged_as, remarks, upstream.project)
        if read.unread.keys() & {f"#{number}", HISTORY}:
            found = strongest([*found, *known.get(number, ())])
        read.candidates[number] = found
    if upstream.pulls and spoken is not None:
        merged = [number for number, commit in ended.items() if commit]
        read.releases = {number: upstream.pulls.first_release(number) for number in merged}
    return read


def _threads(
    upstream: Upstream, ended: Mapping[int, str], read: Read
) -> dict[int, list[Remark]]:
    """Ask GitHub for the threads, as long as it answers."""
    found: dict[int, list[Remark]] = {}
    if read.down:
        read.unread |= {f"#{number}": _not_read(read.down) for number in ended}
    if upstream.github is None or read.down or not ended:
        return found
    upstream.say(f"asking {upstream.github.host} what was said of them")
    for number in ended:
        try:
            found[number] = upstream.github.thread(number)
        except VpatchError as error:
            reason = _not_read(error)
            read.unread[f"#{number}"] = reason
            if isinstance(error, DownError):
                read.down = error
                read.unread |= {f"#{one}": reason for one in ended if one not in found}
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
