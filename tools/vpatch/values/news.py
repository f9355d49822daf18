"""What changed since the last look: each a sentence that stands for itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class News:
    """One thing that changed."""

    kind: str
    """What happened, in a word or two: ``release``, ``conflict``, ``landed``, ``merged``."""
    text: str
    """The same as a sentence, plain text of one line."""
    pr: int | None = None
    """The pull request that it is about, where it is about one."""
    base: str = ""
    """The base that it is about, empty where it is about none."""
