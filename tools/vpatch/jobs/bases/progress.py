"""Who is told of long work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vpatch.doors.index import Tracker


class Progress(Protocol):
    """Who is told of long work."""

    def say(self, line: str) -> None:
        """Tell people what is going on."""

    def track(self, what: str, total: int | None) -> Tracker:
        """Count bytes of a job."""

    def note(self, words: str) -> None:
        """Tell how far the job is that people were told of last."""
