"""``vpatch matrix``: a series on many releases, whole and in parts."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.shop import NAMES, SOURCE, Shop, nearer
from git_servers import HOST, free_port, until
from index_servers import desk_with
from support import lines, sdist
from vpatch.cli import matrix, show
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from support import Desk

A = "vllm/a.py"
LATER = {
    "0.17.0": {A: "first\n" + lines(1, 30)},
    "0.18.0": {A: lines(1, 30, l7="other", l20="other")},
    "0.19.0": {A: lines(1, 30, l7="seven")},
    "0.20.0": {A: lines(1, 30, l7="seven", l20="twenty")},
}
"""What the releases after v0.16.0 changed."""
ALL = ["v0.16.0", "v0.17.0", "v0.18.0", "v0.19.0", "v0.20.0"]


@pytest.fixture
def releases(shop: Shop) -> Desk:
    """Publish releases in which two patches move, have no place, and land."""
    for version, change in LATER.items():
        shop.desk.index.add(version, sdist(version, SOURCE | change))
    name = "vllm-0.16.1-cp38-abi3-manylinux1_x86_64.whl"
    shop.desk.index.publish({"filename": name, "url": f"../../{name}", "hashes": {}})
    return shop.desk


def verdicts(answer: dict[str, Any], patch: str) -> list[str]:
    """Return what became of a patch on each base."""
    return [cell["verdict"] for cell in answer["cells"][patch].values()]


def on_terminal(desk: Desk, *args: str, columns: int = 80) -> str:
    """Run vpatch on a terminal of this width and return what it shows."""
    main, side = pty.openpty()
    env = desk.env | {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color"}
    process = subprocess.Popen(desk.command(*args), env=env, stdout=side, stderr=side)
    os.close(side)
    shown = b""
    try:
        while piece := os.read(main, 65536):
            shown += piece
    except OSError:
        pass  # a terminal ends so when the last program leaves it
    os.close(main)
    process.wait()
    return shown.decode()


def test_the_matrix_for_programs(releases: Desk) -> None:
    """Every release is brought, every cell is a result, and a gap says why."""
    answer = releases.json("matrix", "--bases", "v0.16.0..", status=1)

    assert answer["schema"] == 1
    assert answer["series"] == "v0.16.0"
    assert answer["bases"] == ALL
    assert answer["patches"] == list(NAMES)
    assert verdicts(answer, NAMES[0]) == ["clean", "offset", "conflict", "landed", "landed"]
    assert verdicts(answer, NAMES[1]) == ["clean"] * 5
    assert verdicts(answer, NAMES[3]) == ["clean", "offset", "conflict", "clean", "landed"]
    one = answer["cells"][NAMES[1]]["v0.17.0"]
    status = releases.json("status", "--base", "v0.17.0")
    assert one == {key: status["patches"][1][key] for key in one}
    assert answer["missing"] == [
        {
            "base": "v0.16.1",
            "reason": "the index has no source distribution of this release",
            "hint": "take it from git: --upstream URL, or [upstream] url in vpatch.toml",
            "gap": True,
        }
    ]
    assert answer["spans"][NAMES[3]] == {
        "first": "v0.16.0",
        "last": "v0.19.0",
        "landed_from": "v0.20.0",
        "partly_landed_from": "v0.20.0",
    }
    assert (answer["reach"], answer["ok"]) == ("v0.20.0", False)
    assert "shard" not in answer


def test_the_matrix_for_people(releases: Desk) -> None:
    """Bases as rows, patches as columns; then where each is of use, and what is not shown."""
    ran = releases.run("matrix", "--bases", "v0.16.0..v0.19.0", status=1)

    assert ran.out.splitlines() == [
        "series v0.16.0 on 4 bases",
        "",
        "Base     #101      #102   #103   #104",
        "v0.16.0  clean     clean  clean  clean",
        "v0.17.0  offset    clean  clean  offset",
        "v0.18.0  conflict  clean  clean  conflict",
        "v0.19.0  landed    clean  clean  clean",
        "",
        "PR    Applies on                   Landed from  Patch",
        "#101  v0.16.0 to v0.17.0           v0.19.0      Edit a",
        "#102  v0.16.0 to v0.19.0                        Add one file, delete another",
        (
            "#103  v0.16.0 to v0.19.0                        "
            "Rename old to moved, make tool a program"
        ),
        "#104  v0.16.0 to v0.17.0, v0.19.0               Edit a again",
        "",
        "series v0.16.0 reaches v0.19.0 whole",
        "",
        "no answer for v0.16.1: the index has no source distribution of this release",
        "  hint: take it from git: --upstream URL, or [upstream] url in vpatch.toml",
    ]


def test_what_is_at_hand_needs_no_network(releases: Desk) -> None:
    """Without --bases: the releases in the store, no question to the index, no progress."""
    ran = releases.run("matrix", status=3)
    assert "error: no release is at hand" in ran.err
    assert "hint: vpatch matrix --bases v0.16.0.. brings releases" in ran.err
    for name in ("v0.17.0", "v0.16.0"):
        releases.run("bases", "--fetch", name)
    asked = len(releases.index.asked)
    ran = releases.run("matrix", "--json")
    answer = json.loads(ran.out)

    assert answer["bases"] == ["v0.16.0", "v0.17.0"]
    assert answer["ok"] is True
    assert ran.err == ""
    assert len(releases.index.asked) == asked


def test_a_base_that_is_named_must_be_had(releases: Desk) -> None:
    """By itself it is an error; beside others these are shown, and the status says 3."""
    ran = releases.run("matrix", "--bases", "v0.16.1", "--json", status=3)
    assert ran.out == ""
    assert "error: no base gives an answer: v0.16.1 (the index has no source" in ran.err
    assert "hint: take it from git" in ran.err
    answer = releases.json("matrix", "--bases", "v0.16.0,v0.16.1,main", status=3)
    assert answer["bases"] == ["v0.16.0"]
    assert [one["base"] for one in answer["missing"]] == ["v0.16.1", "main"]
    assert answer["ok"] is False


def test_the_network_is_down(releases: Desk) -> None:
    """Of a range, the releases at hand are shown, and why no others."""
    releases.run("bases", "--fetch", "v0.16.0")
    offline = desk_with(releases, PIP_INDEX_URL=f"http://{HOST}:{free_port()}/simple/")
    ran = offline.run("matrix", "--bases", "v0.16.0..")

    assert "series v0.16.0 on 1 base\n" in ran.out
    assert "cannot be reached" in ran.err
    assert "going on with the releases at hand" in ran.err


def test_parts_make_the_whole_again(releases: Desk, tmp_path: Path) -> None:
    """Each part is made with a cache of its own, as a job in CI does; merged in any order."""
    asked = ("matrix", "--bases", "v0.16.0..v0.20.0")
    parts = []
    for number in (3, 1, 2):
        own = desk_with(releases, VPATCH_CACHE_DIR=str(tmp_path / f"cache-{number}"))
        ran = own.run(*asked, "--shard", f"{number}/3", "--json", status=None)
        parts.append(tmp_path / f"{number}.json")
        parts[-1].write_text(ran.out)
    found = [json.loads(part.read_text()) for part in parts]
    assert [part["shard"] for part in found] == ["3/3", "1/3", "2/3"]
    assert [part["bases"] for part in found] == [
        ["v0.17.0", "v0.20.0"],
        ["v0.16.0", "v0.18.0"],
        ["v0.19.0"],
    ]
    whole = releases.run(*asked, "--json", status=1)
    names = [str(part) for part in parts]
    merged = releases.run("matrix", "--json", "--merge", *names, status=1)
    assert merged.out == whole.out
    assert merged.err == ""
    table = releases.run("matrix", "--merge", *names, status=1)
    assert table.out == releases.run(*asked, status=1).out

    ran = releases.run("matrix", "--merge", names[0], names[2], status=2)
    assert "error: a part is missing: 1/3" in ran.err
    assert (ran.out, "hint: " in ran.err) == ("", True)
    parts[1].write_text("{")
    ran = releases.run("matrix", "--merge", *names, "--json", status=3)
    assert f"error: it is no JSON: {names[1]}" in ran.err
    assert ran.out == ""


def test_names_in_a_part_obey_no_terminal(releases: Desk, tmp_path: Path) -> None:
    """A part may come from anywhere: its names are shown with their codes made visible."""
    releases.run("bases", "--fetch", "v0.16.0")
    text = releases.run("matrix", "--json").out
    for name in ('"series": "', '"101-edit', '"Edit a'):
        assert name in text
        text = text.replace(name, f"{name}\\u001b[31m")
    part = tmp_path / "part.json"
    part.write_text(text.replace('"pr": 101', '"pr": null'))
    ran = releases.run("matrix", "--merge", str(part))
    assert "\x1b" not in ran.out
    first, last = ran.out.splitlines()[0], ran.out.splitlines()[-1]
    assert first == r"series \x1b[31mv0.16.0 on 1 base"
    assert last == r"series \x1b[31mv0.16.0 reaches v0.16.0 whole"
    assert ran.out.count(r"101-edit\x1b[31m-a.patch") == 2
    assert r"Edit a\x1b[31m" in ran.out


def test_a_part_may_be_empty(releases: Desk) -> None:
    """With more parts than bases, some have none; only all of them together are an answer."""
    releases.run("bases", "--fetch", "v0.16.0")
    answer = releases.json("matrix", "--shard", "2/2")
    assert (answer["bases"], answer["ok"], answer["shard"]) == ([], True, "2/2")
    assert releases.run("matrix", "--shard", "2/2").out == (
        "series v0.16.0 on 0 bases, part 2/2\n"
    )
    ran = releases.run("matrix", "--shard", "1/2")
    assert "part 1/2" in ran.out
    assert "Applies on" not in ran.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--shard", "3/2"), "no such shard: 3/2"),
        (("--merge",), "--merge takes the files of the parts"),
        (("--merge", "--shard", "1/2", __file__), "--merge takes the files of the parts"),
        ((__file__,), "files are for --merge"),
        (("--bases", "v0.17.0..v0.16.0"), "no release is in the range: v0.17.0..v0.16.0"),
        (("--bases", "main.."), "a range ends at releases: main.."),
        (("--series", "v9"), "no series v9"),
    ],
)
def test_wrong_usage_of_matrix(releases: Desk, args: tuple[str, ...], said: str) -> None:
    """Exit status 2, the reason on standard error, nothing on standard output."""
    ran = nearer(releases).run("matrix", *args, status=2)
    assert said in ran.err
    assert ran.out == ""


def test_narrow_terminals_and_long_series(releases: Desk, shop: Shop) -> None:
    """Words where there is room, then signs, then the spans alone; each verdict in colour."""
    releases.run("matrix", "--bases", "v0.16.0..v0.19.0", status=1)
    wide = on_terminal(releases, "matrix")
    assert "\x1b[1;31mconflict" in wide
    assert "replay" in wide
    narrow = on_terminal(releases, "matrix", columns=40)
    assert "\x1b[1;31mx" in narrow
    assert "+ clean  ~ offset  = landed  x conflict" in narrow

    author = shop.stock.author
    long = {
        f"{number}-a-name-of-some-length.patch": author.patch("Add", {f"{number}": "x\n"})
        for number in range(300, 400)
    }
    releases.write_series("v0.17.0", long)
    out = releases.run("matrix", "--series", "v0.17.0").out.splitlines()
    assert out[0] == "series v0.17.0 on 4 bases"
    assert out[2].split() == ["PR", "Applies", "on", "Landed", "from", "Patch"]
    assert len(out) == 2 + 1 + 100 + 2


def test_every_verdict_has_a_sign_and_a_colour() -> None:
    """No verdict comes without; and no two share a sign."""
    words = {verdict.value for verdict in Verdict}
    assert words <= matrix._SIGNS.keys()  # noqa: SLF001, the table itself
    assert words <= show._COLOURS.keys()  # noqa: SLF001, the same
    assert len(set(matrix._SIGNS.values())) == len(matrix._SIGNS)  # noqa: SLF001, the same


def session_of(pid: int) -> int | None:
    """Return the session of a process, None where it is gone."""
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return None


def test_ctrl_c_leaves_nothing(releases: Desk, tmp_path: Path) -> None:
    """In the middle of the replays: one line, and no folder of any process is left."""
    releases.run("matrix", "--bases", "v0.16.0..v0.19.0", status=1)
    # git that takes its time, so that the replays are on their way.
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    mark = tmp_path / "applying"
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *" apply "*) touch {mark}; sleep 20;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    slow.chmod(0o755)
    process = subprocess.Popen(
        releases.command("matrix"),
        env=releases.env | {"PATH": f"{slow.parent}:{releases.env['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(mark.exists)
    places = (Path("/dev/shm"), Path(tempfile.gettempdir()))  # noqa: S108, where they are
    work = [
        path
        for place in places
        for path in place.glob("vpatch-[0-9]*-*")
        if session_of(int(path.name.split("-")[1])) == process.pid
    ]
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=15)

    assert (process.returncode, out) == (130, "")
    assert err == "\ninterrupted: nothing is half done, run again to go on\n"
    assert work
    assert [path for path in work if path.exists()] == []
