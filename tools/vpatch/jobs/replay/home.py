"""A series at home: on its own base, where every patch fits; merges go through it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.values.applied import Placed, read_applied
from vpatch.values.base import Base, version_of
from vpatch.values.paths import parents

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from vpatch.doors.git import Stage
    from vpatch.jobs.replay.memory import Lines, Memory
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The state that a patch was made on."""

    base: Base | None
    """The upstream state below it; None where only single blobs are known."""
    files: Change
    """The files of the patch, as they were."""
    after: Change | None
    """The same files with the patch; None where it does not apply."""
    lines: Lines
    """Where its hunks stand there."""


class Home:
    """The series on its own base, worked out as far as it is asked for.

    Args:
        memory: What is known already.
        patches: The series, its paths those of a tree.
        named: The series' own base by its name, None where nothing tells.
        base: Brings it; asked only where something does not fit.
        releases: The releases at hand, oldest first.
    """

    def __init__(
        self,
        memory: Memory,
        patches: Sequence[Patch],
        named: Base | None,
        base: Callable[[], Base | None],
        releases: Sequence[Base],
    ) -> None:
        self._memory = memory
        self._patches = patches
        self._named = named
        self._base = base
        self._releases = releases
        self._ancestors: list[Ancestor | None] = []
        self._by_index_lines: dict[int, Ancestor | None] = {}
        self._change: Change = {}
        self._tried: dict[tuple[int, frozenset[str]], list[Placed | None]] = {}

    @cached_property
    def base(self) -> Base | None:
        """The series' own base, None where it is not to be had."""
        return self._base()

    def ancestor(self, patch: Patch) -> Ancestor | None:
        """Return the state that a patch was made on, None where it is not at hand."""
        at = self._at(patch)
        if self.base:
            self._walk_to(at)
            if found := self._ancestors[at]:
                return found
        if at not in self._by_index_lines:
            self._by_index_lines[at] = self._found_by_index_lines(patch)
        return self._by_index_lines[at]

    def _walk_to(self, at: int) -> None:
        base = self.base
        assert base is not None  # noqa: S101, for mypy: the caller asked
        if len(self._ancestors) > at:
            return
        with self._memory.repo.stage() as stage:
            # All of it: whoever asks for one patch will ask for others.
            for group in grouped(self._patches[len(self._ancestors) :]):
                self._ancestors += self._made(stage, base, group)

    def _made(
        self, stage: Stage, base: Base, group: Sequence[Patch]
    ) -> Iterator[Ancestor | None]:
        """Put patches that touch different files onto the home state."""
        files = self._files(base, self._change, {p for patch in group for p in patch.paths})
        stage.reset(files)
        ran = stage.apply(b"".join(patch.diff for patch in group))
        if ran.status and len(group) > 1:
            for patch in group:
                yield from self._made(stage, base, [patch])
            return
        if ran.status:
            yield None
            return
        each = iter(read_applied(ran.err, [f for p in group for f in p.files], reverse=False))
        entries = stage.entries()
        for patch in group:
            after: Change = {path: entries.get(path) for path in patch.paths}
            before: Change = {path: files[path] for path in patch.paths if path in files}
            self._change |= after
            yield Ancestor(base, before, after, [next(each) for _ in patch.files])

    def _files(self, base: Base, change: Change, paths: Iterable[str]) -> Change:
        wanted = set(paths)
        files: Change = dict(self._memory.files(base.commit, wanted))
        files |= {path: change[path] for path in wanted if path in change}
        return {path: entry for path, entry in files.items() if entry}

    def _found_by_index_lines(self, patch: Patch) -> Ancestor | None:
        """Find the release whose blobs the ``index`` lines name."""
        wanted = {file.old: file.ids[0] for file in patch.files if file.old}
        if not wanted or not all(wanted.values()):
            return None
        for base in reversed(self._releases):
            files = self._memory.files(base.commit, patch.paths)
            if all(
                path in files and files[path].oid.startswith(oid)
                for path, oid in wanted.items()
            ):
                with self._memory.repo.stage() as stage:
                    stage.reset(files)
                    ran = stage.apply(patch.diff)
                    lines = read_applied(ran.err, patch.files, reverse=False)
                    after: Change | None = None if ran.status else dict(stage.entries())
                return Ancestor(base, dict(files), after, lines)
        return None

    def relevant(self, patch: Patch) -> list[Patch]:
        """Return the patches before one that can matter to it, by the files that they share."""
        paths = set(patch.paths)
        before = self._patches[: self._at(patch)]
        found: list[Patch] = []
        for other in reversed(before):
            if other.paths & paths:
                paths |= other.paths
                found.append(other)
        return found[::-1]

    def behind(self, patch: Patch) -> Sequence[Patch]:
        """Return the patches behind one."""
        return self._patches[self._at(patch) + 1 :]

    def _at(self, patch: Patch) -> int:
        return next(n for n, other in enumerate(self._patches) if other.name == patch.name)

    def fits_without(self, patch: Patch, left_out: Collection[str]) -> list[Placed | None]:
        """Try a patch at home on the series without some patches.

        Returns:
            Where each hunk fits; nothing where the series' own base is not at hand.
        """
        key = self._at(patch), frozenset(left_out)
        if key not in self._tried:
            self._tried[key] = self._try_without(patch, left_out) if self.base else []
        return self._tried[key]

    def _try_without(self, patch: Patch, left_out: Collection[str]) -> list[Placed | None]:
        base = self.base
        assert base is not None  # noqa: S101, for mypy: the caller asked
        change: Change = {}
        with self._memory.repo.stage() as stage:
            for other in self.relevant(patch):
                stage.reset(self._files(base, change, other.paths))
                if other.name not in left_out and stage.apply(other.diff).status == 0:
                    after = stage.entries()
                    change |= {path: after.get(path) for path in other.paths}
            stage.reset(self._files(base, change, patch.paths))
            ran = stage.apply(patch.diff, "--reject")
            lines = read_applied(ran.err, patch.files, reverse=False)
            return [placed for hunks in lines for placed in hunks]

    def between(self, onto: Base) -> list[Base]:
        """Return the releases after the series' own base and before the one replayed onto."""
        own = self.base or self._named
        low = version_of(own.name) if own else None
        high = version_of(onto.name)
        if high is None or low is None:
            # A branch or a commit, or a series of no known base: nothing is known between.
            return []
        return [
            base
            for base in self._releases
            if (version := version_of(base.name)) and low < version < high
        ]


def grouped(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """Split a series where a patch touches a file that one before it in its group touched.

    A group goes to git in one process, which costs more than most patches do. A file is not
    grouped with what is to lie below it either.
    """
    group: list[Patch] = []
    touched: set[str] = set()
    folders: set[str] = set()
    for patch in patches:
        above = {parent for path in patch.paths for parent in parents(path)}
        if patch.paths & (touched | folders) or above & touched:
            yield group
            group, touched, folders = [], set(), set()
        group.append(patch)
        touched |= patch.paths
        folders |= above
    if group:
        yield group
