"""The news of a night as Markdown, for an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.overview import code, link

if TYPE_CHECKING:
    from vpatch.upkeep.nightly.seen import Diary, Noted

_ROOM = 60_000
"""Characters: GitHub takes 65536 for an issue."""


def markdown(diary: Diary, project: str) -> str:
    """Return the news for an issue, as much as one holds.

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
    for title, news in parts.items():
        text += f"### {title}\n\n" if news else ""
        for one in news:
            line = _entry(one, project)
            fits = len(text) + len(line) < _ROOM
            text += line if fits else ""
            left_out += not fits
        text += "\n" if news else ""
    return f"{text}And {left_out} more.\n" if left_out else text


def _entry(one: Noted, project: str) -> str:
    """Return one of the news as a list's entry, the words of strangers inert."""
    # GitHub takes an escaped "@name" and "#5" for live ones, and leaves code alone.
    said = one.text.removeprefix(f"#{one.pr}").lstrip(": ")
    named = f"{link(one.pr, project)} " if said != one.text else ""
    return f"- {named}{code(said)}\n"
