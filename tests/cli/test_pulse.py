"""A word at least now and then: nobody is to ask himself whether vpatch hangs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from git_servers import until
from index_servers import Gate, desk_with
from silent_servers import Hole, Speaker, alive, silent
from support import Desk, sdist

if TYPE_CHECKING:
    from typing import IO

OFTEN = (
    # Where the tests were begun by nohup(1), a terminal that goes would end nothing.
    "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "from vpatch.cli import pulse; pulse.EVERY = 0.2; "
    "from vpatch.cli.main import main; main()"
)
INTERRUPTED = "interrupted: nothing is half done, run again to go on"


def started(desk: Desk, *args: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start vpatch, which speaks more often than it does for people."""
    command = [sys.executable, "-c", OFTEN, "-C", str(desk.folder), *args]
    return subprocess.Popen(
        command,
        env=desk.env,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        process_group=0,
    )


def line_with(stream: IO[str] | None, words: str) -> str:
    """Read on until a line has these words."""
    assert stream is not None
    return next(line for line in stream if words in line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_connection_that_nobody_takes(desk: Desk, number: signal.Signals) -> None:
    """It is said what is waited for and how long; Ctrl-C ends it at once, and all of git."""
    with Hole() as hole:
        url = f"http://ada:s3cr3t@{hole.place}/x.git"
        process = started(desk, "--upstream", url, "bases", "--fetch", "main")
        for _ in range(3):
            line = line_with(process.stderr, " s: asking ")
            assert line.startswith("still at it after ")
            assert line.endswith(f" s: asking http://{hole.place}/x.git for main\n")
        assert alive(hole.place)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 128 + number
        assert "s3cr3t" not in err
        if number == signal.SIGINT:
            assert err.splitlines()[-1] == INTERRUPTED
        until(lambda: not alive(hole.place))


def test_a_download_that_takes_long(desk: Desk) -> None:
    """In a log stands how much has come."""
    desk.index.add("0.16.0", sdist("0.16.0", {"vllm/a.bin": os.urandom(2**20).hex()}))
    gate = Gate(desk.index)
    gate.slow = ".tar.gz"
    behind = desk_with(desk, PIP_INDEX_URL=gate.url)
    process = started(behind, "bases", "--fetch", "v0.16.0")
    line = line_with(process.stderr, "still at it after ")
    while "MB" not in line:
        line = line_with(process.stderr, "still at it after ")
    assert ": download vllm-0.16.0.tar.gz, 0." in line
    assert line.endswith(" of 1.2 MB\n")
    gate.open.set()
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, "v0.16.0" in out) == (0, True)
    gate.close()


def test_another_run_is_at_work(desk: Desk) -> None:
    """Who waits for another run says so, again and again."""
    with Speaker(silent) as mute:
        url = f"git://{mute.place}/x.git"
        first = started(desk, "--upstream", url, "bases", "--fetch", "main")
        line_with(first.stderr, "still at it after ")
        second = started(desk, "--upstream", url, "bases", "--fetch", "main")
        line_with(second.stderr, "waiting for another vpatch that works on ")
        line_with(second.stderr, ": waiting for another vpatch that works on ")
        for process in (first, second):
            process.terminate()
            process.communicate(timeout=20)


def test_a_bar_says_it_on_a_terminal(desk: Desk) -> None:
    """Where a bar with a clock moves before people's eyes, no line is added to it."""
    desk.index.add("0.16.0", sdist("0.16.0", {"vllm/a.bin": os.urandom(2**20).hex()}))
    gate = Gate(desk.index)
    gate.slow = ".tar.gz"
    behind = desk_with(desk, PIP_INDEX_URL=gate.url, TERM="xterm")
    ours, theirs = pty.openpty()
    process = started(behind, "bases", "--fetch", "v0.16.0", stderr=theirs)
    os.close(theirs)
    said = ""
    while "0:00:02" not in said:
        said += os.read(ours, 2**16).decode()
    _, _, bar = said.partition("download vllm-0.16.0.tar.gz")
    assert "still at it" not in bar
    gate.open.set()
    process.kill()
    process.communicate(timeout=20)
    os.close(ours)
    gate.close()
