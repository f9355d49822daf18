"""What has no place: say why, and give it the form in which a person can solve it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.doors.git import Sides, merge_marked
from vpatch.jobs.replay.attempt import Placement, difference, refused
from vpatch.jobs.replay.blame import cause_of, lacking
from vpatch.jobs.replay.merge import ancestor_of, made_at_home, settle
from vpatch.values.paths import encode, parents
from vpatch.values.scope import Module
from vpatch.values.verdict import Clash, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vpatch.doors.git import Clashing
    from vpatch.jobs.replay.attempt import Attempt
    from vpatch.jobs.replay.scope import Stray
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change, Entry

_MARKERS = re.compile(rb"^(<{7}|\|{7}|>{7}) .*$", re.MULTILINE)
_MARKS = (b"<<<<<<<", b"|||||||", b">>>>>>>")
_BLOCK = re.compile(rb"^<{7} .*?^>{7} .*?$", re.MULTILINE | re.DOTALL)
_HALF = 32
"""Digits of a key that tell of the change; the others tell of the conflict."""
_NO_ANCESTOR = "the base that it was made on is not at hand to merge through"
_NOT_AT_HOME = "it does not apply on the base that it was made on either"


def conflict(attempt: Attempt) -> Placement:
    """Give up on a patch: say which of its hunks would merge, and why the others do not."""
    note = ""
    if attempt.ancestor is None:
        note = _NO_ANCESTOR
    elif not attempt.fits_ancestor:
        note = _NOT_AT_HOME
    else:
        _settle_each(attempt)
    cause = cause_of(attempt)
    if cause and note:
        cause = f"{cause} ({note})"
    cause = cause or note or "its hunks fit each by itself, and not together"
    placement = refused(attempt, cause)
    if note or not _may_be_solved(attempt):
        return placement
    found = _merged(attempt)
    if not found.stages:
        return placement
    key = _key(attempt, _told(attempt, found))
    return _solved(attempt, placement, key, lambda: _clash(attempt, found, key))


def _settle_each(attempt: Attempt) -> None:
    """Give a verdict to each hunk that would have a place by itself."""
    lost = attempt.open
    for case in lost:
        settle(attempt, case)
    if lacking(attempt):
        # No merge goes through without that file, and tells nothing of what fits as it is.
        for case in attempt.open:
            if case.fit and not case.there:
                verdict = Verdict.OFFSET if case.fit.offset else Verdict.CLEAN
                case.settle(verdict, case.fit.line)
    elif not attempt.open:
        # Each merges alone and not together: all of them are in conflict.
        for case in lost:
            case.verdict = None


def _may_be_solved(attempt: Attempt) -> bool:
    """Whether somebody solves conflicts now, or has solved one of this patch before."""
    own = _key_of_change(attempt)
    setting = attempt.setting
    return setting.solving or any(key.startswith(own) for key in setting.solutions)


def misplaced(attempt: Attempt, found: Placement, strays: Mapping[int, Stray]) -> Placement:
    """Take back what merged or moved into another function than it was made in.

    Args:
        attempt: The patch.
        found: Its placement, otherwise good.
        strays: A line of each such hunk, by its number in the patch.
    """
    hunks = [
        replace(hunk, verdict=Verdict.MISPLACED, cause=str(strays[number]))
        if number in strays
        else hunk
        for number, hunk in enumerate(found.hunks)
    ]
    cause = "; ".join(dict.fromkeys(map(str, strays.values())))
    lost = Placement(hunks, cause=cause, verdict=Verdict.MISPLACED)
    if not _may_be_solved(attempt):
        return lost
    # Without the lines, which move with every release.
    told = [f"{n} {one.path} {one.was} {one.now}" for n, one in strays.items()]
    key = _key(attempt, [b"misplaced", *map(encode, told)])

    def clash() -> Clash:
        return Clash(key, _tree(attempt, found.change), _tree(attempt, {}), {}, {})

    return _solved(attempt, lost, key, clash)


def _solved(
    attempt: Attempt, lost: Placement, key: str, clash: Callable[[], Clash]
) -> Placement:
    """Return the placement by a recorded resolution, where one fits; else the conflict."""
    resolution = attempt.setting.solutions.get(key)
    change = _resolved(attempt, resolution) if resolution else None
    if resolution and change is not None:
        hunks = [
            hunk if hunk.verdict is Verdict.LANDED else replace(hunk, verdict=Verdict.MERGED)
            for hunk in lost.hunks
        ]
        cause = f"resolved as patches/resolutions/{resolution.name}"
        return Placement(hunks, change, cause, solved=True)
    if resolution:
        lost.cause += f"; the resolution {resolution.name} no longer fits"
    if attempt.setting.solving:
        lost.clash = clash()
    return lost


def _resolved(attempt: Attempt, resolution: Patch) -> Change | None:
    """Apply a resolution to the files as they are; None where it has no one place there."""
    setting, stage = attempt.setting, attempt.stage
    if _has_no_room(attempt, resolution):
        return None
    state: Change = dict(setting.files_now(attempt.now, resolution.paths))
    lines = setting.memory.lines(stage, [(resolution, state)], reverse=False)[0]
    texts = attempt.texts(state)
    for file, found in zip(resolution.files, lines, strict=True):
        for hunk, fit in zip(file.hunks, found, strict=True):
            text = texts.get(file.old or "", b"")
            if fit and fit.offset and text.count(hunk.side(new=False)) > 1:
                return None
    stage.reset(state)
    if stage.apply(resolution.diff).status:
        return None
    return difference(resolution.paths, state, stage.entries())


def _has_no_room(attempt: Attempt, resolution: Patch) -> bool:
    """Whether a path of a resolution is a folder, or would lie below a file or a link."""
    there = attempt.setting.entries(attempt.setting.base.commit, resolution.paths)
    now = {**there, **attempt.now}
    above = {parent for path in resolution.paths for parent in parents(path)}
    return any(
        entry and entry.is_folder is (path in resolution.paths)
        for path in resolution.paths | above
        if (entry := now.get(path))
    )


def _merged(attempt: Attempt) -> Clashing:
    """Merge what has not landed as far as it goes."""
    ancestor = ancestor_of(attempt)
    theirs = made_at_home(attempt, attempt.wanted) or ancestor.after or {}
    return merge_marked(attempt.setting.repo, Sides(ancestor.files, attempt.ours, theirs))


def _clash(attempt: Attempt, found: Clashing, key: str) -> Clash:
    """Write the trees of a merge, with markers that name the sides."""
    base = ancestor_of(attempt).base
    labels = {
        "ours": f"{attempt.setting.base.name} and the patches before",
        "ancestor": f"{base.name if base else 'the patch'} and the patches before",
        "theirs": attempt.patch.name,
    }
    change: Change = {}
    for path in attempt.ours.keys() | found.files.keys():
        entry = found.files.get(path)
        if path in found.stages:
            entry = _labelled(attempt, found, entry, labels.values())
        if entry != attempt.ours.get(path):
            change[attempt.renames.get(path, path)] = entry
    stages = {
        attempt.renames.get(path, path): (one.get(1), one.get(2), one.get(3))
        for path, one in found.stages.items()
    }
    return Clash(key, _tree(attempt, change), _tree(attempt, {}), stages, labels)


def _told(attempt: Attempt, found: Clashing) -> Iterator[bytes]:
    """Yield what makes a conflict this conflict, wherever it is met.

    That is which hunks are to be placed and which have no place, and in each file what the
    sides say, and in which function.
    """
    for cases in (attempt.wanted, attempt.open):
        yield " ".join(str(attempt.cases.index(case)) for case in cases).encode()
    files: Change = {path: found.files.get(path) for path in found.stages}
    texts = attempt.texts(files)
    ours = attempt.texts({path: attempt.ours.get(path) for path in found.stages})
    for path in sorted(files):
        yield encode(path)
        yield "".join(str(stage) for stage in sorted(found.stages[path])).encode()
        module = Module(ours.get(path, b"")) if path.endswith(".py") else None
        extra = 0
        text = texts.get(path, b"")
        for block in _BLOCK.finditer(text):
            line = text[: block.start()].count(b"\n") + 1 - extra
            yield encode((module and module.name_at(line)) or "")
            yield _MARKERS.sub(rb"\1", block[0])
            own = block[0].partition(b"\n|||||||")[0].count(b"\n")
            extra += block[0].count(b"\n") + 1 - own


def _labelled(
    attempt: Attempt, found: Clashing, entry: Entry | None, labels: Iterable[str]
) -> Entry | None:
    """Write a file with markers once more, with names that a person knows."""
    if entry is None:
        return None
    lines = attempt.texts({"": entry})[""].split(b"\n")
    marks = zip(_MARKS, found.labels, map(encode, labels), strict=True)
    names = {mark + b" " + was: mark + b" " + name for mark, was, name in marks}
    text = b"\n".join(
        names.get(line) or names.get(line.removesuffix(b"\r"), line) for line in lines
    )
    return replace(entry, oid=attempt.setting.repo.write_blob(text))


def _key(attempt: Attempt, told: Iterable[bytes]) -> str:
    """Return what the same change in the same conflict has on every machine."""
    return _key_of_change(attempt) + _digest(told)[_HALF:]


def _key_of_change(attempt: Attempt) -> str:
    """Return the part of the key that the change has in every conflict."""
    files = attempt.patch.files
    parts = [(encode(file.path), *(hunk.change for hunk in file.hunks)) for file in files]
    return _digest(part for file in parts for part in file)[:_HALF]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d\n%s\n" % (len(part), part))
    return digest.hexdigest()


def _tree(attempt: Attempt, change: Change) -> str:
    """Write the base's tree with what patches changed so far, and more."""
    setting = attempt.setting
    known = setting.files(setting.base.commit, attempt.now)
    made = {path: e for path, e in attempt.now.items() if known.get(path) != e}
    return setting.repo.tree_of(setting.base.commit, made | change)
