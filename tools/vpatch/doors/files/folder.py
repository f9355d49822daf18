"""A folder of files, there whole or not at all."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from vpatch.doors.files.single import explained
from vpatch.values.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_folder(place: Path, contents: Mapping[str, bytes]) -> None:
    """Write files beside their place and rename their folder into it.

    Args:
        place: The folder; nothing may be in it.
        contents: What is to lie in it, by path.

    Raises:
        RefusedError: There is something at that place.
        VpatchError: It can't be written; nothing is left of it.
    """
    with explained(place, "write"):
        if place.exists() and not (place.is_dir() and not any(place.iterdir())):
            hint = "name a folder that is not there, or an empty one"
            raise RefusedError("there is something already", where=str(place), hint=hint)
        place = place.absolute()
        beside = place.with_name(f".{place.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(parents=True)
            for name, content in contents.items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).write_bytes(content)
            beside.replace(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
