"""Merge a patch three-way, through the state that it was made on, by git's own merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.jobs.replay.attempt import Placement, diff_of, refused
from vpatch.jobs.replay.blame import cause_of
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.jobs.replay.attempt import Attempt, Case
    from vpatch.jobs.replay.home import Ancestor
    from vpatch.values.tree import Change


@dataclass(slots=True)
class _Sides:
    """Ancestor and ours, as trees that git can merge."""

    attempt: Attempt
    ancestor: Ancestor
    ancestor_tree: str
    ours_tree: str
    whole: bool
    """Whether the trees hold all of vLLM, so that renames can be followed."""

    def merged(self, cases: Iterable[Case]) -> tuple[bool, str] | None:
        """Merge these hunks; None where they do not fit the state they were made on."""
        stage, patch = self.attempt.stage, self.attempt.patch
        stage.reset(self.ancestor.files)
        if stage.apply(diff_of(self.attempt, cases)).status:
            return None
        repo = self.attempt.setting.repo
        if self.whole and self.ancestor.base:
            after = stage.entries()
            change = self.ancestor.change | {path: after.get(path) for path in patch.paths}
            theirs = repo.tree_of(self.ancestor.base.commit, change)
        else:
            theirs = stage.write()
        return repo.merge(self.ancestor_tree, self.ours_tree, theirs)


def merged(attempt: Attempt) -> Placement | None:
    """Merge what has not landed, and settle each hunk that is still open.

    Returns:
        The placement, None where the merge does not go through.
    """
    if attempt.ancestor is None:
        return None
    sides = _sides(attempt, attempt.ancestor)
    clean, tree = sides.merged(attempt.wanted) or (False, "")
    if not clean:
        return None
    for case in attempt.open:
        _settle(sides, case)
    for case in attempt.open:
        # It merges with the others, if not alone.
        case.settle(Verdict.MERGED)
    return _placed(attempt, attempt.ancestor, sides.ours_tree, tree)


def conflict(attempt: Attempt) -> Placement:
    """Give up on a patch: say which of its hunks would merge, and why the others do not."""
    note = ""
    if attempt.ancestor is None:
        note = "the base that it was made on is not at hand to merge through"
    elif not attempt.fits_ancestor():
        note = "it does not apply on the base that it was made on either"
    else:
        sides = _sides(attempt, attempt.ancestor)
        lost = attempt.open
        for case in lost:
            _settle(sides, case)
        if not attempt.open:
            # Each merges alone and not together: all of them are in conflict.
            for case in lost:
                case.verdict = None
    cause = cause_of(attempt)
    if cause and note:
        cause = f"{cause} ({note})"
    return refused(attempt, cause or note or "its hunks fit each by itself, and not together")


def _placed(attempt: Attempt, ancestor: Ancestor, ours: str, tree: str) -> Placement:
    repo = attempt.setting.repo
    changed = repo.changed(ours, tree)
    after = repo.entries(tree, changed)
    change: Change = {path: after.get(path) for path in changed}
    for case in attempt.cases:
        if case.verdict is Verdict.MERGED:
            _find_line(attempt, case, change)
    hunks = [case.result() for case in attempt.cases]
    causes = sorted({case.cause for case in attempt.cases if case.cause})
    via = ancestor.base.name if ancestor.base else "the blobs that its index lines name"
    if not changed:
        note = f"a three-way merge through {via} changes nothing"
        return Placement(hunks, cause="; ".join(causes) or note, verdict=Verdict.LANDED)
    if any(case.verdict is Verdict.MERGED for case in attempt.cases) or not attempt.cases:
        elsewhere = sorted(path for path in changed if path not in attempt.patch.paths)
        followed = f", followed to {', '.join(elsewhere)}" if elsewhere else ""
        causes.append(f"merged through {via}{followed}")
    verdict = None if attempt.cases else Verdict.MERGED
    return Placement(hunks, change, "; ".join(causes), verdict)


def _sides(attempt: Attempt, ancestor: Ancestor) -> _Sides:
    """Make the trees: of the patch's files alone, or of everything where one has moved."""
    state, stage, setting = attempt.state, attempt.stage, attempt.setting
    here = all(file.old is None or file.old in state for file in attempt.patch.files)
    if here or ancestor.base is None:
        stage.reset(ancestor.files)
        before = stage.write()
        stage.reset(state)
        return _Sides(attempt, ancestor, before, stage.write(), whole=False)
    before = setting.repo.tree_of(ancestor.base.commit, ancestor.change)
    ours = setting.repo.tree_of(setting.base.commit, attempt.now)
    return _Sides(attempt, ancestor, before, ours, whole=True)


def _settle(sides: _Sides, case: Case) -> None:
    """Merge one hunk by itself: it changes something, or nothing, or has no place."""
    found = sides.merged([case])
    if not found or not found[0]:
        return
    if found[1] == sides.ours_tree:
        case.settle(Verdict.LANDED, cause="a three-way merge of it changes nothing")
    elif case.fit and found[1] == _as_it_fits(sides, case):
        # The merge bears out where it fits unchanged.
        verdict = Verdict.OFFSET if case.fit.offset else Verdict.CLEAN
        case.settle(verdict, case.fit.line)
    else:
        case.settle(Verdict.MERGED)


def _as_it_fits(sides: _Sides, case: Case) -> str | None:
    attempt = sides.attempt
    if sides.whole:
        return None
    attempt.stage.reset(attempt.state)
    fits = attempt.stage.apply(diff_of(attempt, [case])).status == 0
    return attempt.stage.write() if fits else None


def _find_line(attempt: Attempt, case: Case, change: Change) -> None:
    """Find at which line a merged hunk stands, by the longest run of lines that it adds."""
    entry = change.get(case.file.path)
    added = case.hunk.longest(b"+")
    if entry is None or not added:
        return
    text = attempt.setting.repo.blobs([entry.oid])[0]
    if text.count(added) == 1:
        case.line = text[: text.index(added)].count(b"\n") + 1
