"""Ask the replay again for the releases between two bases, as few times as can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.jobs.replay import replay
from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, VpatchError
from vpatch.values.explanation import Break

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from packaging.version import Version

    from vpatch.jobs.replay import Setting
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.series import Series
    from vpatch.values.verdict import Replay, Result, Verdict

    Good = Callable[[Result], bool]
    """Whether what is asked about has its place in a result."""

_AT_HAND = "only the releases at hand were asked"


class Timeline:
    """The releases from the base that a patch was made on to another, and what became of it.

    Args:
        replays: Where replays are made.
        series: The patches that matter, the asked one among them.
        ends: The base that the series was made on, and the one that is asked about.
        result: What became of the asked patch on the latter.
        fetches: How many releases may be brought.
    """

    def __init__(
        self,
        replays: Replays,
        series: Series,
        ends: tuple[Base, Base],
        result: Result,
        fetches: int,
    ) -> None:
        self._replays = replays
        self._patch = result.patch.name
        self._fetches = fetches
        self._results = {ends[1].commit: result}
        self._order: dict[str, int] = {}
        self._turns: list[str] | None = None
        self._nowhere: set[str] = set()
        """Releases that are not to be had."""
        self.series = series
        self.ends = ends
        self.asked: list[tuple[str, Verdict]] = [(ends[1].name, result.verdict)]
        self.notes: list[str] = []
        self.bases: dict[str, Base] = {}
        """The releases at hand, by name."""

    @property
    def onward(self) -> bool:
        """Whether the asked base is the newer one."""
        own, asked = (version_of(base.name) for base in self.ends)
        return own is None or asked is None or own <= asked

    def result(self, base: Base) -> Result:
        """Return what becomes of the patch on a base, asked once."""
        if base.commit not in self._results:
            setting = self._replays.setting(self.series, base, brief=True)
            found = result_of(untouched(setting), self._patch)
            self._results[base.commit] = found
            self.asked.append((base.name, found.verdict))
        return self._results[base.commit]

    def at_hand(self) -> list[str]:
        """Return the releases that are at hand, from the patch's own base on."""
        self._list()
        return [name for name in self._order if name in self.bases]

    def breaks(self, good: Good) -> Break:
        """Find by bisection between which two releases something lost its place.

        Args:
            good: Whether it has its place. It has at one end and has not at the other.
        """
        self._list()
        low, high = self._known(good)
        low, high = self._narrowed(good, low, high, self._turning())
        here = [self._order[name] for name in self.at_hand()]
        low = max(at for at in here if low <= at < high)
        while missing := self._missing(low, high):
            name = missing[len(missing) // 2]
            if self._fetched(name):
                low, high = self._narrowed(good, low, high, [name])
        names = list(self._order)
        untried = sorted(names[low + 1 : high], key=_version)
        return Break(names[low], names[high], tuple(untried))

    def _narrowed(
        self, good: Good, low: int, high: int, among: Iterable[str]
    ) -> tuple[int, int]:
        places = [self._order[name] for name in among]
        names = list(self._order)
        while between := [at for at in places if low < at < high]:
            middle = between[len(between) // 2]
            if good(self.result(self.bases[names[middle]])):
                low = middle
            else:
                high = middle
        return low, high

    def _known(self, good: Good) -> tuple[int, int]:
        """Return the narrowest two releases that earlier questions leave."""
        low, high = 0, len(self._order) - 1
        found = {
            at: good(self._results[base.commit])
            for name, at in self._order.items()
            if 0 < at < high and (base := self.bases.get(name)) and base.commit in self._results
        }
        low = max((at for at, fine in found.items() if fine), default=low)
        high = min((at for at, fine in found.items() if not fine and at > low), default=high)
        return low, high

    # The releases

    def _list(self) -> None:
        """List the releases, those that are not at hand as well."""
        if self._order:
            return
        home, base = self.ends
        known = {b.name: b for b in self._replays.bases.releases() if self._is_between(b.name)}
        names = set(known)
        if not self._fetches:
            self.notes.append(_AT_HAND)
        elif version_of(home.name):
            names |= {name for name in self._in_index() if self._is_between(name)}
        ordered = sorted(names, key=_version, reverse=not self.onward)
        self._order = {name: at for at, name in enumerate([home.name, *ordered, base.name])}
        self.bases = known | {home.name: home, base.name: base}

    def _is_between(self, name: str) -> bool:
        low, high = (version_of(base.name) for base in self.ends)
        version = version_of(name)
        if version is None or low is None or version.is_prerelease:
            return False
        if high is None:
            # A branch or a commit counts as newer than every release.
            return low < version
        return min(low, high) < version < max(low, high)

    def _in_index(self) -> list[str]:
        try:
            return [f"v{version}" for version in self._replays.bases.index.versions()]
        except VpatchError as error:
            self._fetches = 0
            self.notes.append(f"{error}: {_AT_HAND}")
            return []

    def _turning(self) -> list[str]:
        """Return the releases at hand in which a file of the patches is not as it was before.

        The others can break nothing. Of a file that is gone, nobody can tell.
        """
        if self._turns is None:
            repo = self._replays.repo
            paths = {path for patch in self.series.patches for path in patch.paths}
            files = [file for patch in self.series.patches for file in patch.files]
            needed = {file.old for file in files if file.old}
            before: object = None
            self._turns = []
            for name in self.at_hand():
                state = repo.entries(self.bases[name].commit, paths)
                if state != before or needed - state.keys():
                    self._turns.append(name)
                before = state
        return self._turns

    def _missing(self, low: int, high: int) -> list[str]:
        """Return the releases between two that are not at hand and may be brought."""
        if not self._fetches:
            return []
        names = list(self._order)[low + 1 : high]
        return [name for name in names if name not in self.bases.keys() | self._nowhere]

    def _fetched(self, name: str) -> bool:
        """Bring a release; False where it is not to be had."""
        bases = self._replays.bases
        try:
            base = bases.get(name)
            bases.complete(base)
        except BadInputError as error:
            self._nowhere.add(name)
            self.notes.append(str(error))
            return False
        except VpatchError as error:
            self._fetches = 0
            self.notes.append(f"{error}: {_AT_HAND}")
            return False
        self.bases[name] = base
        self._fetches -= 1
        return True


def untouched(setting: Setting) -> Replay:
    """Put patches onto a base as they are, whatever conflicts were solved before."""
    return replay(replace(setting, resolutions=dict))


def result_of(found: Replay, name: str) -> Result:
    """Return what became of the patch of a name."""
    return next(result for result in found.results if result.patch.name == name)


def _version(name: str) -> Version:
    version = version_of(name)
    assert version is not None  # noqa: S101, for mypy: only releases are listed
    return version
