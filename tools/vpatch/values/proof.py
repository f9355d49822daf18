"""A proof: a patch's own smoke test, red on the series without the patch, green with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CONTROL = "test_control"
"""Names of tests that must hold with and without the patch begin so."""


class Outcome(StrEnum):
    """What a proof showed."""

    PROVEN = "proven"
    """Red without the patch, green with it."""
    FAILED = "failed"
    """Not green with the patch, or red for a reason that is not the defect."""
    NOT_NEEDED = "not needed"
    """Green without the patch already."""
    NOT_RUN = "not run"
    """Nothing was shown, and the cause says why."""

    @property
    def good(self) -> bool:
        """Whether nothing speaks against the patch."""
        return self in (Outcome.PROVEN, Outcome.NOT_NEEDED)


class State(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It could not be asked: collection, set-up or tear-down failed."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One test in one run."""

    name: str
    state: State
    message: str = ""
    module: str = ""
    """The test file's name without its ending."""

    @property
    def is_control(self) -> bool:
        """Whether it must hold with and without the patch."""
        return self.name.startswith(CONTROL)

    @property
    def function(self) -> str:
        """The test without the values that it was given."""
        return self.name.partition("[")[0]


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test file, run on one tree."""

    __test__ = False  # pytest takes the name for a test's

    cases: tuple[Case, ...]
    seconds: float
    output: str
    broken: str = ""
    """Why there is no result: it hung, or the interpreter died."""

    @property
    def state(self) -> str:
        """The run in a word."""
        if self.broken:
            return "broken"
        states = {case.state for case in self.cases}
        for state in (State.ERROR, State.FAILED):
            if state in states:
                return state.value
        if states == {State.SKIPPED} or not states:
            return "not run"
        return "passed"

    @property
    def skipped(self) -> str:
        """The tests that could not be run, and why; empty where all were."""
        ran = {case.function for case in self.cases if case.state is not State.SKIPPED}
        found: dict[str, dict[str, None]] = {}
        for case in self.cases:
            if case.state is State.SKIPPED:
                name = case.name if case.function in ran else case.function
                found.setdefault(case.message, {})[name] = None
        return "; ".join(f"{', '.join(names)} ({why})" for why, names in found.items())

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``smoke``."""
        cases = [
            {"name": case.name, "state": case.state.value, "message": case.message}
            for case in self.cases
        ]
        return {
            "state": self.state,
            "seconds": round(self.seconds, 2),
            "broken": self.broken,
            "tests": cases,
        }


@dataclass(frozen=True, slots=True)
class Proof:
    """What the smoke test of one patch showed."""

    name: str
    """File name of the patch."""
    pr: int | None
    outcome: Outcome
    cause: str = ""
    red: TestRun | None = None
    """On the series before the patch."""
    green: TestRun | None = None
    """On the series up to and with the patch."""
    whole: TestRun | None = None
    """On the whole series."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``smoke``."""
        runs = {"red": self.red, "green": self.green, "whole": self.whole}
        found: dict[str, Any] = {
            "name": self.name,
            "pr": self.pr,
            "outcome": self.outcome.value,
            "cause": self.cause,
        }
        return found | {key: run.as_json() if run else None for key, run in runs.items()}


def judge(red: TestRun, green: TestRun, whole: TestRun) -> tuple[Outcome, str]:
    """Say what three runs of a test show, and why.

    Args:
        red: On the series before the patch.
        green: On the series up to and with the patch.
        whole: On the whole series.
    """
    runs = {"without the patch": red, "with the patch": green, "on the whole series": whole}
    # A test that could not be asked proves nothing, whatever else it says.
    for find in (_unanswered, _not_run, _not_green):
        for where, run in runs.items():
            if found := find(where, run):
                return found
    failed = [case for case in red.cases if case.state is State.FAILED]
    for case in failed:
        if case.is_control:
            return Outcome.FAILED, f"a control fails without the patch, {case.name}"
        if case.message.startswith(_WRONG_REASONS):
            return Outcome.FAILED, f"red for the wrong reason, {case.name}: {case.message}"
    if not failed:
        return Outcome.NOT_NEEDED, "green without it"
    note = f"; not run: {green.skipped}" if green.skipped else ""
    return Outcome.PROVEN, f"{failed[0].name}: {failed[0].message}{note}"


_WRONG_REASONS = ("ImportError", "ModuleNotFoundError", "SyntaxError")


def _unanswered(where: str, run: TestRun) -> tuple[Outcome, str] | None:
    if run.broken:
        return Outcome.FAILED, f"{where}: {run.broken}"
    errors = [case for case in run.cases if case.state is State.ERROR]
    if errors:
        return Outcome.FAILED, f"{where}, {errors[0].name}: {errors[0].message}"
    return None


def _not_run(where: str, run: TestRun) -> tuple[Outcome, str] | None:
    if run.state != "not run":
        return None
    reasons = sorted({case.message for case in run.cases if case.message})
    return Outcome.NOT_RUN, f"{'; '.join(reasons) or 'no test in it'} ({where})"


def _not_green(where: str, run: TestRun) -> tuple[Outcome, str] | None:
    failed = [case for case in run.cases if case.state is State.FAILED]
    if not failed or where == "without the patch":
        return None
    return Outcome.FAILED, f"{where}, {failed[0].name}: {failed[0].message}"


def proof_key(patch: bytes, tests: bytes, base: str) -> str:
    """Return what a proof holds for: the patch, its test and the base, 64 hex digits."""
    digest = hashlib.sha256()
    for part in (patch, tests, base.encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
