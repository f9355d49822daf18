"""The kept series: what each patch is worth on the base that it is kept for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.upkeep.report.page import label
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


def stories(kept: Sequence[Stand]) -> list[Story]:
    """Return the patches of all series, in the order of the oldest."""
    found: dict[int | str, dict[str, Patch]] = {}
    for patch in (patch for stand in kept for patch in stand.patches):
        found.setdefault(patch.pr or patch.name, {})[patch.name] = patch
    return [
        Story(patch, label(patch), tuple(_stands(stand, patches) for stand in kept))
        for patches in found.values()
        for patch in [*patches.values()][-1:]
    ]


def _stands(stand: Stand, names: Iterable[str]) -> tuple[str, ...]:
    """Say what became of a pull request in a series, whose patch has one of some names."""
    carried = {patch.name for patch in stand.patches}
    for name in names:
        if name in carried and stand.proofs is not None:
            return stand.verdicts[name], proof_word(stand.proofs[name])
        if name in carried:
            return ("carried",)
        if why := stand.left_out.get(name):
            return (word_of(why),)
    return ()


def word_of(why: str) -> str:
    """Return in a word or two why a series leaves a patch out."""
    return next((word for word in ("landed", "dropped") if why.startswith(word)), "left out")


def proof_word(word: str) -> str:
    """Return what a proof showed, for a place where nobody knows that it is of a proof."""
    return "no test" if word == "none" else word


def left_out(kept: Sequence[Stand]) -> list[Note]:
    """Return the patches that some series do not have, and why."""
    labels = {patch.name: label(patch) for stand in kept for patch in stand.patches}
    said = (
        (labels.get(name, printable(name)), stand.base, printable(why))
        for stand in kept
        for name, why in stand.left_out.items()
        if name not in {patch.name for patch in stand.patches}
    )
    return [Note(names, bases, text) for names, bases, text in _grouped(said)]


def circumstances(kept: Sequence[Stand]) -> list[Note]:
    """Return when and with what the proofs were run: mostly all of a series at once."""
    said = (
        (stand.base, label(patch), printable(stand.shown[patch.name]))
        for stand in kept
        for patch in stand.patches
        if patch.name in stand.shown
    )
    return [Note(names, bases, text) for bases, names, text in _grouped(said)]


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
