"""What a hunk without a place expects, against what stands there on each base."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vpatch.upkeep.explain.place import Made, compared, within
from vpatch.upkeep.report.page import Facing
from vpatch.values.paths import decode
from vpatch.values.span import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpatch.jobs.replay import Setting
    from vpatch.values.base import Base
    from vpatch.values.diff import Hunk
    from vpatch.values.explanation import Line
    from vpatch.values.matrix import Row
    from vpatch.values.patch import Patch
    from vpatch.values.span import Cell
    from vpatch.values.tree import Entry

    Faced = list[Facing | None]

_MOST = 400
"""Lines of a comparison that are shown: what is longer is no longer read."""


class Faces:
    """The two texts of hunks in conflict.

    Upstream's text is looked for where the hunk's file is, or went: where single lines went is
    for `explain`, which searches the whole tree for them.

    Args:
        setting: The series on any base.
        bases: The bases that it is on, in order.
        name: The series' own base.
    """

    def __init__(self, setting: Setting, bases: Sequence[Base], name: str) -> None:
        self._repo = setting.repo
        self._memory = setting.memory
        self._bases = bases
        self._patches = setting.located()
        self._home = setting.home_of(self._patches)
        self._name = name
        self._memory.expect(path for patch in self._patches for path in patch.paths)
        # Neighbouring releases mostly have the same file.
        self._compared = lru_cache(maxsize=16)(self._compare)

    def of(self, rows: Mapping[str, Row]) -> Iterator[tuple[tuple[str, str], Faced]]:
        """Yield for each cell in conflict its patch and base, and the texts of its hunks."""
        for at, patch in enumerate(self._patches):
            cells = {base: row[at] for base, row in rows.items()}
            lost = {base: lost_in(cell) for base, cell in cells.items()}
            found: dict[str, Faced] = {
                base: [None] * len(lost[base]) for base in cells if any(lost[base])
            }
            if found and patch.located:
                self._fill(patch, lost, found)
            yield from (((patch.name, base), faces) for base, faces in found.items())

    def _fill(
        self, patch: Patch, lost: Mapping[str, list[bool]], found: Mapping[str, Faced]
    ) -> None:
        ancestor = self._home.ancestor(patch)
        if ancestor is None:
            return
        first = 0
        for file, placed in zip(patch.files, ancestor.lines, strict=True):
            path, last = file.old or "", first + len(file.hunks)
            made = self._made(path, ancestor.files.get(path))
            for base, now in self._paths(path or file.new or ""):
                wanted = [n for n, one in enumerate(lost[base.name][first:last]) if one]
                whole = self._compared(made, self._entry(base, now)) if wanted else []
                for n in wanted:
                    offset = at.offset if (at := placed[n]) else 0
                    face = _facing(made, now, whole, file.hunks[n], offset)
                    found[base.name][first + n] = face
            first = last

    def _made(self, path: str, entry: Entry | None) -> Made:
        text = self._memory.texts([entry.oid])[entry.oid] if entry else b""
        return Made(path, entry, text)

    def _compare(self, made: Made, there: Entry | None) -> list[Line]:
        return compared(self._repo, made, there.oid) if made.entry and there else []

    def _entry(self, base: Base, path: str) -> Entry | None:
        return self._memory.files(base.commit, [path]).get(path) if path else None

    def _paths(self, path: str) -> Iterator[tuple[Base, str]]:
        """Yield a file's path on each base, empty where it is gone.

        A rename is looked for from base to base, away from home, where a file is still like
        itself.
        """
        names = [base.name for base in self._bases]
        home = names.index(self._name) if self._name in names else 0
        for way in (self._bases[home:], self._bases[: home + 1][::-1]):
            now = path
            for before, base in zip((way[0], *way), way, strict=False):
                if now and not self._entry(base, now):
                    moved = self._memory.moved(before.commit, base.commit, [now])
                    now = moved.get(now, "")
                yield base, now


def _facing(made: Made, path: str, whole: Sequence[Line], hunk: Hunk, offset: int) -> Facing:
    first = hunk.old_start + offset
    lines = list(within(whole, first, hunk.old_count))
    if not lines and made.entry:
        texts = decode(made.text).split("\n")[first - 1 : first - 1 + hunk.old_count]
        pairs = [("-", text) for text in texts]
    else:
        pairs = [(line.mark, line.text) for line in lines]
    there = next((line.new for line in lines if line.new), 0)
    function = made.function(first, first + max(0, hunk.old_count - 1))
    return Facing(path, function, first, there, tuple(pairs[:_MOST]))


def lost_in(cell: Cell) -> list[bool]:
    """Return for each hunk of a result whether it has no place."""
    return [not verdict_of(hunk).good for hunk in cell["hunks"]]
