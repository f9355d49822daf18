"""A checkout is in its old state or in its new one, at whatever step a run ends."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from steps import KilledError, Steps, ended
from support import PYPROJECT, Project, git, lines, series_of, tree_of
from vpatch.doors.files import Transaction
from vpatch.doors.git import Repo, init
from vpatch.doors.git.command import Command
from vpatch.jobs.checkout import Checkout
from vpatch.jobs.replay import Setting, replay
from vpatch.values.base import Base
from vpatch.values.errors import RefusedError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpatch.values.verdict import Replay

START = {
    "pyproject.toml": PYPROJECT,
    "vllm/__init__.py": "",
    "vllm/a.py": lines(1, 30),
    "vllm/gone/deep.py": lines(1, 5),
    "vllm/tool.sh": "#!/bin/sh\n",
    "docs/guide.md": "# Guide\n",
}


class Bench:
    """A clone to copy, a replay for it, and the two states that it may be in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clone = Project(folder / "clone", START).folder
        git(self.clone, "tag", "v0.16.0")
        (self.clone / "docs/guide.md").write_text("mine\n")
        author = Project(folder / "author", START)
        first = author.patch("Edit", {"vllm/a.py": lines(1, 30, l7="seven")})
        author.folder.joinpath("vllm/tool.sh").chmod(0o755)
        change = {"vllm/gone/deep.py": None, "vllm/new/deep.py": "deep = 1\n"}
        second = author.patch("Add and delete", change)
        base = Base("v0.16.0", git(self.clone, "rev-parse", "HEAD"), "here")
        series = series_of(base, {"1-a.patch": first, "2-b.patch": second})
        init(folder / "store.git", bare=True)
        self._scratch = Repo(folder / "store.git").scratch(self.clone / ".git/objects")
        self.made = self._scratch.__enter__()
        self.replay: Replay = replay(Setting(self.made, series, base))
        self.old = seen(self.clone)
        self.patched = self.copy("patched")
        self.apply(Checkout(self.patched, "vllm"))
        self.new = seen(self.patched)
        assert self.old != self.new

    def apply(self, checkout: Checkout) -> bool:
        """Put the series into a copy."""
        return checkout.apply(self.replay, "v0.16.0", "", self.made)

    def copy(self, name: str, source: Path | None = None) -> Path:
        """Copy a checkout, with the times of its files."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source or self.clone, place, symlinks=True)
        return place

    def close(self) -> None:
        """Drop the replay."""
        self._scratch.__exit__(None, None, None)


def seen(root: Path) -> dict[str, Any]:
    """Return all that a user could miss."""
    found = tree_of(root)
    return {
        "files": {path: (raw, (root / path).stat().st_mode) for path, raw in found.items()},
        "folders": sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_dir() and ".git" not in path.relative_to(root).parts
        ),
        "head": (root / ".git/HEAD").read_text(),
        "refs": tree_of(root / ".git/refs"),
        "index": git(root, "ls-files", "-s"),
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Prepare what every case starts from."""
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


EVERY_WAY = (
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "rmdir"),
    (os, "link"),
    (shutil, "copyfile"),
    (shutil, "copy2"),
    (Transaction, "drop"),
    (Command, "run"),
)
"""All by which vpatch changes a checkout."""


@pytest.mark.parametrize("back", [False, True], ids=["apply", "unapply"])
def test_a_kill_at_any_step_leaves_the_old_state_or_a_change_to_end(
    bench: Bench, *, back: bool
) -> None:
    """Whichever step a run dies at, the next one ends the change, says so, or has none."""
    source, old, new = bench.clone, bench.old, bench.new
    if back:
        source, old, new = bench.patched, bench.new, bench.old
    outcomes = set()
    for end in itertools.count(1):
        place = bench.copy("killed", source)
        checkout = Checkout(place, "vllm")
        run = checkout.unapply if back else partial(bench.apply, checkout)
        if not ended(run, Steps(end, KilledError, for_good=True), EVERY_WAY):
            break
        after = Checkout(place, "vllm")
        pending = after.interrupted()
        if not pending:
            assert seen(place) in (old, new), f"step {end}"
        before = seen(place)
        # A base is told rightly in between as well, and no patched commit is taken for one.
        assert after.base().commit == bench.replay.base.commit
        said: list[str] = []
        after.recover(said.append)
        assert bool(said) == pending
        assert seen(place) == (new if pending else before), f"step {end}"
        outcomes.add(pending)
        assert not after.interrupted()
        # And the verb, called again, gives what it should have given.
        if back:
            after.unapply()
        else:
            bench.apply(after)
        assert seen(place) == new, f"step {end}"
        kept = [path.name for path in (place / ".git/vpatch").glob("*")]
        assert kept == ([] if back else ["applied.json"])
        assert not list((place / ".git").rglob("*.lock")), f"step {end}"
    assert outcomes == {False, True}


@pytest.mark.parametrize(
    ("error", "back"),
    [(KeyboardInterrupt, False), (SystemExit, True)],
    ids=["apply", "unapply"],
)
def test_an_interruption_gives_the_whole_or_nothing_at_once(
    bench: Bench, error: type[BaseException], *, back: bool
) -> None:
    """Ctrl-C and SIGTERM: the run itself undoes what is not final, and ends what is."""
    source, old, new = bench.clone, bench.old, bench.new
    if back:
        source, old, new = bench.patched, bench.new, bench.old
    outcomes = []
    for end in itertools.count(1):
        place = bench.copy("interrupted", source)
        checkout = Checkout(place, "vllm")
        run = checkout.unapply if back else partial(bench.apply, checkout)
        if not ended(run, Steps(end, error, for_good=False), EVERY_WAY):
            break
        found = seen(place)
        assert found in (old, new), f"step {end}"
        assert not (place / ".git/vpatch/journal/plan.json").exists(), f"step {end}"
        assert not list((place / ".git").rglob("*.lock")), f"step {end}"
        outcomes.append(found == new)
    assert sorted(outcomes) == outcomes, "once new, always new"
    assert set(outcomes) == {False, True}


WRITING = (
    (Path, "replace"),
    (Path, "mkdir"),
    (shutil, "copyfile"),
)
"""Where the system may refuse to take more."""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_read_only_disk_at_any_step(bench: Bench, code: int) -> None:
    """The system refuses a step: a message, and the old state or a change to be ended."""

    def refuse() -> OSError:
        return OSError(code, os.strerror(code), "a place")

    for end in itertools.count(1):
        place = bench.copy("full")
        checkout = Checkout(place, "vllm")
        with pytest.MonkeyPatch.context() as patched:
            Steps(end, refuse, for_good=False).over(patched, WRITING)
            said = refusal(partial(bench.apply, checkout))
        if said is None:
            break
        assert os.strerror(code) in str(said)
        assert said.hint
        after = Checkout(place, "vllm")
        if not after.interrupted():
            assert seen(place) == bench.old, f"step {end}"
        assert not (place / ".git/index.lock").exists(), f"step {end}"
        after.recover(lambda _: None)
        bench.apply(after)
        assert seen(place) == bench.new, f"step {end}"
    assert end > 3


def refusal(run: Callable[[], object]) -> VpatchError | None:
    """Return the message that a run ends with, None where it ends well."""
    try:
        run()
    except VpatchError as error:
        return error
    return None


def killed_after(bench: Bench, renames: int) -> Path:
    """Return a copy in which a run of apply died after so many files were in place."""
    place = bench.copy("killed")
    checkout = Checkout(place, "vllm")
    done = 0
    real = Transaction._place  # noqa: SLF001, the very step

    def until(self: Transaction, path: str) -> None:
        nonlocal done
        if done == renames:
            raise KilledError
        done += 1
        real(self, path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Transaction, "_place", until)
        with pytest.raises(KilledError):
            bench.apply(checkout)
    return place


def test_an_edit_made_after_a_kill_is_refused_and_kept(bench: Bench) -> None:
    """The user edits a file that is still to be replaced: named, and never overwritten."""
    place = killed_after(bench, 0)
    (place / "vllm/a.py").write_text("mine\n")
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"changes made since: vllm/a\.py"):
            Checkout(place, "vllm").recover(lambda _: None)
        assert (place / "vllm/a.py").read_text() == "mine\n"
        assert (place / "vllm/tool.sh").stat().st_mode & 0o111 == 0

    # The way out that the hint names.
    (place / "vllm/a.py").unlink()
    Checkout(place, "vllm").recover(lambda _: None)
    assert seen(place) == bench.new


def test_an_edit_of_a_file_in_place_already_is_refused_too(bench: Bench) -> None:
    """The user edits a file that the killed run had replaced: it is not taken for either."""
    place = killed_after(bench, 1)
    now = seen(place)["files"]
    patched = ("vllm/a.py", "vllm/new/deep.py", "vllm/tool.sh")
    edited = next(path for path in patched if now.get(path) == bench.new["files"][path])
    (place / edited).unlink()
    (place / edited).write_text("mine\n")
    with pytest.raises(RefusedError, match=edited):
        Checkout(place, "vllm").recover(lambda _: None)
    assert (place / edited).read_text() == "mine\n"


@pytest.mark.parametrize("placed", [0, 1, 2])
def test_files_that_a_power_loss_cut_come_from_git_again(bench: Bench, placed: int) -> None:
    """Whatever of the new content did not reach the disk: the change still ends in full."""
    place = killed_after(bench, placed)
    journal = place / ".git/vpatch/journal/new"
    for path in ("vllm/a.py", "vllm/new/deep.py"):
        os.truncate(journal / path, 0)
    (journal / "vllm/tool.sh").unlink()
    said: list[str] = []
    Checkout(place, "vllm").recover(said.append)
    assert said == ["an earlier run was interrupted: applied the rest of its change"]
    assert seen(place) == bench.new


def test_a_change_that_git_lost_as_well_is_given_up(bench: Bench) -> None:
    """Neither what lay ready nor git's objects are left: refused, with a way out that works."""
    place = killed_after(bench, 1)
    os.truncate(place / ".git/vpatch/journal/new/vllm/new/deep.py", 0)
    kept = {path.stem for path in (bench.clone / ".git/objects").rglob("*.pack")}
    for path in (place / ".git/objects/pack").glob("*"):
        if path.stem not in kept:
            path.unlink()
    with pytest.raises(RefusedError, match=r"is damaged: .*new/deep\.py") as caught:
        Checkout(place, "vllm").recover(lambda _: None)
    assert caught.value.detail
    journal = place / ".git/vpatch/journal"
    assert f"delete {journal}" in caught.value.hint
    assert f"git -C {place} checkout -f main" in caught.value.hint

    shutil.rmtree(journal)
    git(place, "checkout", "-q", "-f", "main")
    (place / "docs/guide.md").write_text("mine\n")
    (place / "vllm/new/deep.py").unlink(missing_ok=True)
    bench.apply(Checkout(place, "vllm"))
    assert seen(place) == bench.new


def test_a_folder_that_became_a_link_after_a_kill_is_refused(
    bench: Bench, tmp_path: Path
) -> None:
    """The user moved a folder elsewhere and linked it: nothing is written through the link."""
    place = killed_after(bench, 0)
    (place / "vllm").rename(tmp_path / "vllm")
    (place / "vllm").symlink_to(tmp_path / "vllm")
    before = tree_of(tmp_path / "vllm")
    with pytest.raises(RefusedError, match="behind a symbolic link"):
        Checkout(place, "vllm").recover(lambda _: None)
    assert tree_of(tmp_path / "vllm") == before

    (place / "vllm").unlink()
    (tmp_path / "vllm").rename(place / "vllm")
    Checkout(place, "vllm").recover(lambda _: None)
    assert seen(place) == bench.new


def test_a_user_who_cleaned_up_by_git_gets_the_whole_change(bench: Bench) -> None:
    """After a kill the user ran "git checkout -- vllm": the next run still ends in full."""
    place = killed_after(bench, 2)
    git(place, "checkout", "-q", "--", "vllm")
    Checkout(place, "vllm").recover(lambda _: None)
    assert seen(place) == bench.new


def test_a_checkout_that_moved_after_a_kill_is_refused(bench: Bench) -> None:
    """The user committed or switched since: the change is not put onto another commit."""
    place = killed_after(bench, 0)
    git(place, "checkout", "-q", "-b", "other")
    git(place, "commit", "-q", "--allow-empty", "-m", "mine")
    with pytest.raises(RefusedError, match="another commit is checked out since") as caught:
        Checkout(place, "vllm").recover(lambda _: None)
    assert "git checkout main" in caught.value.hint
    git(place, "checkout", "-q", "main")
    Checkout(place, "vllm").recover(lambda _: None)
    assert git(place, "symbolic-ref", "HEAD") == "refs/heads/vpatch/v0.16.0"


def test_a_lock_that_a_killed_git_left_is_named(bench: Bench) -> None:
    """A git that was killed with the run left its lock on the branch: said, with its path."""
    place = killed_after(bench, 1)
    lock = place / ".git/refs/heads/vpatch/v0.16.0.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.touch()
    with pytest.raises(RefusedError) as caught:
        Checkout(place, "vllm").recover(lambda _: None)
    assert str(lock) in caught.value.hint
    lock.unlink()
    Checkout(place, "vllm").recover(lambda _: None)
    assert seen(place) == bench.new


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_nobody_stages_a_file_while_the_index_is_replaced(bench: Bench, *, links: bool) -> None:
    """A "git add" between copy and rename is refused by git, as by any git at work."""
    place = bench.copy("raced")
    real = Repo.update_index
    said = []

    def raced(self: Repo, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        with pytest.raises(AssertionError, match=r"index\.lock") as caught:
            git(place, "add", "docs/guide.md")
        said.append(caught.value)

    def no_links(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Repo, "update_index", raced)
        if not links:
            patched.setattr(os, "link", no_links)
        bench.apply(Checkout(place, "vllm"))
    assert len(said) == 1
    assert seen(place) == bench.new
    git(place, "add", "docs/guide.md")


def test_a_git_that_begins_at_the_last_moment_is_let_end(bench: Bench) -> None:
    """Another git takes the lock after the first look: refused, and its lock is left alone."""
    place = bench.copy("raced")
    lock = place / ".git/index.lock"
    real = Transaction.begin

    def raced(self: Transaction) -> None:
        real(self)
        lock.touch()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Transaction, "begin", raced)
        with pytest.raises(RefusedError, match="another git is at work") as caught:
            bench.apply(Checkout(place, "vllm"))
    assert str(lock) in caught.value.hint
    assert not Checkout(place, "vllm").interrupted()
    lock.unlink()
    assert seen(place) == bench.old


def test_only_a_lock_of_the_killed_run_is_removed(bench: Bench) -> None:
    """After a kill the run's own lock goes, whole or copied; another git's is respected."""
    place = killed_after(bench, 1)
    lock, own = place / ".git/index.lock", place / ".git/vpatch/journal/lock"
    lock.touch()
    with pytest.raises(RefusedError, match="another git is at work") as caught:
        Checkout(place, "vllm").recover(lambda _: None)
    assert str(lock) in caught.value.hint
    lock.unlink()
    for again in (os.link, shutil.copyfile):
        copy = bench.copy("copied", place)
        again(copy / own.relative_to(place), copy / lock.relative_to(place))
        Checkout(copy, "vllm").recover(lambda _: None)
        assert seen(copy) == bench.new
        assert not (copy / ".git/index.lock").exists()


def test_a_git_folder_on_another_disk(bench: Bench) -> None:
    """Where a rename can't cross from git's folder to the files, a kill is survived as well."""
    real = Path.replace

    def across(self: Path, target: Path) -> Path:
        if self.name == "next":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(self, target)

    for end in itertools.count(1):
        place = bench.copy("disks")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Path, "replace", across)
            steps = Steps(end, KilledError, for_good=True)
            run = partial(bench.apply, Checkout(place, "vllm"))
            if not ended(run, steps, ((Path, "replace"), (shutil, "copy2"))):
                assert seen(place) == bench.new
                break
            after = Checkout(place, "vllm")
            after.recover(lambda _: None)
            bench.apply(after)
        assert seen(place) == bench.new, f"step {end}"
