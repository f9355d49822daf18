"""What is new of a pull request since somebody looked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vpatch.values.facts import ENDED
from vpatch.values.mail import title_of
from vpatch.values.paths import encode

if TYPE_CHECKING:
    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.pull import Pull, PullState


@dataclass(frozen=True, slots=True)
class Push:
    """What an author pushed since somebody reviewed it."""

    reviewed: str
    """The reviewed head."""
    new: Pull
    """The pull request as it is."""
    old: Pull | None
    """The pull request as it was reviewed; None where the remote lost that."""
    difference: str
    """What is different, for people to read; all of it where the old head is lost."""
    differs: bool
    """Whether anything is but line numbers, and what is left out."""
    empty: bool
    """Whether nothing is left of it but what is left out."""
    exclude: tuple[str, ...]
    """Globs of the files that are left out of it."""
    whole: bool = False
    """Whether it cannot be taken in parts, as it is carried: there are merges in it."""
    shown: bool = False
    """Whether it was shown before."""

    @property
    def digest(self) -> str:
        """What tells it from anything else that could be shown or taken, 64 hex digits.

        The head alone does not: what it changes is told by where it begins, too, and that moves
        with the branch that it is for.
        """
        found = hashlib.sha256()
        for part in (self.new.base, self.new.head, *self.exclude, self.difference):
            raw = encode(part)
            found.update(b"%d\n%s" % (len(raw), raw))
        return found.hexdigest()

    @property
    def takeable(self) -> bool:
        """Whether it may be taken: what nobody has seen may not."""
        return self.shown or not self.differs


@dataclass(frozen=True, slots=True)
class News:
    """What is known of one pull request now."""

    number: int
    patches: tuple[Patch, ...]
    """Those of the series that carry it."""
    known: PullRequest | None
    """What ``upstream.toml`` said."""
    state: PullState | None
    """What GitHub says; None where it does not answer."""
    head: str
    """Its last commit; empty where nobody tells."""
    push: Push | None
    compared: bool = False
    """Whether what was reviewed was compared with what is there."""
    unanswered: str = ""
    """Why GitHub told nothing of it, or git where there is no GitHub; empty where it did."""
    unseen: str = ""
    """Why what was pushed could not be looked at; empty where it could, or nothing was."""
    release: str = ""
    """The first release that has it, where that is found."""

    @property
    def title(self) -> str:
        """What it is called."""
        if self.state:
            return title_of(self.state.title)
        return self.known.title if self.known else self.patches[0].subject

    @property
    def reviewed(self) -> str:
        """Its reviewed head, empty where nothing tells; of one in parts, each names its own."""
        said = self.known.head if self.known else ""
        own = self.patches[-1].taken_from if self.patches else ""
        return own or said if len(self.patches) == 1 else said or own

    @property
    def is_retargeted(self) -> bool:
        """Whether it was taken as for another branch than GitHub says now."""
        assumed = self.known.target if self.known else ""
        return bool(self.state and assumed and assumed != self.state.target)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it itself."""
        said = self.state or self.known
        return said is not None and said.state in ENDED

    @property
    def learned(self) -> dict[str, Any]:
        """What to write to ``upstream.toml``; nothing where it says all of that already."""
        if self.state is None:
            return {}
        found: dict[str, Any] = {"title": self.title, "state": self.state.state}
        if self.release and not (self.known and self.known.merged_in):
            found["merged_in"] = self.release
        if self.is_retargeted and self.compared and self.push is None:
            found["target"] = self.state.target
        if self.known and all(getattr(self.known, key) == found[key] for key in found):
            return {}
        return found | {"as_of": datetime.now(UTC).date()}
