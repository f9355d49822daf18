"""A checkout: what it is on, and how a replay gets in and out of it."""

from __future__ import annotations

import json
import shutil
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vpatch.doors import files
from vpatch.doors.files import Transaction
from vpatch.doors.git import GitError, Repo
from vpatch.jobs.checkout.guard import (
    refuse_changed,
    refuse_checked_out_elsewhere,
    refuse_foreign_branch,
    refuse_in_progress,
    refuse_moved,
    refuse_own_commits,
    refuse_stuck_refs,
)
from vpatch.jobs.checkout.index import Index
from vpatch.jobs.checkout.note import Applied, branch_of
from vpatch.values.base import Base
from vpatch.values.errors import BadInputError, RefusedError
from vpatch.values.paths import decode
from vpatch.values.tree import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vpatch.values.tree import Change
    from vpatch.values.verdict import Replay


_LITTLE = 2**20
"""Free bytes of a disk that counts as full."""


class Checkout:
    """A git work tree of upstream's source.

    Args:
        root: Its top folder.
        package: The project that it must be.

    Raises:
        BadInputError: It is no git work tree, or of another project.
    """

    def __init__(self, root: Path, package: str) -> None:
        if not (root / ".git").exists():
            raise BadInputError(
                "no git checkout",
                where=str(root),
                hint="name the top folder of a clone, or leave --checkout out and vpatch "
                "makes a checkout of its own",
            )
        self.root = root
        # Found by git itself: .git may be a file, and git may distrust the folder's owner.
        asked = Repo(root / ".git", work_tree=root, private=False)
        self.git_dir = asked.discovered(root)
        self.repo = Repo(self.git_dir, work_tree=root, private=False)
        self._package = package
        self._own = self.git_dir / "vpatch"
        self._transaction = Transaction(root, self._own / "journal")
        self._index = Index(self.repo, self._transaction.journal)
        self._check_project()

    def _check_project(self) -> None:
        path = self.root / "pyproject.toml"
        try:
            project = tomllib.loads(path.read_text("utf-8")).get("project", {})
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            project = {}
        if project.get("name") != self._package or not (self.root / self._package).is_dir():
            raise BadInputError(
                f"this is no checkout of {self._package}",
                where=str(self.root),
                hint=f"name a folder whose pyproject.toml is {self._package}'s",
            )

    def hold(self, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold it for this run alone."""
        return files.lock(self._own / "lock", waiting=waiting)

    def head(self) -> tuple[str, str]:
        """Return the branch that is checked out (empty for none) and the commit.

        Raises:
            RefusedError: There is no commit yet.
        """
        ran = self.repo.run("symbolic-ref", "-q", "HEAD", ok=(0, 1))
        commit = self.repo.resolve("HEAD^{commit}")
        if commit is None:
            raise RefusedError("the checkout has no commit", where=str(self.root))
        return decode(ran.out).strip(), commit

    def applied(self) -> Applied | None:
        """Return what was applied here and is checked out, else None."""
        found = Applied.at(self._own / "applied.json")
        return found if found and self.head()[0] == found.branch else None

    def base(self) -> Base:
        """Return the base that the checkout is on: the applied one's, else its HEAD."""
        if found := self.applied():
            return found.base
        _, commit = self.head()
        # "v0.16.0", or "v0.16.0-5-g89a77b1" for a commit after it (git-describe(1)).
        ran = self.repo.run("describe", "--tags", "--match=v*", commit, ok=(0, 128))
        name = decode(ran.out).strip() if ran.status == 0 else commit[:12]
        return Base(name, commit, str(self.root))

    # Changing it

    def recover(self, say: Callable[[str], None]) -> None:
        """Finish what a killed run had begun to put into place.

        Raises:
            RefusedError: One of the files was changed since, or another commit checked out.
        """
        self._index.release()
        for left in self._own.glob(".applied.json.*"):
            left.unlink()
        note = self._transaction.pending()
        if note is None:
            self._transaction.drop()
            return
        refuse_in_progress(self.repo)
        refuse_moved(self.repo, self.head(), note)
        self._transaction.resume(lambda: self._lay(_change_of(note)), self._way_out(note))
        refuse_stuck_refs(self.repo, note["branch"], note["commit"], note["drop"])
        try:
            self._finish(note)
        finally:
            self._index.release()
        what = "applied" if note["applied"] else "took back"
        say(f"an earlier run was interrupted: {what} the rest of its change")

    def interrupted(self) -> bool:
        """Whether a run was killed while it put files into place."""
        return self._transaction.pending() is not None

    def apply(self, replay: Replay, series: str, upto: str, made: Repo) -> bool:
        """Put a replay into the checkout, all of it or nothing.

        Args:
            replay: What to put in; its base is the commit that the checkout is on.
            series: Name of the series, to be noted.
            upto: The last patch, where the series was cut there, to be noted.
            made: Where the replay's objects are.

        Returns:
            Whether anything changed.

        Raises:
            RefusedError: The user's own work would be overwritten.
        """
        refuse_in_progress(self.repo)
        before = self.applied()
        ref, commit = self.head()
        if before:
            refuse_own_commits(self.repo, before.branch, before.commit, commit)
            ref, original = before.original_ref, before.original_commit
        else:
            original = commit
            refuse_foreign_branch(self.repo, branch_of(replay.base), replay.commit)
        after = Applied(replay.base, replay.commit, series, ref, original, upto)
        if before and before.commit == replay.commit:
            refuse_changed(self.repo, replay.change)
            if before != after:
                self._note(after)
            with suppress(OSError):
                # By this date, it is the base of calls that name none.
                (self._own / "applied.json").touch()
            return False
        with files.explained(self.git_dir, "write"):
            made.send(replay.commit, without=replay.base.commit, to=self.repo)
        self._move(commit, replay.commit, after, branch=after.branch)
        return True

    def unapply(self) -> Applied | None:
        """Bring the checkout back to what it was; None where nothing was applied.

        Raises:
            RefusedError: The user's own work would be lost.
        """
        refuse_in_progress(self.repo)
        before = self.applied()
        if before is None:
            return None
        _, commit = self.head()
        refuse_own_commits(self.repo, before.branch, before.commit, commit)
        # A branch that moved meanwhile is the user's to move.
        back = self.repo.tip(before.original_ref) if before.original_ref else None
        back = back or before.original_commit
        self._move(commit, back, None, branch=before.original_ref, drop=before.branch)
        return before

    def _move(
        self, old: str, new: str, after: Applied | None, *, branch: str, drop: str = ""
    ) -> None:
        letters = self.repo.changed(old, new)
        entries = self.repo.entries(new, letters)
        change: Change = {path: entries.get(path) for path in letters}
        paths = {path: entry is not None for path, entry in change.items()}
        self._transaction.check(paths)
        note = {
            "applied": after.as_json() if after else None,
            "branch": branch,
            "commit": new,
            "drop": drop,
            "from": self.head(),
            "index": {p: [e.mode, e.oid] if e else None for p, e in change.items()},
        }
        try:
            self._transaction.begin()
            # From here on nobody stages anything, so that what is seen now stays so.
            self._index.take()
            refuse_changed(self.repo, change)
            refuse_checked_out_elsewhere(self.repo, branch, drop)
            refuse_stuck_refs(self.repo, branch, new, drop)
            self._lay(change)
            self._transaction.commit(paths, note)
            self._finish(note)
        except (KeyboardInterrupt, SystemExit):
            if self.interrupted():
                # The plan is final: an impatient user gets the whole of it, and then the end.
                self._finish(note)
            raise
        except GitError as error:
            # git's own words do not always tell of it.
            if shutil.disk_usage(self.git_dir).free < _LITTLE:
                error.hint = "make room on that disk, then run again"
            raise
        finally:
            self._index.release()
            if not self.interrupted():
                self._transaction.drop()

    def _lay(self, change: Change) -> None:
        """Lay the new files ready."""
        with self.repo.stage() as stage:
            stage.reset({path: entry for path, entry in change.items() if entry})
            stage.write_files(self._transaction.staged)

    def _way_out(self, note: dict[str, Any]) -> str:
        """Return how to give up a change that cannot be ended."""
        ref, commit = note["from"]
        back = ref.removeprefix("refs/heads/") or commit
        return (
            "make room if the disk is full, and run again; else delete "
            f"{self._transaction.journal}, bring the old files back "
            f"(git -C {self.root} checkout -f {back}) and run again"
        )

    def _finish(self, note: dict[str, Any]) -> None:
        """Put files into place, then the index, then the refs; each step may be repeated.

        The note of what is applied comes before HEAD is on its branch and goes after, so that
        whoever looks in between takes no patched commit for a base.
        """
        self._index.take()
        self._transaction.carry_out()
        self._index.update(_change_of(note))
        if note["applied"]:
            files.write(self._own / "applied.json", _json(note["applied"]))
        if note["branch"]:
            self.repo.run("update-ref", "-m", "vpatch", note["branch"], note["commit"])
            self.repo.run("symbolic-ref", "-m", "vpatch", "HEAD", note["branch"])
        else:
            self.repo.run("update-ref", "-m", "vpatch", "--no-deref", "HEAD", note["commit"])
        if note["drop"]:
            self.repo.run("update-ref", "-d", note["drop"])
        if not note["applied"]:
            (self._own / "applied.json").unlink(missing_ok=True)
        # Its second name goes with the journal.
        self._index.release()
        self._transaction.close()

    def _note(self, applied: Applied) -> None:
        files.write(self._own / "applied.json", _json(applied.as_json()))


def _change_of(note: dict[str, Any]) -> Change:
    return {path: Entry(*e) if e else None for path, e in note["index"].items()}


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
