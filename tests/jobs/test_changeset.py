"""Files of a project's folder change all together, at whatever step a run ends."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from git_servers import until
from steps import KilledError, Steps, ended
from support import tree_of
from vpatch.doors.files import Transaction, lock
from vpatch.jobs.changeset import Changeset
from vpatch.values.errors import RefusedError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = {"patches/v1/a.patch": b"a\n", "patches/v1/series": b"a.patch\n", "PATCHES.md": b"a\n"}
CHANGE: dict[str, bytes | None] = {
    "patches/v1/a.patch": None,
    "patches/v1/b.patch": b"b\n",
    "patches/v1/series": b"b.patch\n",
    "patches/upstream.toml": b"# b\n",
    "PATCHES.md": b"b\n",
}
NEW = {path: content for path, content in CHANGE.items() if content is not None}
WAYS = (
    *((os, name) for name in ("fsync", "link")),
    *((Path, name) for name in ("mkdir", "replace", "unlink")),
    (Transaction, "close"),
    (shutil, "rmtree"),
)


def laid(folder: Path) -> Path:
    """Lay out a project's folder."""
    for path, content in OLD.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (folder / "notes").write_text("mine\n")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of the project's, without those that are the user's or the tool's."""
    found = tree_of(folder)
    assert found.pop("notes") == b"mine\n"
    return {path: raw for path, raw in found.items() if not path.startswith("build/")}


@pytest.mark.parametrize("error", [KilledError, KeyboardInterrupt])
def test_old_or_new_wherever_it_ends(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    """After a kill, the next call finds the old state, or makes the new one whole."""
    seen: set[str] = set()
    for number in itertools.count(1):
        folder = laid(tmp_path / f"at-{number}")
        changeset = Changeset(folder, lambda _: None)
        steps = Steps(number, error, for_good=error is KilledError)
        with changeset.held():
            was_ended = ended(lambda: changeset.put(CHANGE), steps, WAYS)  # noqa: B023, at once
        told: list[str] = []
        after = Changeset(folder, told.append)
        after.recover()
        state = files_of(folder)
        assert state in (OLD, NEW), f"step {number}"
        seen.add("new" if state == NEW else "old")
        if error is KeyboardInterrupt:
            assert told == [], "an impatient user gets the whole of it at once"
        with after.held():
            after.put(CHANGE)
        assert files_of(folder) == NEW
        assert not (folder / "build/change").exists()
        if not was_ended:
            break
    assert seen == {"old", "new"}


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """What cannot be laid ready is not begun."""
    for number in itertools.count(1):
        folder = laid(tmp_path / f"at-{number}")
        changeset = Changeset(folder, lambda _: None)
        steps = Steps(number, lambda: OSError(28, "No space left on device"), for_good=True)
        with pytest.MonkeyPatch.context() as place:
            steps.over(place, [(Path, "mkdir"), (os, "fsync")])
            with suppress(VpatchError):
                changeset.put(CHANGE)
        if steps.count < number:
            break
        changeset.recover()
        assert files_of(folder) in (OLD, NEW)


def test_what_was_changed_since_is_not_overwritten(tmp_path: Path) -> None:
    """A person who edits a file after a kill is asked what counts."""
    folder = laid(tmp_path / "project")
    changeset = Changeset(folder, lambda _: None)
    steps = Steps(1, KilledError, for_good=True)
    assert ended(lambda: changeset.put(CHANGE), steps, [(Transaction, "carry_out")])
    (folder / "PATCHES.md").write_text("mine\n")
    with pytest.raises(RefusedError, match=r"would overwrite changes made since: PATCHES\.md"):
        changeset.recover()
    assert (folder / "PATCHES.md").read_text() == "mine\n"


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """Another run waits, and says so."""
    folder = laid(tmp_path / "project")
    code = (
        "from pathlib import Path; from vpatch.jobs.changeset import Changeset\n"
        "c = Changeset(Path('.'), lambda line: print(line, flush=True))\n"
        "with c.held(): c.put({'PATCHES.md': b'second\\n'})"
    )
    with lock(folder / "build/.change.lock", waiting=print):
        told = (tmp_path / "told").open("w+")
        second = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=told)
        until(lambda: "waiting for another vpatch" in (tmp_path / "told").read_text())
        assert files_of(folder) == OLD
    assert second.wait(20) == 0
    assert (folder / "PATCHES.md").read_text() == "second\n"
    told.close()
