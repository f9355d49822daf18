"""Many files of the user's, changed as if at once.

New content is laid ready in a journal folder; one rename makes the plan final; from then on it
is carried out, by this run or, after a kill, by the next. Before that rename nothing of the
user's has changed.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vpatch.doors.files.single import FOLDER, digest, explained, make_folders
from vpatch.values.errors import RefusedError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

_PLAN = "plan.json"
_NEW = "new"
_NEXT = "next"


class _Planned(NamedTuple):
    """What a plan says of one path; a digest tells a file from another, None is for none."""

    kept: bool
    """Whether it is there afterwards."""
    before: str | None
    new: str | None


class Transaction:
    """A change of many files below one folder, all or none.

    Args:
        root: The folder that the paths are relative to.
        journal: A folder for the plan, on the same disk where possible.
    """

    def __init__(self, root: Path, journal: Path) -> None:
        self.root = root
        self.journal = journal

    @property
    def staged(self) -> Path:
        """The folder in which each new file is laid ready under its own path."""
        return self.journal / _NEW

    def begin(self) -> None:
        """Make an empty journal; what a killed run had not made final is dropped.

        Raises:
            VpatchError: It can't be made.
        """
        self.drop()
        with explained(self.journal, "write"):
            self.staged.mkdir(parents=True)

    def drop(self) -> None:
        """Forget what was laid ready and not made final."""
        shutil.rmtree(self.journal, ignore_errors=True)

    def pending(self) -> dict[str, Any] | None:
        """Return the note of a plan that is final and not carried out, else None.

        Raises:
            VpatchError: The plan is damaged.
        """
        return self._plan()[0] if (self.journal / _PLAN).exists() else None

    def planned(self) -> list[str]:
        """Return the paths of a plan that is final."""
        return list(self._files())

    def is_known(self, path: str) -> bool:
        """Whether a path that a plan changes is as it was, or as it is to be."""
        planned = self._files().get(path)
        return not planned or digest(self.root / path) in (planned.before, planned.new)

    def give_up(self, kept: Container[str]) -> None:
        """Forget a plan that is about something else than what is there now.

        Args:
            kept: Paths to leave alone. What else the plan has added goes, unless somebody
                changed it.
        """
        for path, planned in self._files().items():
            added = planned.before is None and planned.new is not None
            if added and path not in kept and digest(self.root / path) == planned.new:
                self._take_away(path, there=True)
        self.close()

    def check(self, paths: Mapping[str, bool]) -> None:
        """Refuse a change that could not be carried out.

        Args:
            paths: Each path that changes, and whether it is there afterwards.

        Raises:
            RefusedError: A path leads through a symbolic link, or through a file.
            VpatchError: A folder can't be written.
        """
        gone = {path for path, kept in paths.items() if not kept}
        folders = {self._deepest(path, gone) for path in paths if not self._over(path, paths)}
        for folder in sorted(folders):
            if not os.access(folder, os.W_OK | os.X_OK):
                hint = "make it writable, then run again: nothing was changed"
                raise VpatchError("cannot write in this folder", where=str(folder), hint=hint)

    def commit(self, paths: Mapping[str, bool], note: Mapping[str, Any]) -> None:
        """Make the plan final.

        Args:
            paths: Each path that changes, and whether it is there afterwards.
            note: What the caller needs to end its own part, as JSON.

        Raises:
            RefusedError: A path leads through a symbolic link, or through a file.
            VpatchError: A folder can't be written, or the plan.
        """
        self.check(paths)
        with explained(self.journal, "write"):
            files = {
                path: [
                    kept,
                    digest(self.root / path),
                    digest(self.staged / path) if kept else None,
                ]
                for path, kept in paths.items()
            }
            plan = json.dumps({"files": files, "note": note}).encode()
            beside = self.journal / f"{_PLAN}.part"
            with beside.open("wb") as stream:
                stream.write(plan)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self.journal / _PLAN)

    def resume(self, lay: Callable[[], None], way_out: str) -> None:
        """Make a plan that an earlier run left fit to be carried out by this one.

        What was laid ready is not flushed to the disk file by file: a power loss may have cut
        some of it, also where it is in place already.

        Args:
            lay: Lays every new file ready, as at first.
            way_out: A hint for people where that does not help.

        Raises:
            RefusedError: A path leads through a symbolic link or a file by now, or what was
                laid ready is lost.
            VpatchError: A folder can't be written.
        """
        self.check({path: planned.kept for path, planned in self._files().items()})
        cut = self._cut()
        if not cut:
            return
        for path in cut:
            with suppress(OSError):
                placed = self.root / path
                if os.path.samestat(placed.lstat(), (self.staged / path).lstat()):
                    placed.unlink()
        detail = ""
        try:
            lay()
        except VpatchError as error:
            detail = f"{error}\n{error.detail}"
        if left := self._cut():
            raise RefusedError(
                "what an interrupted run had laid ready is damaged",
                where=", ".join(left[:5]),
                hint=way_out,
                detail=detail,
            )

    def _files(self) -> dict[str, _Planned]:
        return self._plan()[1]

    def _plan(self) -> tuple[dict[str, Any], dict[str, _Planned]]:
        path = self.journal / _PLAN
        try:
            plan = json.loads(path.read_bytes())
            return dict(plan["note"]), {
                p: _Planned(*facts) for p, facts in plan["files"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VpatchError(
                "the plan of an interrupted run is damaged",
                where=str(path),
                hint=f"delete {self.journal}, then vpatch verify tells what that run left",
            ) from error

    def _cut(self) -> list[str]:
        """Return the paths for which something else lies ready than was planned."""
        plan = self._files().items()
        return [
            path
            for path, planned in plan
            if planned.kept and digest(self.staged / path) != planned.new
        ]

    def carry_out(self) -> None:
        """Put every file into place; called again after a kill, it goes on where it stopped.

        Raises:
            RefusedError: Somebody changed one of the files since.
            VpatchError: The system refused; the next call goes on.
        """
        plan = self._files()
        paths = {path: planned.kept for path, planned in plan.items()}
        gone = [
            path for path, kept in paths.items() if not kept and not self._over(path, paths)
        ]
        left: list[str] = []
        edited: list[str] = []
        for path, (kept, before, new) in plan.items():
            now = digest(self.root / path)
            done = now == new or (not kept and now == FOLDER)
            if done or self._over(path, paths):
                continue
            left.append(path)
            if now not in (None, before):
                edited.append(path)
        if edited:
            raise RefusedError(
                "an interrupted run would overwrite changes made since",
                where=", ".join(edited[:5]),
                hint=f"keep them elsewhere, delete these files in {self.root}, run again",
            )
        try:
            # What goes comes first: a folder may come where a file was.
            for path in gone:
                self._take_away(path, there=path in left)
            for path in left:
                if path not in gone:
                    self._place(path)
        except OSError as error:
            raise VpatchError(
                f"the change cannot go on ({error.strerror})",
                where=str(error.filename or self.root),
                hint="make room there, or make it writable, and run again: the change is begun "
                "and goes on where it stopped",
            ) from error

    def close(self) -> None:
        """Forget the plan: all of it is done."""
        (self.journal / _PLAN).unlink()
        self.drop()

    def _over(self, path: str, paths: Mapping[str, bool]) -> bool:
        """Whether a file or link of the plan's own stands where a path's folder was."""
        above = (str(folder) for folder in Path(path).parents)
        return not paths[path] and any(
            paths.get(folder) and digest(self.root / folder) not in (None, FOLDER)
            for folder in above
        )

    def _deepest(self, path: str, gone: Iterable[str]) -> Path:
        """Return the folder that is there already on the way to a path."""
        folder = self.root
        for part in Path(path).parts[:-1]:
            below = folder / part
            if str(below.relative_to(self.root)) in gone:
                break
            if below.is_symlink():
                raise RefusedError(
                    "a patched file lies behind a symbolic link",
                    where=str(below),
                    hint="replace the link by the folder itself",
                )
            if not below.exists():
                break
            if not below.is_dir():
                raise RefusedError(
                    f"a file is in the way of {path}",
                    where=str(below),
                    hint="move it away, then run again",
                )
            folder = below
        return folder

    def _take_away(self, path: str, *, there: bool) -> None:
        """Delete a file, and the folders that are empty without it."""
        place = self.root / path
        if there:
            place.unlink(missing_ok=True)
        for folder in place.parents:
            if folder == self.root or (folder.is_dir() and any(folder.iterdir())):
                break
            if folder.is_dir():
                folder.rmdir()

    def _place(self, path: str) -> None:
        place = self.root / path
        make_folders(place.parent)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()  # only where it is empty
        new = self.staged / path
        ready = self.journal / _NEXT
        ready.unlink(missing_ok=True)
        try:
            # What was laid ready stays, so that a later run can tell what is in place.
            os.link(new, ready, follow_symlinks=False)
        except OSError:
            shutil.copy2(new, ready, follow_symlinks=False)
        try:
            ready.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = place.with_name(f".{place.name}.vpatch")
            shutil.copy2(new, beside, follow_symlinks=False)
            beside.replace(place)
