"""A commit of upstream's history, as people know it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# GitHub's subject of a squashed pull request, and of a merged one.
_NUMBERED = re.compile(r"\(#([1-9][0-9]{0,8})\)$|^Merge pull request #([1-9][0-9]{0,8}) ")

DIGITS = 12
"""Of a commit's id, for people."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of upstream's."""

    oid: str
    """Full id, 40 hex digits."""
    subject: str
    """The first line of its message."""
    date: str
    """The day that its author wrote it, YYYY-MM-DD."""

    @property
    def pr(self) -> int | None:
        """Number of the pull request that its subject names."""
        found = _NUMBERED.search(self.subject.strip())
        return int(found[1] or found[2]) if found else None

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``explain``."""
        return {
            "commit": self.oid,
            "subject": self.subject,
            "date": self.date,
            "pr": self.pr,
        }
