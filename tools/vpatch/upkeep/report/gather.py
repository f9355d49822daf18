"""Gather what the page tells."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from vpatch.upkeep.matrix import fill_each
from vpatch.upkeep.report.facing import Faces
from vpatch.upkeep.report.order import links
from vpatch.upkeep.report.page import Page, Stand, Tried
from vpatch.upkeep.report.plan import Plan, plan_of
from vpatch.values.errors import BadInputError, VpatchError
from vpatch.values.matrix import Missing, in_order
from vpatch.values.span import verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.outlook import Outlook
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Matrix, Row
    from vpatch.values.series import Series
    from vpatch.values.shown import Proofs

    Opened = Callable[[], AbstractContextManager[Replays]]
    Rows = Mapping[tuple[str, str], Row]


def gather(
    opened: Opened, folder: Folder, matrix: Matrix, outlook: Outlook, *, asked: bool = False
) -> Page:
    """Return what the page tells.

    Args:
        opened: Opens a place for replays.
        folder: The project's folder.
        matrix: What became of the patches of one of its series; bases gave an answer.
        outlook: What the last look at upstream showed.
        asked: Whether somebody asked for this series on all bases; else the map has on each
            base the one that serves it, and the matrix tells where the patches landed.

    Raises:
        BadInputError: The matrix is of other patches than the folder has.
        VpatchError: A file of the folder is broken, or git failed.
    """
    own = folder.series(matrix.series)
    if tuple(patch.name for patch in own.patches) != matrix.patches:
        hint = "make it anew from this patches folder"
        raise BadInputError("the matrix is of other patches", where=matrix.series, hint=hint)
    kept = {name: folder.series(name) for name in folder.names()}
    names = list(matrix.rows)
    alone = Plan({matrix.series: names}, {})
    plan = alone if asked else plan_of(folder, kept, names, matrix.series)
    with opened() as replays:
        known = {base.name: base for base in replays.bases.at_hand()}
        known |= {name: replays.bases.get(name) for name in names if name not in known}
    rows = _replayed(opened, kept, matrix, plan, known)
    served, later = (
        [
            Tried(name, kept[name].patches, {base: rows[name, base] for base in bases})
            for name, bases in each.items()
        ]
        for each in (plan.served, plan.later)
    )
    proofs = folder.proofs()
    stands = [_stand(folder, name, series) for name, series in kept.items()]
    carried = {patch.pr for series in kept.values() for patch in series.patches}
    with opened() as replays:
        setting = replays.setting(own, known.get(matrix.series, known[names[0]]))
        return Page(
            matrix,
            setting.located(),
            tuple(_faced(replays, kept[one.series], one, known) for one in served),
            tuple(later),
            replays.facts,
            links(setting),
            tuple(_shown(stand, known.get(stand.base), rows, proofs) for stand in stands),
            outlook.open_questions(replays.facts, carried),
            asked,
        )


def _replayed(
    opened: Opened,
    kept: Mapping[str, Series],
    matrix: Matrix,
    plan: Plan,
    known: Mapping[str, Base],
) -> Rows:
    """Return all results by series and base: those of the matrix, and what it does not tell."""
    rows: dict[tuple[str, str], Row] = {
        (matrix.series, base): row for base, row in matrix.rows.items()
    }
    wanted = {(name, name) for name in kept if name in known}
    for name, bases in chain(plan.served.items(), plan.later.items()):
        wanted |= {(name, base) for base in bases}
    # Series on one base have most in common.
    pairs = [
        (name, known[base])
        for base in in_order(known)
        for name in kept
        if (name, base) in wanted - rows.keys()
    ]

    def take(name: str, base: str, row: Row | Missing) -> None:
        if isinstance(row, Missing):
            raise VpatchError(row.reason, where=base, hint=row.hint)
        rows[name, base] = row

    fill_each(opened, kept, pairs, take)
    return rows


def _faced(replays: Replays, series: Series, tried: Tried, known: Mapping[str, Base]) -> Tried:
    bases = [known[base] for base in tried.rows]
    setting = replays.setting(series, known.get(tried.series, bases[0]))
    facing = dict(Faces(setting, bases, tried.series).of(tried.rows))
    return replace(tried, patches=setting.located(), facing=facing)


def _stand(folder: Folder, name: str, series: Series) -> Stand:
    file = folder.series_file(name)
    return Stand(name, series.patches, file.left_out, None, numbers=file.numbers)


def _shown(stand: Stand, base: Base | None, rows: Rows, proofs: Proofs) -> Stand:
    """Add what a replay and the proofs showed of a series, where its base is at hand."""
    if base is None:
        return stand
    patches = stand.patches
    words = {patch.name: proofs.word(patch, base.commit) for patch in patches}
    found = {patch.name: proofs.on(patch, base.commit) for patch in patches}
    shown = {patch: one.told for patch, one in found.items() if one}
    cells = zip(patches, rows[stand.base, stand.base], strict=True)
    verdicts = {patch.name: verdict_of(cell) for patch, cell in cells}
    return replace(stand, proofs=words, shown=shown, verdicts=verdicts)
