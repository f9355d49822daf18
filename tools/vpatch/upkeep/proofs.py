"""Keep what proofs showed, with the page that tells of it: both files, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.check import page, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vpatch.jobs.folder import Folder
    from vpatch.values.shown import Shown


def keep(
    folder: Folder, project: str, shown: Collection[Shown], say: Callable[[str], None]
) -> list[str]:
    """Write what proofs showed to the patches folder, and ``PATCHES.md`` anew.

    Args:
        folder: The project's folder.
        project: Address of the upstream project, for links.
        shown: What they showed.
        say: Told of another run.

    Returns:
        The paths of the files that were written: none where the same was known.

    Raises:
        VpatchError: The folder is damaged, or can't be written; nothing was changed.
    """
    if not shown:
        return []
    changes = Changeset(folder.root, say)
    with changes.held():
        patches = [patch for name in folder.names() for patch in folder.series(name).patches]
        proofs = folder.proofs().after(shown, patches)
        contents = {
            folder.record.relative_to(folder.root).as_posix(): proofs.text.encode(),
            page_of(folder).name: page(folder, project, proofs),
        }
        changed = folder.changed(contents)
        if changed:
            changes.put(changed)
    return list(changed)
