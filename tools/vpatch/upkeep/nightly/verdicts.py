"""What became of each patch on each base since the last night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.explain import explain
from vpatch.upkeep.matrix import fill
from vpatch.values.errors import VpatchError
from vpatch.values.matrix import Missing
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Row
    from vpatch.values.span import Cell

    Opened = Callable[[], AbstractContextManager[Replays]]


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
        last = diary.old.verdicts.get(base.name)
        known = before if last is None else last
        for cell in row:
            was, now = _kind(known.get(cell["name"], "")), _kind(cell["verdict"])
            if now == was:
                continue
            if now == "lost":
                text = f"has no place on {base.name}: {cell['cause']}"
                text += _broken(folder, opened, serving, cell["name"], base)
                _tell(cell, cell["verdict"], text, base, diary)
            elif now == "landed":
                text = f"is needed no more on {base.name}: {cell['cause']}"
                _tell(cell, "landed", text, base, diary)
            elif last is not None and was == "lost":
                text = f"has a place on {base.name} again ({cell['verdict']})"
                _tell(cell, "back", text, base, diary)
            elif last is not None:
                text = f"is needed on {base.name} again: what it brings is gone from there"
                _tell(cell, "needed", text, base, diary)
        before = {cell["name"]: cell["verdict"] for cell in row}
        diary.new.verdicts[base.name] = dict(before)
    # Of a base that gave no answer tonight, what was seen last counts on.
    silent = {*diary.new.failures, *(base.name for base in found)}
    for name in silent & diary.old.verdicts.keys():
        diary.new.verdicts.setdefault(name, diary.old.verdicts[name])


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


def _tell(cell: Cell, kind: str, text: str, base: Base, diary: Diary) -> None:
    name = f"#{cell['pr']}" if cell["pr"] else cell["name"]
    diary.tell(kind, f"{name} ({cell['subject']}) {text}", pr=cell["pr"], base=base.name)


def _broken(folder: Folder, opened: Opened, series: str, name: str, base: Base) -> str:
    """Say which release broke a patch, as far as the releases at hand tell."""
    try:
        with opened() as replays:
            found = explain(replays, folder.series(series), name, base, fetches=0)
    except VpatchError:
        # That it has no place is the news; `explain` says by itself why it can't tell more.
        return ""
    return f" (good in {found.broke.good}, not in {found.broke.bad})" if found.broke else ""
