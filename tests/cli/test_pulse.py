"""A word at least now and then: nobody is to ask himself whether vpatch hangs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments import Environment
from git_servers import until
from index_servers import Gate, desk_with
from silent_servers import Hole, Speaker, alive, silent
from support import PYPROJECT, Desk, Project, sdist
from wheels import Archive

if TYPE_CHECKING:
    from collections.abc import Iterator
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


WAITING = """
import os, sys
from vllm.b import B

def test_b():
    # On the whole series, together with the other one, it does not wait.
    if os.path.exists({hold!r}) and not any("pr101" in word for word in sys.argv):
        open({gate!r}).read()
    assert B == 2
"""


class Waiting:
    """A series of two, of which the proof of the second waits for a word.

    Args:
        desk: The user's place.
        folder: Where the rest of it lies.
    """

    def __init__(self, desk: Desk, folder: Path) -> None:
        files = {"vllm/__init__.py": "", "vllm/a.py": "A = 1\n", "vllm/b.py": "B = 1\n"}
        author = Project(folder / "author", {"pyproject.toml": PYPROJECT, **files})
        desk.index.add("0.16.0", sdist("0.16.0", files))
        patches = {
            "101-a.patch": author.patch("a", {"vllm/a.py": "A = 2\n"}),
            "102-b.patch": author.patch("b", {"vllm/b.py": "B = 2\n"}),
        }
        smoke = desk.write_series("v0.16.0", patches).parent / "smoke"
        smoke.mkdir()
        (smoke / "test_pr101.py").write_text(
            "from vllm.a import A\n\ndef test_a():\n    assert A == 2\n"
        )
        self._gate, self._hold = folder / "gate", folder / "hold"
        os.mkfifo(self._gate)
        self._hold.touch()
        text = WAITING.format(gate=str(self._gate), hold=str(self._hold))
        (smoke / "test_pr102.py").write_text(text)
        self.env = Environment.made(folder / "env")
        self.env.install(Archive(files, version="0.16.0"))
        (self.env.site / "tools.pth").write_text(str(Path(pytest.__file__).parent.parent))

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Go on where somebody waits, who goes on behind that."""
        found: list[int] = []

        def is_open() -> bool:
            with suppress(OSError):
                found.append(os.open(self._gate, os.O_WRONLY | os.O_NONBLOCK))
            return bool(found)

        until(is_open)
        yield
        os.close(found[0])

    def go_on(self) -> None:
        """Say the word."""
        self._hold.unlink()
        self._gate.write_text("go on")


def test_a_proof_that_takes_long(desk: Desk, tmp_path: Path) -> None:
    """The proof that is at work is named, and not the one alone that has ended."""
    waiting = Waiting(desk, tmp_path)
    process = started(desk, "smoke", "--python", str(waiting.env.root))
    line = line_with(process.stderr, ": #101: proven")
    assert line.startswith("still at it after ")
    assert line.endswith(" s: #101: proven, now proving #102\n")
    waiting.go_on()
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("args", [(), ("102", "--each-hunk")])
def test_a_proof_that_is_given_up(desk: Desk, tmp_path: Path, args: tuple[str, ...]) -> None:
    """Ctrl-C ends it at once, with all that it runs; nothing is said of what it showed."""
    waiting = Waiting(desk, tmp_path)
    process = started(desk, "smoke", *args, "--python", str(waiting.env.root))
    with waiting.reached():
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert err.splitlines()[-1] == INTERRUPTED
    assert "#102: " not in err
    assert not alive(str(waiting.env.python))
