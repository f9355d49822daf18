"""What a reader wants to know first: the newest series, and what wants a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.report.heat import keys_of
from vpatch.upkeep.report.kept import proof_word
from vpatch.upkeep.report.names import names_of
from vpatch.values.base import version_of
from vpatch.values.paths import printable
from vpatch.values.proof import Outcome
from vpatch.values.span import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vpatch.upkeep.report.heat import Row
    from vpatch.upkeep.report.page import Page, Stand

    Keys = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that wants a person."""

    text: str
    base: str
    patches: tuple[tuple[str, str], ...]
    """For each patch that it is about a label, and with the base what stands for its cell in an
    address; empty where none shows it."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands above all else."""

    newest: Stand
    headline: str
    verdicts: str
    """How many patches have which verdict on the newest series' own base."""
    proofs: str
    newer: str
    """The newest release on the page, where it is newer than the series."""
    wishes: tuple[Wish, ...]


def lead_of(page: Page, rows: Sequence[Row]) -> Lead:
    """Return what stands above all else.

    Args:
        page: What the page tells.
        rows: Its map.
    """
    newest, keys = page.newest, keys_of(rows)
    at_home = (wish for stand in reversed(page.kept) for wish in _at_home(page, stand, keys))
    return Lead(
        newest,
        _headline(newest),
        _counted(verdict.value for verdict in newest.verdicts.values()),
        _counted(proof_word(word) for word in (newest.proofs or {}).values()),
        _newer(page),
        (*_beyond(page, keys), *at_home),
    )


def _headline(stand: Stand) -> str:
    base, count, lost = printable(stand.base), len(stand.patches), len(stand.lost)
    if not count:
        return f"{base} needs no patch"
    patches = "1 patch" if count == 1 else f"{count} patches"
    if not stand.verdicts:
        return f"{patches} for {base}"
    if lost:
        return f"{lost} of {patches} {'has' if lost == 1 else 'have'} no place on {base}"
    return f"{patches} for {base}, {'all ' * (count > 1)}in place"


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


def _newer(page: Page) -> str:
    newest, own = page.newest_release, version_of(page.newest.base)
    return newest if newest and own and (version_of(newest) or own) > own else ""


def _beyond(page: Page, keys: Keys) -> Iterator[Wish]:
    """Yield what the newest series lacks on a newer release, where the map tells."""
    base = _newer(page)
    there = page.serving.get(base)
    if not there or there.series != page.newest.base:
        return
    cells = zip(there.patches, there.rows[base], strict=True)
    lost = [patch for patch, cell in cells if not verdict_of(cell).good]
    if lost:
        text = f"no place on {base}, which is newer than the newest series"
        label = names_of(page).label
        yield Wish(text, base, tuple((label(patch), keys[base, patch.name]) for patch in lost))


def _at_home(page: Page, stand: Stand, keys: Keys) -> Iterator[Wish]:
    """Yield what is wrong with a series on the base that it is kept for."""
    there, label = page.serving.get(stand.base), names_of(page).label
    shown = keys if there and there.series == stand.base else {}
    if stand.lost:
        text = f"no place on {stand.base}, which their series is kept for"
        lost = ((label(patch), shown.get((stand.base, patch.name), "")) for patch in stand.lost)
        yield Wish(text, stand.base, tuple(lost))
    proofs = stand.proofs or {}
    failed = [one for one in stand.patches if proofs.get(one.name) == Outcome.FAILED]
    if failed:
        text = f"proof failed on {stand.base}"
        yield Wish(text, stand.base, tuple((label(patch), "") for patch in failed))
