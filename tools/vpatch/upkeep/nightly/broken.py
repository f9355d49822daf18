"""Which files of the project cannot be read: told first, and not again by every step."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary

    Part = tuple[Path, Callable[[], object]]

_FILE = "the file "


def look_at_files(folder: Folder, diary: Diary) -> None:
    """Read all files of the project that a night rests on, and tell which are broken.

    Args:
        folder: The project's folder, as it was laid out for the night.
        diary: What is seen.
    """
    with diary.looking_at("the project's files"):
        found = _read(folder)
        for name, error in found.items():
            with diary.looking_at(_FILE + name):
                if error:
                    diary.broken(_FILE + name, name, error)
        hidden = any(error for name, error in found.items() if name.endswith("/series"))
        for what in diary.old.failures:
            name = what.removeprefix(_FILE)
            if name in (what, *found):
                continue
            if not (folder.root / name).exists():
                diary.tell("back", f"{name}, which was broken, is gone")
            elif hidden:
                # The series that cannot be read may name it.
                diary.unasked(what)
            else:
                diary.tell("back", f"{name}, which was broken, is in no series any more")


def _read(folder: Folder) -> dict[str, VpatchError | None]:
    """Return why each file cannot be read, by its path below the project's folder."""
    found: dict[str, VpatchError | None] = {}
    told: set[str] = set()
    for path, read in _parts(folder):
        name = path.relative_to(folder.root).as_posix()
        found.setdefault(name, None)
        try:
            read()
        except VpatchError as error:
            if str(error) not in told:
                told.add(str(error))
                found[name] = found[name] or error
    return found


def _parts(folder: Folder) -> Iterator[Part]:
    """Yield each file, and how it is read."""
    yield folder.root / "vpatch.toml", folder.config
    yield folder.patches / "upstream.toml", folder.facts
    yield folder.record, folder.proofs
    for path in folder.resolution_files():
        yield path, partial(folder.resolution, path)
    for name in folder.names():
        yield from _of_series(folder, name)


def _of_series(folder: Folder, name: str) -> Iterator[Part]:
    series = folder.path_of(name)
    yield series, partial(folder.series_file, name)
    with suppress(VpatchError):
        for entry in folder.series_file(name).entries:
            path = series.parent / entry.name
            yield path if path.is_file() else series, partial(folder.patch, series, entry)
    # What is wrong with none of them may be so with all: a line that stands twice.
    yield series, partial(folder.series, name)
