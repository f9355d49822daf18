"""The kept series: what each patch is worth on the base that it is kept for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vpatch.upkeep.report.names import Names
    from vpatch.upkeep.report.page import Stand
    from vpatch.values.patch import Patch


@dataclass(frozen=True, slots=True)
class Story:
    """A patch through all kept series."""

    patch: Patch
    label: str
    stands: tuple[tuple[str, ...], ...]
    """For each series in a word or two what became of it: its verdict, then its proof."""


@dataclass(frozen=True, slots=True)
class Note:
    """What there is to say of some patches on some bases."""

    labels: tuple[str, ...]
    bases: tuple[str, ...]
    text: str


def stories(kept: Sequence[Stand], names: Names) -> list[Story]:
    """Return the patches of all series, in the order of the oldest.

    Args:
        kept: The series.
        names: What tells their patches apart.
    """
    newest = {names.key(patch): patch for stand in kept for patch in stand.patches}
    return [
        Story(patch, names.label(patch), tuple(_stands(stand, patch, names) for stand in kept))
        for patch in newest.values()
    ]


def _stands(stand: Stand, patch: Patch, names: Names) -> tuple[str, ...]:
    """Say what became of a patch in a series, where it may have another file."""
    mine = next((one for one in stand.patches if names.key(one) == names.key(patch)), None)
    if mine is None:
        why = names.why(stand, patch)
        return (word_of(why),) if why else ()
    if stand.proofs is None:
        return ("carried",)
    return stand.verdicts[mine.name], proof_word(stand.proofs[mine.name])


def word_of(why: str) -> str:
    """Return in a word or two why a series leaves a patch out."""
    return next((word for word in ("landed", "dropped") if why.startswith(word)), "left out")


def proof_word(word: str) -> str:
    """Return what a proof showed, for a place where nobody knows that it is of a proof."""
    return "no test" if word == "none" else word


def left_out(kept: Sequence[Stand], names: Names) -> list[Note]:
    """Return the patches that some series do not have, and why."""
    said = (
        (label, stand.base, printable(why))
        for stand in kept
        for key, label, why in names.left_out(stand)
        if key not in {known for patch in stand.patches for known in (patch.name, patch.pr)}
    )
    return [Note(labels, bases, text) for labels, bases, text in _grouped(said)]


def circumstances(kept: Sequence[Stand], names: Names) -> list[Note]:
    """Return when and with what the proofs were run: mostly all of a series at once."""
    said = (
        (stand.base, names.label(patch), printable(stand.shown[patch.name]))
        for stand in kept
        for patch in stand.patches
        if patch.name in stand.shown
    )
    return [Note(labels, bases, text) for bases, labels, text in _grouped(said)]


def _grouped(
    said: Iterable[tuple[str, str, str]],
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """Tell once what is the same of one with many others, and then of many with these."""
    others: dict[tuple[str, str], list[str]] = {}
    for one, other, text in said:
        others.setdefault((one, text), []).append(other)
    ones: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for (one, text), names in others.items():
        ones.setdefault((tuple(names), text), []).append(one)
    for (found, text), same in ones.items():
        yield tuple(same), found, text
