"""Replay a series onto many bases, and bring those that are not at hand."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpatch.upkeep.workers import spread
from vpatch.values.base import canonical, version_of
from vpatch.values.errors import BadInputError, VpatchError
from vpatch.values.matrix import Missing, in_order
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from packaging.version import Version

    from vpatch.jobs.bases import Bases
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Row

    Opened = Callable[[], AbstractContextManager[Replays]]
    Say = Callable[[str], None]

_HINT = "name bases like v0.16.0..v0.20.0, v0.16.0.. or v0.17.0,v0.20.0"


def named(bases: Bases, text: str | None, say: Say) -> dict[str, bool]:
    """Return the bases that a text means, and whether each is there only as part of a range.

    Args:
        bases: The bases at hand, and the way to more.
        text: Names and ranges with commas between: ``v0.16.0..v0.20.0,main``. A range has
            every final release from one to the other, and of others those at hand; either
            end may be open, the first up to the oldest at hand. None means all at hand.
        say: Told where the package index gives no answer.

    Raises:
        BadInputError: It names nothing, or no range that has a release.
        VpatchError: It names a range that has none at hand, and the index gave no answer.
    """
    if text is None:
        return {base.name: False for base in bases.releases()}
    found: dict[str, bool] = {}
    known: dict[Version, str] = {}
    silent: VpatchError | None = None
    for part in filter(None, (part.strip() for part in text.split(","))):
        if ".." in part:
            if not known:
                known, silent = _known(bases, say)
            here = [v for base in bases.releases() if (v := version_of(base.name))]
            between = _between(part, known, min(here, default=None))
            if not between:
                raise silent or BadInputError(
                    "no release is in the range", where=part, hint=_HINT
                )
            found = dict.fromkeys(between, True) | found
        else:
            found[canonical(part)] = False
    if not found:
        raise BadInputError("no base is named", where=repr(text), hint=_HINT)
    return found


def _known(bases: Bases, say: Say) -> tuple[dict[Version, str], VpatchError | None]:
    """Return the releases that there are, and why the index told of none, if so."""
    found: dict[Version, str] = {}
    silent: VpatchError | None = None
    try:
        found = {v: f"v{v}" for v in bases.index.versions() if not v.is_prerelease}
    except VpatchError as error:
        say(f"{error}; going on with the releases at hand")
        silent = error
    at_hand = {base.name: version_of(base.name) for base in bases.releases()}
    return found | {version: name for name, version in at_hand.items() if version}, silent


def _between(text: str, known: Mapping[Version, str], oldest: Version | None) -> list[str]:
    first, _, last = text.partition("..")
    last = "" if last == "latest" else last
    for end in filter(None, (first, last)):
        if version_of(end) is None:
            raise BadInputError("a range ends at releases", where=text, hint=_HINT)
    # An index has hundreds of releases: an open beginning is the oldest one at hand.
    low, high = version_of(first) or oldest, version_of(last)
    return [
        name
        for version, name in known.items()
        if (low is None or low <= version) and (high is None or version <= high)
    ]


def bring(bases: Bases, names: Mapping[str, bool]) -> dict[str, Base | Missing]:
    """Bring bases into the store; one that can't be had hides no other.

    Args:
        bases: The bases at hand, and the way to more.
        names: What `named` returned.

    Returns:
        The bases by name, in the order of `in_order`.
    """
    at_hand = {base.name: base for base in bases.releases()}
    found: dict[str, Base | Missing] = {}
    for name, gap in names.items():
        try:
            base = at_hand.get(name) or _fetched(bases, name)
        except VpatchError as error:
            found[name] = _missing(name, error, gap=gap)
        else:
            found[base.name] = base
    return {name: found[name] for name in in_order(found)}


def _fetched(bases: Bases, name: str) -> Base:
    found = bases.get(name)
    bases.complete(found)
    return found


def _missing(name: str, error: VpatchError, *, gap: bool) -> Missing:
    reason = error.what if error.where == name else str(error)
    return Missing(name, reason, error.hint, gap)


def fill(
    opened: Opened,
    series: Series,
    wanted: Sequence[Base],
    take: Callable[[str, Row | Missing], None],
) -> None:
    """Replay a series onto bases, on all cores.

    Args:
        opened: Opens a place for replays.
        series: The series.
        wanted: The bases; neighbours have most in common.
        take: Is given each base's name, and its row or why there is none.
    """
    pairs = [("", base) for base in wanted]
    fill_each(opened, {"": series}, pairs, lambda _, base, row: take(base, row))


def fill_each(
    opened: Opened,
    kept: Mapping[str, Series],
    wanted: Sequence[tuple[str, Base]],
    take: Callable[[str, str, Row | Missing], None],
) -> None:
    """Replay several series, each onto bases of its own, on all cores.

    Args:
        opened: Opens a place for replays.
        kept: The series by name.
        wanted: Names of series, with a base each; neighbours have most in common.
        take: Is given each pair of names, and its row or why there is none.
    """
    if not wanted:
        return
    with opened() as replays:
        some = dict(wanted)
        given = {name: _homed(replays, kept[name], base) for name, base in some.items()}

    @contextmanager
    def place() -> Iterator[Callable[[tuple[str, Base]], tuple[str, str, Row | Missing]]]:
        with opened() as replays:

            def replayed(pair: tuple[str, Base]) -> tuple[str, str, Row | Missing]:
                name, base = pair
                try:
                    found = replays.replay(given[name], base, brief=True)
                except VpatchError as error:
                    return name, base.name, _missing(base.name, error, gap=False)
                return name, base.name, [result.as_json() for result in found.results]

            yield replayed

    spread(wanted, place, lambda answer: take(*answer))


def _homed(replays: Replays, series: Series, base: Base) -> Series:
    """Return a series without its own base where that is not to be had.

    So it is told of once, rather than asked for on every base.
    """
    home = replays.setting(series, base).home()
    return series if home else Series(None, series.patches)
