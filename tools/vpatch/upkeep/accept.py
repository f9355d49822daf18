"""Take what the authors of pull requests changed since they were reviewed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpatch.jobs.incoming import of_commits, of_pull
from vpatch.upkeep.arrange import Arranged, Change
from vpatch.upkeep.refresh import terms_for
from vpatch.upkeep.rewrite import Form, rewrite
from vpatch.values.errors import RefusedError
from vpatch.values.patch import read_patch
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.jobs.incoming import Incoming
    from vpatch.upkeep.arrange import Sheet
    from vpatch.upkeep.news import News
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.patch import Patch
    from vpatch.values.pull import Pull

_AGAIN = "vpatch drop it, then vpatch add it again: there a conflict can be solved"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a look at upstream writes."""

    contents: Mapping[str, bytes | None]
    """The files to write, by their paths below the project's folder."""
    accepted: tuple[int, ...]
    """Pull requests whose new head was taken."""


class Accept:
    """The way from news into the project's folder.

    Args:
        folder: The project's folder.
        bases: The bases at hand.
        sheet: The series.
        upstream: Who was asked.
    """

    def __init__(self, folder: Folder, bases: Bases, sheet: Sheet, upstream: Upstream) -> None:
        self._folder = folder
        self._bases = bases
        self._sheet = sheet
        self._upstream = upstream
        self._facts = folder.facts()

    def take(self, found: Collection[News], *, accept: bool) -> Taken:
        """Return what to write: what was learned, and what was accepted.

        Args:
            found: What is known now.
            accept: Whether to take what authors pushed, as far as it was shown.

        Raises:
            RefusedError: A new head has no place in the series, or would undo work.
        """
        learned = {news.number: news.learned for news in found if news.known}
        taken = [n for n in found if accept and n.push and n.push.takeable]
        with self._upstream.replays(self._bases, self._facts) as replays:
            change = Change(self._folder, self._sheet, replays, self._upstream.project)
            if not taken:
                made = Arranged({p.name: p.raw for p in self._sheet.patches}, {})
                return Taken(change.contents(made, {}, learned), ())
            patches = list(self._sheet.patches)
            lines: dict[str, str] = {}
            for news in taken:
                assert news.push is not None  # noqa: S101, for mypy: it was chosen above
                if news.patches:
                    lines |= self._renew(change, patches, news)
                learned.setdefault(news.number, {})["head"] = news.push.new.head
            made = change.arrange(patches, _AGAIN)
            contents = change.contents(made, lines, learned)
            return Taken(contents, tuple(news.number for news in taken))

    def _renew(self, change: Change, patches: list[Patch], news: News) -> dict[str, str]:
        """Put a new head in the place of the old one; return the lines that this changes."""
        push, group = news.push, news.patches
        assert push is not None  # noqa: S101, for mypy: the caller chose so
        at = patches.index(group[0])
        before = patches[:at]
        tree = self._reviewed_tree(change, before, news)
        new = change.fit(before, self._incoming(change, before, push.new, news))
        lost = next((one for one in new.results if not one.verdict.good), None)
        if lost:
            what = f"the new head of #{news.number} has no place"
            raise RefusedError(what, where=lost.cause, hint=_AGAIN)
        if not push.differs and new.tree != tree:
            # Line numbers alone were not shown to anybody.
            what = f"the lines of #{news.number} are the same, and would stand elsewhere"
            raise RefusedError(what, where=group[0].name, hint=_AGAIN)
        made = [
            read_patch(file.name, file.content)
            for file in rewrite(new, change.replays.repo, Form.NEW)
            if file
        ]
        if not made:
            what = f"{self._sheet.base.name} has all of #{news.number} as it is now"
            raise RefusedError(what, hint=f"vpatch drop {news.number}")
        rest = [patch for patch in patches[at:] if patch not in group]
        patches[:] = [*before, *made, *rest]
        old, now = [p.name for p in group], [p.name for p in made]
        if old == now:
            return {}
        gone = {name: f"# {name}: in the parts of #{news.number} above" for name in old[1:]}
        return gone | {old[0]: "\n".join(now)}

    def _incoming(
        self, change: Change, before: Sequence[Patch], pull: Pull, news: News
    ) -> Incoming:
        repo = change.replays.repo
        pull = pull.behind({patch.taken_from for patch in before})
        terms = replace(terms_for(self._upstream, self._facts, news.number), title=news.title)
        if len(news.patches) > 1:
            return of_commits(repo, pull, terms, source=self._upstream.project)
        found = of_pull(repo, pull, terms, source=self._upstream.project)
        own = news.patches[0].name
        return replace(found, patches=tuple(replace(p, name=own) for p in found.patches))

    def _reviewed_tree(self, change: Change, before: list[Patch], news: News) -> str:
        """Return the tree that the reviewed head gives, which is that of what is carried.

        Raises:
            RefusedError: A person changed the patch after it was taken.
        """
        push, base = news.push, self._sheet.base
        if push and push.old:
            was = change.fit(before, self._incoming(change, before, push.old, news))
            carried = Series(base, (*before, *news.patches))
            if was.ok and change.replays.replay(carried, base).tree == was.tree:
                return was.tree
        what = f"#{news.number} is not as it was reviewed: it was changed by hand"
        if push and not push.old:
            what = f"whether #{news.number} was changed by hand is not to be told any more"
        raise RefusedError(what, where=news.patches[0].name, hint=_AGAIN)
