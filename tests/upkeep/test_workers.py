"""Work on all cores: every task is done, every failure is told, and no process is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from git_servers import until
from vpatch.upkeep import workers
from vpatch.upkeep.workers import spread
from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_cores", lambda: 3)


class Shop:
    """A place for work, which can be seen from outside while it is open."""

    def __init__(self, folder: Path, do: Callable[[int], Any]) -> None:
        self.folder = folder
        self._do = do

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], tuple[int, Any]]]:
        """Open the place."""
        mark = self.folder / f"open-{os.getpid()}"
        mark.touch()
        try:
            yield lambda task: (os.getpid(), self._do(task))
        finally:
            mark.unlink()

    def closed(self) -> bool:
        """Whether nobody is at work."""
        return not list(self.folder.glob("open-*"))


def gone() -> bool:
    """Whether no process of this one is left."""
    return multiprocessing.active_children() == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 29])
def test_each_task_is_done_once(tmp_path: Path, count: int) -> None:
    """Whatever their number; several processes share many, and one task needs none."""
    shop = Shop(tmp_path, lambda task: task * task)
    answers: list[tuple[int, Any]] = []
    spread(range(count), shop, answers.append)

    assert sorted(answer for _, answer in answers) == [task * task for task in range(count)]
    pids = {pid for pid, _ in answers}
    assert len(pids) <= 3
    assert (os.getpid() in pids) == (count == 1)
    assert shop.closed()
    assert gone()


def test_neighbours_fall_to_one_process(tmp_path: Path) -> None:
    """Long parts come first, and none is larger than its share."""
    parts = list(workers._parts(range(29), 3))  # noqa: SLF001, the rule itself

    assert [task for part in parts for task in part] == list(range(29))
    sizes = [len(part) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert 1 < sizes[0] <= 29 / 3


@pytest.mark.parametrize("count", [1, 9])
def test_a_failure_is_the_callers(tmp_path: Path, count: int) -> None:
    """What fails there is raised here, with its hint; nothing goes on behind it."""

    def fail(task: int) -> None:
        raise BadInputError("no such thing", where=str(task), hint="take another")

    shop = Shop(tmp_path, fail)
    with pytest.raises(BadInputError, match="no such thing") as caught:
        spread(range(count), shop, print)
    assert (caught.value.hint, caught.value.status) == ("take another", 2)
    assert shop.closed()
    assert gone()


def test_a_bug_tells_where_it_is(tmp_path: Path) -> None:
    """The traceback of the other process comes along, for the report."""

    def broken(task: int) -> str:
        names: dict[int, str] = {}
        return names[task]

    shop = Shop(tmp_path, broken)
    with pytest.raises(KeyError) as caught:
        spread(range(9), shop, print)
    assert "in broken" in "".join(caught.value.__notes__)
    assert gone()


def test_a_place_that_does_not_open() -> None:
    """It is told as any failure is."""

    @contextmanager
    def shut() -> Iterator[Callable[[int], int]]:
        if multiprocessing.parent_process():
            raise VpatchError("no room", where="here")
        yield abs

    with pytest.raises(VpatchError, match="no room"):
        spread(range(9), shut, print)
    assert gone()


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """As the system does it that has no memory left: no answer, said in a line."""

    def dies(task: int) -> int:
        if task == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    with pytest.raises(VpatchError, match="a process of this run was killed") as caught:
        spread(range(9), Shop(tmp_path, dies), lambda _: None)
    assert "memory" in caught.value.hint
    assert gone()


def test_an_interruption_ends_all(tmp_path: Path) -> None:
    """Ctrl-C in the caller: those at work stop at once, and tidy up."""
    shop = Shop(tmp_path, lambda task: signal.pause() if task else task)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(range(9), shop, interrupted)
    assert shop.closed()
    assert gone()


SCRIPT = """
import signal, sys, time
from pathlib import Path
# As the command does: who runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = [{here!r}]
from test_workers import Shop, workers

workers._cores = lambda: 3
folder = Path(sys.argv[1])

def work(task):
    (folder / f"began-{{task}}").touch()
    time.sleep(0.2)

workers.spread(range(400), Shop(folder, work), lambda _: None)
"""


@pytest.mark.parametrize(
    ("end", "to_all"),
    [
        (signal.SIGINT, True),
        (signal.SIGINT, False),
        (signal.SIGTERM, True),
        (signal.SIGKILL, False),
    ],
)
def test_the_caller_is_ended(tmp_path: Path, end: signal.Signals, *, to_all: bool) -> None:
    """By a terminal, alone, or by force: the others notice, tidy up, and say nothing."""
    script = textwrap.dedent(SCRIPT).format(here=os.path.dirname(__file__))  # noqa: PTH120
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(tmp_path.glob("began-*"))) >= 3)
    (os.killpg if to_all else os.kill)(process.pid, end)
    err = process.communicate()[1]

    until(Shop(tmp_path, print).closed)
    assert process.returncode == -end
    assert err.count("Traceback") == (end == signal.SIGINT), err
    assert "ForkProcess" not in err


def test_a_failure_that_nobody_waits_for(capfd: pytest.CaptureFixture[str]) -> None:
    """Where Ctrl-C has ended the caller first, a process has nothing to say of its own end."""

    @contextmanager
    def opened() -> Iterator[Callable[[int], int]]:
        raise BadInputError("git was interrupted")
        yield int

    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    here.close()
    process = context.Process(target=workers._work, args=(opened, there, []))  # noqa: SLF001
    process.start()
    process.join()
    assert process.exitcode == 0
    assert capfd.readouterr().err == ""
