"""An installation is in its old state or in its new one, at whatever step a run ends."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from environments import delivery, environment_with, opened, put
from steps import KilledError, Steps, ended
from support import PYPROJECT, Project, Upstream, lines, series_of
from vpatch.doors.files import Transaction
from vpatch.values.errors import RefusedError, VpatchError
from wheels import HERE, Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from environments import Environment


def code(first: int, last: int, **changed: str) -> str:
    """Return lines that Python can compile."""
    return lines(first, last, **changed).replace("line", "LINE =")


START = {
    "pyproject.toml": PYPROJECT,
    "vllm/__init__.py": "",
    "vllm/a.py": code(1, 30, l1="import os"),
    "vllm/b.py": code(1, 30),
    "vllm/gone/deep.py": code(1, 5),
    "vllm/tool.sh": "#!/bin/sh\n",
    "tests/test_a.py": code(1, 30),
}


class Bench:
    """An environment to copy, two series for it, and the three states that it may be in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plain = environment_with(folder / "plain", START)
        author = Project(folder / "author", START)
        change = {"vllm/a.py": code(1, 30, l1="import os", l7="seven")}
        first = author.patch("Edit", change | {"tests/test_a.py": code(1, 30, l7="seven")})
        author.folder.joinpath("vllm/tool.sh").chmod(0o755)
        files = {"vllm/gone/deep.py": None, "vllm/new/deep.py": "deep = 1\n"}
        second = author.patch("Add and delete", files)
        third = author.patch("Other", {"vllm/b.py": code(1, 30, l9="nine")})
        upstream = Upstream.at(folder / "store.git")
        base = upstream.release("v0.16.0", START)
        self._scratch = upstream.repo.scratch()
        self.made = self._scratch.__enter__()
        self.one = delivery(
            self.made, series_of(base, {"1-a.patch": first, "2-b.patch": second})
        )
        self.two = delivery(
            self.made, series_of(base, {"3-c.patch": third, "1-a.patch": first})
        )
        self.patched = self.copy("patched")
        put(self.patched, self.one)
        self.other = self.copy("other")
        put(self.other, self.two)

    def copy(self, name: str, source: Environment | None = None) -> Environment:
        """Copy an environment, with the times of its files."""
        return (source or self.plain).copy(self.folder / name)

    def close(self) -> None:
        """Drop the replays."""
        self._scratch.__exit__(None, None, None)


def take_out(place: Environment) -> None:
    """Take the series out of an environment."""
    opened(place).unapply()


def seen(place: Environment) -> dict[str, Any]:
    """Return all that a user could miss: content, modes, times of what nobody writes anew."""
    files = place.state()
    fresh = {path for path in files if "vpatch" in path or path.endswith("RECORD")}
    return {
        "files": {p: (raw, mode) for p, (raw, mode, _) in files.items()},
        "times": {p: time for p, (_, _, time) in files.items() if p not in fresh},
        "folders": place.folders(),
    }


def differ(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether two states differ in more than when a patched file was written."""
    return any(found[key] != wanted[key] for key in ("files", "folders"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Prepare what every case starts from; in memory, as each run flushes what it writes."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108, tempfile's
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        made = Bench(Path(folder))
        yield made
        made.close()


EVERY_WAY = (
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "rmdir"),
    (Path, "chmod"),
    (Path, "open"),
    (os, "link"),
    (os, "fsync"),
    (shutil, "copy2"),
    (Transaction, "drop"),
)
"""All by which vpatch changes an installation."""
VERBS = ("apply", "unapply", "another")


def case(
    bench: Bench, verb: str
) -> tuple[Environment, Environment, Callable[[Environment], None]]:
    """Return what a verb starts from, what it gives, and the verb."""
    if verb == "unapply":
        return bench.patched, bench.plain, take_out
    if verb == "apply":
        return bench.plain, bench.patched, partial(put, delivery=bench.one)
    return bench.patched, bench.other, partial(put, delivery=bench.two)


@pytest.mark.parametrize("verb", VERBS)
def test_a_kill_at_any_step_leaves_the_old_state_or_a_change_to_end(
    bench: Bench, verb: str
) -> None:
    """Whichever step a run dies at, the next one ends the change, says so, or has none."""
    source, goal, run = case(bench, verb)
    old, new = seen(source), seen(goal)
    outcomes = set()
    for end in itertools.count(1):
        place = bench.copy("killed", source)
        if not ended(partial(run, place), Steps(end, KilledError, for_good=True), EVERY_WAY):
            break
        after = opened(place)
        pending = after.interrupted()
        said: list[str] = []
        after.recover(said.append)
        assert bool(said) == pending
        found = seen(place)
        done = not differ(found, new)
        assert done or (not pending and not differ(found, old)), f"step {end}"
        outcomes.add(pending)
        assert not opened(place).interrupted()
        # And the verb, called again, gives what it should have given.
        run(place)
        assert not differ(seen(place), new), f"step {end}"
        place.check_record()
        if verb == "unapply":
            assert seen(place) == new, f"step {end}"
    assert outcomes == {False, True}
    assert end > 20


@pytest.mark.parametrize(
    ("verb", "error"), [*zip(VERBS, (KeyboardInterrupt, SystemExit, SystemExit), strict=True)]
)
def test_an_interruption_gives_the_whole_or_nothing_at_once(
    bench: Bench, verb: str, error: type[BaseException]
) -> None:
    """Ctrl-C and SIGTERM: the run itself undoes what is not final, and ends what is."""
    source, goal, run = case(bench, verb)
    old, new = seen(source), seen(goal)
    outcomes = []
    for end in itertools.count(1):
        place = bench.copy("interrupted", source)
        if not ended(partial(run, place), Steps(end, error, for_good=False), EVERY_WAY):
            break
        found = seen(place)
        assert not differ(found, old) or not differ(found, new), f"step {end}"
        outcomes.append(differ(found, old))
    assert sorted(outcomes) == outcomes, "once new, always new"
    assert set(outcomes) == {False, True}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_read_only_disk_at_any_step(bench: Bench, code: int) -> None:
    """The system refuses a step: a message, and the old state or a change to be ended."""
    ways = ((Path, "replace"), (Path, "mkdir"), (os, "fsync"), (Path, "chmod"))
    old, new = seen(bench.plain), seen(bench.patched)

    def refuse() -> OSError:
        return OSError(code, os.strerror(code), "a place")

    for end in itertools.count(1):
        place = bench.copy("full")
        said = None
        with pytest.MonkeyPatch.context() as patched:
            Steps(end, refuse, for_good=False).over(patched, ways)
            try:
                put(place, bench.one)
            except VpatchError as error:
                said = error
        if said is None:
            break
        assert os.strerror(code) in str(said)
        assert said.hint
        if not opened(place).interrupted():
            assert not differ(seen(place), old), f"step {end}"
        opened(place).recover(lambda _: None)
        put(place, bench.one)
        assert not differ(seen(place), new), f"step {end}"
    assert end > 10


def killed_after(bench: Bench, files: int, verb: str = "apply") -> Environment:
    """Return a copy in which a run died after so many files were in place."""
    source, _, run = case(bench, verb)
    place = bench.copy("killed", source)
    ways = ((Transaction, "_place"),)
    assert ended(partial(run, place), Steps(files + 1, KilledError, for_good=True), ways)
    assert opened(place).interrupted()
    return place


def test_a_process_that_makes_byte_code_after_a_kill_is_in_nobodys_way(bench: Bench) -> None:
    """What runs between a kill and the next run makes byte code: no change of anybody's."""
    for verb in VERBS:
        _, goal, run = case(bench, verb)
        for files in (0, 2):
            place = killed_after(bench, files, verb)
            place.run(
                f"import compileall; compileall.compile_dir({str(place.site)!r}, quiet=2)"
            )
            opened(place).recover(lambda _: None)
            run(place)
            assert place.files() == goal.files()
            place.check_record()


def test_an_edit_made_after_a_kill_is_refused_and_kept(bench: Bench) -> None:
    """Somebody edits a file that is still to be replaced: named, and never overwritten."""
    place = killed_after(bench, 0)
    mine = place.site / "vllm/a.py"
    mine.unlink()
    mine.write_text("mine\n")
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"changes made since: vllm/a\.py"):
            opened(place).recover(lambda _: None)
        assert mine.read_text() == "mine\n"

    # The way out that the hint names.
    mine.unlink()
    opened(place).recover(lambda _: None)
    assert place.files() == bench.patched.files()


def test_a_run_that_was_killed_is_ended_before_any_plan(bench: Bench) -> None:
    """Who only asks what would be done is told to bring the last run to its end."""
    place = killed_after(bench, 1)
    with pytest.raises(RefusedError, match="a run was interrupted here") as caught:
        opened(place).plan(bench.one)
    assert "vpatch apply or vpatch unapply" in caught.value.hint


def test_files_that_a_power_loss_cut_are_refused_with_a_way_out(bench: Bench) -> None:
    """What lay ready is damaged: nothing of it is put into place, and the hint helps."""
    place = killed_after(bench, 0)
    ready = place.site / ".vpatch-vllm.journal/new/vllm/a.py"
    ready.unlink()
    ready.write_text("")
    with pytest.raises(RefusedError, match="laid ready is damaged") as caught:
        opened(place).recover(lambda _: None)
    assert "pip install --force-reinstall --no-deps vllm==0.16.0" in caught.value.hint
    assert place.files()["vllm/a.py"] == bench.plain.files()["vllm/a.py"]


VERSION = """
import importlib.metadata as m
print([one.version for one in m.distributions(name="vllm")])
"""


def killed_early(bench: Bench) -> Environment:
    """Return a copy in which a run died before its plan was final."""
    place = bench.copy("killed")
    # The journal of an earlier run is dropped first.
    steps = Steps(2, KilledError, for_good=True)
    ways = ((Transaction, "drop"), (Transaction, "commit"))
    assert ended(partial(put, place, bench.one), steps, ways)
    assert list(place.site.glob(".vpatch*"))
    return place


@pytest.mark.parametrize("files", [None, 1, 2, 6, 99])
def test_pip_takes_away_what_a_killed_run_left(bench: Bench, files: int | None) -> None:
    """Uninstalled after a kill, it is gone for every tool; the next one is as released."""
    if files is None:
        place = killed_early(bench)
    elif files == 99:
        place = bench.copy("killed", bench.patched)
    else:
        place = killed_after(bench, files)
    place.pip("uninstall", "-y", "vllm")
    assert place.run(VERSION) == "[]"
    assert {path for path in place.files() if not path.startswith(".vpatch")} == set()
    place.install(Archive(START, version="0.17.0"))
    assert place.run(VERSION) == "['0.17.0']"
    before = {path: raw for path, raw in place.files().items() if ".journal/" not in path}
    said: list[str] = []
    opened(place).recover(said.append)
    assert bool(said) == (files in (1, 2, 6))
    assert place.files() == before


@pytest.mark.parametrize("verb", VERBS)
def test_installed_anew_after_a_kill(bench: Bench, verb: str, tmp_path: Path) -> None:
    """The plan of the killed run is for what is gone: it is forgotten, and that is said."""
    wheel = str(Archive(START).write(tmp_path, HERE))
    again = ("install", "-q", "--force-reinstall", "--no-deps", wheel)
    fresh = bench.copy("fresh")
    fresh.pip(*again)
    for files in (1, 4):
        place = killed_after(bench, files, verb)
        place.pip(*again)
        said: list[str] = []
        opened(place).recover(said.append)
        assert "installed anew since" in said[0]
        assert place.files() == fresh.files()
        put(place, bench.one)
        place.check_record()
        take_out(place)
        assert place.files() == fresh.files()


@pytest.mark.parametrize("way", ["../outside", "vllm/../../outside", "other/a.py", "/outside"])
def test_a_plan_or_a_note_of_files_of_others_is_not_carried_out(bench: Bench, way: str) -> None:
    """Any wheel can bring what looks like vpatch's own: no path of it leads elsewhere."""
    place = killed_after(bench, 0)
    plan = place.site / ".vpatch-vllm.journal/plan.json"
    told = json.loads(plan.read_text())
    plan.write_text(json.dumps(told | {"files": told["files"] | {way: [False, None, None]}}))
    before = place.state()
    with pytest.raises(RefusedError, match="about files of others") as caught:
        opened(place).recover(lambda _: None)
    assert str(plan.parent) in caught.value.hint
    plan.write_text(json.dumps(told | {"note": told["note"] | {"sources": [way]}}))
    with pytest.raises(RefusedError, match="about files of others"):
        opened(place).recover(lambda _: None)
    plan.write_bytes(before[str(plan.relative_to(place.site))][0])
    assert {p: raw for p, (raw, *_) in place.state().items()} == {
        p: raw for p, (raw, *_) in before.items()
    }

    place = bench.copy("noted", bench.patched)
    note = place.info / "vpatch/note.json"
    told = json.loads(note.read_text())
    note.write_text(json.dumps(told | {"originals": told["originals"] | {way: None}}))
    before = place.state()
    with pytest.raises(VpatchError, match="note of what was applied is broken"):
        take_out(place)
    assert place.state() == before


def test_a_disk_without_hard_links(bench: Bench) -> None:
    """Where no second name can be made, copies do the same, times and modes included."""

    def no_links(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    place = bench.copy("linkless")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "link", no_links)
        put(place, bench.one)
        assert not differ(seen(place), seen(bench.patched))
        take_out(place)
    assert seen(place) == seen(bench.plain)
