"""What people and GitHub know of each pull request: ``patches/upstream.toml``.

What a replay can compute is never stored there.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from typing import Any

from vpatch.values.base import version_of
from vpatch.values.errors import FormatError
from vpatch.values.paths import safe
from vpatch.values.ref import is_branch

STATES = ("open", "closed", "merged", "unknown")
ENDED = ("closed", "merged")
"""Those from which nothing more comes."""

_KINDS: dict[str, tuple[type, str]] = {
    "number": (int, "a number"),
    "title": (str, "text"),
    "state": (str, "text"),
    "as_of": (date, "a date, YYYY-MM-DD without quotes"),
    "merged_in": (str, "a release, as text"),
    "why": (str, "text"),
    "gain": (str, "text"),
    "follow_ups": (list, "a list of numbers"),
    "exclude": (list, "a list of file patterns"),
    "head": (str, "a commit, as text"),
    "target": (str, "a branch, as text"),
    "landed_when": (list, "a list of { path, contains }"),
}
_NEEDED = ("number", "title", "state", "as_of")


@dataclass(frozen=True, slots=True)
class Landmark:
    """A text by which a base shows that it has a change, in whatever form."""

    path: str
    contains: str


@dataclass(frozen=True, slots=True)
class Held:
    """A landmark that a base was found to hold."""

    path: str
    line: int
    """The first line that holds its text, from 1."""
    contains: str

    @property
    def evidence(self) -> str:
        """Where it is and what it says, for people."""
        return f"{self.path}:{self.line} has {self.contains!r}"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Facts on one upstream pull request, carried or watched."""

    number: int
    title: str
    state: str
    """One of `STATES`, as of `as_of`."""
    as_of: date
    merged_in: str = ""
    """The release that has it, where it was merged."""
    why: str = ""
    """What it is for, and what it does not do."""
    gain: str = ""
    """What it is worth: what was measured, what is claimed by whom, what is none."""
    follow_ups: tuple[int, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs of files that are not carried."""
    head: str = ""
    """The reviewed commit, 40 hex digits."""
    target: str = ""
    """The branch that it was taken as for, where GitHub did not tell."""
    landed_when: tuple[Landmark, ...] = ()


def read_facts(text: str, *, where: str) -> dict[int, PullRequest]:
    """Read ``upstream.toml``.

    Args:
        text: Its content.
        where: Its path, for messages.

    Raises:
        FormatError: It names file, table and key.
    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        hint = "correct the TOML there"
        raise FormatError(f"no valid TOML: {error}", where=where, hint=hint) from error
    if unknown := sorted(document.keys() - {"pr"}):
        hint = "a pull request is a [[pr]] table"
        raise FormatError(f"unknown key {unknown[0]!r}", where=where, hint=hint)
    tables = document.get("pr", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        hint = "a pull request is a [[pr]] table, in double brackets"
        raise FormatError("'pr' is no list of tables", where=where, hint=hint)
    facts: dict[int, PullRequest] = {}
    for order, table in enumerate(tables, 1):
        label = f"{where}, [[pr]] {table.get('number', f'table {order}')}"
        request = _request(table, label)
        if request.number in facts:
            hint = "keep one of the two tables"
            raise FormatError("a second table for it", where=label, hint=hint)
        facts[request.number] = request
    return facts


def _request(table: dict[str, Any], where: str) -> PullRequest:
    for key, value in table.items():
        if key not in _KINDS:
            raise FormatError(
                f"unknown key {key!r}",
                where=where,
                hint=f"the keys are {', '.join(_KINDS)}",
            )
        kind, words = _KINDS[key]
        # A truth value is a number to Python, and a time is a date.
        if type(value) is not kind:
            raise FormatError(f"{key!r} is not {words}", where=where)
    for key in _NEEDED:
        if key not in table:
            raise FormatError(f"{key!r} is missing", where=where, hint="add it")
    if table["state"] not in STATES:
        hint = f"it is one of {', '.join(STATES)}"
        raise FormatError(f"state {table['state']!r} is unknown", where=where, hint=hint)
    if (head := table.get("head")) and not re.fullmatch(r"[0-9a-f]{40}", head):
        hint = "write it in full, 40 hex digits: git rev-parse gives them"
        raise FormatError(f"head {head!r} is no full commit", where=where, hint=hint)
    if (target := table.get("target")) and not is_branch(target):
        hint = "write the branch as upstream has it, as main"
        raise FormatError(f"target {target!r} is no branch", where=where, hint=hint)
    if (release := table.get("merged_in")) and not version_of(release):
        hint = "write the first release that has it, as v0.17.0"
        raise FormatError(f"merged_in {release!r} is no release", where=where, hint=hint)
    values = dict(table)
    values["follow_ups"] = _all(table, "follow_ups", int, where)
    values["exclude"] = _all(table, "exclude", str, where)
    marks = table.get("landed_when", [])
    values["landed_when"] = tuple(_landmark(mark, where) for mark in marks)
    return PullRequest(**values)


def _all(table: dict[str, Any], key: str, kind: type, where: str) -> tuple[Any, ...]:
    values = table.get(key, [])
    if not all(type(value) is kind for value in values):
        raise FormatError(f"{key!r} is not {_KINDS[key][1]}", where=where)
    return tuple(values)


def _landmark(mark: Any, where: str) -> Landmark:  # noqa: ANN401, any TOML value
    if not isinstance(mark, dict) or mark.keys() != {"path", "contains"}:
        hint = 'write { path = "...", contains = "..." }'
        raise FormatError("an entry of 'landed_when' is wrong", where=where, hint=hint)
    path, contains = mark["path"], mark["contains"]
    if not (isinstance(path, str) and isinstance(contains, str) and contains):
        hint = "both are text, and not empty"
        raise FormatError("an entry of 'landed_when' is wrong", where=where, hint=hint)
    return Landmark(safe(path, where=where), contains)
