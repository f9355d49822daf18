"""Name the commit that broke a patch, by asking the replay for the commits between releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Collection

    from vpatch.jobs.bases import Bases
    from vpatch.upkeep.explain.timeline import Good, Timeline
    from vpatch.values.commit import Commit
    from vpatch.values.explanation import Break


class Commits:
    """The commits between releases, where a git remote has them.

    Args:
        bases: The bases at hand, and the way to the remote.
        timeline: The releases.
    """

    def __init__(self, bases: Bases, timeline: Timeline) -> None:
        self._bases = bases
        self._timeline = timeline
        self._silent: set[Break] = set()
        """Of what the remote gave no answer; it is not asked twice."""

    def culprit(self, broke: Break, good: Good, paths: Collection[str]) -> Commit | None:
        """Return the commit by which something lost its place, None where nobody can tell.

        Seen from a newer base, it is the commit by which it got its place.

        Args:
            broke: Between which releases it happened.
            good: Whether what is asked about has its place in a result.
            paths: The files that it is about, by all their names.
        """
        if broke in self._silent:
            return None
        try:
            return self._found(broke, good, paths)
        except VpatchError as error:
            self._silent.add(broke)
            self._timeline.notes.append(f"{error}: no commit can be named")
            return None

    def _found(self, broke: Break, good: Good, paths: Collection[str]) -> Commit | None:
        timeline = self._timeline
        ends = [timeline.bases[name] for name in (broke.good, broke.bad)]
        since, until = ends if timeline.onward else ends[::-1]
        history = self._bases.history(since, until, paths)
        if history is None or not history[1]:
            return None
        first, steps = history
        # The last step leaves the files as the newer release has them.
        low, high = -1, len(steps) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if good(timeline.result(steps[middle][1])) is timeline.onward:
                low = middle
            else:
                high = middle
        # What is on the older release's own branch may be what the patch fits.
        if low < 0 and good(timeline.result(first)) is not timeline.onward:
            return None
        return steps[high][0]
