"""Look for a hunk in the releases between: landed, and changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import present
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from vpatch.jobs.replay.attempt import Attempt


def look_back(attempt: Attempt) -> None:
    """Settle the hunks that a release between held, by their own lines.

    A hunk whose lines stand in the patch's own base already proves nothing by standing in a
    later release, so those are left alone.
    """
    setting, home, patch, cases = attempt.setting, attempt.home, attempt.patch, attempt.cases
    between = home.between() if attempt.open else []
    if not between:
        return
    doubtful = [False] * len(cases)
    if home.base:
        state = setting.files(home.base.commit, patch.paths)
        doubtful = [there is not None for there in present(attempt.stage, patch, dict(state))]
    for base in between:
        state = setting.files(base.commit, patch.paths)
        found = present(attempt.stage, patch, dict(state))
        for case, there, vague in zip(cases, found, doubtful, strict=True):
            if case.verdict is not None or vague:
                continue
            if there and not case.landed_in:
                case.landed_in = base.name
            elif not there and case.landed_in and not case.changed_since:
                case.changed_since = base.name
    for case in cases:
        if case.verdict is None and case.landed_in:
            # It is not to be seen on the base itself, or it would have been settled before.
            case.changed_since = case.changed_since or setting.base.name
            case.settle(
                Verdict.LANDED,
                cause=f"landed in {case.landed_in}, changed since in {case.changed_since}",
            )
