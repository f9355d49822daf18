"""Gather what the page tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.report.facing import Faces
from vpatch.upkeep.report.order import links
from vpatch.upkeep.report.page import Page, Stand
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.outlook import Outlook
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Matrix
    from vpatch.values.shown import Proofs


def gather(
    replays: Replays,
    folder: Folder,
    matrix: Matrix,
    outlook: Outlook,
) -> Page:
    """Return what the page tells.

    Args:
        replays: Where replays are made.
        folder: The project's folder.
        matrix: What became of the patches of one of its series; bases gave an answer.
        outlook: What the last look at upstream showed.

    Raises:
        BadInputError: The matrix is of other patches than the folder has.
        VpatchError: A file of the folder is broken, or git failed.
    """
    series = folder.series(matrix.series)
    if tuple(patch.name for patch in series.patches) != matrix.patches:
        hint = "make it anew from this patches folder"
        raise BadInputError("the matrix is of other patches", where=matrix.series, hint=hint)
    proofs = folder.proofs()
    known = {base.name: base for base in replays.bases.at_hand()}
    bases = [known.get(name) or replays.bases.get(name) for name in matrix.rows]
    setting = replays.setting(series, known.get(matrix.series, bases[0]))
    return Page(
        matrix,
        setting.located(),
        replays.facts,
        dict(Faces(setting, bases, matrix.series).of(matrix)),
        links(setting),
        tuple(
            _stand(replays, folder, name, known.get(name), proofs) for name in folder.names()
        ),
        outlook.open_questions(replays.facts, [patch.pr for patch in series.patches]),
    )


def _stand(
    replays: Replays, folder: Folder, name: str, base: Base | None, proofs: Proofs
) -> Stand:
    series = folder.series(name)
    left_out = folder.series_file(name).left_out
    if base is None:
        return Stand(name, series.patches, left_out, None)
    words = {patch.name: proofs.word(patch, base.commit) for patch in series.patches}
    found = {patch.name: proofs.on(patch, base.commit) for patch in series.patches}
    shown = {patch: one.told for patch, one in found.items() if one}
    results = replays.replay(series, base, brief=True).results
    verdicts = {one.patch.name: one.verdict for one in results}
    return Stand(name, series.patches, left_out, words, shown, verdicts)
