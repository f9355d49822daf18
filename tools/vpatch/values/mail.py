"""What a stranger wrote, in a form that can stand in a mail of git-format-patch(1)."""

from __future__ import annotations

import re
import unicodedata

from vpatch.values.paths import printable

_TAGS = re.compile(r"\[[^]]*\]")
_WORDS = re.compile(r"[a-z0-9]+")
_LONGEST = 48
"""Characters of a file name that tell what a patch is for."""
# A leading number of three digits and more says which pull request a file is of.
_LIKE_A_NUMBER = re.compile(r"(?:pr-?)?[1-9][0-9]{2,8}(?=-|$)")
# git-mailinfo(1) takes each of these at the start of a line for the end of a message, or for
# a header.
_MEANS_MORE = re.compile(
    r"^[^\S\n]*(?=(?:diff|Index:|---|\+\+\+|@@|>*From:?|Date:|Subject:|Author:|Binary files)"
    r"(?:\s|$|-))",
    re.MULTILINE,
)


def title_of(text: str) -> str:
    """Return a title in one line, without codes that a terminal would obey."""
    return " ".join(printable(text).split())


def message_of(title: str, body: str) -> str:
    """Return the message of a commit; no line of it ends a mail, or begins a diff."""
    text = printable(body.replace("\r\n", "\n")).strip("\n")
    return f"{title_of(title) or 'Untitled'}\n\n{_MEANS_MORE.sub('> ', text)}".strip() + "\n"


def slug(title: str) -> str:
    """Return what a file name tells of a title: its words, in plain letters, not too many."""
    plain = unicodedata.normalize("NFKD", _TAGS.sub(" ", title)).encode("ascii", "ignore")
    kept = ""
    for word in _WORDS.findall(plain.decode().lower()):
        longer = f"{kept}-{word}" if kept else word
        if len(longer) > _LONGEST:
            break
        kept = longer
    return kept


def file_name(title: str, number: int | None = None, part: int | None = None) -> str:
    """Return the file name of a patch.

    Args:
        title: What it does.
        number: Its pull request.
        part: Which part of that it is, where each commit is a patch of its own.
    """
    words = slug(title)
    if number is None:
        named = f"local-{words}" if _LIKE_A_NUMBER.match(words) else words or "local"
        return f"{named}.patch"
    parts = [str(number), f"{part:02}" if part else "", words]
    return "-".join(filter(None, parts)) + ".patch"
