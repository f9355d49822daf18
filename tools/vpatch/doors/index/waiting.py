"""Wait no longer than there is hope of an answer, or of the rest of a download."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from vpatch.values.errors import DownError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


def within(seconds: float, question: Callable[[], Answer]) -> Answer:
    """Return the answer to a question, or raise what that raises.

    A server that dribbles is never late with its next byte, and a name server has a time of its
    own: who reads never sees the end.

    Raises:
        TimeoutError: There is none yet; who waits for it does so alone from now on.
    """
    answer: Future[Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001, it is raised again below
            answer.set_exception(error)

    Thread(target=work, daemon=True).start()
    return answer.result(seconds)


class Tracker(Protocol):
    """What shows the progress of a download: a context manager that is told of bytes."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""

    def update(self, increment: int) -> None:
        """Count more bytes."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is the least that a download brings."""

    rate: float = 1000.0
    """Bytes in a second,"""
    seconds: float = 60.0
    """after so many of them, and then again."""


PACE = Pace()


class Paced:
    """A tracker that sees to it that a download goes on.

    Args:
        tracker: Who is told of the bytes.
        pace: The least that there are.
        name: What is downloaded.
    """

    def __init__(self, tracker: Tracker, pace: Pace, name: str) -> None:
        self._tracker = tracker
        self._pace = pace
        self._name = name
        self._count, self._since = 0, time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        self._tracker.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._tracker.__exit__(*error)

    def update(self, increment: int) -> None:
        """Count more bytes.

        Raises:
            DownError: They have become too few.
        """
        self._tracker.update(increment)
        self._count += increment
        passed = time.monotonic() - self._since
        if passed < self._pace.seconds:
            return
        if self._count < self._pace.rate * passed:
            what = f"no more than {self._count} bytes came in {passed:.0f} s"
            hint = "check the network, or try again later"
            raise DownError(what, where=self._name, hint=hint)
        self._count, self._since = 0, time.monotonic()
