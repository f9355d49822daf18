"""Text of others in Markdown, which shows it as it is."""

from __future__ import annotations

import re

from vpatch.values.paths import printable

# CommonMark takes a backslash before any of these as the character itself; a line may
# begin with more that means something.
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&@$]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def link(number: int | None, project: str) -> str:
    """Return a Markdown link to a pull request, empty where there is none."""
    return f"[#{number}]({project}/pull/{number})" if number else ""


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(printable(text).split()))


def code(text: str) -> str:
    """Return text as Markdown's code, between more backticks than it holds."""
    shown = printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{shown}{space}{fence}"
