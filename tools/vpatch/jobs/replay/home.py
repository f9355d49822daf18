"""A series at home: on its own base, where every patch fits; merges go through it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.values.applied import Placed, read_applied
from vpatch.values.base import Base, version_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vpatch.jobs.replay.setting import Setting
    from vpatch.values.patch import Patch
    from vpatch.values.tree import Change


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The state that a patch was made on."""

    base: Base | None
    """The upstream state below it; None where only single blobs are known."""
    change: Change
    """What earlier patches had changed in that state."""
    files: Change
    """The files of the patch, as they were."""


class Home:
    """The series on its own base, worked out as far as it is asked for."""

    def __init__(self, setting: Setting, patches: Sequence[Patch]) -> None:
        self._setting = setting
        self._patches = patches
        self._ancestors: list[Ancestor | None] = []
        self._change: Change = {}

    @cached_property
    def base(self) -> Base | None:
        """The series' own base, if it is another than the one replayed onto."""
        base = self._setting.home()
        return base if base and base.commit != self._setting.base.commit else None

    def ancestor(self, patch: Patch) -> Ancestor | None:
        """Return the state that a patch was made on, None where it is not at hand."""
        if self.base:
            at = self._at(patch)
            self._walk_to(at)
            if found := self._ancestors[at]:
                return found
        return self._by_index_lines(patch)

    def _walk_to(self, at: int) -> None:
        base = self.base
        assert base is not None  # noqa: S101, for mypy: the caller asked
        with self._setting.repo.stage() as stage:
            for other in self._patches[len(self._ancestors) : at + 1]:
                files = self._files(base, self._change, other)
                stage.reset(files)
                if stage.apply(other.diff).status == 0:
                    self._ancestors.append(Ancestor(base, dict(self._change), files))
                    after = stage.entries()
                    self._change |= {path: after.get(path) for path in other.paths}
                else:
                    self._ancestors.append(None)

    def _files(self, base: Base, change: Change, patch: Patch) -> Change:
        files: Change = dict(self._setting.files(base.commit, patch.paths))
        files |= {path: change[path] for path in patch.paths if path in change}
        return {path: entry for path, entry in files.items() if entry}

    def _by_index_lines(self, patch: Patch) -> Ancestor | None:
        """Find the release whose blobs the ``index`` lines name."""
        wanted = {file.old: file.ids[0] for file in patch.files if file.old}
        if not wanted or not all(wanted.values()):
            return None
        for base in reversed(self._setting.releases):
            files = self._setting.files(base.commit, patch.paths)
            if all(
                path in files and files[path].oid.startswith(oid)
                for path, oid in wanted.items()
            ):
                return Ancestor(base, {}, dict(files))
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
        return next(n for n, other in enumerate(self._patches) if other is patch)

    def fits_without(self, patch: Patch, left_out: Collection[str]) -> list[Placed | None]:
        """Try a patch at home on the series without some patches.

        Returns:
            Where each hunk fits; nothing where the series' own base is not at hand.
        """
        if not self.base:
            return []
        change: Change = {}
        with self._setting.repo.stage() as stage:
            for other in self.relevant(patch):
                stage.reset(self._files(self.base, change, other))
                if other.name not in left_out and stage.apply(other.diff).status == 0:
                    after = stage.entries()
                    change |= {path: after.get(path) for path in other.paths}
            stage.reset(self._files(self.base, change, patch))
            ran = stage.apply(patch.diff, "--reject")
            lines = read_applied(ran.err, patch.files, reverse=False)
            return [placed for hunks in lines for placed in hunks]

    def between(self) -> list[Base]:
        """Return the releases after the series' own base and before the one replayed onto."""
        own = self.base or self._setting.series.base
        low = version_of(own.name) if own else None
        high = version_of(self._setting.base.name)
        if high is None or low is None:
            # A branch or a commit, or a series of no known base: nothing is known between.
            return []
        return [
            base
            for base in self._setting.releases
            if (version := version_of(base.name)) and low < version < high
        ]
