"""The news of a night as Markdown, for an issue."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vpatch.values.markdown import code, link
from vpatch.values.paths import encode
from vpatch.values.project import project_at

if TYPE_CHECKING:
    from vpatch.upkeep.nightly.seen import Diary, Noted

_ROOM = 60_000
"""Characters: GitHub takes 65536 for an issue."""
_DIGITS = 16
"""Of a mark."""


def markdown(diary: Diary, project: str) -> str:
    """Return the news for an issue, as much as one holds.

    Each line has a mark that nobody sees, by which a program knows what an issue says already.

    Args:
        diary: What the night saw.
        project: Address of the upstream project, for links.
    """
    parts = {
        "Wants a person": [one for one in diary.news if one.wants_a_person],
        "What else is new": [one for one in diary.news if not one.wants_a_person],
        "Told before, not merged yet": list(diary.before),
    }
    text, left_out = "" if diary.news else "Nothing new.\n\n", 0
    page = _unheard(project)
    for title, news in parts.items():
        text += f"### {title}\n\n" if news else ""
        for one in news:
            mark = _mark(one, diary.old.since) if one in diary.news else ""
            line = f"- {_said(one, page)}{mark}\n"
            fits = len(text) + len(line) < _ROOM
            text += line if fits else ""
            left_out += not fits
        text += "\n" if news else ""
    return f"{text}And {left_out} more.\n" if left_out else text


def _said(one: Noted, page: str) -> str:
    """Return one of the news, the words of strangers inert."""
    # GitHub takes an escaped "@name" and "#5" for live ones, and leaves code alone.
    said = one.text.removeprefix(f"#{one.pr}").lstrip(": ")
    named = f"{link(one.pr, page)} " if said != one.text else ""
    return f"{named}{code(said)}"


def _unheard(project: str) -> str:
    """Return an address of a project by which GitHub tells nobody there who linked to it."""
    found = project_at(project)
    if not (found and found.on_github):
        return project
    return found.page.replace("://", "://redirect.", 1)


def _mark(one: Noted, since: str) -> str:
    """Return what tells one of the news from all others: by what the last night saw, too."""
    text = f"{since}\n{one.kind}\n{one.text}"
    digest = hashlib.sha256(encode(text)).hexdigest()
    return f" <!-- vpatch-news: {digest[:_DIGITS]} -->"
