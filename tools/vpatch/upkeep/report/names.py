"""By what the page knows a patch: the same in its tables, in the order, and in the news."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from vpatch.values.paths import printable
from vpatch.values.series import in_parts, number_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vpatch.upkeep.report.page import Page, Stand
    from vpatch.values.patch import Patch


@dataclass(frozen=True, slots=True)
class Names:
    """By what a patch is the same in several series, and what people call it."""

    parts: frozenset[int]
    """The pull requests of which some series has several patches."""
    pulls: Mapping[str, int | None]
    """By file name the pull requests of all patches."""

    @classmethod
    def of(cls, series: Collection[Sequence[Patch]]) -> Names:
        """Return what tells the patches of some series apart."""
        parts = frozenset(chain.from_iterable(map(in_parts, series)))
        return cls(parts, {patch.name: patch.pr for patch in chain(*series)})

    def key(self, patch: Patch) -> int | str:
        """Return by what a patch is the same in several series.

        That is its pull request; its file where it has none, or some series has several of it.
        """
        return patch.pr if patch.pr and patch.pr not in self.parts else patch.name

    def label(self, patch: Patch) -> str:
        """Return what people know a patch by: its pull request, and which part of it."""
        return self._called(patch.name, patch.pr)

    def left_out(self, stand: Stand) -> list[tuple[int | str, str, str]]:
        """Return of what a series says that it leaves it out: its key, its label, and why.

        What is no patch of any series stands for its pull request, with all parts of it.
        """
        found: list[tuple[int | str, str, str]] = []
        for name, why in stand.left_out.items():
            number = number_of(name, stand.numbers, self.pulls)
            if number is None or (number in self.parts and name in self.pulls):
                found.append((name, self._called(name, number), why))
            else:
                found.append((number, f"#{number}", why))
        return found

    def why(self, stand: Stand, patch: Patch) -> str:
        """Return why a series leaves a patch out; empty where it does not say."""
        said = self.left_out(stand)
        mine = [why for key, _, why in said if key == self.key(patch)]
        whole = [why for key, _, why in said if key == patch.pr]
        return "; ".join(dict.fromkeys(mine or whole))

    def _called(self, name: str, number: int | None) -> str:
        if number is None:
            return printable(name)
        if number in self.parts:
            return f"#{number} {printable(name.removeprefix(f'{number}-'))}"
        return f"#{number}"


def names_of(page: Page) -> Names:
    """Return what tells the patches of all series on the page apart."""
    series = [one.patches for one in (*page.served, *page.later)]
    return Names.of([page.patches, *series, *(stand.patches for stand in page.kept)])
