"""Merge a patch three-way, through the state that it was made on, by git's own merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.doors.git import Sides, merge_each
from vpatch.jobs.replay.attempt import Placement, diff_of, parts_of, written
from vpatch.jobs.replay.blame import went_elsewhere
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vpatch.doors.git import Stage
    from vpatch.jobs.replay.attempt import Attempt, Case, Parts
    from vpatch.jobs.replay.home import Ancestor
    from vpatch.jobs.replay.memory import Memory
    from vpatch.values.tree import Change, Entries


def merge_ahead(attempts: Iterable[Attempt]) -> None:
    """Merge what is open of several patches, whole and hunk by hunk, in one run of git."""
    asked: dict[tuple[int, bytes], tuple[Attempt, Parts]] = {}
    for attempt in attempts:
        if attempt.ancestor and attempt.open and not attempt.moves_what_moved:
            for cases in (attempt.wanted, *([case] for case in attempt.open)):
                parts = parts_of(attempt, cases)
                asked[(id(attempt), written(parts))] = attempt, parts
    new = {key: it for key, it in asked.items() if key[1] not in it[0].merges}
    found = _merged(list(new.values()))
    for (_, diff), (attempt, _), files in zip(new, new.values(), found, strict=True):
        attempt.merges[diff] = files
    if new:
        # What merged is looked into: where it stands, and in which function.
        attempt = next(iter(new.values()))[0]
        states = [files for files in found if files]
        oids = {entry.oid for state in states for entry in state.values() if entry}
        attempt.setting.memory.texts(oids)


def _merged(asked: Sequence[tuple[Attempt, Parts]]) -> list[Change | None]:
    if not asked:
        return []
    attempt = asked[0][0]
    memory = attempt.setting.memory
    made = _made(memory, attempt.stage, [(ancestor_of(a), parts) for a, parts in asked])
    sides = [
        Sides(ancestor_of(other).files, other.ours, theirs)
        for (other, _), theirs in zip(asked, made, strict=True)
        if theirs is not None
    ]
    found = iter(merge_each(memory.repo, sides))
    merges = [next(found) if theirs is not None else None for theirs in made]
    return [dict(files) if files is not None else None for files in merges]


def ancestor_of(attempt: Attempt) -> Ancestor:
    """Return the state that a patch was made on, which the caller knows to be at hand."""
    assert attempt.ancestor is not None  # noqa: S101, for mypy
    return attempt.ancestor


def _made(
    memory: Memory, stage: Stage, asked: Sequence[tuple[Ancestor, Parts]]
) -> list[Change | None]:
    """Put some hunks onto the state that their patch was made on, many in one process.

    Returns:
        The files; None where they do not apply there.
    """
    keys = [(frozenset(ancestor.files.items()), written(parts)) for ancestor, parts in asked]
    new = dict(zip(keys, asked, strict=True))
    new = {key: it for key, it in new.items() if key not in memory.made}
    if new:
        found = _applied(stage, list(new.values()))
        memory.made |= dict(zip(new, found, strict=True))
    return [memory.made[key] for key in keys]


def _applied(stage: Stage, asked: Sequence[tuple[Ancestor, Parts]]) -> list[Change | None]:
    stage.reset(
        {
            f"{number}/{path}": entry
            for number, (ancestor, _) in enumerate(asked)
            for path, entry in ancestor.files.items()
        }
    )
    diff = b"".join(
        written((file.below(str(number)), hunks) for file, hunks in parts)
        for number, (_, parts) in enumerate(asked)
    )
    if diff and stage.apply(diff).status:
        # One that does not apply keeps all others out.
        return [None] if len(asked) == 1 else [_applied(stage, [one])[0] for one in asked]
    found: list[Entries] = [{} for _ in asked]
    for path, entry in stage.entries().items():
        number, _, name = path.partition("/")
        found[int(number)][name] = entry
    return [dict(files) for files in found]


def made_at_home(attempt: Attempt, cases: Sequence[Case]) -> Change | None:
    """Return the files as some hunks leave them where they were made; None without a place."""
    asked = [(ancestor_of(attempt), parts_of(attempt, cases))]
    return _made(attempt.setting.memory, attempt.stage, asked)[0]


def merge_of(attempt: Attempt, cases: Sequence[Case]) -> Change | None:
    """Return what the files become by merging some hunks; None where it does not go through."""
    if attempt.moves_what_moved:
        # Two sides that move one file are in conflict, which no merge by one name would see.
        return None
    diff = diff_of(attempt, cases)
    if diff not in attempt.merges:
        merge_ahead([attempt])
    if diff not in attempt.merges:
        attempt.merges[diff] = _merged([(attempt, parts_of(attempt, cases))])[0]
    return attempt.merges[diff]


def merged(attempt: Attempt) -> Placement | None:
    """Merge what has not landed, and settle each hunk that is still open.

    Returns:
        The placement, None where the merge does not go through.
    """
    if attempt.ancestor is None:
        return None
    files = merge_of(attempt, _wanted(attempt))
    if files is None:
        return None
    for case in attempt.open:
        settle(attempt, case)
    if any(went_elsewhere(attempt, case) for case in attempt.open):
        return None
    for case in attempt.open:
        # It merges with the others, if not alone.
        case.settle(Verdict.MERGED)
    return placed(attempt, files)


def _wanted(attempt: Attempt) -> list[Case]:
    """Return the hunks to merge: all, where they do not apply without those that landed."""
    parted = made_at_home(attempt, attempt.wanted) is None
    return attempt.cases if parted else attempt.wanted


def settle(attempt: Attempt, case: Case) -> None:
    """Merge one hunk by itself: it changes something, or nothing, or has no place."""
    files = merge_of(attempt, [case])
    if files is None:
        return
    if files == attempt.ours:
        if went_elsewhere(attempt, case):
            return
        case.settle(Verdict.LANDED, cause="a three-way merge of it changes nothing")
    elif case.fit and files == _as_it_fits(attempt, case):
        # The merge bears out where it fits unchanged.
        verdict = Verdict.OFFSET if case.fit.offset else Verdict.CLEAN
        case.settle(verdict, case.fit.line)
    else:
        case.settle(Verdict.MERGED)


def _as_it_fits(attempt: Attempt, case: Case) -> Change | None:
    attempt.stage.reset(attempt.state)
    fits = attempt.stage.apply(diff_of(attempt, [case])).status == 0
    return dict(attempt.stage.entries()) if fits else None


def placed(attempt: Attempt, files: Change) -> Placement:
    """Return the placement by a merge that went through."""
    change: Change = {
        attempt.renames.get(path, path): files.get(path)
        for path in attempt.ours.keys() | files.keys()
        if attempt.ours.get(path) != files.get(path)
    }
    for case in attempt.cases:
        if case.verdict is Verdict.MERGED:
            _find_line(attempt, case, change)
    hunks = [case.result() for case in attempt.cases]
    causes = sorted({case.cause for case in attempt.cases if case.cause})
    home = ancestor_of(attempt).base
    via = home.name if home else "the blobs that its index lines name"
    if not change:
        note = f"a three-way merge through {via} changes nothing"
        return Placement(hunks, cause="; ".join(causes) or note, verdict=Verdict.LANDED)
    if any(case.verdict is Verdict.MERGED for case in attempt.cases) or not attempt.cases:
        elsewhere = sorted(path for path in change if path not in attempt.patch.paths)
        followed = f", followed to {', '.join(elsewhere)}" if elsewhere else ""
        causes.append(f"three-way through {via}{followed}")
    verdict = None if attempt.cases else Verdict.MERGED
    return Placement(hunks, change, "; ".join(causes), verdict)


def _find_line(attempt: Attempt, case: Case, change: Change) -> None:
    """Find at which line a merged hunk stands, by the longest run of lines that it adds."""
    path = case.file.new or ""
    entry = change.get(attempt.renames.get(path, path))
    added = case.hunk.longest(b"+")
    if entry is None or not added:
        return
    text = attempt.texts({path: entry})[path]
    if text.count(added) == 1:
        case.line = text[: text.index(added)].count(b"\n") + 1
