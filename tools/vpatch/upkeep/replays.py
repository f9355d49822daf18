"""Replays of one series or several onto many bases, in one place for what they write."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from vpatch.jobs.bases.store import init_store
from vpatch.jobs.landmarks import find_landmarks
from vpatch.jobs.replay import Memory, Setting, Shared, replay
from vpatch.values.base import is_commit
from vpatch.values.errors import VpatchError
from vpatch.values.resolution import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.bases import Bases
    from vpatch.values.base import Base
    from vpatch.values.facts import Held, Landmark, PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.resolution import Resolution
    from vpatch.values.series import Series
    from vpatch.values.verdict import Replay


class Replays:
    """Puts series onto bases; what is made is there as long as `opened` lasts.

    Args:
        repo: Where objects may be written.
        bases: The bases at hand, and the way to more.
        facts: What is known of each pull request.
        say: Told where something is not to be had, and what that means.
        resolutions: Brings the conflicts that were solved before; asked where there is one.
    """

    def __init__(
        self,
        repo: Repo,
        bases: Bases,
        facts: Mapping[int, PullRequest],
        say: Callable[[str], None],
        resolutions: Callable[[], Sequence[Resolution]],
    ) -> None:
        self.repo = repo
        self.bases = bases
        self.facts = facts
        self.say = say
        self._resolutions = resolutions
        self._shared = Shared(Memory(repo))
        self._homes: dict[Base, Base | None] = {}
        self._releases: Sequence[Base] | None = None
        self._landmarks: dict[str, dict[Landmark, Held]] = {}

    @cached_property
    def _solved(self) -> Sequence[Resolution]:
        return self._resolutions()

    def landmarks(self, base: Base) -> dict[Landmark, Held]:
        """Return the landmarks of all pull requests that a base holds."""
        if base.commit not in self._landmarks:
            found = find_landmarks(self.repo, base, self.facts.values())
            self._landmarks[base.commit] = found
        return self._landmarks[base.commit]

    def setting(
        self,
        series: Series,
        base: Base,
        resolutions: Mapping[str, Patch] | None = None,
        *,
        brief: bool = False,
    ) -> Setting:
        """Return all that a replay is given.

        Args:
            series: The patches.
            base: What they are put onto.
            resolutions: By the key of a conflict, what to do instead, where somebody solves
                conflicts now; None for those that were solved before.
            brief: Whether to make no commit, and to leave out of a cause where lines went
                that are gone.
        """
        self.bases.complete(base)
        if self._releases is None:
            self._releases = self.bases.releases()
        return Setting(
            self.repo,
            series,
            base,
            home=lambda: self._home(series),
            releases=self._releases,
            facts=self.facts,
            landmarks=self.landmarks(base),
            resolutions=lambda: (
                chosen(self._solved, base) if resolutions is None else resolutions
            ),
            solving=resolutions is not None,
            brief=brief,
            shared=self._shared,
        )

    def replay(
        self,
        series: Series,
        base: Base,
        resolutions: Mapping[str, Patch] | None = None,
        *,
        brief: bool = False,
    ) -> Replay:
        """Put a series onto a base; see `setting`."""
        return replay(self.setting(series, base, resolutions, brief=brief))

    def _home(self, series: Series) -> Base | None:
        own = series.base
        if own is None:
            return None
        if own not in self._homes:
            self._homes[own] = self._brought(own)
        return self._homes[own]

    def _brought(self, own: Base) -> Base | None:
        try:
            known = self.bases.find(own.commit) if own.commit else None
            # The name of a commit is a part of its id, by which a server finds nothing.
            whole = own.commit if is_commit(own.name) else ""
            found = known or self.bases.get(whole or own.name)
            self.bases.complete(found)
        except VpatchError as error:
            self.say(f"no three-way merge: {error}")
            return None
        return found


@contextmanager
def opened(
    bases: Bases,
    facts: Mapping[int, PullRequest],
    say: Callable[[str], None],
    *borrowed: Path,
    resolutions: Callable[[], Sequence[Resolution]] = tuple,
) -> Iterator[Replays]:
    """Open a place for replays.

    Args:
        bases: The bases at hand, and the way to more.
        facts: What is known of each pull request.
        say: Told where something is not to be had.
        borrowed: Object folders of other repositories to read from as well.
        resolutions: Brings the conflicts that were solved before.
    """
    # A clone brings its own base, so that this may be the first call of all.
    init_store(bases.store)
    with bases.store.scratch(*borrowed) as repo:
        yield Replays(repo, bases, facts, say, resolutions)
