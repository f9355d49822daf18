"""``vpatch rebase``: wrong calls, and runs that are killed at any step."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rebases import Works, state_of
from steps import KilledError, Steps, ended
from support import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONTO = ("--onto", "v0.18.0")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Give --onto BASE, or one of --continue, --skip, --abort."),
        (("--onto", "v0.17.0", "--continue"), "Give --onto BASE, or one of"),
        (("--continue", "--skip"), "Give --onto BASE, or one of"),
        (("--skip", "--abort"), "Give --onto BASE, or one of"),
        (("--abort", "--dry-run"), "--abort takes no --series and no --dry-run."),
        (("--skip", "--series", "v0.16.0"), "--skip takes no --series and no --dry-run."),
        (("--onto",), "requires an argument"),
        (("--onto", "v0.17.0", "--series", "v9"), "no series v9"),
        (("--onto", "v0.17.0", "--series", "../v9"), "no series ../v9"),
    ],
)
def test_wrong_usage(works: Works, args: tuple[str, ...], said: str) -> None:
    """Exit status 2, the reason on standard error, and nothing is begun."""
    ran = works.near.run("rebase", *args, status=2)
    assert said in ran.err
    assert ran.out == ""
    assert not works.place.exists()


def test_the_words_of_others_obey_no_terminal(works: Works) -> None:
    """Codes in a subject, a path or a line of a patch are shown, not sent."""
    place = works.series("v0.16.0") / "105-e.patch"
    text = place.read_bytes().replace(b"Subject: ", b"Subject: \x1b[31m`<b>`")
    place.write_bytes(text.replace(b"+mine", b"+mi\x1b[31mne"))
    ran = works.near.run("rebase", *ONTO, status=1)
    assert "\x1b" not in ran.out + ran.err
    page = (works.place / "CONFLICT.md").read_text()
    assert "\\x1b[31m\\`\\<b\\>\\`Edit e" in page.replace("\\[31m", "[31m")
    assert "\x1b" not in page


# Killed runs

EVERY_WAY = (
    (Path, "replace"),
    (Path, "rename"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "write_text"),
    (os, "link"),
    (shutil, "copyfile"),
)
"""All by which a rebase changes the disk, but for the taking away of whole folders."""


@pytest.fixture
def small(works: Works) -> Works:
    """Cut the series short: one patch moves, one clashes."""
    (works.series("v0.16.0") / "series").write_text("102-b.patch\n105-e.patch\n")
    return works


def again(works: Works) -> Iterator[tuple[int, Works]]:
    """Yield the same desk over and over, its folder as it was, with a number."""
    for number in itertools.count(1):
        folder = works.near.folder.with_name(f"killed-{number}")
        shutil.copytree(works.near.folder, folder, symlinks=True)
        yield number, Works(replace(works.near, folder=folder), works.author)
        shutil.rmtree(folder)


def killed_at(works: Works, end: int, *args: str) -> bool:
    """Run a rebase that dies at a step; whether it came so far."""

    def run() -> Any:
        works.near.run("rebase", *args, status=None)

    return ended(run, Steps(end, KilledError, for_good=True), EVERY_WAY)


def is_whole_or_none(works: Works, wanted: dict[str, bytes]) -> bool:
    """Whether a series that anybody can see is the whole one."""
    place = works.series("v0.18.0")
    return not (place / "series").exists() or tree_of(place) == wanted


def series_by(works: Works, *steps: Callable[[Works], Any]) -> dict[str, bytes]:
    """Return the series that the steps make of a copy of a desk."""
    folder = works.near.folder.with_name("wanted")
    shutil.copytree(works.near.folder, folder, symlinks=True)
    copy = Works(replace(works.near, folder=folder), works.author)
    for step in steps:
        step(copy)
    found = tree_of(copy.series("v0.18.0"))
    assert found
    return found


def test_a_kill_on_the_way_to_a_conflict(small: Works) -> None:
    """Whatever is left, --continue or a new start stops at the same conflict."""
    outcomes = set()
    for end, desk in again(small):
        before = state_of(desk.near.folder)
        if not killed_at(desk, end, *ONTO):
            break
        assert state_of(desk.near.folder) == before
        begun = (desk.place / "state.json").exists()
        outcomes.add(begun)
        if end % 2 or not begun:
            desk.rebase(*(["--continue"] if begun else ONTO), status=1)
            assert "<<<<<<< v0.18.0" in (desk.tree / "vllm/e.py").read_text()
            left = sorted(path.name for path in desk.place.iterdir())
            assert left == ["CONFLICT.md", "state.json", "tree"]
            desk.solve()
            assert desk.written("--continue")["105-e.patch"] == "resolved"
        else:
            desk.rebase("--abort")
            assert not desk.place.exists()
            assert state_of(desk.near.folder) == before
    assert outcomes == {False, True}


@pytest.mark.parametrize("step", ["--continue", "--skip"])
def test_a_kill_on_the_way_to_the_end(small: Works, step: str) -> None:
    """The next call ends it; --abort gives it up, or ends what was final already."""
    small.rebase(*ONTO, status=1)
    if step == "--continue":
        small.solve()
    wanted = series_by(small, lambda desk: desk.written(step))
    outcomes = set()
    for end, desk in again(small):
        if not killed_at(desk, end, step):
            break
        assert is_whole_or_none(desk, wanted)
        final = (desk.place / "journal/plan.json").exists()
        over = not final and not (desk.place / "state.json").exists()
        outcomes |= {"final"} if final else {"over"} if over else {"begun"}
        if end % 2:
            ran = desk.near.run("rebase", step, status=2 if over else 0)
            said = "an earlier rebase was interrupted: wrote the rest of patches/v0.18.0"
            assert (said in ran.err) is final
            assert tree_of(desk.series("v0.18.0")) == wanted
        else:
            desk.near.run("rebase", "--abort", status=2 if over else 0)
            assert desk.series("v0.18.0").exists() is (final or over)
            assert is_whole_or_none(desk, wanted)
        desk.near.run("rebase", *ONTO, "--dry-run", status=None)
        if final or not over:
            assert not desk.place.exists()
            assert not list((desk.near.folder / "patches").rglob(".*"))
    assert outcomes >= {"begun", "final"}


def test_a_kill_while_it_is_given_up(small: Works) -> None:
    """The next --abort or the next start finds nothing in its way."""
    small.rebase(*ONTO, status=1)
    for end, desk in again(small):
        if not killed_at(desk, end, "--abort"):
            break
        if (desk.place / "state.json").exists():
            desk.rebase("--abort")
        desk.rebase(*ONTO, status=1)
        assert "<<<<<<< v0.18.0" in (desk.tree / "vllm/e.py").read_text()
    assert end > 1


def test_a_kill_while_a_series_is_rewritten_in_place(small: Works) -> None:
    """A series that is its own source: the old one, or the new one by the next call."""
    small.rebase(*ONTO, status=1)
    small.solve()
    small.written("--continue")
    place = small.series("v0.18.0")
    # As if it had been made for another commit.
    text = (place / "series").read_text()
    line, _, rest = text.partition("\n")
    (place / "series").write_text(f"{line[:-41]}{'1' * 40})\n{rest}")
    (place / "102-b.patch").write_bytes((small.series("v0.16.0") / "102-b.patch").read_bytes())
    old = tree_of(place)
    wanted = series_by(small, lambda desk: desk.written(*ONTO))
    assert wanted["series"].decode() == text
    outcomes = set()
    for end, desk in again(small):
        if not killed_at(desk, end, *ONTO):
            break
        final = (desk.place / "journal/plan.json").exists()
        outcomes.add(final)
        assert final or tree_of(desk.series("v0.18.0")) in (old, wanted)
        desk.near.run("rebase", *ONTO)
        assert tree_of(desk.series("v0.18.0")) == wanted
        assert not desk.place.exists()
    assert outcomes == {False, True}


@pytest.mark.parametrize(
    ("owner", "name", "count"),
    [
        ("vpatch.jobs.checkout.conflict:Repo", "run", 4),
        ("vpatch.upkeep.rebase.place:Place", "save", 1),
        ("vpatch.doors.files:Transaction", "commit", 1),
        ("vpatch.doors.files:Transaction", "_place", 2),
    ],
)
def test_a_real_kill(small: Works, owner: str, name: str, count: int) -> None:
    """A process that is killed behind a step: what it began comes to its end."""
    module, _, kind = owner.partition(":")
    killer = (
        f"import os, signal\nfrom {module} import {kind}\n"
        f"real, left = {kind}.{name}, [{count}]\n"
        "def step(self, *args, **options):\n    found = real(self, *args, **options)\n"
        "    left[0] -= 1\n    if not left[0]:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        f"    return found\n{kind}.{name} = step\n"
        "from vpatch.cli.main import main\nmain()\n"
    )
    small.rebase(*ONTO, status=1)
    small.solve()
    wanted = series_by(small, lambda desk: desk.written("--continue"))
    command = small.near.command("rebase", "--continue")
    command[1:3] = ["-c", killer]
    killed = subprocess.run(command, env=small.near.env, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert is_whole_or_none(small, wanted)
    small.near.run("rebase", "--continue")
    assert tree_of(small.series("v0.18.0")) == wanted
    assert not small.place.exists()
