"""What became of the pull requests since the last night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.accept import Accept
from vpatch.upkeep.arrange import sheet_of
from vpatch.upkeep.followups import HISTORY
from vpatch.upkeep.nightly.seen import PullSeen
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.refresh import Refresh
from vpatch.values.commit import DIGITS
from vpatch.values.facts import ENDED
from vpatch.values.followups import STRONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpatch.jobs.bases import Bases
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.news import News
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.upkeep.upstream import Upstream
    from vpatch.values.followups import Candidate

_STATES = {
    "merged": "was merged",
    "closed": "was closed, and not merged",
    "open": "is open again",
}
_WHAT = "the pull requests"
_STATES_OF_ALL = "the states of the pull requests"


def look_at_pulls(
    folder: Folder, bases: Bases, upstream: Upstream, outlook: Path, diary: Diary
) -> None:
    """Ask for all pull requests, and write what was learned to ``upstream.toml``.

    What authors pushed is told, and never taken: somebody is to read it first.

    Args:
        folder: The project's folder, as it was laid out for the night.
        bases: The bases at hand.
        upstream: Who can be asked.
        outlook: The file that keeps follow-ups, for ``status``.
        diary: What is seen.
    """
    diary.new.pulls = dict(diary.old.pulls)
    with diary.looking_at(_WHAT):
        sheet = sheet_of(
            folder, bases, folder.serving(folder.config().base or folder.newest()), bring=False
        )
        facts = folder.facts()
        numbers = list(dict.fromkeys([*(p.pr for p in sheet.patches if p.pr), *facts]))
        if not numbers:
            return
        kept = Outlook.at(outlook)
        refresh = Refresh(facts, bases, sheet, upstream, kept)
        found = refresh.look(numbers)
        kept.save(outlook)
        _tell(found, refresh, kept, [patch.pr for patch in sheet.patches], diary)
        with diary.looking_at(HISTORY):
            if unread := refresh.unread.get(HISTORY):
                diary.failed(HISTORY, unread)
        taken = Accept(folder, bases, sheet, upstream).take(found, accept=False)
        changes = Changeset(folder.root, diary.say)
        with changes.held():
            changes.put(taken.contents)
    if _WHAT in diary.new.failures:
        one_by_one = [what for what in diary.old.failures if what.startswith("#")]
        diary.unasked(*one_by_one, _STATES_OF_ALL, HISTORY)


def _tell(
    found: Sequence[News],
    refresh: Refresh,
    kept: Outlook,
    carried: Sequence[int | None],
    diary: Diary,
) -> None:
    """Tell of each; if GitHub told nothing of any, that is one failure, not as many."""
    silent = len(found) > 1 and all(news.unanswered for news in found)
    with diary.looking_at(_STATES_OF_ALL):
        if silent:
            diary.failed(_STATES_OF_ALL, found[0].unanswered)
    for news in found:
        name, noted = f"#{news.number}", news.known.follow_ups if news.known else ()
        unseen = news.unseen
        if silent:
            diary.unasked(name)
        else:
            unseen = unseen or news.unanswered or refresh.unread.get(name, "")
        with diary.looking_at(name):
            if unseen:
                diary.failed(name, unseen)
            _compare(news, kept.candidates(news.number, noted, carried), diary)


def _compare(news: News, candidates: Sequence[Candidate], diary: Diary) -> None:
    """Tell what is other than it was."""
    number = news.number
    old = diary.old.pulls.get(number)
    known = news.known
    before = old or PullSeen(
        known.state if known else "", news.reviewed, known.merged_in if known else "", []
    )
    now = PullSeen(before.state, before.head, before.release, [])
    tell = _teller(news, diary)
    if news.state and news.state.state != before.state:
        now.state = news.state.state
        if now.state != "open" or before.state in ENDED:
            tell(now.state, _STATES[now.state])
    if news.release and news.release != before.release:
        now.release = news.release
        tell("released", f"is in {news.release}")
    # What is pushed to one that has ended is told if it opens again.
    if news.head and news.head != before.head and now.state not in ENDED:
        now.head = news.head
        _tell_push(news, before.head, tell)
    now.follow_ups = sorted({*before.follow_ups, *(one.pr for one in candidates)})
    new = [one for one in candidates if one.pr not in before.follow_ups]
    for one in new[:STRONGEST]:
        title = f" ({one.title})" if one.title else ""
        text = f"#{number}: #{one.pr}{title} {one.relation}, perhaps: {one.said!r}"
        diary.tell("follow-up", text, pr=number)
    if more := len(new[STRONGEST:]):
        text = f"#{number}: and {more} more, see vpatch refresh {number} --json"
        diary.tell("follow-up", text, pr=number)
    diary.new.pulls[number] = now


def _teller(news: News, diary: Diary) -> Callable[[str, str], None]:
    def tell(kind: str, text: str) -> None:
        diary.tell(kind, f"#{news.number} ({news.title}) {text}", pr=news.number)

    return tell


def _tell_push(news: News, before: str, tell: Callable[[str, str], None]) -> None:
    """Tell of what an author pushed, where it is more than the same change elsewhere."""
    known = news.known.head if news.known else ""
    reviewed = {known, *(p.taken_from for p in news.patches)}
    now = news.head[:DIGITS]
    if news.push and news.push.empty:
        tell("pushed", f"is empty now, at {now}: nothing is left of it")
    elif news.push and news.push.differs:
        was = news.push.reviewed[:DIGITS]
        shown = (
            f"vpatch refresh {news.number} shows what changed since {was}, which was reviewed"
        )
        tell("pushed", f"was pushed to, and is at {now}: {shown}")
    elif news.push is None and before and news.head not in reviewed:
        tell("pushed", f"was pushed to: it was at {before[:DIGITS]} and is at {now}")
