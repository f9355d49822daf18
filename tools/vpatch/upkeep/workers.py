"""Do many tasks on all cores, in processes that come and go with the call.

Not in threads: a process can be stopped wherever it is, and the refs that git works on in a
replay go by the process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from vpatch.values.errors import VpatchError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_AGAIN = 0.1
"""Seconds after which a process that is to end is told so again."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess
    from types import FrameType

    Opened = Callable[[], AbstractContextManager[Callable[[Task], Answer]]]


def spread(
    tasks: Sequence[Task], opened: Opened[Task, Answer], take: Callable[[Answer], None]
) -> None:
    """Do tasks on all cores; answers are taken as they come, in any order.

    Neighbouring tasks mostly fall to one process, for what they have in common. When this ends,
    by an exception too, no process is left.

    Args:
        tasks: What is to do.
        opened: Opens in each process the place where tasks are done, and gives the doer.
        take: Is given each answer, in the caller's own process.

    Raises:
        VpatchError: A process was killed.
    """
    count = min(_cores(), len(tasks))
    if count <= 1:
        with opened() as do:
            for task in tasks:
                take(do(task))
        return
    parts = _parts(tasks, count)
    # A worker answers once for each task that it has in hand.
    with _crew(opened, count) as crew:
        due = {pipe: _hand(pipe, next(parts)) for pipe in crew}
        while due:
            for pipe in due.keys() & set(wait(list(due))):
                take(_answer(pipe))
                due[pipe] -= 1
                if not due[pipe]:
                    del due[pipe]
                    if part := next(parts, None):
                        due[pipe] = _hand(pipe, part)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parts(tasks: Sequence[Task], count: int) -> Iterator[Sequence[Task]]:
    """Cut tasks into parts: large ones first, so that all processes end at about one time."""
    at = 0
    while at < len(tasks):
        size = max(1, (len(tasks) - at) // (2 * count))
        yield tasks[at : at + size]
        at += size


@contextmanager
def _crew(opened: Opened[Task, Answer], count: int) -> Iterator[dict[Connection, ForkProcess]]:
    """Start processes, each by the pipe to it, and leave none."""
    crew: dict[Connection, ForkProcess] = {}
    done = False
    # A terminal's Ctrl-C goes to all processes; to end these is for their parent alone.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        for _ in range(count):
            pipe, process = _started(opened, list(crew))
            crew[pipe] = process
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield crew
        done = True
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for pipe in crew:
            pipe.close()
        while alive := [process for process in crew.values() if process.is_alive()]:
            for process in alive if not done else ():
                process.terminate()
            # Then once more: just before a call that waits, Python does not see a signal.
            alive[0].join(_AGAIN)


def _started(
    opened: Opened[Task, Answer],
    others: Sequence[Connection],
) -> tuple[Connection, ForkProcess]:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(opened, there, [here, *others]))
    process.start()
    there.close()
    return here, process


def _hand(pipe: Connection, part: Sequence[Task]) -> int:
    with suppress(ConnectionError):  # which `_answer` then meets as well
        pipe.send(part)
    return len(part)


def _answer(pipe: Connection) -> Any:  # noqa: ANN401, what was sent
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionError) as error:
        hint = "make room in memory, then run again"
        raise VpatchError("a process of this run was killed", hint=hint) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _work(
    opened: Opened[Task, Answer],
    pipe: Connection,
    others: Sequence[Connection],
) -> None:
    """Do tasks in a process of its own, until there are no more or nobody asks."""
    for other in others:
        # While a copy of its end is open here, a pipe does not tell that its owner is gone.
        other.close()
    signal.signal(signal.SIGTERM, _leave)
    try:
        with opened() as do:
            try:
                # Only here: neither opening nor tidying up is to be cut short.
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
                for task in _handed(pipe):
                    pipe.send(do(task))
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    except ConnectionError:
        return
    except Exception as error:  # noqa: BLE001, whatever it is, the caller is told
        error.add_note(traceback.format_exc())
        with suppress(ConnectionError):  # who is gone meanwhile has ended this himself
            pipe.send(error)


def _handed(pipe: Connection) -> Iterator[Any]:
    with suppress(EOFError):
        while True:
            yield from pipe.recv()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.exit(1)
