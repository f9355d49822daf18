"""Take what the authors of pull requests changed since they were reviewed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpatch.jobs.incoming import of_commits, of_pull, trailed
from vpatch.upkeep.arrange import Arranged, Change
from vpatch.upkeep.refresh import terms_for
from vpatch.upkeep.rewrite import Form, rewrite
from vpatch.values.envelope import mail_of
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
    from vpatch.values.verdict import Replay, Result

_AGAIN = "vpatch drop it, then vpatch add it again: there a conflict can be solved"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a look at upstream writes."""

    contents: Mapping[str, bytes | None]
    """The files to write, by their paths below the project's folder."""
    accepted: tuple[int, ...]
    """Pull requests whose new head was taken."""
    merged: tuple[Result, ...] = ()
    """What became of patches behind them that had to be merged for that."""


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
            lines: dict[str, str | None] = {}
            merged: dict[str, Result] = {}
            for news in taken:
                assert news.push is not None  # noqa: S101, for mypy: it was chosen above
                head = {"head": news.push.new.head}
                if news.patches:
                    patches, told = self._renew(change, patches, news)
                    merged |= {result.patch.name: result for result in told}
                    lines |= self._lines(patches, news)
                    own = [patch for patch in patches if patch.pr == news.number]
                    head = {} if change.keeps_head(news.number, own) else head
                if news.is_retargeted and news.state:
                    head = head | {"target": news.state.target}
                if news.known or news.learned:
                    learned[news.number] = news.learned | head
            made = change.arrange(patches, _AGAIN)
            contents = change.contents(made, lines, learned)
            accepted = tuple(news.number for news in taken)
            told = [merged[patch.name] for patch in patches if patch.name in merged]
            return Taken(contents, accepted, tuple(told))

    def _renew(
        self, change: Change, patches: Sequence[Patch], news: News
    ) -> tuple[list[Patch], list[Result]]:
        """Put a new head in the place of the old one."""
        push, number = news.push, news.number
        assert push is not None  # noqa: S101, for mypy: the caller chose so
        was = self._reviewed(change, news)
        at = self._place(patches, news)
        if not push.differs and push.whole:
            # The parts are what they were; only the head is another one.
            self._refuse_moved(change, was, news)
            return list(patches), []
        before = patches[: at.start]
        incoming = self._incoming(change, before, push.new, news)
        if not incoming.patches:
            what = f"nothing is left of #{number} as it is now"
            raise RefusedError(what, hint=f"vpatch drop {number}")
        new = change.fit(before, _in_own_words(change, incoming, was, news))
        lost = next((one for one in new.results if not one.verdict.good), None)
        if lost:
            what = f"the new head of #{number} has no place"
            raise RefusedError(what, where=lost.cause, hint=_AGAIN)
        if not push.differs:
            self._refuse_moved(change, was, news)
        made = [
            read_patch(file.name, file.content)
            for file in rewrite(new, change.replays.repo, Form.NEW)
            if file
        ]
        if not made:
            what = f"{self._sheet.base.name} has all of #{number} as it is now"
            raise RefusedError(what, hint=f"vpatch drop {number}")
        return change.exchange(patches, at, made, _AGAIN)

    def _refuse_moved(self, change: Change, was: Replay, news: News) -> None:
        """See that a head without a difference leaves each line where it was.

        Raises:
            RefusedError: It does not; line numbers alone were not shown to anybody.
        """
        assert news.push is not None  # noqa: S101, for mypy: the caller's is not None
        if self._fits(change, news.push.new, news, whole=news.push.whole).tree != was.tree:
            what = f"the lines of #{news.number} are the same, and would stand elsewhere"
            raise RefusedError(what, where=news.patches[0].name, hint=_AGAIN)

    def _place(self, patches: Sequence[Patch], news: News) -> slice:
        """Return where a pull request's patches stand."""
        names = [patch.name for patch in patches]
        own = [patch.name for patch in news.patches]
        at = names.index(own[0])
        if names[at : at + len(own)] != own:
            what = f"other patches stand among those of #{news.number}"
            hint = f"put them together in {self._sheet.place}/series"
            raise RefusedError(what, where=", ".join(own), hint=hint)
        return slice(at, at + len(own))

    def _lines(self, patches: Sequence[Patch], news: News) -> dict[str, str | None]:
        """Return what stands in place of the old patches' lines in the series file."""
        old = [patch.name for patch in news.patches]
        now = [patch.name for patch in patches if patch.pr == news.number]
        if old == now:
            return {}
        return {**dict.fromkeys(old), old[0]: "\n".join(now)}

    def _incoming(
        self,
        change: Change,
        before: Sequence[Patch],
        pull: Pull,
        news: News,
        *,
        whole: bool = False,
    ) -> Incoming:
        repo = change.replays.repo
        pull = pull.behind({patch.taken_from for patch in before})
        terms = replace(terms_for(self._upstream, self._facts, news.number), title=news.title)
        if news.push:
            # What was shown is taken, whatever upstream.toml says by now.
            terms = replace(terms, exclude=news.push.exclude)
        if len(news.patches) > 1 and not whole:
            if pull.has_merges:
                what = f"#{news.number} is carried in parts, and has merges in it now"
                again = f"vpatch drop {news.number}, then vpatch add {news.number}"
                hint = f"{again}: one patch holds all of it, merges as well"
                raise RefusedError(what, where=news.patches[0].name, hint=hint)
            return of_commits(repo, pull, terms, source=self._upstream.project)
        found = of_pull(repo, pull, terms, source=self._upstream.project)
        own = news.patches[0].name
        return replace(found, patches=tuple(replace(p, name=own) for p in found.patches))

    def _fits(self, change: Change, pull: Pull, news: News, *, whole: bool = False) -> Replay:
        """Put a head where the carried patches stand in the series as it is."""
        before = self._sheet.patches[: self._sheet.patches.index(news.patches[0])]
        return change.fit(before, self._incoming(change, before, pull, news, whole=whole))

    def _reviewed(self, change: Change, news: News) -> Replay:
        """Return the reviewed head on the series, which gives what is carried.

        Raises:
            RefusedError: A person changed the patch after it was taken.
        """
        sheet, old = self._sheet, self._taken(news)
        if old:
            upto = sheet.patches.index(news.patches[-1]) + 1
            carried = Series(sheet.base, sheet.patches[:upto])
            was = self._fits(change, old, news)
            trees = {was.tree, change.replays.replay(carried, sheet.base).tree}
            if news.push and news.push.old and old is not news.push.old:
                trees.add(self._fits(change, news.push.old, news, whole=True).tree)
            if was.ok and len(trees) == 1:
                return was
        what = f"#{news.number} is not as it was reviewed: it was changed by hand"
        if not old:
            what = f"whether #{news.number} was changed by hand is not to be told any more"
        raise RefusedError(what, where=news.patches[0].name, hint=_AGAIN)

    def _taken(self, news: News) -> Pull | None:
        """Return the pull request as it was taken; None where that is lost.

        Where merges came behind it, their head was noted and the parts are those before them.
        """
        assert news.push is not None  # noqa: S101, for mypy: the caller chose so
        old, last = news.push.old, news.patches[-1].taken_from
        if not (old and len(news.patches) > 1 and last and last != old.head):
            return old
        with suppress(RefusedError):
            return self._upstream.pull_at(old, last)
        return None


def _in_own_words(change: Change, incoming: Incoming, was: Replay, news: News) -> Incoming:
    """Keep what a person wrote into the message of a carried patch.

    Args:
        change: The way to change the series.
        incoming: The new head.
        was: The reviewed head, as it was taken.
        news: What is carried.

    Raises:
        RefusedError: It is in parts, and nothing tells where the words belong.
    """
    old = [_words(patch) for patch in was.series.patches]
    if old == [_words(patch) for patch in news.patches]:
        return incoming
    if len(news.patches) > 1:
        what = f"the messages of #{news.number} were changed by hand"
        raise RefusedError(what, where=news.patches[0].name, hint=_AGAIN)
    (carried,), (new,) = news.patches, incoming.patches
    mail = mail_of(carried)
    if mail is None:
        return incoming
    head = {"Upstream-Head": new.taken_from}
    raw = trailed(change.replays.repo, mail, head).around(new.diff)
    return replace(incoming, patches=(read_patch(carried.name, raw),))


def _words(patch: Patch) -> str:
    """Return the message of a patch but for what vpatch itself says in it of another base."""
    lines = patch.body.strip().splitlines()
    own = ("Rebased-From:", "Upstream-Head:", "Upstream-PR:")
    return "\n".join(line for line in lines if not line.startswith(own)).strip()
