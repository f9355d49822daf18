"""Find a place for a patch that does not fit as it is, hunk by hunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import Placement, diff_of, difference, refused
from vpatch.jobs.replay.blame import made_before, moved_to, went_elsewhere
from vpatch.jobs.replay.clash import conflict
from vpatch.jobs.replay.history import beneath_later, look_back, stands_elsewhere
from vpatch.jobs.replay.merge import merged
from vpatch.jobs.replay.scope import landed_astray
from vpatch.values.errors import FormatError
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from vpatch.jobs.replay.attempt import Attempt, Case


def settle(attempt: Attempt) -> None:
    """Give a verdict to each hunk whose place is beyond doubt.

    Raises:
        FormatError: Lines that were missing at the patch's end turn out not to be blank.
    """
    if attempt.patch.chopped and not attempt.fits_ancestor:
        raise FormatError(
            "the diff breaks off: lines are missing at its end that are not blank ones",
            where=attempt.patch.name,
            hint="get the patch again; it was cut on its way",
        )
    for case in attempt.cases:
        _settle(attempt, case)


def place(attempt: Attempt) -> Placement:
    """Find a place for each hunk that is not settled, and put the patch in."""
    if twice := made_before(attempt):
        for case in attempt.cases:
            case.verdict = None if case.verdict is Verdict.LANDED else case.verdict
        return refused(attempt, twice)
    if lost := _without_folder(attempt):
        return refused(attempt, lost)
    _by_landmarks(attempt)
    if found := _put_in(attempt) or merged(attempt):
        return found
    # It may be there all the same: once upon a time, under a later patch, between other lines.
    for look in (look_back, beneath_later, stands_elsewhere):
        look(attempt)
    return _put_in(attempt) or merged(attempt) or conflict(attempt)


def _settle(attempt: Attempt, case: Case) -> None:
    """Settle a hunk whose place is beyond doubt; what is left open is for the merge.

    Lines that stand in a file more than once, and stood there before, prove nothing.
    """
    if case.there and case.is_near_there:
        if _has_landed(attempt, case):
            case.settle(Verdict.LANDED, case.there.line)
    elif case.fit:
        times, before = attempt.count(case.file, case.hunk.side(new=False))
        if max(times, before) == 1 or (not case.fit.offset and not attempt.fits_ancestor):
            verdict = Verdict.OFFSET if case.fit.offset else Verdict.CLEAN
            case.settle(verdict, case.fit.line)


def _has_landed(attempt: Attempt, case: Case) -> bool:
    """Whether a hunk that stands in a file is the change, and no twin of it."""
    if case.fit and attempt.fits_ancestor:
        # It could go in as well: the merge knows which of the two places is meant.
        return False
    now, then = attempt.count(case.file, case.hunk.side(new=True))
    if case.file.new is None:
        return not moved_to(attempt, case.file)
    return now > then and not went_elsewhere(attempt, case) and not landed_astray(attempt, case)


def _by_landmarks(attempt: Attempt) -> None:
    """Settle open hunks of whose file a landmark speaks, and look up since when."""
    marks = attempt.setting.held(attempt.patch) if attempt.open else []
    for mark in marks:
        for case in attempt.open:
            if mark.path in case.file.paths or mark.path == attempt.renamed(case.file):
                case.settle(Verdict.LANDED, mark.line, mark.evidence)
    if marks:
        look_back(attempt, known=True)


def _without_folder(attempt: Attempt) -> str:
    """Say it where a file is to be new in a folder from which upstream moved its neighbours."""
    left = {old.rpartition("/")[0]: (old, new) for old, new in attempt.renames.items()}
    for file in attempt.undone:
        folder = (file.new or "").rpartition("/")[0]
        if file.old is None and folder in left:
            old, new = left[folder]
            return f"{file.new} is to be new beside {old}, which moved to {new}"
    return ""


def _put_in(attempt: Attempt) -> Placement | None:
    """Apply what fits, without what landed; None where it does not go together."""
    if attempt.open:
        return None
    wanted = attempt.wanted
    hunks = [case.result() for case in attempt.cases]
    cause = "; ".join(sorted({case.cause for case in attempt.cases if case.cause}))
    if not wanted and not attempt.undone:
        if not any(case.landed_in for case in attempt.cases):
            cause = cause or "the base has every line of it"
        return Placement(hunks, cause=cause, verdict=Verdict.LANDED)
    stage, state = attempt.stage, attempt.state
    stage.reset(state)
    if stage.apply(diff_of(attempt, wanted)).status:
        return None
    change = difference(attempt.patch.paths, state, stage.entries())
    # A file that is made, renamed or given a mode behind landed hunks is a part that had not.
    partly = Verdict.PARTIAL if len(wanted) < len(attempt.cases) else None
    return Placement(hunks, change, cause, partly)
