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
        if stage.apply(diff_of(patch, cases)).status:
            return None
        repo = self.attempt.setting.repo
        if self.whole and self.ancestor.base:
            after = stage.entries()
            change = self.ancestor.change | {path: after.get(path) for path in patch.paths}
            theirs = repo.tree_of(self.ancestor.base.commit, change)
        else:
            theirs = stage.write()
        return repo.merge(self.ancestor_tree, self.ours_tree, theirs)


def merge(attempt: Attempt) -> Placement:
    """Merge what has not landed, and settle each hunk that is still open."""
    ancestor = attempt.home.ancestor(attempt.patch)
    if ancestor is None:
        note = "no three-way merge, since the base that it was made on is not at hand"
        return refused(attempt, f"{cause_of(attempt)} ({note})")
    sides = _sides(attempt, ancestor)
    found = sides.merged(c for c in attempt.cases if c.verdict is not Verdict.LANDED)
    if found is None:
        note = "it does not apply on the base that it was made on either"
        return refused(attempt, f"{cause_of(attempt)} ({note})")
    clean, tree = found
    for case in attempt.open:
        _settle(sides, case)
    if not clean:
        if not attempt.open:
            # Each merges alone and not together: all of them are in conflict.
            for case in attempt.cases:
                case.verdict = None if case.verdict is Verdict.MERGED else case.verdict
        return refused(attempt, cause_of(attempt))
    return _placed(attempt, ancestor, sides.ours_tree, tree)


def _placed(attempt: Attempt, ancestor: Ancestor, ours: str, tree: str) -> Placement:
    repo = attempt.setting.repo
    changed = repo.changed(ours, tree)
    after = repo.entries(tree, changed)
    change: Change = {path: after.get(path) for path in changed}
    for case in attempt.cases:
        if case.verdict is Verdict.MERGED:
            _find_line(attempt, case, change)
    via = ancestor.base.name if ancestor.base else "the blobs that its index lines name"
    note = f"merged through {via}"
    if elsewhere := sorted(path for path in changed if path not in attempt.patch.paths):
        note += f", followed to {', '.join(elsewhere)}"
    if not changed:
        note = f"a three-way merge through {via} changes nothing"
    return Placement([case.result() for case in attempt.cases], change, note)


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
    if found and found[0]:
        if found[1] == sides.ours_tree:
            case.settle(Verdict.LANDED, cause="a three-way merge of it changes nothing")
        else:
            case.settle(Verdict.MERGED)


def _find_line(attempt: Attempt, case: Case, change: Change) -> None:
    """Find at which line a merged hunk stands, by the longest run of lines that it adds."""
    entry = change.get(case.file.path)
    if entry is None:
        return
    runs: list[bytes] = [b""]
    for line in case.hunk.text.splitlines(keepends=True)[1:]:
        if line.startswith(b"+"):
            runs[-1] += line[1:]
        elif runs[-1]:
            runs.append(b"")
    added = max(runs, key=len)
    text = attempt.setting.repo.blobs([entry.oid])[0]
    if added and text.count(added) == 1:
        case.line = text[: text.index(added)].count(b"\n") + 1
