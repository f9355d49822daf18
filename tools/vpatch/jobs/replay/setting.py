"""What a replay is given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.jobs.replay.home import Home
from vpatch.jobs.replay.memory import Memory
from vpatch.values.base import version_of
from vpatch.values.errors import NotInTreeError
from vpatch.values.paths import decode, parents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vpatch.doors.git import Repo
    from vpatch.values.base import Base
    from vpatch.values.facts import Held, Landmark, PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series
    from vpatch.values.tree import Change, Entries


def _placed(patch: Patch, trees: Sequence[frozenset[str]]) -> Patch:
    for tree in trees:
        with suppress(NotInTreeError):
            return patch.in_tree(tree)
    return patch


def _nowhere() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Shared:
    """What replays in one repository share."""

    memory: Memory
    homes: dict[tuple[Base | None, tuple[bytes, ...]], Home] = field(default_factory=dict)
    """By a series' base and the diffs of its patches."""


@dataclass(frozen=True)
class Setting:
    """A series, a base, and what is known of them."""

    repo: Repo
    """Where the base is, and where objects may be written."""
    series: Series
    base: Base
    home: Callable[[], Base | None] = _nowhere
    """Brings the series' own base; asked only where something does not fit."""
    releases: Sequence[Base] = ()
    """The releases at hand, oldest first."""
    facts: Mapping[int, PullRequest] = field(default_factory=dict)
    landmarks: Mapping[Landmark, Held] = field(default_factory=dict)
    """The landmarks of the facts that hold on the base."""
    resolutions: Callable[[], Mapping[str, Patch]] = dict
    """Brings, by the key of a conflict, what to do instead; asked where there is one."""
    solving: bool = False
    """Whether somebody will solve what is in conflict, and needs it as a `Clash`."""
    brief: bool = False
    """Whether to make no commit, and to leave out of a cause where lines went that are gone."""
    shared: Shared | None = None
    """What other replays in this repository found; None to begin anew."""

    @cached_property
    def _shared(self) -> Shared:
        return self.shared or Shared(Memory(self.repo))

    @cached_property
    def solutions(self) -> Mapping[str, Patch]:
        """By the key of a conflict, what to do instead."""
        return self.resolutions()

    @property
    def memory(self) -> Memory:
        """What git was asked already."""
        return self._shared.memory

    def home_of(self, patches: Sequence[Patch]) -> Home:
        """Return the home of the series, the same for every base that it is put onto."""
        own, homes = self.series.base, self._shared.homes
        key = own, tuple(patch.diff for patch in patches)
        if key not in homes:
            homes[key] = Home(self.memory, patches, own, self.home, self.releases)
        return homes[key]

    def located(self) -> tuple[Patch, ...]:
        """Return the patches with the paths that the base knows their files by.

        Upstream may have moved these files, so the series' own base is asked next. A patch
        whose files neither knows is returned as it is.
        """
        patches = self.series.patches
        if all(patch.located for patch in patches):
            return patches
        trees = [frozenset(self.repo.entries(self.base.commit))]
        found: list[Patch] = []
        for patch in patches:
            placed = _placed(patch, trees)
            if not placed.located and len(trees) == 1 and (home := self.home()):
                trees.append(frozenset(self.repo.entries(home.commit)))
                placed = _placed(patch, trees)
            trees = [tree | placed.paths for tree in trees]
            found.append(placed)
        return tuple(found)

    def entries(self, commit: str, paths: Iterable[str]) -> Entries:
        """Return what stands at paths of a tree, and at the folders above them."""
        wanted = set(paths)
        wanted |= {parent for path in wanted for parent in parents(path)}
        return self.memory.entries(commit, wanted) if wanted else {}

    def files(self, commit: str, paths: Iterable[str]) -> Entries:
        """Return the files among paths of a tree."""
        return self.memory.files(commit, paths)

    def files_now(self, now: Change, paths: Iterable[str]) -> Entries:
        """Return the files among paths as they are, after what patches changed so far."""
        wanted = set(paths)
        known = {path: now[path] for path in wanted if path in now}
        found = self.files(self.base.commit, wanted - known.keys())
        return found | {path: entry for path, entry in known.items() if entry}

    @property
    def is_home(self) -> bool:
        """Whether the base is the one that the series was made for."""
        own = self.series.base
        if own is None or self.base.name != own.name:
            return False
        # A release is the same from the index and from git, by other commits; a branch moves.
        release = version_of(own.name) is not None
        return release or own.commit in ("", self.base.commit)

    def held(self, patch: Patch) -> list[Held]:
        """Return the landmarks of a patch's pull request that hold on the base."""
        facts = self.facts.get(patch.pr) if patch.pr else None
        marks = facts.landed_when if facts else ()
        return [self.landmarks[mark] for mark in marks if mark in self.landmarks]

    def base_date(self) -> str:
        """Return the date of the base's commit, for a patch that has none of its own."""
        command = ["log", "-1", "--format=%ct +0000", self.base.commit]
        return decode(self.repo.run(*command).out).strip()
