"""Killed, interrupted, without room, two at once: nothing is left half done."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from git_servers import Http, Origin, until
from index_servers import Gate, desk_with
from support import Desk, lines, sdist
from vpatch.doors.git import Repo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INTERRUPTED = "interrupted: nothing is half done, run again to go on"


@pytest.fixture
def gate(desk: Desk) -> Iterator[Gate]:
    """Put a gate before the desk's index."""
    gate = Gate(desk.index)
    yield gate
    gate.close()


@pytest.fixture
def behind(desk: Desk, gate: Gate) -> Desk:
    """Return a desk whose index is behind the gate."""
    return desk_with(desk, PIP_INDEX_URL=gate.url)


def large(size: int) -> bytes:
    """Return a source distribution of about this size."""
    part = size * 9 // 10 // 40
    return sdist("0.16.0", {f"vllm/b{n}.txt": os.urandom(part).hex() for n in range(40)})


def started(desk: Desk, *args: str) -> subprocess.Popen[str]:
    """Start vpatch in a group of its own, as a shell starts a job."""
    return subprocess.Popen(
        desk.command(*args),
        env=desk.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def left_over(cache: Path) -> list[str]:
    """Return what no run should leave, by name."""
    store = cache / "store.git"
    left = [*cache.glob("downloads/*"), *store.glob("objects/*/tmp_*"), *store.rglob("*.lock")]
    left += [*store.glob("fast_import_crash_*"), *cache.glob("*.part"), *cache.glob("*busy*")]
    return [path.name for path in left]


def completes(desk: Desk, name: str = "v0.16.0") -> None:
    """Run once more: the base comes whole, and nothing else is there."""
    found = desk.json("bases", "--fetch", name)["bases"]
    assert [base["name"] for base in found] == [name]
    assert left_over(desk.cache) == []
    store = Repo(desk.cache / "store.git")
    assert store.run("fsck", "--connectivity-only", found[0]["commit"]).status == 0


def kill_one(process: subprocess.Popen[str]) -> None:
    """Kill vpatch alone: git lives on for a moment."""
    process.kill()
    process.communicate()


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill vpatch and its git, as a power cut does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


KILLS = pytest.mark.parametrize("kill", [kill_one, kill_all])


@KILLS
def test_killed_in_a_download(
    behind: Desk, gate: Gate, kill: Callable[[subprocess.Popen[str]], None]
) -> None:
    """Half an archive is never taken for one; the next run fetches it anew."""
    behind.index.add("0.16.0", large(300_000))
    gate.slow = ".tar.gz"
    process = started(behind, "bases", "--fetch", "v0.16.0")
    assert gate.half_sent.wait(20)
    until(lambda: list(behind.cache.glob("downloads/*.part")))
    kill(process)
    gate.slow = ""
    assert "no base at hand" in behind.run("bases").out
    completes(behind)


def test_killed_download_of_another_base(behind: Desk, gate: Gate) -> None:
    """What a killed run left is swept up whichever base the next run fetches."""
    behind.index.add("0.16.0", large(300_000))
    behind.index.add("0.17.0", sdist("0.17.0", {}))
    gate.slow = "0.16.0.tar.gz"
    process = started(behind, "bases", "--fetch", "v0.16.0")
    assert gate.half_sent.wait(20)
    kill_all(process)
    completes(behind, "v0.17.0")


@KILLS
def test_killed_in_an_import(desk: Desk, kill: Callable[[subprocess.Popen[str]], None]) -> None:
    """Half an import shows no base; the next run makes it whole and sweeps up."""
    desk.index.add("0.16.0", large(8_000_000))
    process = started(desk, "bases", "--fetch", "v0.16.0")
    packs = desk.cache / "store.git/objects/pack"
    until(lambda: any(path.stat().st_size > 100_000 for path in packs.glob("tmp_pack_*")))
    kill(process)
    assert process.returncode == -signal.SIGKILL
    assert "no base at hand" in desk.run("bases").out
    desk.index.asked.clear()
    completes(desk)
    # The archive was whole and is not fetched again.
    assert "/vllm-0.16.0.tar.gz" not in desk.index.asked


@KILLS
def test_killed_in_a_fetch(
    desk: Desk, tmp_path: Path, kill: Callable[[subprocess.Popen[str]], None]
) -> None:
    """Locks and packs of git's own that a killed fetch left do not stop the next one."""
    origin = Origin(tmp_path / "origin", tmp_path / "served/vllm.git", filters=False)
    origin.commit("large", {"vllm/blob.txt": os.urandom(500_000).hex()})
    origin.push()
    http = Http(tmp_path / "served")
    call = ("--upstream", f"{http.url}/vllm.git", "bases", "--fetch", "main")
    http.half = 0.5
    process = started(desk, *call)
    until(lambda: list(desk.cache.glob("store.git/shallow.lock")))
    until(lambda: list(desk.cache.glob("store.git/objects/pack/tmp_pack_*")))
    kill(process)
    http.half = 0
    found = desk.json(*call)["bases"]
    assert [base["name"] for base in found] == ["main"]
    until(lambda: left_over(desk.cache) == [])
    desk.json(*call)
    http.close()


def test_killed_while_the_store_was_made(desk: Desk) -> None:
    """A store that a killed run had begun to make is made anew."""
    desk.index.add("0.16.0", sdist("0.16.0", {}))
    for folder in ("store.part", "store.part/refs"):
        (desk.cache / folder).mkdir(parents=True)
    (desk.cache / "store.part/HEAD").write_text("ref: refs/heads/main\n")
    (desk.cache / "store.part/config.lock").touch()
    completes(desk)


def test_interrupted_in_a_download(behind: Desk, gate: Gate) -> None:
    """Ctrl-C ends a download with one clear line, status 130, and nothing left."""
    behind.index.add("0.16.0", large(300_000))
    gate.slow = ".tar.gz"
    process = started(behind, "bases", "--fetch", "v0.16.0")
    until(lambda: list(behind.cache.glob("downloads/*.part")))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-1] == INTERRUPTED
    assert len(err.split("\n\n")[0].splitlines()) == 2
    assert left_over(behind.cache) == ["store.busy"]
    gate.slow = ""
    completes(behind)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_an_import(desk: Desk, number: signal.Signals) -> None:
    """Ctrl-C and a polite end stop an import; the archive stays for the next run."""
    desk.index.add("0.16.0", large(8_000_000))
    process = started(desk, "bases", "--fetch", "v0.16.0")
    packs = desk.cache / "store.git/objects/pack"
    until(lambda: list(packs.glob("tmp_pack_*")))
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == INTERRUPTED
    assert left_over(desk.cache) == ["vllm-0.16.0.tar.gz", "store.busy"]
    completes(desk)


def test_interrupted_in_a_fetch(desk: Desk, tmp_path: Path) -> None:
    """Ctrl-C ends a fetch from git as well, and git cleans up behind itself."""
    origin = Origin(tmp_path / "origin", tmp_path / "served/vllm.git", filters=False)
    origin.commit("large", {"vllm/blob.txt": os.urandom(500_000).hex()})
    origin.push()
    http = Http(tmp_path / "served")
    http.half = 0.5
    process = started(desk, "--upstream", f"{http.url}/vllm.git", "bases", "--fetch", "main")
    until(lambda: list(desk.cache.glob("store.git/objects/pack/tmp_pack_*")))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-1] == INTERRUPTED
    http.half = 0
    desk.json("--upstream", f"{http.url}/vllm.git", "bases", "--fetch", "main")
    until(lambda: left_over(desk.cache) == [])
    http.close()


def test_two_runs_at_once(behind: Desk, gate: Gate) -> None:
    """Two runs want the same base: one fetches it, the other says that it waits."""
    behind.index.add("0.16.0", large(300_000))
    gate.slow = ".tar.gz"
    first = started(behind, "bases", "--fetch", "v0.16.0", "--json")
    assert gate.half_sent.wait(20)
    second = started(behind, "bases", "--fetch", "v0.16.0", "--json")
    assert second.stderr is not None
    line = second.stderr.readline()
    assert line == f"waiting for another vpatch that works on {behind.cache}\n"
    gate.open.set()
    answers = [process.communicate(timeout=30)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert answers[0] == answers[1]
    assert behind.index.asked.count("/vllm-0.16.0.tar.gz") == 1
    assert left_over(behind.cache) == []


def test_many_runs_on_an_empty_cache(desk: Desk) -> None:
    """The store itself is made once, however many runs begin together."""
    desk.index.add("0.16.0", sdist("0.16.0", {}))
    runs = [started(desk, "bases", "--fetch", "v0.16.0", "--json") for _ in range(4)]
    answers = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0] * 4
    assert len(answers) == 1


def test_file_in_place_of_the_cache(desk: Desk) -> None:
    """A cache that is no folder: one message, with the way out."""
    desk.index.add("0.16.0", sdist("0.16.0", {}))
    desk.cache.write_text("a file\n")
    ran = desk.run("bases", "--fetch", "v0.16.0", status=3)
    assert ran.err.splitlines()[-2:] == [
        f"error: the cache folder cannot be written: {desk.cache}",
        "hint: make it writable, or set VPATCH_CACHE_DIR to a folder that is",
    ]
    desk.cache.unlink()
    completes(desk)


def test_cache_that_cannot_be_made(desk: Desk) -> None:
    """A place where nobody can make a folder is named."""
    desk.index.add("0.16.0", sdist("0.16.0", {}))
    nowhere = Desk(desk.folder, Path("/proc/nowhere/cache"), desk.home, desk.index)
    ran = nowhere.run("bases", "--fetch", "v0.16.0", status=3)
    assert "the cache folder cannot be written: /proc/nowhere/cache" in ran.err
    assert "no base at hand" in nowhere.run("bases").out


def test_cache_that_can_only_be_read(
    desk: Desk, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    """What is in a cache serves even where it cannot be written; more is refused."""
    desk.index.add("0.16.0", sdist("0.16.0", {"vllm/engine.py": lines(1, 9)}))
    desk.index.add("0.17.0", sdist("0.17.0", {}))
    place = disk("size=32m")
    here = Desk(desk.folder, place / "cache", desk.home, desk.index)
    here.run("bases", "--fetch", "v0.16.0")
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    here.write_series("v0.16.0", {})
    assert here.json("status", "--base", "v0.16.0")["ok"]
    ran = here.run("bases", "--fetch", "v0.17.0", status=3)
    assert f"error: the cache folder cannot be written: {here.cache}" in ran.err
    assert "VPATCH_CACHE_DIR" in ran.err
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    here.run("bases", "--fetch", "v0.17.0")


@pytest.mark.parametrize(("size", "job"), [(2_500_000, "download"), (1_200_000, "import")])
def test_full_disk(desk: Desk, disk: Callable[[str], Path], size: int, job: str) -> None:
    """A full disk ends the run with the way out; with room made, the next one succeeds."""
    desk.index.add("0.16.0", large(size))
    place = disk("size=2m")
    here = Desk(desk.folder, place / "cache", desk.home, desk.index)
    ran = here.run("bases", "--fetch", "v0.16.0", status=3)
    assert f"\n{job} vllm-0.16.0.tar.gz\nerror: " in ran.err
    assert ran.err.splitlines()[-1].startswith("hint: make room")
    assert [name for name in left_over(here.cache) if "tar.gz" not in name] == []
    assert "no base at hand" in here.run("bases").out
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    completes(here)


def test_no_room_for_a_byte(desk: Desk, disk: Callable[[str], Path]) -> None:
    """A disk that was full from the beginning is told the same way."""
    desk.index.add("0.16.0", sdist("0.16.0", {}))
    place = disk("size=2m")
    here = Desk(desk.folder, place / "cache", desk.home, desk.index)
    here.cache.mkdir()
    filler = place / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))
    ran = here.run("bases", "--fetch", "v0.16.0", status=3)
    assert "hint: make room" in ran.err
    filler.unlink()
    completes(here)


def test_limit_on_the_size_of_files(desk: Desk) -> None:
    """A limit by ulimit is a kind of full disk."""
    desk.index.add("0.16.0", large(3_000_000))
    ran = subprocess.run(
        desk.command("bases", "--fetch", "v0.16.0"),
        env=desk.env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)),
    )
    assert ran.returncode == 3
    assert "error: cannot keep the download (File too large)" in ran.stderr
    assert left_over(desk.cache) == []
    completes(desk)
