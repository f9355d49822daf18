"""``PATCHES.md``: for people, what is carried and why, on each base."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vpatch.jobs.folder import in_order
from vpatch.values.markdown import code, escaped, link
from vpatch.values.proof import Outcome
from vpatch.values.series import number_of
from vpatch.values.shown import Proofs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from vpatch.values.base import Base
    from vpatch.values.facts import PullRequest
    from vpatch.values.patch import Patch
    from vpatch.values.series import Series
    from vpatch.values.shown import Shown

_HEAD = """# Patches

Written by `vpatch check --fix` from the files in `patches/`: do not edit it by hand.
"""
_LANDED = re.compile(r"landed in [^,( ]+|in \S+ already")
_WORDS = {
    Outcome.PROVEN: "red without the patch, green with it",
    Outcome.NOT_NEEDED: "not needed, green without the patch",
    Outcome.FAILED: "failed",
    Outcome.NOT_RUN: "not run",
}
"""What a proof showed, in the order in which it is told."""


def overview(
    kept: Sequence[Kept],
    facts: Mapping[int, PullRequest],
    project: str,
    proofs: Proofs = Proofs(),  # noqa: B008, it never changes
) -> str:
    """Return the text of ``PATCHES.md``.

    Args:
        kept: Every series, oldest base first.
        facts: What is known of each pull request.
        project: Address of the upstream project, for links.
        proofs: What the proofs showed.
    """
    stories, gone = _stories(kept, proofs)
    parts = [_HEAD, *_standing(kept, stories, facts, project)]
    for story in stories:
        parts += _told(story, facts.get(story.pr or 0), project)
    carried = {story.pr for story in stories}
    watched = [request for pr, request in facts.items() if pr not in carried]
    if watched:
        parts += _watched(watched, project)
    parts += _carried_no_more(gone, project)
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Kept:
    """A series as the page tells of it."""

    name: str
    """Name of its base."""
    series: Series
    left_out: Mapping[str, str]
    """Patches that are not in it, and why."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """The pull requests of those, where it is told."""


@dataclass(slots=True)
class _Story:
    """One pull request through all series, or one patch that has none."""

    pr: int | None
    carried: dict[str, list[tuple[int, Patch]]]
    """By base, oldest first: its patches, several where it is in parts, each behind its place
    in the order, from 1."""
    left_out: dict[str, list[str]]
    """By base: why it is not there, all of it or a part."""
    shown: Mapping[str, Shown | None] | None = None
    """By base: what its proof showed there, None for nothing; None where it has no proof."""

    @property
    def newest(self) -> list[Patch]:
        """Its patches as the newest series has them."""
        return [patch for _, patch in [*self.carried.values()][-1]]

    def title(self, request: PullRequest | None) -> str:
        """Return what it is called: no part speaks for the whole."""
        in_parts = any(len(parts) > 1 for parts in self.carried.values())
        return request.title if in_parts and request else self.newest[0].subject


@dataclass(frozen=True, slots=True)
class _Gone:
    """A patch that is in no series any more."""

    pr: int | None
    name: str
    """Empty where the pull request says it."""
    base: str
    """The base whose series still speaks of it."""
    why: str


def _stories(kept: Sequence[Kept], proofs: Proofs) -> tuple[list[_Story], list[_Gone]]:
    """Gather what each series says of each patch, in the order of the oldest."""
    found: dict[int | str, _Story] = {}
    for one in kept:
        for order, patch in enumerate(one.series.patches, 1):
            key = patch.pr or patch.name
            story = found.setdefault(key, _Story(patch.pr, {}, {}))
            story.carried.setdefault(one.name, []).append((order, patch))
    gone = list(_leave_out(kept, found))
    bases = {one.name: one.series.base for one in kept}
    for story in found.values():
        if story.pr in proofs.tests:
            story.shown = _by_base(story, proofs, bases)
    return list(found.values()), gone


def _leave_out(kept: Sequence[Kept], found: Mapping[int | str, _Story]) -> Iterator[_Gone]:
    """Add to each story where it is left out; yield what is left out and in no series."""
    names = {
        patch.name: patch.pr
        for story in found.values()
        for parts in story.carried.values()
        for _, patch in parts
    }
    for one in kept:
        for name, why in one.left_out.items():
            number = number_of(name, one.numbers, names)
            story = found.get(number or name)
            if story is None:
                yield _Gone(number, "" if number else name, one.name, why)
            elif one.name not in story.carried:
                story.left_out.setdefault(one.name, []).append(why)
            elif name in names and name not in {patch.name for patch in one.series.patches}:
                story.left_out.setdefault(one.name, []).append(f"{name}: {why}")


def _standing(
    kept: Sequence[Kept],
    stories: Iterable[_Story],
    facts: Mapping[int, PullRequest],
    project: str,
) -> Iterator[str]:
    bases = [one.name for one in kept]
    yield "## Where each stands\n"
    yield f"| PR | What it is | Upstream | {' | '.join(map(escaped, bases))} |"
    yield "|---" * (3 + len(bases)) + "|"
    for story in stories:
        request = facts.get(story.pr or 0)
        cells = [
            link(story.pr, project),
            escaped(story.title(request)),
            _state(request),
            *(_stands(story, base) for base in bases),
        ]
        yield f"| {' | '.join(cells)} |"
    yield "\nThe number is the place in the order. `vpatch matrix` tells of all releases.\n"


def _stands(story: _Story, base: str) -> str:
    if base in story.carried:
        return f"carried, {_places([order for order, _ in story.carried[base]])}"
    found = [_LANDED.match(why) for why in story.left_out.get(base, [])]
    said = [escaped(landed[0]) if landed else "left out" for landed in found]
    return ", ".join(dict.fromkeys(said))


def _places(orders: Sequence[int]) -> str:
    first, last = orders[0], orders[-1]
    if len(orders) > 1 and last - first == len(orders) - 1:
        return f"{first} to {last}"
    return _listed([*map(str, orders)])


def _told(story: _Story, request: PullRequest | None, project: str) -> Iterator[str]:
    title = escaped(story.title(request))
    yield f"## {link(story.pr, project)} {title}\n".replace("##  ", "## ")
    authors = dict.fromkeys(patch.author[0] for patch in story.newest)
    if known := [*filter(None, authors)]:
        yield f"By {_listed(known)}.\n"
    if request and request.why:
        yield f"{escaped(request.why)}\n"
    if request and request.gain:
        yield f"**Gain:** {escaped(request.gain)}\n"
    if request and request.follow_ups:
        yield f"Follow-ups: {_links(request.follow_ups, project)}.\n"
    if story.shown is None:
        yield "Proof: none.\n"
    else:
        test = code(f"patches/smoke/test_pr{story.pr}.py")
        yield f"Proof: {test}: {'; '.join(_shown(story.shown))}.\n"
    for paths, bases in _by_paths(story).items():
        yield f"On {', '.join(map(escaped, bases))} it changes:\n"
        yield from (f"- {code(path)}" for path in paths)
        yield ""
    for why in dict.fromkeys(why for said in story.left_out.values() for why in said):
        bases = [base for base, said in story.left_out.items() if why in said]
        yield f"Not on {', '.join(map(escaped, bases))}: {escaped(why)}\n"


def _shown(by_base: Mapping[str, Shown | None]) -> Iterator[str]:
    """Yield what the proof showed and where, a clause for all bases where it is the same."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for base, one in by_base.items():
        said, when = _said(one) if one else ((_WORDS[Outcome.NOT_RUN], ""), "")
        found.setdefault(said, {}).setdefault(when, []).append(base)
    order = [*_WORDS.values()]
    for words, more in sorted(found, key=lambda said: order.index(said[0])):
        places = [f"on {_listed(names)}{when}" for when, names in found[words, more].items()]
        yield f"{words} {', '.join(places)}{more}"


def _by_base(
    story: _Story, proofs: Proofs, bases: Mapping[str, Base | None]
) -> dict[str, Shown | None]:
    """Return what the proof showed on each base; None where it was not run."""
    found: dict[str, Shown | None] = dict.fromkeys(story.carried)
    shown = [
        one
        for base, parts in story.carried.items()
        for _, patch in parts
        for one in proofs.of(patch)
        # A base without a series of its own is served by another's.
        if one.base == base or one.base not in bases
    ]
    for one in sorted(shown, key=lambda one: _weight(one, bases.get(one.base))):
        found[one.base] = one
    return {base: found[base] for base in in_order(found)}


def _weight(one: Shown, base: Base | None) -> tuple[object, ...]:
    """Return what puts the entry last that counts, of several for one base.

    A release from git has another commit than from the index. That of the series itself counts
    before a newer one; of one day, the worse outcome is told.
    """
    was_run = one.outcome is not Outcome.NOT_RUN
    own = base is not None and base.commit == one.commit
    return was_run, own, one.day, [*_WORDS].index(one.outcome), one.commit, one.key


def _said(one: Shown) -> tuple[tuple[str, str], str]:
    """Return the outcome in words and its cause, and beside it when and with what it was."""
    words, when = _WORDS[one.outcome], escaped(one.circumstances)
    if not one.outcome.good:
        return (words, f": {code(one.cause)}"), f" ({when})"
    less = f"; not run: {code(one.skipped)}" if one.skipped else ""
    return (words, ""), f" ({when}{less})"


def _listed(names: Sequence[str]) -> str:
    *most, last = map(escaped, names)
    return f"{', '.join(most)} and {last}" if most else last


def _by_paths(story: _Story) -> dict[tuple[str, ...], list[str]]:
    """Return the bases by what the patch changes there."""
    found: dict[tuple[str, ...], list[str]] = {}
    for base, parts in story.carried.items():
        paths = {path for _, patch in parts for path in patch.paths}
        found.setdefault(tuple(sorted(paths)), []).append(base)
    return found


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


def _carried_no_more(gone: Collection[_Gone], project: str) -> Iterator[str]:
    """Tell of what is in no series, and what a comment still speaks of."""
    if not gone:
        return
    yield "## Carried no more\n"
    for one in dict.fromkeys(gone):
        what = link(one.pr, project) or code(one.name)
        yield f"- {what} on {escaped(one.base)}: {escaped(one.why)}"
    yield ""


def _state(request: PullRequest | None) -> str:
    if request is None:
        return "not known"
    merged = f" in {escaped(request.merged_in)}" if request.merged_in else ""
    return f"{request.state}{merged} ({request.as_of})"


def _links(numbers: Iterable[int], project: str) -> str:
    return ", ".join(link(number, project) for number in numbers)
