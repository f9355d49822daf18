"""One night: its steps in their order, and what is kept of them."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.upkeep.check import page, page_of
from vpatch.upkeep.nightly.bases import bring_kept, find_bases
from vpatch.upkeep.nightly.begin import home_of
from vpatch.upkeep.nightly.broken import look_at_files
from vpatch.upkeep.nightly.carry import carry
from vpatch.upkeep.nightly.proofs import remember, tell_proofs
from vpatch.upkeep.nightly.pulls import NOWHERE, look_at_pulls
from vpatch.upkeep.nightly.seen import Diary, Seen
from vpatch.upkeep.nightly.told import Told
from vpatch.upkeep.nightly.verdicts import compare
from vpatch.upkeep.outlook import Outlook
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpatch.upkeep.nightly.means import Means
    from vpatch.values.base import Base

_PROOFS = "the proofs"


class Night:
    """One night, from its beginning to what is told of it.

    Args:
        root: The project's folder.
        say: Told of what is done, and of what fails.
        remote: The git remote that the branch is pushed to; empty for none.
        report: Keeps the report of a bug in a step, and returns its name.

    Raises:
        RefusedError: The branch has work of somebody's.
        BadInputError: There is no series.
        VpatchError: The remote gave no answer, or what the last night saw is damaged.
    """

    def __init__(
        self,
        root: Path,
        say: Callable[[str], None],
        remote: str,
        report: Callable[[Exception], str],
    ) -> None:
        self._say = say
        self._home = home_of(root, say, remote)
        self._now = datetime.now().astimezone()
        forget = self._home.forget
        old = Seen.newest(self._home.states(), forget)
        merged = Seen.read(self._home.merged(), forget)
        self._learned = self._home.learned()
        self.diary = Diary(old, say, f"{self._now:%Y-%m-%d}", merged.news, report)
        self._place = root / "build" / "nightly"
        _clear(self._place)
        self.root = self._home.lay(self._place)
        """The tree of the night."""
        self.diary.tree = str(self.root)
        self.proven = False
        """Whether the proofs were run."""
        self._proves = False
        """Whether they were to be run."""
        self.page: Path | None = None
        """The page; None where it could not be written."""
        self.commit = ""
        """The commit that has its work once it is told; empty where none was needed."""
        self.pushed = False
        """Whether its work was pushed."""
        self.unpushed: VpatchError | None = None
        """Why it could not be pushed, or not that it was told."""

    def look(self, means: Means, asked: str | None) -> list[Base]:
        """Go through the steps; what fails in one hides no other.

        Args:
            means: What to work with.
            asked: The bases that the user named, as ``matrix`` takes them.

        Returns:
            The bases that were looked at, and those of the kept series, for the page.
        """
        folder, bases, diary = means.folder, means.bases, self.diary
        look_at_files(folder, diary)
        found = find_bases(bases, asked, diary, means.upstream.pulls)
        # Before any replay: what became of a patch may rest on the releases at hand.
        kept = bring_kept(folder, bases, found, diary)
        look_at_pulls(means, self._learned, diary)
        compare(folder, means.opened, found, diary)
        carry(folder, means.opened, found, means.command, diary)
        with diary.looking_at("what the proofs showed"):
            remember(folder, self._home.records(), means.project, self._say)
        if means.prove:
            self._proves = True
            with diary.looking_at(_PROOFS):
                tell_proofs(*means.prove(), diary)
                self.proven = True
        else:
            # It is kept for the next night that asks for them, and is no failure of this one.
            diary.unasked(_PROOFS)
        with diary.looking_at("PATCHES.md"):
            files.write(page_of(folder), page(folder, means.project))
        return [*found, *kept]

    def draw(self, means: Means, found: Sequence[Base], path: Path) -> None:
        """Write the page, with tonight's news, or those of a run before on the same day."""
        from vpatch.upkeep.report import gather, render  # noqa: PLC0415, lazy: brings Jinja

        diary = self.diary
        with diary.looking_at("the page"):
            whole = means.matrix(found)
            self._say(f"writing {path}")
            outlook = Outlook.at(means.outlook)
            drawn = gather(means.opened, means.folder, whole, outlook)
            diary.close()
            news = [one for one in diary.new.news if one.night == diary.night or not one.told]
            before = [one for one in diary.before if one not in news]
            night = Told(diary.night, news, before)
            text = render(drawn, project=means.project, made=self._now, told=night)
            files.write(path, text.encode())
            self.page = path
        diary.close()

    def keep(self) -> None:
        """Commit, then push; the news is told behind that, and until then kept as untold.

        Raises:
            RefusedError: The branch moved meanwhile; nothing was changed.
        """
        diary, seen = self.diary, self.diary.new
        lines = [one.text for one in [*diary.before, *diary.news]]
        kept, told = seen.written(), seen.told().written()
        self.commit = self._home.keep(self.root, kept, told, lines)
        _clear(self._place)
        self.pushed = self._push()

    def told(self) -> None:
        """Keep that the news were told: until then, the next night tells them."""
        self._home.told()
        if not self.unpushed:
            self._push()

    def _push(self) -> bool:
        try:
            return self._home.push()
        except VpatchError as error:
            self.unpushed = error
            return False

    @property
    def branch(self) -> str:
        """The branch that has its work; empty for none."""
        return self._home.name

    @property
    def is_whole(self) -> bool:
        """Whether all could be looked at, and pushed.

        A single pull request that gives no answer night after night counts in the first, and
        so does a place that has none of them.
        """
        known = {what for what in self.still_failing if what.startswith("#") or what == NOWHERE}
        return not (self.failures.keys() - known or self.unpushed)

    @property
    def failures(self) -> dict[str, str]:
        """By what was to be looked at, and could not be, the reason."""
        failed = self.diary.new.failures.items()
        return {what: why for what, why in failed if what != _PROOFS or self._proves}

    @property
    def still_failing(self) -> list[str]:
        """What could not be looked at the night before either, and is no news."""
        return [what for what in self.failures if what in self.diary.old.failures]

    @property
    def wants_a_person(self) -> bool:
        """Whether any of its news does."""
        return any(one.wants_a_person for one in self.diary.news)


def _clear(place: Path) -> None:
    """Take away the tree of a night; what a link in its place leads to is none of it."""
    with files.explained(place, "delete"):
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)
