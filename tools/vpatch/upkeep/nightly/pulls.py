"""What became of the pull requests since the last night."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.arrange import Sheet, told_facts
from vpatch.upkeep.followups import HISTORY
from vpatch.upkeep.nightly.home import FACTS
from vpatch.upkeep.nightly.learned import standing
from vpatch.upkeep.nightly.seen import PullSeen
from vpatch.upkeep.outlook import Outlook
from vpatch.upkeep.refresh import Refresh
from vpatch.values.base import Base
from vpatch.values.commit import DIGITS
from vpatch.values.errors import VpatchError
from vpatch.values.facts import ENDED
from vpatch.values.followups import STRONGEST
from vpatch.values.patch import number_in
from vpatch.values.series import SeriesFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.news import News
    from vpatch.upkeep.nightly.means import Means
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.values.facts import PullRequest
    from vpatch.values.followups import Candidate
    from vpatch.values.patch import Patch

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

    What authors pushed is told, and never taken: somebody is to read it first. A file of the
    project that cannot be read hides what it names, and no more.

    Args:
        means: What the night works with.
        learned: The facts that the last night found and left; None where all is merged.
        diary: What is seen.
    """
    diary.new.pulls = dict(diary.old.pulls)
    facts, asked_all = _facts(means.folder, diary), False
    with diary.looking_at(_WHAT):
        if facts is None:
            _ask(means, {}, diary)
        else:
            with standing(means.folder, learned) as answered:
                found, asked_all = _ask(means, facts, diary)
                _write(means.folder, found, diary.say)
                answered.update(news.number for news in found if news.state)
    if not asked_all:
        # What a broken file names is still in the project: it is asked for when that is mended.
        one_by_one = [what for what in diary.old.failures if what.startswith("#")]
        diary.unasked(*one_by_one, _ALL, NOWHERE, HISTORY)


def _facts(folder: Folder, diary: Diary) -> dict[int, PullRequest] | None:
    """Return what is known of each; None where that cannot be read."""
    with diary.looking_at("pull requests that are only watched"):
        return folder.facts()
    return None


def _ask(means: Means, facts: dict[int, PullRequest], diary: Diary) -> tuple[list[News], bool]:
    """Ask for those that are carried or known, and tell what is new.

    Returns:
        What was found, and whether the series that carries them could be read in full.
    """
    sheet, is_whole = _sheet(means.folder)
    numbers = list(dict.fromkeys([*(p.pr for p in sheet.patches if p.pr), *facts]))
    if not numbers:
        return [], is_whole
    kept = Outlook.at(means.outlook)
    before = dict(kept.follow_ups)
    refresh = Refresh(facts, means.bases, sheet, means.upstream, kept)
    found = refresh.look(numbers)
    # One whose patch cannot be read is carried all the same.
    named = {entry.name: number_in(entry.name) for entry in sheet.file.entries}
    carried = [*(named | {patch.name: patch.pr for patch in sheet.patches}).values()]
    _tell(found, refresh, kept, carried, diary)
    _keep(kept, before, means.outlook, diary.say)
    with diary.looking_at(HISTORY):
        if unread := refresh.unread.get(HISTORY):
            diary.failed(HISTORY, unread)
    return found, is_whole


def _sheet(folder: Folder) -> tuple[Sheet, bool]:
    """Return the series for the project's base as far as it can be read, and if that is all."""
    name = folder.serving(folder.config().base or folder.newest())
    patches: dict[str, Patch] = {}
    file, is_whole = SeriesFile(None, (), ()), False
    with suppress(VpatchError):
        file = folder.series_file(name)
        is_whole = True
    for entry in file.entries:
        try:
            patches[entry.name] = folder.patch(folder.path_of(name), entry)
        except VpatchError:
            is_whole = False
    return Sheet(name, Base(name, "", ""), "", file, tuple(patches.values())), is_whole


def _write(folder: Folder, found: Sequence[News], say: Callable[[str], None]) -> None:
    """Write what was learned."""
    learned = {news.number: news.learned for news in found if news.known}
    changes = Changeset(folder.root, say)
    with changes.held():
        changes.put(folder.changed({FACTS: told_facts(folder, learned).encode()}))


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
            tell(now.state, _STATES[now.state] + _unread(news, before.head))
    if news.release and news.release != before.release:
        now.release = news.release
        tell("released", f"is in {news.release}")
    # What is pushed to one that has ended is told in full if it opens again.
    if news.head and news.head != before.head and now.state not in ENDED:
        now.head = news.head
        _tell_push(news, before.head, tell)
    now.target = _tell_target(news, before.target, tell)
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


def _tell_target(news: News, before: str, tell: Callable[[str, str], None]) -> str:
    """Tell that one is another change for its branch than for the one that it was taken for.

    Returns:
        The branch of which that is told, tonight or before; empty where it is not so.
    """
    if news.state is None or news.unseen:
        return before
    if not (news.known and news.is_retargeted and news.push and news.push.differs):
        return ""
    target = news.state.target
    if target != before:
        how = f"vpatch refresh {news.number} shows the difference"
        tell("retargeted", f"is for {target} and was taken as for {news.known.target}: {how}")
    return target


def _teller(news: News, diary: Diary) -> Callable[[str, str], None]:
    def tell(kind: str, text: str) -> None:
        diary.tell(kind, f"#{news.number} ({news.title}) {text}", pr=news.number)

    return tell


def _unread(news: News, before: str) -> str:
    """Return in what form one has ended, where that is none that somebody read."""
    if not news.has_ended or news.head == before:
        return ""
    if news.push and (news.push.differs or news.push.empty):
        was = news.push.reviewed[:DIGITS]
        how = f"vpatch refresh {news.number} shows the difference"
        return f", at {news.head[:DIGITS]}, other than reviewed at {was}: {how}"
    if _is_unread(news, before):
        return f", at {news.head[:DIGITS]}, and was at {before[:DIGITS]}"
    return ""


def _is_unread(news: News, before: str) -> bool:
    """Whether a head is another one, and could not be compared."""
    reviewed = {news.known.head if news.known else "", *(p.taken_from for p in news.patches)}
    return bool(news.push is None and before and news.head and news.head not in reviewed)


def _tell_push(news: News, before: str, tell: Callable[[str, str], None]) -> None:
    """Tell of what an author pushed, where it is more than the same change elsewhere."""
    now = news.head[:DIGITS]
    if news.push and news.push.empty:
        tell("pushed", f"is empty now, at {now}: nothing is left of it")
    elif news.push and news.push.differs:
        was = news.push.reviewed[:DIGITS]
        shown = (
            f"vpatch refresh {news.number} shows what changed since {was}, which was reviewed"
        )
        tell("pushed", f"was pushed to, and is at {now}: {shown}")
    elif _is_unread(news, before):
        tell("pushed", f"was pushed to: it was at {before[:DIGITS]} and is at {now}")
