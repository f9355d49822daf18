"""Who needs whom in a series, by trying each patch at home without those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.report.page import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.jobs.replay import Setting


def links(setting: Setting) -> tuple[Link, ...] | None:
    """Return what patches have to do with those before them, in the order of the series.

    What a patch needs only through another is left out; of those that it shares files with
    and needs none of, the nearest stands for all.

    Args:
        setting: The series on any base.

    Returns:
        None where the series' own base is not at hand.
    """
    home = setting.home_of(setting.located())
    return tuple(_links(setting)) if home.base else None


def _links(setting: Setting) -> Iterator[Link]:
    patches = setting.located()
    home = setting.home_of(patches)
    needed: dict[str, set[str]] = {}
    for patch in patches:
        near = [p.name for p in home.relevant(patch) if p.paths & patch.paths]
        # Mostly it needs none of them, and then one trial does for all.
        asked = [] if all(home.fits_without(patch, near)) else near
        mine = {name for name in asked if not all(home.fits_without(patch, [name]))}
        needed[patch.name] = mine
        through = {below for name in mine for below in needed[name]}
        yield from (
            Link(patch.name, name, needed=True) for name in near if name in mine - through
        )
        if near and not mine:
            yield Link(patch.name, near[-1], needed=False)
