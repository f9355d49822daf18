"""The door to the user's files: whole files, one lock, and many files as if at once."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vpatch.doors import files
from vpatch.doors.files import Transaction, single
from vpatch.values.errors import RefusedError, VpatchError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping


# One file


def test_a_file_is_written_whole_with_the_usual_mode(tmp_path: Path) -> None:
    """New folders are made, an old file is replaced, the umask counts, nothing is left."""
    old = os.umask(0o027)
    try:
        files.write(tmp_path / "a/b/file.txt", b"one")
        files.write(tmp_path / "a/b/file.txt", b"two")
    finally:
        os.umask(old)
    place = tmp_path / "a/b/file.txt"
    assert files.read_text(place) == "two"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert [path.name for path in place.parent.iterdir()] == ["file.txt"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the last moment: the old content, a message, nothing beside it."""
    place = tmp_path / "file.txt"
    files.write(place, b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(VpatchError, match="cannot write it") as caught:
        files.write(place, b"new")
    assert "make room on that disk" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert place.read_bytes() == b"old"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """No file, a folder, no UTF-8: the path and the way out."""
    with pytest.raises(VpatchError, match=r"cannot read it \(No such file"):
        files.read(tmp_path / "none")
    with pytest.raises(VpatchError, match=r"cannot read it \(Is a directory"):
        files.read(tmp_path)
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(VpatchError, match="the file is not UTF-8"):
        files.read_text(tmp_path / "latin")


# The lock


def _hold(place: str, held: threading.Event, go: threading.Event) -> None:
    with files.lock(Path(place), waiting=lambda _: None):
        held.set()
        go.wait(20)


def test_one_run_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    """A second run says that it waits, and goes on when the first has ended."""
    place = tmp_path / "sub/lock"
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(place), held, go))
    other.start()
    assert held.wait(20)
    said: list[str] = []

    def waiting(line: str) -> None:
        said.append(line)
        go.set()

    with files.lock(place, waiting=waiting):
        assert said == [f"waiting for another vpatch that works on {place.parent}"]
    other.join()
    assert other.exitcode == 0


def test_a_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    """The system takes the lock back when a process dies, however it dies."""
    place = tmp_path / "lock"
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(place), held, go))
    other.start()
    assert held.wait(20)
    other.kill()
    other.join()
    said: list[str] = []
    with files.lock(place, waiting=said.append):
        assert said == []


def test_a_lock_that_nobody_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the longest wait there is a message, not a run that hangs."""
    monkeypatch.setattr(single, "_WAIT", 0.1)
    said: list[str] = []
    with (
        files.lock(tmp_path / "lock", waiting=said.append),
        pytest.raises(VpatchError, match="another vpatch is at work"),
        files.lock(tmp_path / "lock", waiting=said.append),
    ):
        pass  # pragma: no cover
    assert len(said) == 1


def test_a_lock_where_nothing_can_be_made(tmp_path: Path) -> None:
    """A file stands where the lock's folder should be."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(VpatchError, match="cannot lock it"),
        files.lock(tmp_path / "file/lock", waiting=lambda _: None),
    ):
        pass  # pragma: no cover


def _hold_file(place: str, held: threading.Event, go: threading.Event) -> None:
    with files.hold(Path(place), waiting=lambda _: None):
        held.set()
        go.wait(20)


@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_a_file_that_is_there_anyway_is_held(tmp_path: Path, mode: int) -> None:
    """One run at a time, even by a file that can't be written; it stays as it is, alone."""
    place = tmp_path / "METADATA"
    place.write_text("Name: vllm\n")
    place.chmod(mode)
    before = place.stat()
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    other = context.Process(target=_hold_file, args=(str(place), held, go))
    other.start()
    assert held.wait(20)
    said: list[str] = []

    def waiting(line: str) -> None:
        said.append(line)
        go.set()

    with files.hold(place, waiting=waiting):
        assert said == [f"waiting for another vpatch that works on {tmp_path}"]
    other.join()
    assert place.read_text() == "Name: vllm\n"
    assert place.stat().st_mtime_ns == before.st_mtime_ns
    assert list(tmp_path.iterdir()) == [place]


def test_a_file_that_nobody_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the longest wait there is a message; a file that is not there gives one at once."""
    monkeypatch.setattr(single, "_WAIT", 0.1)
    place = tmp_path / "METADATA"
    with (
        pytest.raises(VpatchError, match=r"cannot lock it \(No such file"),
        files.hold(place, waiting=lambda _: None),
    ):
        pass  # pragma: no cover
    place.touch()
    with (
        files.hold(place, waiting=lambda _: None),
        pytest.raises(VpatchError, match="another vpatch is at work"),
        files.hold(place, waiting=lambda _: None),
    ):
        pass  # pragma: no cover


# Many files


def lay(change: Transaction, new: Mapping[str, str | None]) -> None:
    """Lay new content ready; None is for a path that goes."""
    for path, content in new.items():
        if content is not None:
            place = change.staged / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)


def laid(tmp_path: Path, new: Mapping[str, str | None]) -> Transaction:
    """Begin a change and lay its content ready."""
    change = Transaction(tmp_path / "root", tmp_path / "journal")
    change.begin()
    lay(change, new)
    return change


def carried(tmp_path: Path, new: Mapping[str, str | None]) -> None:
    """Carry a change out from begin to end."""
    change = laid(tmp_path, new)
    change.commit({path: content is not None for path, content in new.items()}, {})
    change.carry_out()
    change.close()
    assert not change.journal.exists()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a folder with some files."""
    place = tmp_path / "root"
    for path in ("a", "b/one", "b/two", "c/deep/er/file"):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text("old\n")
    return place


def test_files_come_change_and_go(root: Path, tmp_path: Path) -> None:
    """New folders come, folders that are empty go, others stay."""
    new = {"a": "new\n", "b/one": None, "c/deep/er/file": None, "d/e/f": "new\n"}
    carried(tmp_path, new)
    assert (root / "a").read_text() == "new\n"
    assert (root / "d/e/f").read_text() == "new\n"
    assert sorted(path.name for path in root.iterdir()) == ["a", "b", "d"]
    assert [path.name for path in (root / "b").iterdir()] == ["two"]


def test_a_folder_and_a_file_change_places(root: Path, tmp_path: Path) -> None:
    """A file gives way to a folder of its name, and a folder to a file."""
    carried(tmp_path, {"a": None, "a/inner": "new\n", "c": "new\n", "c/deep/er/file": None})
    assert (root / "a/inner").read_text() == "new\n"
    assert (root / "c").read_text() == "new\n"


def test_links_and_programs_are_told_apart(root: Path, tmp_path: Path) -> None:
    """What is put into place keeps its kind; a link is replaced, not followed."""
    (root / "b/two").unlink()
    (root / "b/two").symlink_to("one")
    change = laid(tmp_path, {"a": "old\n", "b/two": "new\n"})
    (change.staged / "a").chmod(0o755)
    (change.staged / "link").symlink_to("a")
    change.commit({"a": True, "b/two": True, "link": True}, {})
    change.carry_out()
    change.close()
    assert os.access(root / "a", os.X_OK)
    assert (root / "link").readlink() == Path("a")
    assert not (root / "b/two").is_symlink()
    assert (root / "b/one").read_text() == "old\n"


def test_until_it_is_final_nothing_of_the_users_changes(root: Path, tmp_path: Path) -> None:
    """A change that is only laid ready is no plan, and the next one drops it."""
    laid(tmp_path, {"a": "new\n"})
    again = Transaction(root, tmp_path / "journal")
    assert again.pending() is None
    assert (root / "a").read_text() == "old\n"
    again.begin()
    assert list(again.staged.iterdir()) == []


def test_a_final_plan_is_found_again_with_its_note(root: Path, tmp_path: Path) -> None:
    """Another run carries it out, as often as it takes."""
    laid(tmp_path, {"a": "new\n"}).commit({"a": True}, {"for": "later"})
    again = Transaction(root, tmp_path / "journal")
    assert again.pending() == {"for": "later"}
    again.carry_out()
    again.carry_out()
    assert (root / "a").read_text() == "new\n"
    again.close()
    assert again.pending() is None


@pytest.mark.parametrize(
    "raw", ["", "no json", "null", '{"note": {}}', '{"note": {}, "files": 7}']
)
def test_a_plan_that_is_none(root: Path, tmp_path: Path, raw: str) -> None:
    """One that is damaged is named, with the way out, and nothing is done by it."""
    laid(tmp_path, {"a": "new\n"}).commit({"a": True}, {})
    (tmp_path / "journal/plan.json").write_text(raw)
    again = Transaction(root, tmp_path / "journal")
    with pytest.raises(VpatchError, match="damaged") as found:
        again.pending()
    assert found.value.where.endswith("plan.json")
    assert (root / "a").read_text() == "old\n"
    again.drop()
    assert again.pending() is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("link/file", "behind a symbolic link"),
        ("b/link/deep/file", "behind a symbolic link"),
        ("a/file", "a file is in the way of a/file"),
    ],
)
def test_ways_that_lead_elsewhere_are_refused(
    root: Path, tmp_path: Path, path: str, said: str
) -> None:
    """Through a link, or through a file: refused, and nothing is planned."""
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "b/link").symlink_to(tmp_path / "elsewhere")
    change = laid(tmp_path, {path: "new\n"})
    with pytest.raises(RefusedError, match=said):
        change.commit({path: True}, {})
    assert change.pending() is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_filled_up_meanwhile_is_kept(root: Path, tmp_path: Path) -> None:
    """Somebody put a file where a file is to come as a folder: said, not deleted."""
    change = laid(tmp_path, {"new": "new\n"})
    change.commit({"new": True}, {})
    (root / "new").mkdir()
    (root / "new/mine").write_text("mine\n")
    with pytest.raises(RefusedError, match="would overwrite changes made since: new"):
        change.carry_out()
    assert (root / "new/mine").read_text() == "mine\n"


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("damage", [b"", None], ids=["cut", "lost"])
def test_what_a_power_loss_cut_is_laid_ready_anew(
    root: Path, tmp_path: Path, damage: bytes | None, *, placed: bool
) -> None:
    """Files laid ready that are not as planned are never put in, nor taken for done."""
    new = {"a": "new\n", "b/one": "new\n", "c/deep/er/file": None}
    laid(tmp_path, new).commit({path: content is not None for path, content in new.items()}, {})
    again = Transaction(root, tmp_path / "journal")
    if placed:
        again.carry_out()
    if damage is None:
        (again.staged / "a").unlink()
    else:
        (again.staged / "a").write_bytes(damage)
    again.resume(lambda: lay(again, new), "")
    again.carry_out()
    again.close()
    assert {path: (root / path).read_text() for path in ("a", "b/one", "b/two")} == {
        "a": "new\n",
        "b/one": "new\n",
        "b/two": "old\n",
    }


def test_what_cannot_be_laid_ready_anew_is_refused(root: Path, tmp_path: Path) -> None:
    """Nothing can replace what was cut: named with the way out, and the files stay."""
    change = laid(tmp_path, {"a": "new\n", "b/one": "new\n"})
    change.commit({"a": True, "b/one": True}, {})
    (change.staged / "b/one").write_bytes(b"")

    def fail() -> None:
        raise VpatchError("no such object", detail="fatal: bad object")

    for again in (fail, lambda: None):
        with pytest.raises(RefusedError, match="laid ready is damaged: b/one") as caught:
            change.resume(again, "the way out")
        assert caught.value.hint == "the way out"
    assert (root / "a").read_text() == (root / "b/one").read_text() == "old\n"


def test_a_link_made_after_a_kill_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """A folder became a link since the plan was final: refused before a file is written."""
    change = laid(tmp_path, {"a": "new\n", "b/three": "new\n"})
    change.commit({"a": True, "b/three": True}, {})
    (root / "b").rename(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="behind a symbolic link"):
        change.resume(lambda: None, "")
    assert not (tmp_path / "elsewhere/three").exists()
    assert (root / "a").read_text() == "old\n"


def test_a_link_of_the_change_itself_leads_nowhere_either(root: Path, tmp_path: Path) -> None:
    """A folder moves and a link takes its place: a second run does not delete through it."""
    change = laid(tmp_path, {"d/deep/er/file": "old\n"})
    (change.staged / "c").symlink_to("d")
    change.commit({"c": True, "c/deep/er/file": False, "d/deep/er/file": True}, {})
    change.carry_out()
    for _ in range(2):
        change.resume(lambda: None, "")
        change.carry_out()
        assert (root / "c").readlink() == Path("d")
        assert (root / "d/deep/er/file").read_text() == "old\n"


@pytest.mark.parametrize("place", ["a", "c"])
def test_a_folder_and_a_file_that_changed_places_are_no_obstacle(
    root: Path, tmp_path: Path, place: str
) -> None:
    """What the change itself put there is in nobody's way when a later run goes on."""
    new: dict[str, str | None] = {"a": None, "a/inner": "new\n"}
    if place == "c":
        new = {"c": "new\n", "c/deep/er/file": None}
    change = laid(tmp_path, new)
    change.commit({path: content is not None for path, content in new.items()}, {})
    change.carry_out()
    change.resume(lambda: None, "")
    change.carry_out()
    assert (root / place).is_dir() is (place == "a")


def test_what_the_system_refuses_half_way_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the plan is final, a refusal tells that the change is begun and goes on."""
    change = laid(tmp_path, {"a": "new\n", "b/one": "new\n"})
    change.commit({"a": True, "b/one": True}, {})
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if Path(target).name == "one":
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(VpatchError, match="the change cannot go on") as caught:
            change.carry_out()
    assert "goes on where it stopped" in caught.value.hint
    assert caught.value.where == str(root / "b/one")
    change.carry_out()
    assert (root / "b/one").read_text() == "new\n"


def test_a_disk_without_hard_links(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no second name can be made, a copy does the same."""

    def no_links(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    carried(tmp_path, {"a": "new\n", "b/one": None})
    assert (root / "a").read_text() == "new\n"
