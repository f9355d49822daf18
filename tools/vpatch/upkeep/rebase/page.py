"""The page on a conflict: what it is about, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.explain import explain, lines
from vpatch.values.errors import VpatchError
from vpatch.values.markdown import code, escaped
from vpatch.values.paths import decode, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.upkeep.replays import Replays
    from vpatch.values.verdict import Replay, Result

_WIDTH = 96
"""Columns of what is told of upstream."""


def conflict_page(replays: Replays, replay: Replay, lost: Result, command: str) -> bytes:
    """Return the page on a patch that has no place.

    Args:
        replays: Where the series was put onto the base.
        replay: What became of the series.
        lost: The patch in conflict.
        command: How the command is called.
    """
    base = replay.base.name
    parts = [f"# {code(lost.patch.name)} has no place on {escaped(base)}", ""]
    parts += [escaped(lost.patch.subject), "", f"{escaped(lost.cause)}.", ""]
    parts += [*_way_on(lost, base, command), *_hunks(lost), *_upstream(replays, replay, lost)]
    return "".join(f"{part}\n" for part in parts).encode()


def _way_on(lost: Result, base: str, command: str) -> Iterator[str]:
    yield "## How to go on"
    yield ""
    labels = lost.clash.labels if lost.clash else {}
    if lost.clash is None:
        yield "No three-way merge could be tried, so there is no work tree to solve it in."
        yield f"Mend the patch, after `{command} rebase --abort`, or leave it out:"
    elif not labels:
        yield f"`tree/` is a git checkout of {escaped(base)} with the patches before this one"
        yield "and this one in it. It went in, but not where it was made for: see whether it"
        yield "is right there, or put it elsewhere, then go on with"
    else:
        yield f"`tree/` is a git checkout of {escaped(base)} with the patches before this one"
        yield "in it, and this one merged as far as it goes. Where it does not go, the files"
        yield "hold conflict markers: first the lines of"
        yield f"{code(labels['ours'])}, then those of {code(labels['ancestor'])},"
        yield f"then those of {code(labels['theirs'])}."
        yield "`git status`, `git diff` and `git mergetool` work there. Make of it what the"
        yield "patch is to do, then go on with"
    yield ""
    if lost.clash:
        yield f"    {command} rebase --continue"
        yield ""
        yield "Your change is kept in `patches/resolutions`, and made again by itself wherever"
        yield "the same conflict comes. Or leave the patch out:"
        yield ""
    yield f"    {command} rebase --skip"
    yield ""
    yield f"`{command} rebase --abort` gives the rebase up: no series has been written."
    yield "Where upstream has the change in other words, give it up, say so by `landed_when` in"
    yield "`patches/upstream.toml`, and start again."
    yield ""


def _hunks(lost: Result) -> Iterator[str]:
    """Yield the hunks that have no place, as they stand in the patch."""
    yield "## The hunks without a place"
    pairs = [(file, hunk) for file in lost.patch.files for hunk in file.hunks]
    for (file, hunk), found in zip(pairs, lost.hunks, strict=True):
        if not found.verdict.good:
            yield ""
            yield f"{code(file.path)}:"
            yield ""
            for line in decode(hunk.text).removesuffix("\n").split("\n"):
                yield f"    {printable(line)}"


def _upstream(replays: Replays, replay: Replay, lost: Result) -> Iterator[str]:
    """Yield what upstream did to these lines, by what is at hand."""
    yield ""
    yield "## What upstream did"
    yield ""
    try:
        found = explain(replays, replay.series, lost.patch.name, replay.base, fetches=0)
    except VpatchError as error:
        yield f"It cannot be told: {escaped(str(error))}."
        return
    for line in lines(found, _WIDTH):
        yield f"    {line}".rstrip()
