"""``PATCHES.md``: for people, what is carried and why, on each base."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series

_HEAD = """# Patches

Written by `vpatch check --fix` from the files in `patches/`: do not edit it by hand.
"""
# CommonMark takes a backslash before any of these as the character itself; a line may
# begin with more that means something.
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&@$]|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def overview(
    series: Mapping[str, Series], facts: Mapping[int, PullRequest], project: str
) -> str:
    """Return the text of ``PATCHES.md``.

    Args:
        series: Every series by the name of its base, oldest first.
        facts: What is known of each pull request.
        project: Address of the upstream project, for links.
    """
    parts = [_HEAD]
    for name in reversed(list(series)):
        parts += _carried(name, series[name].patches, facts, project)
    carried = {patch.pr for one in series.values() for patch in one.patches}
    watched = [request for pr, request in facts.items() if pr not in carried]
    if watched:
        parts += _watched(watched, project)
    return "\n".join(parts)


def _carried(
    name: str, patches: Sequence[Patch], facts: Mapping[int, PullRequest], project: str
) -> Iterator[str]:
    yield f"## On {escaped(name)}\n"
    yield "| | PR | What it is | Author | Upstream |"
    yield "|---|---|---|---|---|"
    for order, patch in enumerate(patches, 1):
        request = facts.get(patch.pr) if patch.pr else None
        cells = [
            str(order),
            link(patch.pr, project),
            escaped(patch.subject),
            escaped(patch.author[0]),
            _state(request),
        ]
        yield f"| {' | '.join(cells)} |"
    for patch in patches:
        request = facts.get(patch.pr) if patch.pr else None
        yield f"\n### {link(patch.pr, project)} {escaped(patch.subject)}\n"
        if request and request.why:
            yield f"{escaped(request.why)}\n"
        if request and request.gain:
            yield f"**Gain:** {escaped(request.gain)}\n"
        if request and request.follow_ups:
            yield f"Follow-ups: {_links(request.follow_ups, project)}.\n"
        yield f"{code(patch.name)} changes:\n"
        yield from (f"- {code(path)}" for path in sorted(patch.paths))
    yield ""


def _watched(requests: Iterable[PullRequest], project: str) -> Iterator[str]:
    yield "## Watched\n"
    yield "Not carried, only looked for: `vpatch status` says whether a base has them.\n"
    yield "| PR | What it is | Upstream | Why | Gain |"
    yield "|---|---|---|---|---|"
    for request in requests:
        cells = [
            link(request.number, project),
            escaped(request.title),
            _state(request),
            escaped(request.why),
            escaped(request.gain),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _state(request: PullRequest | None) -> str:
    if request is None:
        return "not known"
    merged = f" in {escaped(request.merged_in)}" if request.merged_in else ""
    return f"{request.state}{merged} ({request.as_of})"


def _links(numbers: Iterable[int], project: str) -> str:
    return ", ".join(link(number, project) for number in numbers)


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
