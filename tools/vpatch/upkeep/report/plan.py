"""Which series the page looks at on which bases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.report.names import Names
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vpatch.jobs.folder import Folder
    from vpatch.values.series import Series


@dataclass(frozen=True, slots=True)
class Plan:
    """Which series are looked at, each by the names of the bases."""

    served: Mapping[str, Sequence[str]]
    """Those of the map."""
    later: Mapping[str, Sequence[str]]
    """Those with pull requests that no older one has, from their own bases on."""


def plan_of(
    folder: Folder, kept: Mapping[str, Series], bases: Sequence[str], otherwise: str
) -> Plan:
    """Return what is looked at where each base has the series that serves it.

    Args:
        folder: The project's folder.
        kept: Its series, in order.
        bases: The bases, in order.
        otherwise: The series for a base that none serves, as it is older than all of them.
    """
    served: dict[str, list[str]] = {}
    for base in bases:
        served.setdefault(_serving(folder, base) or otherwise, []).append(base)
    return Plan(served, dict(_later(kept, served, otherwise)))


def _serving(folder: Folder, base: str) -> str:
    try:
        return folder.serving(base)
    except BadInputError:
        return ""


def _later(
    kept: Mapping[str, Series], served: Mapping[str, Sequence[str]], first: str
) -> Iterator[tuple[str, list[str]]]:
    known = Names.of([series.patches for series in kept.values()]).key
    seen = {known(patch) for patch in kept[first].patches}
    names = list(kept)
    for at, name in enumerate(names):
        mine = {known(patch) for patch in kept[name].patches}
        if mine - seen:
            yield name, [base for one in names[at:] for base in served.get(one, ())]
        seen |= mine
