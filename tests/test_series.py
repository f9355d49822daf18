"""The project's own series on the real vLLM, as the README tells it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import git, tree_of

ROOT = Path(__file__).parents[1]
SERIES = ROOT / "patches/v0.16.0"
CARRIED = {32232, 33303, 34863, 35041, 35358, 35442, 36013}
pytestmark = pytest.mark.index


class User:
    """Somebody with a copy of the project's patches and a warm store."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        folder.mkdir()
        shutil.copytree(ROOT / "patches", folder / "patches")
        shutil.copy(ROOT / "PATCHES.md", folder)

    def run(self, *args: str, status: int = 0) -> str:
        """Run vpatch and return what it prints."""
        env = os.environ | {"VPATCH_CACHE_DIR": str(self.cache)}
        command = [sys.executable, "-m", "vpatch", "-C", str(self.folder), *args]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == status, f"{ran.stdout}{ran.stderr}"
        return ran.stdout

    def json(self, *args: str, status: int = 0) -> Any:
        """Run a verb with --json and return its answer."""
        return json.loads(self.run(*args, "--json", status=status))

    @property
    def checkout(self) -> Path:
        """The managed checkout."""
        return self.folder / "build/vllm-v0.16.0"


@pytest.fixture
def user(tmp_path: Path, real_store: Path) -> User:
    """Lay out a user's place."""
    return User(tmp_path / "user", real_store)


@pytest.fixture
def plain(user: User) -> Path:
    """Make a checkout of v0.16.0 without any patch."""
    user.run("apply", "--base", "v0.16.0")
    user.run("unapply", "--base", "v0.16.0")
    return user.checkout


def test_the_first_thing_a_user_does(user: User) -> None:
    """Apply, look, apply again, verify, change a line, verify again."""

    applied = user.json("apply", "--base", "v0.16.0")
    assert {patch["pr"] for patch in applied["patches"]} == CARRIED
    assert {patch["verdict"] for patch in applied["patches"]} == {"clean"}
    assert git(user.checkout, "rev-parse", "HEAD") == applied["commit"]

    status = user.json("status")
    assert {patch["applied"] for patch in status["patches"]} == {"yes"}
    watched = {one["pr"]: one for one in status["watched"]}
    assert [watched[pr]["present"] for pr in (34718, 34899, 30885)] == [False, False, True]
    assert "vllm/_custom_ops.py" in watched[30885]["evidence"]

    assert "nothing to do" in user.run("apply", "--base", "v0.16.0")
    assert user.json("verify") == user.json("verify") | {"ok": True, "drift": []}
    path = "vllm/model_executor/models/minimax_m2.py"
    with (user.checkout / path).open("a") as file:
        file.write("# mine\n")
    assert user.json("verify", status=1)["drift"] == [{"path": path, "kind": "modified"}]
    assert "no problem" in user.run("check")


def test_the_next_release(user: User) -> None:
    """On v0.17.0, #35442 has landed, with the evidence, and #36013 has not."""

    shutil.rmtree(user.folder / "patches/resolutions")
    asked = ("apply", "--base", "v0.17.0", "--series", "v0.16.0")
    found = user.json(*asked, status=1)
    patches = {patch["pr"]: patch for patch in found["patches"]}

    assert patches[35442]["verdict"] == "landed"
    assert "gpu_model_runner.py:1229" in patches[35442]["cause"]
    assert patches[36013]["verdict"] == "offset"
    assert patches[34863]["verdict"] == "offset"
    assert patches[33303]["verdict"] == "clean"
    # Two have no place there, so nothing is written, and the reasons name file and hunk.
    lost = [patch for patch in found["patches"] if patch["verdict"] == "conflict"]
    assert {patch["pr"] for patch in lost} == {32232, 35358}
    assert all("serving.py: hunk" in patch["cause"] for patch in lost)
    assert not (user.folder / "build/vllm-v0.17.0").exists()


def test_the_series_for_the_next_release(user: User) -> None:
    """Its own series gives what that of v0.16.0 gives by the recorded resolutions."""

    asked = ("apply", "--base", "v0.17.0", "--dry-run")
    own = user.json(*asked)
    assert {patch["verdict"] for patch in own["patches"]} == {"clean"}
    assert {patch["pr"] for patch in own["patches"]} == CARRIED - {35442}
    older = user.json(*asked, "--series", "v0.16.0")
    assert own["tree"] == older["tree"]


def test_the_same_commit_in_two_folders(user: User, tmp_path: Path, real_store: Path) -> None:
    """Two users get the same commit."""

    other = User(tmp_path / "other", real_store)

    assert (
        user.json("apply", "--base", "v0.16.0")["commit"]
        == other.json("apply", "--base", "v0.16.0")["commit"]
    )


def test_git_am_takes_the_series(user: User, plain: Path) -> None:
    """Without vpatch, git am gives the same tree."""

    wanted = user.json("apply", "--base", "v0.16.0", "--dry-run")["tree"]
    names = (SERIES / "series").read_text().splitlines()
    patches = [str(SERIES / name) for name in names if not name.startswith("#")]
    git(plain, "am", "-q", *patches)

    assert git(plain, "rev-parse", "HEAD^{tree}") == wanted


@pytest.mark.skipif(not shutil.which("quilt"), reason="quilt is not installed")
def test_quilt_takes_the_series(user: User, plain: Path, tmp_path: Path) -> None:
    """Without vpatch, quilt push gives the same files."""

    copy = tmp_path / "copy"
    shutil.copytree(plain, copy, ignore=shutil.ignore_patterns(".git"))
    env = os.environ | {"QUILT_PATCHES": str(SERIES), "QUILTRC": os.devnull}
    subprocess.run(["quilt", "push", "-aq"], cwd=copy, env=env, check=True, capture_output=True)
    shutil.rmtree(copy / ".pc")
    user.run("apply", "--base", "v0.16.0")

    assert tree_of(copy) == tree_of(user.checkout)


@pytest.mark.skipif(not shutil.which("stg"), reason="StGit is not installed")
def test_stgit_takes_the_series(user: User, plain: Path) -> None:
    """Without vpatch, stg import gives the same tree."""

    wanted = user.json("apply", "--base", "v0.16.0", "--dry-run")["tree"]
    git(plain, "checkout", "-q", "-b", "stack")
    identity = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    for command in (["stg", "init"], ["stg", "import", "-s", str(SERIES / "series")]):
        ran = subprocess.run(
            command, cwd=plain, env=os.environ | identity, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr

    assert git(plain, "rev-parse", "HEAD^{tree}") == wanted
