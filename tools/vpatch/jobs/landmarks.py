"""Look up on a base the texts by which upstream's own form of a change is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpatch.values.facts import Held, Landmark
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.doors.git import Repo
    from vpatch.values.base import Base
    from vpatch.values.facts import PullRequest


@dataclass(frozen=True, slots=True)
class Watched:
    """A pull request that is not carried, and what a base shows of it."""

    request: PullRequest
    present: bool | None
    """Whether the base has it; None where nothing tells what to look for."""
    evidence: str

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``status``."""
        return {
            "pr": self.request.number,
            "present": self.present,
            "evidence": self.evidence,
            "title": self.request.title,
        }


def find_landmarks(
    repo: Repo, base: Base, facts: Iterable[PullRequest]
) -> dict[Landmark, Held]:
    """Return the landmarks of pull requests that a base holds, and where."""
    marks = {mark for request in facts for mark in request.landed_when}
    found = repo.entries(base.commit, {mark.path for mark in marks}) if marks else {}
    files = {path: entry.oid for path, entry in found.items() if not entry.is_folder}
    texts = dict(zip(files, map(decode, repo.blobs(list(files.values()))), strict=True))
    held: dict[Landmark, Held] = {}
    for mark in marks:
        text = texts.get(mark.path, "")
        at = text.find(mark.contains)
        if at >= 0:
            line = text.count("\n", 0, at) + 1
            held[mark] = Held(mark.path, line, mark.contains)
    return held


def watch(
    facts: Mapping[int, PullRequest],
    carried: Iterable[int | None],
    held: Mapping[Landmark, Held],
) -> list[Watched]:
    """Say of each pull request that is not carried whether a base has it.

    It is there when all its landmarks are.
    """
    kept = set(carried)
    return [_watched(facts[pr], held) for pr in facts if pr not in kept]


def _watched(request: PullRequest, held: Mapping[Landmark, Held]) -> Watched:
    marks = request.landed_when
    if not marks:
        return Watched(request, None, "no landed_when tells what to look for")
    missing = [mark for mark in marks if mark not in held]
    if missing:
        mark = missing[0]
        return Watched(request, False, f"{mark.path} lacks {mark.contains!r}")  # noqa: FBT003
    return Watched(request, True, "; ".join(held[mark].evidence for mark in marks))  # noqa: FBT003
