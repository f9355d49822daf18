"""Explain hunks that have no place, one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from vpatch.upkeep.explain.commits import Commits
from vpatch.upkeep.explain.place import Made, Places, compared, turned, within
from vpatch.values.explanation import HunkExplanation, unified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.upkeep.explain.timeline import Timeline
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.diff import FileDiff
    from vpatch.values.explanation import Break
    from vpatch.values.tree import Change, Entry
    from vpatch.values.verdict import Replay, Result

_AROUND = 3
"""Lines around those of a hunk that belong to what happened to them."""


class Hunks:
    """The hunks of a patch that fits at home and has no place on another base.

    Args:
        replays: Where replays are made.
        timeline: The releases between the two.
        home: The replay at home.
        result: What became of the patch there.
    """

    def __init__(
        self, replays: Replays, timeline: Timeline, home: Replay, result: Result
    ) -> None:
        self._repo = replays.repo
        self._commits = Commits(replays.bases, timeline)
        self._memory = replays.setting(timeline.series, timeline.ends[1]).memory
        self._timeline = timeline
        self._result = result
        self._state: Change = {}
        """What the patches before it changed at home."""
        for other, change in zip(home.results, home.changes, strict=True):
            if other.patch.name == result.patch.name:
                break
            self._state |= change

    def explained(self, result: Result) -> Iterator[HunkExplanation]:
        """Explain each hunk that has no place.

        Args:
            result: What became of the patch on the base that is asked about.
        """
        patch = self._result.patch
        each = [(file, number) for file in patch.files for number in range(len(file.hunks))]
        for at, (file, number) in enumerate(each):
            if not result.hunks[at].verdict.good:
                yield self._explained(at, file, number)

    def _explained(self, at: int, file: FileDiff, number: int) -> HunkExplanation:
        hunk = file.hunks[number]

        def good(result: Result) -> bool:
            return result.hunks[at].verdict.good

        broke = self._timeline.breaks(good)
        made = self._made(file)
        line = self._line(at, file, number)
        names = self._names(file)
        now = names[self._timeline.ends[1].name]
        found = Places(self._repo, *self._timeline.ends).find(made, hunk, line, now)
        paths = file.paths | {names[broke.good], names[broke.bad]} - {""}
        return HunkExplanation(
            file.path,
            number + 1,
            hunk.old_start,
            found.lines,
            found.path,
            broke,
            found.moved_to,
            found.function,
            found.function_now,
            self._commits.culprit(broke, good, paths),
            self._change(made, line, hunk.old_count, broke, names),
        )

    def _made(self, file: FileDiff) -> Made:
        """Return a file as the patch was made on it."""
        if file.old is None:
            return Made("", None, b"")
        entry = self._state.get(file.old) or self._entry(self._timeline.ends[0], file.old)
        text = self._repo.blobs([entry.oid])[0] if entry else b""
        return Made(file.old, entry, text)

    def _line(self, at: int, file: FileDiff, number: int) -> int:
        """Return the line at which a hunk stands at home, before the patch."""
        start = self._result.hunks[at].new_start
        before = file.hunks[:number]
        shift = sum(hunk.new_count - hunk.old_count for hunk in before)
        return start - shift if start else file.hunks[number].old_start

    def _names(self, file: FileDiff) -> dict[str, str]:
        """Return a file's path on each release at hand, empty where it is gone.

        Renames are looked for from release to release, where a file is still like itself.
        """
        path = file.old or file.new or ""
        releases = [self._timeline.bases[name] for name in self._timeline.at_hand()]
        found = {releases[0].name: path}
        for before, after in pairwise(releases):
            if path and file.old and not self._entry(after, path):
                moved = self._memory.moved(before.commit, after.commit, [path])
                path = moved.get(path, "")
            found[after.name] = path
        return found

    def _entry(self, base: Base, path: str) -> Entry | None:
        return self._memory.files(base.commit, [path]).get(path) if path else None

    def _change(
        self, made: Made, line: int, count: int, broke: Break, names: dict[str, str]
    ) -> str:
        """Return what upstream did to lines between two releases, the older one first."""
        ends = [self._timeline.bases[name] for name in (broke.good, broke.bad)]
        good, bad = (self._entry(base, names[base.name]) for base in ends)
        if made.entry is None or good is None or bad is None:
            return ""
        lines = within(compared(self._repo, made, good.oid), line, count)
        numbers = [one.new for one in lines if one.new]
        if not numbers:
            return ""
        first = max(1, numbers[0] - _AROUND)
        length = numbers[-1] + 1 + _AROUND - first
        there = Made(names[broke.good], good, self._repo.blobs([good.oid])[0])
        found = within(compared(self._repo, there, bad.oid), first, length)
        if all(one.mark == " " for one in found):
            return ""
        older, newer = ((names[name], name) for name in (broke.good, broke.bad))
        if not self._timeline.onward:
            found, older, newer = turned(found), newer, older
        return unified(found, older, newer)
