"""Find a place for a patch that does not fit as it is, hunk by hunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import Placement, diff_of, difference, refused
from vpatch.jobs.replay.blame import made_before, moved_to
from vpatch.jobs.replay.history import look_back
from vpatch.jobs.replay.merge import merge
from vpatch.values.errors import FormatError
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from vpatch.jobs.replay.attempt import Attempt, Case


def place(attempt: Attempt) -> Placement:
    """Find a place for each hunk of a patch that does not apply as it is.

    Raises:
        FormatError: Lines that were missing at the patch's end turn out not to be blank.
    """
    patch = attempt.patch
    if patch.chopped:
        raise FormatError(
            "the diff breaks off: lines are missing at its end that are not blank ones",
            where=patch.name,
            hint="get the patch again; it was cut on its way",
        )
    if not attempt.cases:
        return _without_hunks(attempt)
    for case in attempt.cases:
        _settle(attempt, case)
    if twice := made_before(attempt):
        for case in attempt.cases:
            case.verdict = None if case.verdict is Verdict.LANDED else case.verdict
        return refused(attempt, twice)
    look_back(attempt)
    for case in attempt.open:
        _by_landmark(attempt, case)
    return (None if attempt.open else _put_in(attempt)) or merge(attempt)


def _settle(attempt: Attempt, case: Case) -> None:
    """Settle a hunk that fits, or that stands there already.

    A file that is gone may have moved, so its absence alone says nothing of a deletion.
    """
    if case.there and (case.fit is None or case.is_nearer_there):
        if case.file.new is not None or not moved_to(attempt, case.file):
            case.settle(Verdict.LANDED, case.there.line)
    elif case.fit:
        verdict = Verdict.OFFSET if case.fit.offset else Verdict.CLEAN
        case.settle(verdict, case.fit.line)


def _by_landmark(attempt: Attempt, case: Case) -> None:
    for mark in attempt.setting.held(attempt.patch):
        if mark.path in case.file.paths:
            case.settle(Verdict.LANDED, mark.line, mark.evidence)
            return


def _put_in(attempt: Attempt) -> Placement | None:
    """Apply the hunks that fit, without those that landed; None where they go not together."""
    wanted = [case for case in attempt.cases if case.verdict is not Verdict.LANDED]
    hunks = [case.result() for case in attempt.cases]
    cause = "; ".join(sorted({case.cause for case in attempt.cases if case.cause}))
    if not wanted:
        return Placement(hunks, cause=cause or "the base has every line of it")
    stage, state = attempt.stage, attempt.state
    stage.reset(state)
    if stage.apply(diff_of(attempt.patch, wanted)).status:
        return None
    return Placement(hunks, difference(attempt.patch.paths, state, stage.entries()), cause)


def _without_hunks(attempt: Attempt) -> Placement:
    """Place a patch of renames and modes, which is there whole or has no place."""
    attempt.stage.reset(attempt.state)
    if attempt.stage.apply(attempt.patch.diff, "--reverse", "--check").status == 0:
        return Placement([], cause="the base has it", verdict=Verdict.LANDED)
    gone = [file for file in attempt.patch.files if file.old and file.old not in attempt.state]
    reasons = [f"{file.old} is in {moved_to(attempt, file) or 'no file'} now" for file in gone]
    cause = "; ".join(reasons) or "the files have another mode or name in the base"
    return refused(attempt, cause)
