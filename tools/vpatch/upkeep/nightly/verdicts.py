"""What became of each patch on each base since the last night."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.upkeep.explain import explain
from vpatch.upkeep.matrix import fill
from vpatch.values.errors import VpatchError
from vpatch.values.matrix import Missing
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Row
    from vpatch.values.span import Cell

    Opened = Callable[[], AbstractContextManager[Replays]]

_BROKEN = "which release broke a patch"
_LOST = (Verdict.CONFLICT, Verdict.MISPLACED)


def compare(folder: Folder, opened: Opened, found: Sequence[Base], diary: Diary) -> None:
    """Replay on each base the series that serves it, and tell what is other than it was.

    A base that was not looked at before is compared with the one before it, so that a new
    release tells only what it changed.

    Args:
        folder: The project's folder, as it was laid out for the night.
        opened: Opens a place for replays.
        found: The bases, in order.
        diary: What is seen.
    """
    before: Mapping[str, str] = {}
    for base, (serving, row) in _rows(folder, opened, found, diary).items():
        with diary.looking_at(f"what is new on {base.name}"):
            for cell, kind, text in _changed(row, base, before, diary):
                broken = ""
                if kind in _LOST:
                    with diary.looking_at(_BROKEN):
                        broken = _broken(folder, opened, serving, cell["name"], base)
                name = f"#{cell['pr']}" if cell["pr"] else cell["name"]
                whole = f"{name} ({cell['subject']}) {text}{broken}"
                diary.tell(kind, whole, pr=cell["pr"], base=base.name)
            diary.new.verdicts[base.name] = {cell["name"]: cell["verdict"] for cell in row}
        before = {cell["name"]: cell["verdict"] for cell in row}
    with diary.looking_at(_BROKEN):
        """It is asked once for each patch: if it failed before, that is over now."""
    # Of a base that gave no answer tonight, what was seen last counts on; and of the branch,
    # which a call without a git remote does not ask for.
    silent = {*diary.new.failures, *(base.name for base in found), diary.old.branch or "main"}
    for name in silent & diary.old.verdicts.keys():
        diary.new.verdicts.setdefault(name, diary.old.verdicts[name])


def _changed(
    row: Row, base: Base, before: Mapping[str, str], diary: Diary
) -> Iterator[tuple[Cell, str, str]]:
    """Yield what is other than it was: the cell, the kind of news, and the text."""
    last = diary.old.verdicts.get(base.name)
    known = before if last is None else last
    for cell in row:
        was, now = _kind(known.get(cell["name"], "")), _kind(cell["verdict"])
        if now == was:
            continue
        if now == "lost":
            yield cell, cell["verdict"], f"has no place on {base.name}: {cell['cause']}"
        elif now == "landed":
            yield cell, "landed", f"is needed no more on {base.name}: {cell['cause']}"
        elif last is not None and was == "lost":
            text = f"has a place on {base.name} again ({cell['verdict']})"
            yield cell, "back", text
        elif last is not None:
            text = f"is needed on {base.name} again: what it brings is gone from there"
            yield cell, "needed", text


def _rows(
    folder: Folder, opened: Opened, found: Sequence[Base], diary: Diary
) -> dict[Base, tuple[str, Row]]:
    """Return by base the series that serves it, and its results."""
    by_series: dict[str, list[Base]] = {}
    for base in found:
        with diary.looking_at(f"the series on {base.name}"):
            by_series.setdefault(folder.serving(base.name), []).append(base)
    rows: dict[str, Row | Missing] = {}
    serving = {base.name: name for name, bases in by_series.items() for base in bases}
    for name, bases in by_series.items():
        diary.say(f"replaying the series {name} on {', '.join(base.name for base in bases)}")
        with diary.looking_at(f"the series {name}"):
            fill(opened, folder.series(name), bases, rows.__setitem__)
    answered: dict[Base, tuple[str, Row]] = {}
    for base in found:
        row = rows.get(base.name)
        if isinstance(row, Missing):
            diary.failed(base.name, row.reason)
        elif row is not None:
            answered[base] = serving[base.name], row
    return answered


def _kind(verdict: str) -> str:
    """Return what a verdict means to whoever carries the patch."""
    if not verdict:
        return "needed"
    if not Verdict(verdict).good:
        return "lost"
    return "landed" if verdict == Verdict.LANDED else "needed"


def _broken(folder: Folder, opened: Opened, series: str, name: str, base: Base) -> str:
    """Say which release broke a patch, as far as the releases at hand tell."""
    # That it has no place is the news; `explain` says by itself why it can't tell more.
    with suppress(VpatchError), opened() as replays:
        found = explain(replays, folder.series(series), name, base, fetches=0)
        if found.broke:
            return f" (good in {found.broke.good}, not in {found.broke.bad})"
    return ""
