"""What earlier nights learned of pull requests, and nobody merged yet."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vpatch.doors import files
from vpatch.upkeep.arrange import told_facts
from vpatch.upkeep.nightly.home import FACTS
from vpatch.values.errors import FormatError
from vpatch.values.facts import read_facts
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.jobs.folder import Folder
    from vpatch.values.facts import PullRequest


@contextmanager
def standing(folder: Folder, learned: tuple[bytes, bytes] | None) -> Iterator[set[int]]:
    """Let what the last night learned stand beside what is learned meanwhile.

    Tonight's answers count, and keep the day on which the same was learned. Facts that a person
    changed since stay his, and a pull request that he took out stays out.

    Args:
        folder: The project's folder, as it was laid out for the night.
        learned: The facts that the last night found and left; None where all is merged.

    Yields:
        The pull requests of which tonight's answers are in the folder by the end.

    Raises:
        FormatError: The facts are damaged.
    """
    answered: set[int] = set()
    if learned is None:
        yield answered
        return
    kept = _kept(folder.facts(), learned)
    try:
        yield answered
    finally:
        now = folder.facts()
        stands = {
            number: _learned(last)
            for number, last in kept.items()
            if number not in answered or _says(last, now[number])
        }
        if stands:
            files.write(folder.root / FACTS, told_facts(folder, stands).encode())


def _kept(
    committed: dict[int, PullRequest], learned: tuple[bytes, bytes]
) -> dict[int, PullRequest]:
    """Return what the last night knew of those that it found as they are committed now."""
    try:
        found, left = (read_facts(decode(raw), where=FACTS) for raw in learned)
    except FormatError:
        # Broken then, it was left as it was: that night learned nothing.
        return {}
    return {
        number: left[number]
        for number, own in committed.items()
        if number in found and number in left and _learned(own) == _learned(found[number])
    }


def _learned(known: PullRequest) -> dict[str, Any]:
    """Return those of the facts that a look at upstream writes."""
    names = ("title", "state", "merged_in", "target", "as_of")
    return {name: value for name in names if (value := getattr(known, name))}


def _says(last: PullRequest, now: PullRequest) -> bool:
    """Whether the last night knew all that is known now."""
    same = (last.title, last.state, last.target) == (now.title, now.state, now.target)
    return same and now.merged_in in ("", last.merged_in)
