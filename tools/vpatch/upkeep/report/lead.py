"""What a reader wants to know first: the newest series, and what wants a person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.report.data import keys_of, label
from vpatch.upkeep.report.kept import proof_word
from vpatch.values.base import version_of
from vpatch.values.paths import printable
from vpatch.values.proof import Outcome
from vpatch.values.span import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vpatch.upkeep.report.page import Page, Stand


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that wants a person."""

    label: str
    text: str
    key: str = ""
    """With the base, what stands for its cell in an address; empty where none shows it."""
    base: str = ""


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


def lead_of(page: Page) -> Lead:
    """Return what stands above all else."""
    newest = page.newest
    at_home = (wish for stand in reversed(page.kept) for wish in _at_home(page, stand))
    return Lead(
        newest,
        _headline(newest),
        _counted(verdict.value for verdict in newest.verdicts.values()),
        _counted(proof_word(word) for word in (newest.proofs or {}).values()),
        _newer(page),
        (*_beyond(page), *at_home),
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
    newest, own = _newest_release(page), version_of(page.newest.base)
    return newest if newest and own and (version_of(newest) or own) > own else ""


def _newest_release(page: Page) -> str:
    return next((base for base in reversed(page.matrix.rows) if version_of(base)), "")


def _beyond(page: Page) -> Iterator[Wish]:
    """Yield what the newest series lacks on a newer release, where the matrix tells."""
    base = _newer(page)
    if not base or page.matrix.series != page.newest.base:
        return
    keys = keys_of(page.patches)
    for patch, cell in zip(page.patches, page.matrix.rows[base], strict=True):
        if not verdict_of(cell).good:
            text = f"has no place on {base}, which is newer than the newest series"
            yield Wish(label(patch), text, keys[patch.name], base)


def _at_home(page: Page, stand: Stand) -> Iterator[Wish]:
    """Yield what is wrong with a series on the base that it is kept for."""
    shown = stand.base == page.matrix.series and stand.base in page.matrix.rows
    keys = keys_of(page.patches) if shown else {}
    for patch in stand.lost:
        text = f"has no place on {stand.base}, the base that its series is kept for"
        yield Wish(label(patch), text, keys.get(patch.name, ""), stand.base)
    for patch in stand.patches:
        if stand.proofs and stand.proofs[patch.name] == Outcome.FAILED:
            more = f": {told}" if (told := stand.shown.get(patch.name)) else ""
            yield Wish(label(patch), f"its proof failed on {stand.base}{more}")
