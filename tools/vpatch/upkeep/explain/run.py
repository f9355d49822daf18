"""Put an explanation together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.upkeep.explain.hunks import Hunks
from vpatch.upkeep.explain.timeline import Timeline, result_of, untouched
from vpatch.values.errors import VpatchError
from vpatch.values.explanation import Explanation
from vpatch.values.series import Series, in_parts

if TYPE_CHECKING:
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay, Result

FETCHES = 5
"""How many releases may be brought: each costs seconds, and a bisection needs about these."""


def explain(
    replays: Replays, series: Series, name: str, base: Base, *, fetches: int = FETCHES
) -> Explanation:
    """Say why a patch has no place on a base, hunk by hunk.

    It is about what upstream did to the patch as it is: how somebody solved a conflict since
    is told beside it.

    Args:
        replays: Where replays are made.
        series: The series that the patch is of.
        name: The patch's file name.
        base: The base that is asked about.
        fetches: How many releases between may be brought; with 0, nobody is asked for them.

    Raises:
        VpatchError: The base that the series was made on is not to be had.
    """
    short = relevant(series, name)
    setting = replays.setting(short, base)
    result = result_of(untouched(setting), name)
    own = series.base.name if series.base else "unknown"
    asked = ((base.name, result.verdict),)
    plain = Explanation(base, own, result, asked=asked, in_parts=in_parts(series.patches))
    if result.verdict.good:
        return plain
    home = setting.home()
    if home is None:
        raise VpatchError(
            "the base that this series was made on is not to be had",
            where=own,
            hint=f"vpatch bases --fetch {own} says why",
        )
    # A branch may be at the same commit; the order of releases goes by the name. One that has
    # moved is another base by the same name.
    moved = own == base.name and home.commit != base.commit
    home = replace(home, name=home.commit[:12] if moved else own)
    plain = replace(plain, home=home.name)
    timeline = Timeline(replays, short, (home, base), result, fetches)
    found = _explained(replays, timeline, plain)
    if setting.solutions:
        solved = result_of(replays.replay(short, base), name)
        found = replace(found, solved=solved if solved.verdict.good else None)
    notes = tuple(dict.fromkeys(timeline.notes))
    return replace(found, asked=tuple(timeline.asked), notes=notes)


def relevant(series: Series, name: str) -> Series:
    """Return a series without the patches that cannot matter to one of it.

    Those before it matter by the files that they share, with it or with each other; those
    behind it, which may hide that it landed, by touching no other files than it does.
    """
    patches = series.patches
    if not all(patch.located for patch in patches):
        # Nobody knows yet which files they share.
        return series
    at = next(n for n, patch in enumerate(patches) if patch.name == name)
    paths = set(patches[at].paths)
    kept = [patch for patch in patches[at + 1 :] if patch.paths <= paths]
    kept.insert(0, patches[at])
    for other in reversed(patches[:at]):
        if other.paths & paths:
            paths |= other.paths
            kept.insert(0, other)
    return Series(series.base, tuple(kept))


def _explained(replays: Replays, timeline: Timeline, plain: Explanation) -> Explanation:
    """Explain a patch that has no place."""
    home, base = timeline.ends
    if plain.result.needs:
        replay = untouched(replays.setting(timeline.series, base))
        return replace(plain, roots=_roots(replay, plain.result))
    made = untouched(replays.setting(timeline.series, home))
    at_home = result_of(made, plain.result.patch.name)
    if not at_home.verdict.good or home.name == base.name:
        return replace(plain, fits_home=False)
    broke = timeline.breaks(lambda result: result.verdict.good)
    hunks = Hunks(replays, timeline, made, at_home)
    return replace(plain, broke=broke, hunks=tuple(hunks.explained(plain.result)))


def _roots(replay: Replay, result: Result) -> tuple[Patch, ...]:
    """Return the patches at the bottom of what a patch needs, in their order."""
    needs = {found.patch.name: found.needs for found in replay.results}
    wanted = set(result.needs)
    for found in replay.results[::-1]:
        if found.patch.name in wanted:
            wanted |= set(found.needs)
    patches = [found.patch for found in replay.results if found.patch.name in wanted]
    return tuple(patch for patch in patches if not needs[patch.name])
