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
    cells = zip(page.patches, page.matrix.rows[base], strict=True)
    lost = [patch for patch, cell in cells if not verdict_of(cell).good]
    if lost:
        text = f"no place on {base}, which is newer than the newest series"
        yield Wish(text, base, tuple((label(patch), keys[patch.name]) for patch in lost))


def _at_home(page: Page, stand: Stand) -> Iterator[Wish]:
    """Yield what is wrong with a series on the base that it is kept for."""
    shown = stand.base == page.matrix.series and stand.base in page.matrix.rows
    keys = keys_of(page.patches) if shown else {}
    if stand.lost:
        text = f"no place on {stand.base}, which their series is kept for"
        lost = tuple((label(patch), keys.get(patch.name, "")) for patch in stand.lost)
        yield Wish(text, stand.base, lost)
    proofs = stand.proofs or {}
    failed = [one for one in stand.patches if proofs.get(one.name) == Outcome.FAILED]
    if failed:
        text = f"proof failed on {stand.base}"
        yield Wish(text, stand.base, tuple((label(patch), "") for patch in failed))
