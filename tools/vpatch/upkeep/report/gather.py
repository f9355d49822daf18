"""Gather what the page tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.smoke.record import remembered
from vpatch.upkeep.report.facing import Faces
from vpatch.upkeep.report.order import links
from vpatch.upkeep.report.page import Page, Stand
from vpatch.values.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.replays import Replays
    from vpatch.values.base import Base
    from vpatch.values.matrix import Matrix


def gather(
    replays: Replays,
    folder: Folder,
    matrix: Matrix,
    proofs: Path,
) -> Page:
    """Return what the page tells.

    Args:
        replays: Where replays are made.
        folder: The project's folder.
        matrix: What became of the patches of one of its series; bases gave an answer.
        proofs: The file that keeps what the proofs showed.

    Raises:
        BadInputError: The matrix is of other patches than the folder has.
        VpatchError: A file of the folder is broken, or git failed.
    """
    series = folder.series(matrix.series)
    if tuple(patch.name for patch in series.patches) != matrix.patches:
        hint = "make it anew from this patches folder"
        raise BadInputError("the matrix is of other patches", where=matrix.series, hint=hint)
    known = {base.name: base for base in replays.bases.at_hand()}
    bases = [known.get(name) or replays.bases.get(name) for name in matrix.rows]
    setting = replays.setting(series, known.get(matrix.series, bases[0]))
    return Page(
        matrix,
        setting.located(),
        replays.facts,
        dict(Faces(setting, bases, matrix.series).of(matrix)),
        links(setting),
        tuple(_stand(replays, folder, name, known, proofs) for name in folder.names()),
    )


def _stand(
    replays: Replays, folder: Folder, name: str, known: Mapping[str, Base], proofs: Path
) -> Stand:
    series = folder.series(name)
    base = known.get(name)
    found: dict[str, str] | None = None
    if base:
        replay = replays.replay(series, base, brief=True)
        said = remembered(proofs, replay, folder.smoke)
        found = {patch.name: word for patch, word in zip(series.patches, said, strict=True)}
    return Stand(name, series.patches, folder.series_file(name).left_out, found)
