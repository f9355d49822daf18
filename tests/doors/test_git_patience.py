"""A git that waits for a server: given up in time, with all that it started, and heard of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from git_servers import Http, Origin, until
from silent_servers import Hole, Speaker, alive, dribbling, silent
from support import Project, git
from vpatch.doors.git import GitError, Patience, Repo, SilentError, init, patience
from vpatch.doors.git.patience import last_words, without_progress

if TYPE_CHECKING:
    from pathlib import Path

BRIEF = Patience(answer=0.3, work=0.3, look=0.02)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Make a repository of the user's."""
    init(tmp_path / "repo.git", bare=True)
    return Repo(tmp_path / "repo.git", private=False)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the user's settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    return tmp_path / "gitconfig"


def script(path: Path, *lines: str) -> str:
    """Write a program, and return its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def given_up(repo: Repo, *command: str, words: str) -> None:
    """See that a command is given up, and that nothing is left of it."""
    with pytest.raises(SilentError, match="nothing was heard for 0 s"):
        repo.reach(*command, patience=BRIEF)
    until(lambda: not alive(words))


def test_a_connection_that_nobody_takes(repo: Repo) -> None:
    """A firewall that drops everything is given up; git by itself would wait for minutes."""
    with Hole() as hole:
        given_up(repo, "ls-remote", f"http://{hole.place}/x.git", words=hole.place)


@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_server_that_says_nothing(repo: Repo, scheme: str) -> None:
    """It is given up by any protocol; git's own has no limit at all."""
    with Speaker(silent) as mute:
        given_up(repo, "ls-remote", f"{scheme}://{mute.place}/x.git", words=mute.place)
        assert mute.met.is_set()


def test_a_server_that_dribbles(repo: Repo) -> None:
    """Bytes that make no answer are no sign of life."""
    head = b"Content-Type: application/x-git-upload-pack-advertisement"
    with Speaker(dribbling(head)) as slow:
        given_up(repo, "ls-remote", f"http://{slow.place}/x.git", words=slow.place)
        assert slow.met.is_set()


def test_what_outlives_a_git_that_has_ended(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it started may hold its ends open, as ssh's master does: the answer counts."""
    os.mkfifo(tmp_path / "fifo")
    served = tmp_path / "served.git"
    init(served, bare=True)
    ssh = script(
        tmp_path / "stays",
        f"sh -c 'cat {tmp_path}/fifo # stays' &",
        f"exec git-upload-pack {served}",
    )
    monkeypatch.setenv("GIT_SSH", ssh)
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    monkeypatch.setattr(patience, "_GRACE", 0.3)
    told = Patience(answer=60, work=60, look=0.02)
    assert repo.reach("ls-remote", "ssh://127.0.0.1/x.git", patience=told) == b""
    until(lambda: not alive(f"{tmp_path}/fifo"))


def test_what_is_asked_on_the_way(
    repo: Repo, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ssh or a helper for passwords that waits for ever is ended with git."""
    ssh = script(tmp_path / "waits", f"cat {tmp_path}/fifo # waits")
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("GIT_SSH", ssh)
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    given_up(repo, "ls-remote", "ssh://127.0.0.1/x.git", words=f"{tmp_path}/fifo")
    settings.write_text(f'[credential]\n\thelper = "!cat {tmp_path}/fifo"\n')
    server = Http(tmp_path, login="ada:secret")
    given_up(repo, "ls-remote", f"{server.url}/x.git", words=f"{tmp_path}/fifo")
    server.close()


def test_a_server_that_stops_in_the_middle(repo: Repo, tmp_path: Path) -> None:
    """It tells what it has, sends half of that, and is given up; the next fetch is whole."""
    origin = Origin(tmp_path / "origin", tmp_path / "served/vllm.git")
    tip = origin.commit("large", {"blob": "".join(f"{n * n}\n" for n in range(50_000))})
    origin.push()
    server = Http(tmp_path / "served")
    url = f"{server.url}/vllm.git"
    assert tip.encode() in repo.reach("ls-remote", url, "refs/heads/main")
    server.half = 0.5
    given_up(repo, "fetch", "--progress", url, "main", words=url)
    assert list(repo.git_dir.rglob("*.lock")) == []
    server.half = 0
    repo.reach("fetch", "--progress", url, "main")
    assert repo.resolve("FETCH_HEAD") == tip
    server.close()


def test_a_server_that_computes_for_long(repo: Repo, tmp_path: Path, settings: Path) -> None:
    """As long as it says how far it is, it is waited for; its words are passed on."""
    project = Project(tmp_path / "project", {"a": "a\n"})
    beats = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25"
    hook = script(
        tmp_path / "hook",
        beats,
        'do printf "Thinking: $n\\r" >&2; sleep 0.1; done',
        'exec "$@"',
    )
    settings.write_text(f"[uploadpack]\n\tpackObjectsHook = {hook}\n")
    heard: list[str] = []
    patience = Patience(work=1.5, look=0.02)
    url = f"file://{project.folder}"
    repo.reach("fetch", "--progress", url, "main", patience=patience, heard=heard.append)
    assert repo.resolve("FETCH_HEAD") == git(project.folder, "rev-parse", "HEAD")
    assert "remote: Thinking: 20" in heard


def test_what_git_says_in_the_end(repo: Repo, tmp_path: Path) -> None:
    """An error keeps git's own words, without those on how far it was."""
    project = Project(tmp_path / "project", {"a": "a\n"})
    with pytest.raises(GitError, match="git fetch failed") as caught:
        repo.reach("fetch", "--progress", str(project.folder), "nowhere")
    assert caught.value.detail == "fatal: couldn't find remote ref nowhere"
    said = b"remote: Counting: 1% (1/9)\rremote: Counting: 100% (9/9), done.   \n"
    assert without_progress(said + b"Got: 3%\rfatal: lost\r\nssh: no\r\n") == (
        b"fatal: lost\r\nssh: no\r\n"
    )
    assert last_words(said + b"Got: 3%\rGot: 4%\r") == "Got: 4%"
    assert last_words(b"") == ""
