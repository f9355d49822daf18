"""The folder ``build/add``: what was to be added and is in conflict, for a person to solve."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.jobs.checkout.conflict import make_conflict
from vpatch.upkeep.rebase.state import Stop
from vpatch.upkeep.solution import keep_resolution
from vpatch.values.errors import BadInputError, RefusedError, VpatchError

if TYPE_CHECKING:
    from vpatch.doors.git import Repo
    from vpatch.jobs.folder import Folder
    from vpatch.values.base import Base
    from vpatch.values.verdict import Result


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked to add."""

    what: str
    """As it was said."""
    series: str
    after: str | None
    split: bool
    all_files: bool
    head: str = ""
    """The pull request's last commit, which the conflict is about."""


class Bench:
    """Where an addition waits that is in conflict.

    Args:
        folder: The project's folder.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._root = folder.root / "build" / "add"
        self._note = self._root / "state.json"
        self.tree = self._root / "tree"

    def lay(self, asked: Asked, lost: Result, made: Repo) -> bool:
        """Make the work tree of a conflict.

        Args:
            asked: What was to be added.
            lost: The patch in conflict.
            made: Where its objects are.

        Returns:
            Whether there is one; without a merge that could be tried, there is none.
        """
        self.clear()
        clash = lost.clash
        if clash is None:
            return False
        stop = Stop(lost.patch.name, clash.key, clash.onto, clash.tree)
        note = {"schema": 1, "asked": asdict(asked), "stop": asdict(stop)}
        files.write(self._note, (json.dumps(note, indent=2) + "\n").encode())
        make_conflict(made, clash, self.tree)
        return True

    def refuse_waiting(self) -> None:
        """See that nothing waits here, whose work tree the next conflict would take away.

        Raises:
            RefusedError: Something does.
            VpatchError: What waits cannot be read.
        """
        if self._note.exists():
            raise RefusedError(
                f"{self.asked().what} waits to be solved",
                where=str(self.tree),
                hint="vpatch add --continue goes on with it, --abort gives it up",
            )

    def asked(self) -> Asked:
        """Return what was to be added.

        Raises:
            BadInputError: Nothing waits here.
        """
        return self._read()[0]

    def solved(self, base: Base) -> str | None:
        """Keep how the conflict was solved, and return the name of the resolution.

        Returns:
            None where the work tree is gone, and is to be made anew.

        Raises:
            RefusedError: It is not solved.
        """
        asked, stop = self._read()
        if not self.tree.exists():
            return None
        hints = "vpatch add --continue", "vpatch add --abort"
        made_for = asked.series, base
        return keep_resolution(self._folder, self.tree, stop, made_for, hints)

    def give_up(self) -> None:
        """Forget what waits here, be it damaged.

        Raises:
            BadInputError: Nothing does.
        """
        if not self._root.exists():
            self._read()
        self.clear()

    def clear(self) -> None:
        """Forget it."""
        with files.explained(self._root, "delete"):
            if self._root.exists():
                shutil.rmtree(self._root)

    def _read(self) -> tuple[Asked, Stop]:
        try:
            note = json.loads(self._note.read_bytes())
            return Asked(**note["asked"]), Stop(**note["stop"])
        except FileNotFoundError as error:
            raise BadInputError(
                "no addition waits to be solved",
                where=str(self._root),
                hint="vpatch add PR begins one",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            hint = "vpatch add --abort forgets it; then add it again"
            what = "the note of the addition is broken"
            raise VpatchError(what, where=str(self._note), hint=hint) from error
