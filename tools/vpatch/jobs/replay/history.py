"""Look for a hunk that has no place where it may be all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import TELLING
from vpatch.jobs.replay.scope import in_its_scope
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpatch.jobs.replay.attempt import Attempt, Case
    from vpatch.values.applied import Placed
    from vpatch.values.base import Base
    from vpatch.values.tree import Change

_TELLING = 16
"""Bytes of added text below which its standing somewhere tells nothing."""


def look_back(attempt: Attempt, *, known: bool = False) -> None:
    """Find the hunks that a release between held, by their own lines, and that changed since.

    A hunk whose lines stand in the patch's own base already proves nothing by standing in a
    later release, and one whose old lines are back was taken back.

    Args:
        attempt: The patch.
        known: Ask only of hunks that are known to have landed, since when; else settle them.
    """
    asked = [case for case in attempt.cases if case.fit is None and case.there is None]
    asked = [case for case in asked if (case.verdict is Verdict.LANDED) == known]
    setting, home = attempt.setting, attempt.home.base
    between = attempt.home.between(setting.base) if asked else []
    if not between:
        return
    found = _there(attempt, [*between, *([home] if home else [])])
    vague = found.pop() if home else [False] * len(attempt.cases)
    for base, stands in zip(between, found, strict=True):
        for case, there, before in zip(attempt.cases, stands, vague, strict=True):
            if there and not before and not case.landed_in:
                case.landed_in = base.name
            elif not there and case.landed_in and not case.changed_since:
                case.changed_since = base.name
    for case in attempt.cases:
        if case not in asked or not case.landed_in or _taken_back(attempt, case):
            case.landed_in = case.changed_since = ""
            continue
        # It is not to be seen on the base itself, or it would have been settled before.
        case.changed_since = case.changed_since or setting.base.name
        case.settle(Verdict.LANDED, case.line, case.cause)


def _there(attempt: Attempt, bases: Iterable[Base]) -> list[list[bool]]:
    """Whether each hunk stands on each of some releases."""
    paths = attempt.patch.paths
    states: list[Change] = [dict(attempt.setting.files(b.commit, paths)) for b in bases]
    return [[there is not None for there in found] for found in present(attempt, states)]


def present(attempt: Attempt, states: Sequence[Change]) -> list[list[Placed | None]]:
    """Return where each hunk stands already in each of some states of its files."""
    asked = [(attempt.patch, state) for state in states]
    lines = attempt.setting.memory.lines(attempt.stage, asked, reverse=True)
    return [[placed for hunks in found for placed in hunks] for found in lines]


def _taken_back(attempt: Attempt, case: Case) -> bool:
    """Whether nothing of it is left: of what it adds, or else of its having taken out."""
    lines = case.hunk.change.splitlines(keepends=True)
    added = [line[1:] for line in lines if line[:1] == b"+" and len(line.strip()) > TELLING]
    if added:
        return not any(attempt.count(case.file, line)[0] for line in added)
    return attempt.count(case.file, case.hunk.longest(b"-"))[0] > 0


def beneath_later(attempt: Attempt) -> None:
    """Settle the hunks that stand on the base beneath the changes of later patches.

    Where the whole of a series has landed, its last patches hide its first.
    """
    paths = attempt.patch.paths
    behind = attempt.home.behind(attempt.patch) if attempt.open else []
    later = [patch for patch in behind if patch.paths <= paths]
    state: Change = dict(attempt.setting.files(attempt.setting.base.commit, paths))
    taken: list[str] = []
    for patch in reversed(later):
        attempt.stage.reset(state)
        if attempt.stage.apply(patch.diff, "--reverse").status == 0:
            state = dict(attempt.stage.entries())
            taken.append(patch.name)
    if not taken:
        return
    found = present(attempt, [state])[0]
    for case, there in zip(attempt.cases, found, strict=True):
        if case.verdict is None and there:
            case.settle(Verdict.LANDED, cause=f"it stands beneath {', '.join(taken)}")


def stands_elsewhere(attempt: Attempt) -> None:
    """Settle the hunks that only add, and whose lines stand in the file once, as they did not.

    The end of a file to which both sides appended is such a place.
    """
    for case in attempt.open:
        added = case.hunk.longest(b"+")
        whole = case.hunk.change == b"".join(
            b"+" + line for line in added.splitlines(keepends=True)
        )
        found = whole and len(added) >= _TELLING and attempt.count(case.file, added) == (1, 0)
        if found and in_its_scope(attempt, case, added):
            note = f"its lines stand elsewhere in {case.file.path}"
            case.settle(Verdict.LANDED, cause=note)
