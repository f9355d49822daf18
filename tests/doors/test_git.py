"""The door to git: answers that nothing of the user's can change, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from threading import Thread, main_thread
from typing import TYPE_CHECKING

import pytest

from git_servers import until
from silent_servers import alive
from support import Project, Upstream, git, lines
from vpatch.doors.git import (
    GitError,
    NewCommit,
    Repo,
    Sides,
    drop_inherited_variables,
    init,
    merge_each,
    merge_marked,
)
from vpatch.values.tree import Entry

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = """
[apply]
    whitespace = fix
    ignoreWhitespace = change
[core]
    autocrlf = true
    attributesFile = {folder}/attributes
    hooksPath = {folder}/hooks
    pager = touch {folder}/ran
    quotePath = true
    fsmonitor = {folder}/hooks/fsmonitor
[color]
    ui = always
[diff]
    external = touch {folder}/ran
    renames = copies
    noprefix = true
[alias]
    ls-tree = !touch {folder}/ran
[init]
    templateDir = {folder}/template
    defaultObjectFormat = sha256
[commit]
    gpgSign = true
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user settings that would change answers or start programs."""
    folder = tmp_path / "hostile"
    for name in ("hooks", "template/hooks"):
        (folder / name).mkdir(parents=True)
        for hook in ("fsmonitor", "reference-transaction", "post-index-change"):
            script = folder / name / hook
            script.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
            script.chmod(0o755)
    (folder / "attributes").write_text("* text eol=crlf\n")
    settings = folder / "gitconfig"
    settings.write_text(HOSTILE.format(folder=folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    return folder


def test_settings_of_the_user_change_nothing(upstream: Upstream, hostile: Path) -> None:
    """A tree, a commit and a listing are the same whatever the user's git is told."""
    files = {"a.txt": "one\r\ntwo \n", "b\u00e4r.py": "x = 1\n"}
    base = upstream.release("v0.16.0", files)
    plain = Upstream.at(hostile / "store.git")
    assert plain.release("v0.16.0", files).commit == base.commit
    assert set(plain.repo.entries(base.commit)) == {"a.txt", "b\u00e4r.py"}
    with plain.repo.stage() as stage:
        stage.load(base.commit)
        diff = "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\r\n-two \n+three \n"
        assert stage.apply(diff.encode()).status == 0
        oid = stage.entries()["a.txt"].oid
    assert plain.repo.blobs([oid]) == [b"one\r\nthree \n"]
    assert not (hostile / "ran").exists()
    assert not (hostile / "store.git/hooks").exists()


def test_renames_are_found_whatever_limit_the_user_set(tmp_path: Path) -> None:
    """More files than the user's diff.renameLimit move and change: each is followed."""
    project = Project(tmp_path / "project", {f"old{n}": lines(n, n + 30) for n in range(4)})
    git(project.folder, "config", "diff.renameLimit", "1")
    change: dict[str, str | None] = {f"old{n}": None for n in range(4)}
    change |= {f"new{n}": lines(n, n + 30, l15="x") for n in range(4)}
    project.commit("move", change)
    repo = Repo(project.folder / ".git", private=False)
    found = repo.changed("HEAD^", "HEAD", renames=True)
    assert set(found) == {f"old{n}" for n in range(4)}


def test_paths_survive_any_locale(upstream: Upstream) -> None:
    """Where Python encodes arguments as ASCII, a path of other letters is found as well."""
    base = upstream.release("v0.16.0", {"b\u00e4r.py": "x = 1\n"})
    program = (
        "import sys; from pathlib import Path; from vpatch.doors.git import Repo\n"
        "found = Repo(Path(sys.argv[1])).entries(sys.argv[2], ['b\\u00e4r.py'])\n"
        "print(sys.getfilesystemencoding(), ascii(list(found)))"
    )
    command = [sys.executable, "-c", program, str(upstream.repo.git_dir), base.commit]
    old = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ran = subprocess.run(
        command, env=os.environ | old, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "ascii ['b\\xe4r.py']\n", ran.stderr


def test_variables_of_a_hook_are_forgotten(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called from a hook or a rebase, vpatch works on its own store and not on theirs."""
    base = upstream.release("v0.16.0", {"a": "1\n"})
    other = tmp_path / "other"
    other.mkdir()
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(other))
    monkeypatch.setenv("GIT_NAMESPACE", "x")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    drop_inherited_variables()
    left = {name for name in os.environ if name.startswith("GIT_")}
    assert "GIT_SSH_COMMAND" in left
    assert not left & {"GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_WORK_TREE"}
    assert set(upstream.repo.entries(base.commit)) == {"a"}
    assert list(other.iterdir()) == []


def test_scratch_leaves_nothing(upstream: Upstream) -> None:
    """What is written in a scratch is readable there, and gone with it."""
    base = upstream.release("v0.16.0", {"a": "1\n", "b": "2\n"})
    before = upstream.repo.run("count-objects", "-v").out
    with upstream.repo.scratch() as scratch:
        tree = scratch.tree_of(base.commit, {"a": None})
        assert set(scratch.entries(tree)) == {"b"}
    assert upstream.repo.run("count-objects", "-v").out == before
    with pytest.raises(GitError):
        upstream.repo.run("cat-file", "-e", tree)


def test_a_command_that_is_interrupted(upstream: Upstream, tmp_path: Path) -> None:
    """It writes nothing any more when the caller begins to clear up."""
    begun = tmp_path / "begun"
    mark = f"sleep 60.{os.getpid()}"

    def interrupt() -> None:
        until(begun.exists)
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

    # Where the tests run in the background of a shell, Ctrl-C is ignored.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    other = Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        upstream.repo.run("-c", f"alias.wait=!touch {begun}; exec {mark}", "wait")
    signal.signal(signal.SIGINT, handler)
    assert begun.exists()
    assert not alive(mark), caught
    other.join()


def test_commits_are_the_same_everywhere(tmp_path: Path) -> None:
    """The same parents, people, dates and changes give the same ids in another store."""
    ids = []
    for name in ("one.git", "two.git"):
        store = Upstream.at(tmp_path / name)
        base = store.release("v0.16.0", {"a": "1\n", "b": "2\n"})
        blob = store.repo.entries(base.commit)["a"].oid
        commits = [
            NewCommit(
                "J\u00f6 <j@example.org>", "1700000000 +0530", b"odd\n\n\xff\n", {"b": None}
            ),
            NewCommit("A <a@example.org>", "0 +0000", b"", {'q"\\\n': Entry("100644", blob)}),
        ]
        ids.append(store.repo.commit_each(base.commit, commits))
        assert store.repo.refs("refs/vpatch/replay") == {}
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def test_merge_without_a_work_tree(upstream: Upstream) -> None:
    """Two changes of one file merge, two of one line do not; each merge is by itself."""
    repo = upstream.repo
    was, ours, theirs, clash = (
        dict(repo.entries(upstream.release(f"v0.{n}.0", {"f": lines(1, 30, **changed)}).commit))
        for n, changed in enumerate([{}, {"l5": "ours"}, {"l25": "theirs"}, {"l5": "else"}])
    )
    asked = [Sides(was, ours, clash), Sides(was, ours, theirs), Sides(was, ours, was)]
    lost, merged, same = merge_each(repo, asked)
    assert lost is None
    assert merged is not None
    content = repo.blobs([merged["f"].oid])[0].decode()
    assert content == lines(1, 30, l5="ours", l25="theirs")
    assert same == ours
    assert merge_each(repo, []) == []


def test_merge_of_a_side_that_renames(upstream: Upstream) -> None:
    """A change follows a file that the other side renames, and no file of another merge."""
    repo = upstream.repo
    was, ours, theirs = (
        dict(repo.entries(upstream.release(f"v0.{n}.0", files).commit))
        for n, files in enumerate(
            [
                {"f": lines(1, 30)},
                {"f": lines(1, 30, l5="ours")},
                {"g": lines(1, 30, l25="theirs")},
            ]
        )
    )
    gone, new = Sides(was, ours, {}), Sides({}, {}, theirs)
    lost, renamed, added = merge_each(repo, [gone, Sides(was, ours, theirs), new])
    assert lost is None
    assert renamed is not None
    assert set(renamed) == {"g"}
    text = repo.blobs([renamed["g"].oid])[0].decode()
    assert text == lines(1, 30, l5="ours", l25="theirs")
    assert added == theirs


def test_merge_with_markers(upstream: Upstream) -> None:
    """What clashes stands between markers with the ancestor's lines, and in stages."""
    repo = upstream.repo
    was, ours, theirs = (
        dict(repo.entries(upstream.release(f"v0.{n}.0", {"f": text}).commit))
        for n, text in enumerate(["a\n", "b\n", "c\n"])
    )
    found = merge_marked(repo, Sides(was, ours, theirs))
    assert found.stages == {"f": {1: was["f"], 2: ours["f"], 3: theirs["f"]}}
    text = repo.blobs([found.files["f"].oid])[0]
    marks = [b"<<<<<<< ", b"||||||| ", b">>>>>>> "]
    first, second, third = (m + label for m, label in zip(marks, found.labels, strict=True))
    assert text.splitlines() == [first, b"b", second, b"a", b"=======", b"c", third]


def test_missing_object(upstream: Upstream) -> None:
    """An object that is not there is an error that names it."""
    with pytest.raises(GitError, match=f"{'1' * 40} is missing"):
        upstream.repo.blobs(["1" * 40])


def test_failed_import_leaves_nothing(upstream: Upstream) -> None:
    """A stream that git cannot read makes no ref, and its crash report is swept up."""

    def nonsense() -> None:
        with upstream.repo.importing() as run:
            assert run.stdin is not None
            run.stdin.write(b"blob\ndata 3\nabc\ncommit refs/vpatch/x\nnonsense\n")

    with pytest.raises(GitError, match="git fast-import failed"):
        nonsense()
    assert upstream.repo.refs("refs/") == {}
    assert list(upstream.repo.git_dir.glob("fast_import_crash_*")) == []
    assert list(upstream.repo.git_dir.glob("objects/pack/tmp_*")) == []


def test_abandoned_import_leaves_nothing(upstream: Upstream) -> None:
    """An import whose writer gives up half way is as if it had not begun."""

    class GaveUpError(Exception):
        """Something else went wrong."""

    def half() -> None:
        with upstream.repo.importing() as run:
            assert run.stdin is not None
            run.stdin.write(b"commit refs/vpatch/x\ncommitter a <a> 0 +0000\ndata 1\nx\n")
            run.stdin.flush()
            raise GaveUpError

    with pytest.raises(GaveUpError):
        half()
    assert upstream.repo.refs("refs/") == {}
    assert list(upstream.repo.git_dir.glob("fast_import_crash_*")) == []
    assert list(upstream.repo.git_dir.glob("objects/pack/tmp_*")) == []


def test_sweep_takes_no_more_than_what_was_left(upstream: Upstream) -> None:
    """Half packs, reports and locks go; packs and refs stay."""
    base = upstream.release("v0.16.0", {"a": "1\n"})
    store = upstream.repo.git_dir
    left = [
        "shallow.lock",
        "refs/heads/x.lock",
        "objects/pack/tmp_pack_1",
        "fast_import_crash_1",
    ]
    for name in left:
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).touch()
    upstream.repo.sweep()
    assert not any((store / name).exists() for name in left)
    assert set(upstream.repo.entries(base.commit)) == {"a"}
    assert upstream.repo.run("fsck", "--strict").status == 0


def test_send_copies_what_the_other_lacks(upstream: Upstream, tmp_path: Path) -> None:
    """A commit arrives with all that its parent, which is there, does not have."""
    base = upstream.release("v0.16.0", {"a": lines(1, 9), "b": "2\n"})
    clone = Repo(tmp_path / "clone")
    init(clone.git_dir, bare=True)
    upstream.repo.send(base.commit, without="", to=clone)
    with upstream.repo.scratch() as scratch:
        change = {"a": Entry("100644", scratch.entries(base.commit)["b"].oid)}
        new = scratch.commit_each(base.commit, [NewCommit("A <a@b>", "0 +0000", b"x", change)])
        scratch.send(new[0], without=base.commit, to=clone)
    assert clone.run("fsck", "--strict", new[0]).status == 0
    assert clone.blobs([clone.entries(new[0])["a"].oid]) == [b"2\n"]
    assert list(clone.objects.glob("pack/tmp_*")) == []


def test_send_to_a_full_disk_leaves_nothing(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk gets full half way through a pack: what was written of it is removed."""
    base = upstream.release("v0.16.0", {"a": lines(1, 9)})
    clone = Repo(tmp_path / "clone")
    init(clone.git_dir, bare=True)

    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        upstream.repo.send(base.commit, without="", to=clone)
    assert list(clone.objects.glob("pack/*")) == []


def test_many_paths(upstream: Upstream) -> None:
    """More paths are looked up than a command line can hold."""
    files = {f"folder{n % 7}/file{n}.py": "x\n" for n in range(1200)}
    base = upstream.release("v0.16.0", files)
    found = upstream.repo.entries(base.commit, [*files, "nosuch"])
    assert set(found) == set(files)
    assert upstream.repo.entries(base.commit, ["folder1"])["folder1"].mode == "040000"


def test_folder_that_is_no_repository(tmp_path: Path) -> None:
    """A folder outside any work tree is an error, not the one above it."""
    with pytest.raises(GitError, match="git rev-parse failed"):
        Repo(tmp_path).discovered(tmp_path)
    project = Project(tmp_path / "project", {"a/b": "1\n"})
    assert Repo(tmp_path).discovered(project.folder / "a") == project.folder / ".git"
    git(project.folder, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    found = Repo(tmp_path).discovered(tmp_path / "linked")
    assert found == project.folder / ".git/worktrees/linked"


def test_no_git_at_all(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git the way out is to install it."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitError, match="could not be started") as caught:
        upstream.repo.run("version")
    assert "install git" in caught.value.hint
