"""A sign of life on standard error, wherever nothing was said for half a minute.

It comes by a timer of the system's and not from a thread: processes are forked from this one,
and a signal gets through to Python wherever that waits.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vpatch.cli import show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EVERY = 30.0
"""Seconds."""
_CLEAR = "\r\x1b[2K"
"""Takes a bar away, which is drawn anew below."""


class _Pulse:
    """The one of this process."""

    def __init__(self) -> None:
        self._owner = 0
        self._job = self._words = ""
        self._since = 0.0
        self._hidden = False

    def begin(self) -> None:
        """Begin to beat, where there is somewhere to be heard."""
        if sys.stderr is not None:
            self._owner = os.getpid()
            signal.signal(signal.SIGALRM, self._beat)
            # Python gives up its handlers in the end, and the next beat would kill it.
            atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)

    def said(self, job: str) -> None:
        """Note of what people were told just now."""
        # Processes that were forked from this one leave it to speak.
        if os.getpid() == self._owner:
            self._job, self._words, self._since = job, "", time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)

    def note(self, words: str) -> None:
        """Note how far that is."""
        self._words = words

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Keep silent while something else moves before people's eyes."""
        self._hidden = True
        try:
            yield
        finally:
            self._hidden = False
            self.said(self._job)

    def _beat(self, _number: int, _frame: FrameType | None) -> None:
        if self._hidden:
            return
        how_far = f", {self._words}" if self._words else ""
        line = f"still at it after {time.monotonic() - self._since:.0f} s: {self._job}{how_far}"
        text = f"{_CLEAR if sys.stderr.isatty() else ''}{show.harmless(line)}\n"
        # Past Python's own buffers, in whose midst a signal may have come.
        with suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))


PULSE = _Pulse()
