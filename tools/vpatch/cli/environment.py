"""An installed vLLM as the target of a call: patch it, and say what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.cli import show
from vpatch.cli.session import Terminal
from vpatch.values.errors import FormatError, RefusedError
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Container

    from vpatch.cli.session import Asked, Ready, Session
    from vpatch.cli.target import Target
    from vpatch.jobs.installation import Delivery, Installation, Note
    from vpatch.values.drift import Drift
    from vpatch.values.verdict import Replay, Result


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call that changes a target."""

    summary: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a target's files showed."""

    drift: tuple[Drift, ...]
    patches: tuple[tuple[Result, str], ...] = ()
    """Of an installed vLLM: each patch, and whether it is in."""
    own: tuple[str, ...] = ()
    """Of an installed vLLM: files that its distribution brought otherwise than the base."""
    notes: tuple[str, ...] = ()
    """What else is to be said to people."""

    @property
    def lacking(self) -> list[Result]:
        """Patches that are needed and not seen to be in."""
        return [
            result
            for result, state in self.patches
            if result.verdict.good
            and result.verdict is not Verdict.LANDED
            and state not in ("yes", "outside")
        ]

    def as_json(self) -> dict[str, object]:
        """Return its part of the JSON of ``verify``."""
        found: dict[str, object] = {"drift": [one.as_json() for one in self.drift]}
        if self.patches:
            found["patches"] = [
                {"name": r.patch.name, "pr": r.patch.pr, "applied": state}
                for r, state in self.patches
            ]
            found["own"] = list(self.own)
        return found


@dataclass(frozen=True, slots=True)
class Wish:
    """What a target is to be given."""

    session: Session
    asked: Asked
    ready: Ready
    last: str
    """The last patch, where the call wanted no more; empty for the whole series."""


def put(wish: Wish, target: Target | None, *, write: bool) -> Done:
    """Put a series into an installed vLLM, or say what that would do."""
    from vpatch.jobs.installation import Installation  # noqa: PLC0415, lazy

    assert isinstance(target, Installation)  # noqa: S101, for mypy: --python names one
    plan = target.plan(_delivery(wish, target))
    count = sum(path.startswith(f"{target.package}/") for path in plan)
    files = f"{count} file{'' if count == 1 else 's'}"
    name = f"{target.label} in {target.places.site}"
    stale = target.take_stale(wish.ready.replay) if write else []
    if not plan and stale:
        them = ", ".join(stale)
        return Done(f"took byte code away in {name} that hid what is in {them}", changed=True)
    if not plan:
        return Done(f"{_already(target)}: {name} holds {wish.asked.name}, nothing to do")
    if not write:
        return Done(f"would change {files} of {name}; nothing was written")
    _warn(target)
    target.apply(plan)
    told = f"{target.places.provenance} says what it is made of"
    return Done(f"applied to {name}: {files} changed, {told}", changed=True)


def _delivery(wish: Wish, target: Installation) -> Delivery:
    from vpatch.jobs.installation import Delivery  # noqa: PLC0415, lazy
    from vpatch.jobs.landmarks import watch  # noqa: PLC0415, lazy
    from vpatch.values.provenance import provenance  # noqa: PLC0415, lazy

    facts, replay = wish.session.facts, wish.ready.replay
    whole = wish.session.serving(wish.asked.base, wish.asked.name).series.patches
    watched = watch(facts, [patch.pr for patch in whole], wish.ready.landmarks)
    # What is asked for is the beginning of the whole.
    rest = whole[len(wish.asked.series.patches) :]
    left_out = [(patch, f"not asked for: applied up to {wish.last}") for patch in rest]
    made_of = provenance(replay, facts, watched, left_out, target.found.name)
    releases = wish.session.bases.releases
    return Delivery(replay, wish.ready.made, wish.asked.name, wish.last, made_of, releases)


def _already(target: Installation) -> str:
    if target.applied():
        return "already applied"
    return f"already patched {'as a wheel' if target.provenance() else 'by somebody else'}"


def take_out(target: Target) -> Note | None:
    """Bring an installed vLLM back; None where nothing was applied.

    Raises:
        RefusedError: It came patched.
    """
    from vpatch.jobs.installation import Installation  # noqa: PLC0415, lazy

    assert isinstance(target, Installation)  # noqa: S101, for mypy: --python names one
    if target.applied():
        _warn(target)
    elif target.provenance():
        raise RefusedError(
            f"{target.label} came patched, as a wheel",
            where=str(target.root),
            hint=target.again,
        )
    return target.unapply()


def look(asked: Asked, target: Target, ready: Ready) -> Seen:
    """Compare an installed vLLM with what a series makes of its base."""
    from vpatch.jobs.installation import (  # noqa: PLC0415, lazy
        Installation,
        compare,
        held_states,
    )

    assert isinstance(target, Installation)  # noqa: S101, for mypy: --python names one
    replay = ready.replay
    states = held_states(target, replay, ready.made)
    found = compare(target, replay, ready.made)
    notes = [*_on_compiled(replay, target.carried), *_on_record(asked, target, states)]
    if found.own:
        notes.append(
            f"not as in {replay.base.name}, but as {target.label} brings it: "
            + ", ".join(found.own)
        )
    patches = tuple(zip(replay.results, states, strict=True))
    return Seen(found.drift, patches, found.own, tuple(notes))


def _on_compiled(replay: Replay, carried: Container[str]) -> list[str]:
    from vpatch.values.compiled import compiled  # noqa: PLC0415, lazy

    return [
        f"{show.label(result.patch)}: what is compiled tells nothing of "
        + ", ".join(compiled(change))
        for result, change in zip(replay.results, replay.changes, strict=True)
        if compiled(change) and result.patch.sha256 not in carried
    ]


def _on_record(asked: Asked, target: Installation, states: list[str]) -> list[str]:
    """Say where the record of what is in does not fit."""
    from vpatch.values.provenance import series_digest  # noqa: PLC0415, lazy

    try:
        made_of = target.provenance()
    except FormatError as error:
        return [f"its record tells nothing: {error}"]
    if made_of is None:
        holds = {"yes", "partly"}.intersection(states)
        return ["nothing is recorded of these patches"] if holds else []
    if made_of.digest == series_digest(asked.series):
        return []
    names = ", ".join(f"#{one.pr}" if one.pr else one.name for one in made_of.patches)
    return [f"its {target.places.provenance} is of another series: {names or 'no patch'}"]


def _warn(target: Installation) -> None:
    """Tell of processes that run what is about to change."""
    from vpatch.doors.python import users  # noqa: PLC0415, lazy

    if pids := users(target.found):
        one = len(pids) == 1
        names = ("process " if one else "processes ") + ", ".join(map(str, pids))
        Terminal().say(
            f"warning: {names} seem{'s' if one else ''} to run it; start "
            f"{'that' if one else 'them'} again, or old and new code may mix"
        )
