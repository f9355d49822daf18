"""Ask what upstream did with pull requests since."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from vpatch.jobs.incoming import Terms, compared, of_pull
from vpatch.upkeep.followups import look_up
from vpatch.upkeep.news import News, Push
from vpatch.upkeep.upstream import target_of
from vpatch.values.errors import BadInputError, DownError, RefusedError, VpatchError
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vpatch.jobs.bases import Bases
    from vpatch.upkeep.arrange import Sheet
    from vpatch.upkeep.outlook import Outlook
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.facts import PullRequest
    from vpatch.values.pull import Pull, PullState


class Refresh:
    """A look at upstream.

    Args:
        facts: What is known of each pull request.
        bases: The bases at hand.
        sheet: The series whose patches are compared.
        upstream: Who can be asked.
        outlook: What the last look showed; it is brought up to date.
    """

    def __init__(
        self,
        facts: Mapping[int, PullRequest],
        bases: Bases,
        sheet: Sheet,
        upstream: Upstream,
        outlook: Outlook,
    ) -> None:
        self._facts = facts
        self._bases = bases
        self._sheet = sheet
        self._upstream = upstream
        self._outlook = outlook
        self._failure: VpatchError | None = None
        self.down: DownError | None = None
        """Why GitHub answers no question any more; None where it does."""
        self.nowhere: VpatchError | None = None
        """Why nobody tells of any of them, tonight or later; None where somebody may."""
        self._unanswered: dict[int, str] = {}
        self._unknown: set[int] = set()
        self.unread: dict[str, str] = {}
        """By what may have told of follow-ups, as ``#7``, why it was not read."""

    def look(self, numbers: Collection[int]) -> list[News]:
        """Ask about pull requests.

        Raises:
            BadInputError: There is nobody to ask.
            VpatchError: Nobody gave an answer.
        """
        states = self._states(numbers)
        heads = self._heads(numbers, states)
        self._note_unknown(numbers, heads)
        found = [
            self._news(number, states.get(number), heads.get(number)) for number in numbers
        ]
        return self._followed(found)

    def _states(self, numbers: Collection[int]) -> dict[int, PullState]:
        """Ask GitHub, as long as it answers."""
        github, say = self._upstream.github, self._upstream.say
        found: dict[int, PullState] = {}
        if github is None:
            say("no GitHub API to ask: states and titles stay as they are")
            return found
        say(f"asking {github.host} for the states of pull requests")
        for number in numbers:
            try:
                found[number] = github.pull(number)
            except VpatchError as error:
                self._failure = error
                self._unanswered[number] = str(error)
                if isinstance(error, BadInputError):
                    self._unknown.add(number)
                if isinstance(error, DownError):
                    self.down = error
                    rest_of = (one for one in numbers if one not in found)
                    self._unanswered |= dict.fromkeys(rest_of, str(error))
                    rest = f"nothing is known of #{number} and those after it"
                    say(f"{error} ({error.hint}); {rest}")
                    break
                say(f"#{number}: {error} ({error.hint})")
        return found

    def _heads(
        self, numbers: Collection[int], states: Mapping[int, PullState]
    ) -> dict[int, str]:
        """Ask git for the heads, whose word counts, and else go by what GitHub said."""
        said = {number: state.head for number, state in states.items()}
        pulls = self._upstream.pulls
        if pulls is None:
            if not said:
                raise self._failure or BadInputError(
                    "there is nobody to ask",
                    where=self._upstream.project,
                    hint="--upstream URL, or [upstream] url or api in vpatch.toml",
                )
            return said
        self._upstream.say(f"asking {pulls.shown} for the heads of pull requests")
        try:
            return said | pulls.tips(numbers)
        except VpatchError as error:
            if not said:
                raise
            self._upstream.say(f"{error}; the heads are those that GitHub names")
            return said

    def _note_unknown(self, numbers: Collection[int], heads: Mapping[int, str]) -> None:
        """Note which pull requests are not where upstream was looked for."""
        github, pulls = self._upstream.github, self._upstream.pulls
        if pulls is None:
            return
        if github is None:
            self._unknown = set(numbers) - heads.keys()
            why = f"{pulls.shown} has no such pull request"
            self._unanswered = dict.fromkeys(self._unknown, why)
        if not heads and self._unknown.issuperset(numbers):
            other = f"{github.host} knows none" if github else "no GitHub API is known"
            self.nowhere = VpatchError(
                f"the git remote has none of these pull requests, and {other}",
                where=pulls.shown,
                hint="name another [upstream] url, or its api, in vpatch.toml; "
                "vpatch add takes changes from files too",
            )

    def _news(self, number: int, state: PullState | None, head: str | None) -> News:
        patches, known = self._sheet.of(number), self._facts.get(number)
        unanswered = "" if state else self._unanswered.get(number, "")
        found = News(number, patches, known, state, head or "", None, unanswered=unanswered)
        reviewed = found.reviewed
        asked = head != reviewed or found.is_retargeted
        if not (head and reviewed and asked and self._upstream.pulls):
            return found
        try:
            return replace(found, push=self._push(found), compared=True)
        except VpatchError as error:
            return replace(found, unseen=str(error))

    def _push(self, news: News) -> Push | None:
        """Compare what was reviewed with what is there."""
        number, reviewed, state = news.number, news.reviewed, news.state
        was = new = self._upstream.pull(number, target_of(state, news.known))
        if news.is_retargeted and news.known:
            was = self._upstream.pull(number, news.known.target)
        if new.head == reviewed and new.base == was.base:
            return None
        said = state or self._facts.get(number)
        if not new.commits and said and said.state == "merged":
            what = f"#{number} is part of upstream as it is: nothing tells where it begins"
            raise VpatchError(what, where=self._upstream.remote().shown)
        terms = terms_for(self._upstream, self._facts, number)
        old: Pull | None = None
        with suppress(RefusedError):
            old = self._upstream.pull_at(was, reviewed)
        with self._upstream.replays(self._bases, self._facts) as replays:
            whole = of_pull(replays.repo, new, terms, source="").patches
            text, differs = "".join(decode(patch.diff) for patch in whole), True
            if old:
                text, differs = compared(replays.repo, old, new, terms)
        exclude = tuple(terms.exclude)
        found = Push(
            reviewed, new, old, text, differs=differs, empty=not whole, exclude=exclude
        )
        shown = self._outlook.shown.get(number) == found.digest
        return replace(found, shown=shown, whole=self._is_whole(new))

    def _is_whole(self, new: Pull) -> bool:
        """Whether one that is carried in parts cannot be cut into them any more."""
        patches, own = self._sheet.patches, self._sheet.of(new.number)
        if len(own) <= 1:
            return False
        before = patches[: patches.index(own[0])]
        return new.behind({patch.taken_from for patch in before}).has_merges

    def _followed(self, found: list[News]) -> list[News]:
        """Look for what follows those up that have ended, and for the release that has them."""
        follow_ups = self._outlook.follow_ups
        for news in found:
            # Without an answer, what is known may be older than what was found.
            if news.state and not news.has_ended:
                follow_ups.pop(news.number, None)
        ended = {
            news.number: news.state.merged_as if news.state else ""
            for news in found
            if news.has_ended
        }
        read = look_up(self._upstream, ended, follow_ups, self.down)
        self.unread, self.down = read.unread, read.down
        follow_ups |= read.candidates
        return [replace(news, release=read.releases.get(news.number, "")) for news in found]


def terms_for(upstream: Upstream, facts: Mapping[int, PullRequest], number: int) -> Terms:
    """Return how a pull request was taken, by ``upstream.toml``."""
    known = facts.get(number)
    return Terms(number, upstream.page(number), known.exclude if known else ())
