"""Runs that are counted step by step, and ended before one of the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it is written any more."""


class Steps:
    """Counts what a run does to the disk, and ends it before a step.

    Args:
        end: The number of the step; 0 lets all pass.
        error: Makes what is raised there.
        for_good: Whether every later step fails as well, as after ``kill -9``.
    """

    def __init__(self, end: int, error: Callable[[], BaseException], *, for_good: bool) -> None:
        self.count = 0
        self._end = end
        self._error = error
        self._for_good = for_good

    def take(self) -> None:
        """Count one step."""
        self.count += 1
        if self.count == self._end or (self._for_good and self.count > self._end > 0):
            raise self._error()

    def over(self, place: pytest.MonkeyPatch, ways: Iterable[tuple[Any, str]]) -> None:
        """Wrap functions so that each call is a step."""
        for owner, name in ways:
            place.setattr(owner, name, self.wrapped(getattr(owner, name)))

    def wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts as a step."""

        def step(*args: Any, **kwargs: Any) -> Any:
            self.take()
            return real(*args, **kwargs)

        return step


def ended(run: Callable[[], object], steps: Steps, ways: Iterable[tuple[Any, str]]) -> bool:
    """Run under `steps`; whether it was ended by them."""
    with pytest.MonkeyPatch.context() as place:
        steps.over(place, ways)
        try:
            run()
        except (KilledError, KeyboardInterrupt, SystemExit):
            return True
    return False
