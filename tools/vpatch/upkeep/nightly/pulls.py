"""What became of the pull requests since the last night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.accept import Accept
from vpatch.upkeep.arrange import sheet_of
from vpatch.upkeep.followups import HISTORY
from vpatch.upkeep.nightly.learned import standing
from vpatch.upkeep.nightly.seen import PullSeen
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.refresh import Refresh
from vpatch.values.commit import DIGITS
from vpatch.values.facts import ENDED
from vpatch.values.followups import STRONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vpatch.upkeep.news import News
    from vpatch.upkeep.nightly.means import Means
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.values.errors import VpatchError
    from vpatch.values.followups import Candidate

_STATES = {
    "merged": "was merged",
    "closed": "was closed, and not merged",
    "open": "is open again",
}
_WHAT = "the pull requests"
_ALL = "all pull requests"
NOWHERE = "upstream's pull requests"
"""What cannot be looked at where nobody has any: that stays so until a person changes it."""


def look_at_pulls(means: Means, learned: tuple[bytes, bytes] | None, diary: Diary) -> None:
    """Ask for all pull requests, and write what was learned to ``upstream.toml``.

    What authors pushed is told, and never taken: somebody is to read it first.

    Args:
        means: What the night works with.
        learned: The facts that the last night found and left; None where all is merged.
        diary: What is seen.
    """
    folder, bases, upstream = means.folder, means.bases, means.upstream
    diary.new.pulls = dict(diary.old.pulls)
    with diary.looking_at(_WHAT), standing(folder, learned) as answered:
        sheet = sheet_of(
            folder, bases, folder.serving(folder.config().base or folder.newest()), bring=False
        )
        facts = folder.facts()
        numbers = list(dict.fromkeys([*(p.pr for p in sheet.patches if p.pr), *facts]))
        if not numbers:
            return
        kept = Outlook.at(means.outlook)
        before = dict(kept.follow_ups)
        refresh = Refresh(facts, bases, sheet, upstream, kept)
        found = refresh.look(numbers)
        _tell(found, refresh, kept, [patch.pr for patch in sheet.patches], diary)
        _keep(kept, before, means.outlook, diary.say)
        with diary.looking_at(HISTORY):
            if unread := refresh.unread.get(HISTORY):
                diary.failed(HISTORY, unread)
        taken = Accept(folder, bases, sheet, upstream).take(found, accept=False)
        changes = Changeset(folder.root, diary.say)
        with changes.held():
            changes.put(taken.contents)
        answered.update(news.number for news in found if news.state)
    if _WHAT in diary.new.failures:
        one_by_one = [what for what in diary.old.failures if what.startswith("#")]
        diary.unasked(*one_by_one, _ALL, NOWHERE, HISTORY)


def _keep(
    kept: Outlook,
    before: Mapping[int, list[Candidate]],
    outlook: Path,
    say: Callable[[str], None],
) -> None:
    """Keep the follow-ups that are new, and all that another run has kept meanwhile."""
    found = kept.follow_ups
    changed = {n for n in found.keys() | before.keys() if found.get(n) != before.get(n)}
    if not changed:
        return
    # The file is the user's, who may have been at work all the time.
    with Changeset(outlook.parent.parent, say).held():
        there = Outlook.at(outlook)
        there.follow_ups |= {number: found.get(number, []) for number in changed}
        there.save(outlook)


def _tell(
    found: Sequence[News],
    refresh: Refresh,
    kept: Outlook,
    carried: Sequence[int | None],
    diary: Diary,
) -> None:
    """Tell of each; what one cause has kept back is one failure, not as many."""
    reason, missed = _missed(found, refresh)
    _tell_missed(refresh.nowhere, reason, missed, diary)
    for news in found:
        name, noted = f"#{news.number}", news.known.follow_ups if news.known else ()
        unseen = news.unseen
        if news.number in missed:
            diary.unasked(name)
        else:
            unseen = unseen or news.unanswered or refresh.unread.get(name, "")
        with diary.looking_at(name):
            if unseen:
                diary.failed(name, unseen)
            _compare(news, kept.candidates(news.number, noted, carried), diary)


def _tell_missed(
    nowhere: VpatchError | None, reason: str, missed: Sequence[int], diary: Diary
) -> None:
    """Tell in one line why several gave no answer."""
    with diary.looking_at(NOWHERE):
        if nowhere:
            told = f"could not look at {NOWHERE}: {reason} ({nowhere.hint})"
            diary.failed(NOWHERE, reason, told=told)
            diary.unasked(_ALL)
            return
    with diary.looking_at(_ALL):
        if missed:
            first, more = f"#{missed[0]}", len(missed) - 1
            whom = f"{first} and {more} more" if more else first
            diary.failed(_ALL, reason, told=f"could not look at {whom}: {reason}")


def _missed(found: Sequence[News], refresh: Refresh) -> tuple[str, list[int]]:
    """Return why nobody told of several, and of which: of others it was told why."""
    if refresh.nowhere:
        return str(refresh.nowhere), [news.number for news in found]
    if refresh.down:
        reason = str(refresh.down)
        unseen = {
            n.number: n.unanswered or refresh.unread.get(f"#{n.number}", "") for n in found
        }
        return reason, [number for number, why in unseen.items() if why.endswith(reason)]
    if len(found) > 1 and all(news.unanswered for news in found):
        return found[0].unanswered, [news.number for news in found]
    return "", []


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
