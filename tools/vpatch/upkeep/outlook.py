"""What the last look at upstream showed: ``build/outlook.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.values.followups import Candidate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from vpatch.values.facts import PullRequest


@dataclass
class Outlook:
    """What people were shown, and what was found for them."""

    shown: dict[int, str] = field(default_factory=dict)
    """By pull request, the digest of what was pushed and shown."""
    follow_ups: dict[int, list[Candidate]] = field(default_factory=dict)
    """By pull request, what may follow it up."""

    @classmethod
    def at(cls, path: Path) -> Outlook:
        """Return what is kept; what is not there, or broken, is to be looked up again."""
        try:
            kept = json.loads(path.read_bytes())
            shown = {int(pr): str(digest) for pr, digest in kept["shown"].items()}
            found = {
                int(pr): [Candidate(**one) for one in each]
                for pr, each in kept["follow_ups"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()
        return cls(shown, found)

    def save(self, path: Path) -> None:
        """Keep it."""
        kept = {
            "schema": 1,
            "shown": {str(pr): digest for pr, digest in sorted(self.shown.items())},
            "follow_ups": {
                str(pr): [one.as_json() for one in found]
                for pr, found in sorted(self.follow_ups.items())
                if found
            },
        }
        files.write(path, (json.dumps(kept, indent=2) + "\n").encode())

    @classmethod
    def note_shown(cls, path: Path, shown: Mapping[int, str]) -> None:
        """Keep what people were shown now, by pull request its digest."""
        # Another run may have kept something meanwhile.
        kept = cls.at(path)
        kept.shown |= shown
        kept.save(path)

    def candidates(
        self, number: int, known: Iterable[int], carried: Iterable[int | None]
    ) -> list[Candidate]:
        """Return what may follow a pull request up and nobody has noted yet.

        Args:
            number: The pull request.
            known: Its follow-ups by ``upstream.toml``.
            carried: The pull requests that the series carries.
        """
        settled = {*known, *carried}
        return [one for one in self.follow_ups.get(number, []) if one.pr not in settled]

    def open_questions(
        self, facts: Mapping[int, PullRequest], carried: Collection[int | None]
    ) -> dict[int, list[Candidate]]:
        """Return the same for every pull request that there is something to tell of.

        Args:
            facts: What is known of each.
            carried: The pull requests that the series carries.
        """
        found = {
            number: self.candidates(number, request.follow_ups, carried)
            for number, request in facts.items()
        }
        return {number: each for number, each in found.items() if each}
