"""``vpatch refresh``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.add import series_named
from vpatch.cli.session import Terminal
from vpatch.values.commit import DIGITS
from vpatch.values.errors import BadInputError, VpatchError
from vpatch.values.project import pull_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpatch.cli.session import Session
    from vpatch.upkeep.accept import Taken
    from vpatch.upkeep.arrange import Sheet
    from vpatch.upkeep.news import News, Push
    from vpatch.upkeep.outlook import Outlook
    from vpatch.values.followups import Candidate

    Candidates = Mapping[int, list[Candidate]]

_COLOURS = {"-": "red", "+": "green", "@": "cyan"}
"""Of a difference's lines, by their first sign."""


@click.command("refresh")
@click.argument("pulls", metavar="[P...]", nargs=-1)
@options.base
@click.option("--accept", is_flag=True, help="Take what was shown before, if it fits.")
@options.json
@click.pass_obj
def command(
    session: Session,
    pulls: tuple[str, ...],
    base: str | None,
    *,
    accept: bool,
    as_json: bool,
) -> int:
    r"""Ask what upstream did with the pull requests since, all of them or those named.

    States and titles go to upstream.toml. What an author pushed is shown as a difference to
    the reviewed head, and taken with --accept by a later call: nobody takes what he has not
    seen. For what was merged or closed, what may fix or replace it is named.

    Exit status: 0 nothing is left to be taken, 1 something that was pushed is, 3 not all could
    be asked or read, whatever else is new.

    \b
    Examples:
      vpatch refresh
      vpatch refresh 33303
      vpatch refresh 33303 --accept
    """
    from vpatch.jobs.changeset import Changeset  # noqa: PLC0415, lazy
    from vpatch.upkeep.accept import Accept  # noqa: PLC0415, lazy
    from vpatch.upkeep.arrange import sheet_of  # noqa: PLC0415, lazy
    from vpatch.upkeep.outlook import Outlook  # noqa: PLC0415, lazy
    from vpatch.upkeep.refresh import Refresh  # noqa: PLC0415, lazy

    changeset = Changeset(session.root, Terminal().say)
    with changeset.held():
        name = series_named(session, base)
        # What was learned is written without the base; what is taken has to fit it.
        sheet = sheet_of(session.folder, session.bases, name, bring=accept)
        outlook = Outlook.at(session.outlook)
        upstream = session.upstream
        refresh = Refresh(session.facts, session.bases, sheet, upstream, outlook)
        found = refresh.look(_numbers(session, sheet, pulls))
        way_in = Accept(session.folder, session.bases, sheet, upstream)
        taken = way_in.take(found, accept=accept)
        changeset.put(taken.contents)
        outlook.save(session.outlook)
    candidates = {
        news.number: _candidates(sheet, outlook, news) for news in found if news.has_ended
    }
    left = {
        news.number: news.push.digest
        for news in found
        if news.push and news.push.differs and news.number not in taken.accepted
    }
    status = 1 if left else 0
    if refresh.unread or any(_is_partial(news) for news in found):
        status = VpatchError.status
    elsewhere = _elsewhere(session, sheet, found)
    if as_json:
        _print_json(sheet, found, taken, candidates, elsewhere, refresh.unread, ok=not status)
    else:
        call = f"{session.call} refresh{f' --base {shlex.quote(base)}' if base else ''}"
        _print(session, found, taken, candidates, call, accept=accept)
        for number in taken.accepted:
            if there := elsewhere[number]:
                show.print_note(
                    f"#{number} is carried at another head in {', '.join(there)}: "
                    f"{session.call} refresh {number} --base {shlex.quote(there[0])}"
                )
    if refresh.nowhere:
        show.echo(f"error: {refresh.nowhere}", err=True)
        show.echo(f"hint: {refresh.nowhere.hint}", err=True)
    if left:
        # Not before: who was killed in the midst of it has not shown all.
        with changeset.held():
            Outlook.note_shown(session.outlook, left)
    return status


def _is_partial(news: News) -> bool:
    """Whether somebody who was asked of it told nothing."""
    nothing = news.state is None and not news.head
    return nothing or bool(news.unseen or news.unanswered)


def _numbers(session: Session, sheet: Sheet, pulls: tuple[str, ...]) -> list[int]:
    """Return the pull requests that are meant: those named, else all that are known."""
    carried = {patch.pr: None for patch in sheet.patches if patch.pr}
    known = [*carried, *(number for number in session.facts if number not in carried)]
    if not known:
        raise BadInputError(
            "there is no pull request to ask about",
            where=str(session.folder.patches),
            hint="vpatch add PR takes one in",
        )
    wanted: list[int] = []
    for asked in pulls:
        pull = pull_named(asked)
        name = next((p.pr for p in sheet.patches if p.name == asked), None)
        number = pull.number if pull else name
        if number not in known or number is None:
            there = ", ".join(f"#{one}" for one in known)
            hint = f"the folder knows {there}"
            raise BadInputError("no such pull request", where=asked, hint=hint)
        wanted.append(number)
    return wanted or known


def _elsewhere(session: Session, sheet: Sheet, found: list[News]) -> dict[int, list[str]]:
    """Return the other series that carry each at another head than its own."""
    folder = session.folder
    names = [name for name in folder.names() if name != sheet.name]
    # Of one in parts, the last has the head.
    heads = {
        name: {patch.pr: patch.taken_from for patch in folder.series(name).patches}
        for name in names
    }
    return {
        news.number: [
            name
            for name, taken in heads.items()
            if taken.get(news.number, "") not in ("", news.head)
        ]
        for news in found
    }


def _candidates(sheet: Sheet, outlook: Outlook, news: News) -> list[Candidate]:
    known = news.known.follow_ups if news.known else ()
    carried = [patch.pr for patch in sheet.patches]
    return outlook.candidates(news.number, known, carried)


def _print_json(
    sheet: Sheet,
    found: list[News],
    taken: Taken,
    candidates: Candidates,
    elsewhere: Mapping[int, list[str]],
    unread: Mapping[str, str],
    *,
    ok: bool,
) -> None:
    answer = [
        {
            "pr": news.number,
            "title": news.title,
            "state": news.state.state if news.state else None,
            "merged_in": news.release or None,
            "head": news.head or None,
            "reviewed": news.reviewed or None,
            "pushed": {
                "reviewed": news.push.reviewed,
                "lost": news.push.old is None,
                "differs": news.push.differs,
                "empty": news.push.empty,
                "difference": news.push.difference,
            }
            if news.push
            else None,
            "unanswered": news.unanswered or None,
            "unseen": news.unseen or None,
            "accepted": news.number in taken.accepted,
            "elsewhere": elsewhere[news.number],
            "follow_ups": [one.as_json() for one in candidates.get(news.number, [])],
        }
        for news in found
    ]
    show.print_json(
        {
            "base": sheet.base.as_json(),
            "series": sheet.name,
            "pulls": answer,
            "unread": unread,
            "ok": ok,
        }
    )


def _print(
    session: Session,
    found: list[News],
    taken: Taken,
    candidates: Candidates,
    call: str,
    *,
    accept: bool,
) -> None:
    rows = [(f"#{news.number}", news.title, _state(news), _word(news, taken)) for news in found]
    show.print_table(("PR", "Title…", "Upstream", "News"), rows)
    show.print_notes(taken.merged)
    for news in found:
        if news.unseen:
            show.print_note(f"#{news.number} is at {news.head[:DIGITS]}: {news.unseen}")
        if news.push and news.number not in taken.accepted:
            _print_push(session, news, f"{call} {news.number} --accept", accept=accept)
    unknown = [f"#{news.number}" for news in found if news.patches and not news.reviewed]
    if unknown:
        show.print_note(
            f"{', '.join(unknown)}: no head is known, so that what was pushed since cannot be "
            "told: write it to head in upstream.toml, or vpatch drop and add it again"
        )
    for number, each in candidates.items():
        show.print_follow_ups(number, each)


def _state(news: News) -> str:
    if news.state is None:
        return f"{news.known.state}, as of {news.known.as_of}" if news.known else "not known"
    release = news.release or (news.known.merged_in if news.known else "")
    return f"{news.state.state} {release}".strip()


def _word(news: News, taken: Taken) -> str:
    if news.push and news.number in taken.accepted:
        return _accepted(news, news.push)
    if news.unseen:
        return "pushed, not looked at"
    if news.push is None:
        return "no answer" if news.unanswered or not news.head else ""
    if news.push.reviewed == news.push.new.head:
        return "for another branch"
    if not news.push.differs:
        return "pushed, the same change"
    return "pushed, empty now" if news.push.empty else "pushed"


def _accepted(news: News, push: Push) -> str:
    what = "taken" if news.patches else "noted"
    if push.reviewed == push.new.head and news.state:
        return f"{what} as for {news.state.target}"
    return f"pushed; {what} as {push.new.head[:DIGITS]}"


def _went(news: News, push: Push) -> str:
    """Say what became of a pull request: it has another head, or is for another branch."""
    was, now = push.reviewed[:DIGITS], push.new.head[:DIGITS]
    lost = "" if push.old else ", which is lost,"
    found = [f"went from {was}{lost} to {now}"] if was != now else []
    if news.is_retargeted and news.known and news.state:
        found.append(f"is for {news.state.target} and was taken as for {news.known.target}")
    return ", and ".join(found)


def _print_push(session: Session, news: News, then: str, *, accept: bool) -> None:
    push = news.push
    if push is None:
        return
    went = f"#{news.number} {_went(news, push)}"
    click.echo()
    if not push.differs:
        show.print_note(f"{went} with the same change; to note it: {then}")
        return
    if push.empty:
        rest = " but what is left out" if push.new.commits else ""
        way = f"{session.call} drop {news.number}" if news.patches else f"to note it: {then}"
        show.print_note(f"{went} and is empty now: nothing is left of it{rest}: {way}")
        return
    show.print_note(f"{went}; {'what is different' if push.old else 'the whole change is'}:")
    click.echo()
    for line in push.difference.rstrip("\n").split("\n"):
        show.echo(line, colour=_COLOURS.get(line[:1]))
    click.echo()
    if push.old:
        show.print_note("the first sign: - as reviewed, + as pushed; the second: the change")
    if push.whole:
        show.print_note(
            f"#{news.number} is carried in parts, and has merges in it now, which no part can "
            f"hold. When you have read it: {session.call} drop {news.number}, then "
            f"{session.call} add {news.number}"
        )
        return
    if accept:
        show.print_note(
            f"#{news.number} is not taken: this is shown for the first time. "
            f"When you have read it: {then}"
        )
    else:
        show.print_note(f"to take it: {then}")
