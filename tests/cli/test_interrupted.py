"""Real processes that are killed, stopped, raced, and refused by the disk."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from cli.shop import Shop, state_of
from support import Project, git, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = 200


@pytest.fixture
def wide(shop: Shop, tmp_path: Path) -> Path:
    """Lay a series that touches 200 files, and a clone with these files."""
    names = [f"vllm/part{n % 10}/file{n}.py" for n in range(FILES)]
    start = {name: lines(1, 20) for name in names}
    author = Project(tmp_path / "wide-author", start)
    change = {name: lines(1, 20, l5="five") for name in names[: FILES // 2]}
    first = author.patch("Half", change)
    second = author.patch("Other half", {name: lines(1, 20, l9="x") for name in names[100:]})
    shop.desk.write_series("v0.16.0", {"1-half.patch": first, "2-half.patch": second})
    clone = shop.clone(tmp_path / "wide")
    for name, content in start.items():
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text(content)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "files")
    git(clone, "tag", "-f", "v0.16.0")
    return clone


@pytest.mark.parametrize(
    ("end", "moments"), [(signal.SIGKILL, 8), (signal.SIGTERM, 3), (signal.SIGINT, 3)]
)
def test_a_signal_at_any_moment(
    shop: Shop, wide: Path, end: signal.Signals, moments: int
) -> None:
    """Signals at growing delays, to vpatch and its gits: old or new, and never stuck."""
    states = {"apply": state_of(wide)}
    began = time.monotonic()
    shop.desk.run("apply", "--checkout", str(wide))
    whole = time.monotonic() - began
    states["unapply"] = state_of(wide)
    verb, other = "unapply", "apply"
    for moment in range(moments):
        process = subprocess.Popen(
            shop.desk.command(verb, "--checkout", str(wide)),
            env=shop.desk.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # Python needs its time to begin.
        time.sleep(whole * (0.25 + 0.75 * moment / moments))
        if process.poll() is None:
            # To the whole group, as a terminal and a container's end do it.
            os.killpg(process.pid, end)
        err = process.communicate()[1]
        assert "Traceback" not in err
        for lock in wide.joinpath(".git").rglob("*.lock"):
            # A git that dies leaves its own lock; the message that names it is the way out.
            if lock.name != "index.lock":
                lock.unlink()
        ran = shop.desk.run(verb, "--checkout", str(wide))
        assert state_of(wide) == states[other], f"{verb}, moment {moment}: {ran}"
        verb, other = other, verb


def test_the_interrupted_state_is_reported_and_left_alone(shop: Shop, clone: Path) -> None:
    """After a kill, status and verify say so with exit status 1, and change nothing."""
    old = state_of(clone)
    killer = (
        "import os, signal, sys\n"
        "from vpatch.doors.files import Transaction\n"
        "real = Transaction._place\n"
        "def place(self, path):\n"
        "    real(self, path)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Transaction._place = place\n"
        "from vpatch.cli.main import main\n"
        "main()\n"
    )
    command = shop.desk.command("apply", "--checkout", str(clone))
    command[1:3] = ["-c", killer]
    killed = subprocess.run(command, env=shop.desk.env, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    half = state_of(clone)
    assert half != old

    for verb in ("status", "verify"):
        ran = shop.desk.run(verb, "--checkout", str(clone), status=1)
        assert "an apply was interrupted here" in ran.out
        assert shop.desk.json(verb, "--checkout", str(clone), status=1)["ok"] is False
    dry = shop.desk.json("apply", "--dry-run", "--checkout", str(clone))
    assert dry["base"]["name"] == "v0.16.0"
    assert state_of(clone) == half
    ran = shop.desk.run("unapply", "--checkout", str(clone))
    assert "an earlier run was interrupted: applied the rest of its change" in ran.err
    assert state_of(clone) == old


def test_two_runs_at_once_on_one_clone(shop: Shop, clone: Path) -> None:
    """Several applies and unapplies at once: one after the other, each with a whole result."""
    shop.desk.run("apply", "--base", "v0.16.0")
    old = state_of(clone)
    for verbs in (("apply",) * 3, ("unapply", "apply", "unapply"), ("unapply",) * 2):
        shop.desk.at_once(*((verb, "--checkout", str(clone)) for verb in verbs))
        shop.desk.run("status", "--checkout", str(clone))
    assert state_of(clone) == old


def test_two_runs_at_once_make_one_managed_checkout(shop: Shop) -> None:
    """Two first applies: both fetch, one makes the checkout, one finds it applied."""
    runs = shop.desk.at_once(*[("apply", "--base", "v0.16.0")] * 2)
    assert sum("already applied" in run.out for run in runs) == 1
    shop.desk.run("verify")
    assert sorted(path.name for path in (shop.desk.folder / "build").iterdir()) == [
        ".vpatch.lock",
        "vllm-v0.16.0",
    ]


# The disk


@pytest.fixture
def mounted(disk: Callable[[str], Path]) -> Path:
    """Mount a small disk."""
    return disk("size=3m")


def fill(place: Path, left: int) -> None:
    """Fill a file system but for some bytes."""
    free = shutil.disk_usage(place).free
    (place / "ballast").write_bytes(bytes(max(0, free - left)))


def test_a_full_disk(shop: Shop, wide: Path, mounted: Path) -> None:
    """A clone on a disk that gets full at any moment: a message, and nothing half done."""
    clone = mounted / "clone"
    shutil.copytree(wide, clone, symlinks=True)
    old = state_of(clone)
    statuses = []
    for left in itertools.count(0, 96 * 1024):
        fill(mounted, left)
        ran = shop.desk.run("apply", "--checkout", str(clone), status=None)
        statuses.append(ran.status)
        (mounted / "ballast").unlink()
        if ran.status == 0:
            break
        assert ran.status == 3, ran
        assert ran.err.count("error: ") == 1
        assert "make room" in ran.err, ran
        if "begun" not in ran.err:
            assert not (clone / ".git/vpatch/journal").exists()
            assert state_of(clone) | {"left": []} == old | {"left": []}
        assert not list(clone.glob(".git/objects/pack/tmp_*"))
    assert 3 in statuses
    shop.desk.run("verify", "--checkout", str(clone))
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == old


def test_a_read_only_checkout(shop: Shop, clone: Path, mounted: Path) -> None:
    """A clone on a disk that is read only: one message, nothing done."""
    place = mounted / "clone"
    shutil.copytree(clone, place, symlinks=True)
    old = state_of(place)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    for verb in ("apply", "unapply"):
        ran = shop.desk.run(verb, "--checkout", str(place), status=3)
        assert "Read-only file system" in ran.err
        assert "make it writable" in ran.err
    # Who only asks needs no right to write.
    shop.desk.run("status", "--checkout", str(place))
    shop.desk.run("verify", "--checkout", str(place), status=1)
    assert state_of(place) == old


def test_a_read_only_folder_in_a_checkout(shop: Shop, clone: Path, mounted: Path) -> None:
    """One folder of the clone can't be written: refused before anything is in place."""
    for path in (clone / "vllm").iterdir():
        shutil.copy2(path, mounted)
    old = state_of(clone)
    subprocess.run(["mount", "--bind", str(mounted), str(clone / "vllm")], check=True)
    try:
        command = ["mount", "-o", "remount,ro,bind", str(clone / "vllm")]
        subprocess.run(command, check=True)
        ran = shop.desk.run("apply", "--checkout", str(clone), status=3)
        assert f"cannot write in this folder: {clone / 'vllm'}" in ran.err
        assert "nothing was changed" in ran.err
        command = ["mount", "-o", "remount,rw,bind", str(clone / "vllm")]
        subprocess.run(command, check=True)
        # Writable again, on another disk than git's folder: the change is put there by copying.
        shop.desk.run("apply", "--checkout", str(clone))
        shop.desk.run("verify", "--checkout", str(clone))
        shop.desk.run("unapply", "--checkout", str(clone))
        assert state_of(clone) == old
    finally:
        subprocess.run(["umount", "-l", str(clone / "vllm")], check=True)
