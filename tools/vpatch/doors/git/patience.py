"""Listen to a git that talks to a server, and end it where nothing is to be heard any more.

git bounds less than half of that itself: a connection that nobody takes, a helper that waits
for an answer, and any server but one of HTTP may keep it for ever.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Callable

_GRACE = 3.0
"""Seconds for git to clear up behind itself."""
# What git overwrites on a terminal, and what it leaves there; ssh ends its lines in CR LF.
_PROGRESS = re.compile(rb"[^\n]*\r(?!\n)|[^\n]*, done\.[ ]*(?:\n|$)")
_ENDS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nothing may be heard, in seconds."""

    answer: float = 60.0
    """Of a server that is asked what it has."""
    work: float = 300.0
    """Of one that is to send something or to take it: it may compute for long before."""
    look: float = 0.5
    """Between two looks."""


PATIENT = Patience()


def listen(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    silence: float,
    look: float,
    heard: Callable[[str], None],
) -> tuple[bytes, bytes] | None:
    """Return what a command wrote to its two ends; None where it kept silent for too long.

    Whatever happens, nothing of it is left: it must lead a process group.

    Args:
        process: The command, with pipes to all its ends.
        stdin: What it reads.
        silence: Seconds after which a silent one is given up.
        look: Seconds between two looks.
        heard: Told the last words of each time that it said something.
    """
    told, since = 0, time.monotonic()
    said: bytes | None = stdin
    whole = False
    try:
        while True:
            ended = process.poll() is not None
            try:
                answer = process.communicate(said, timeout=_GRACE if ended else look)
            except subprocess.TimeoutExpired as error:
                said = None
                out, words = error.output or b"", error.stderr or b""
                if ended:
                    # Something that it started, as ssh's master, still holds its ends open.
                    return out, words
                if len(out) + len(words) > told:
                    told, since = len(out) + len(words), time.monotonic()
                    heard(last_words(words))
                elif time.monotonic() - since > silence:
                    return None
            else:
                whole = True
                return answer
    finally:
        if not whole:
            _end(process)
        close_ends(process)


def close_ends(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes to a process, whatever it has still to say or to read."""
    for end in filter(None, (process.stdin, process.stdout, process.stderr)):
        with suppress(OSError):
            end.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it started, by its group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def last_words(err: bytes) -> str:
    """Return the last line that git wrote, as a terminal would show it."""
    lines = [line.strip() for line in _ENDS.split(err)]
    return decode(next(filter(None, reversed(lines)), b""))


def without_progress(err: bytes) -> bytes:
    """Return git's words without those on how far it was."""
    return _PROGRESS.sub(b"", err)
