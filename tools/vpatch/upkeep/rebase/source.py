"""Which series a rebase takes, and where it puts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.base import Base, canonical, version_of
from vpatch.values.errors import BadInputError, RefusedError
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpatch.jobs.folder import Folder


def source_for(
    folder: Folder, onto: Base, named: str | None, say: Callable[[str], None]
) -> str | None:
    """Return the name of the series to bring to a base.

    Args:
        folder: The project's folder.
        onto: The base.
        named: The series that the user asked for, if any.
        say: Told what it means to go back.

    Returns:
        The name; None where the base has a series of its own, made for this very commit. One
        that was made for an older commit of a branch is its own source.

    Raises:
        BadInputError: There is none.
        RefusedError: Another series is in the place of the new one.
    """
    own = folder.series_file(onto.name).base if onto.name in folder.names() else None
    is_there = onto.name in folder.names()
    if is_there and named and canonical(named) != onto.name:
        raise RefusedError(
            f"there is a series for {onto.name} already",
            where=str(folder.patches / onto.name),
            hint="move that folder away first; without --series, what it holds stays",
        )
    if is_there:
        return None if own and own[1] == onto.commit else onto.name
    source = canonical(named) if named else folder.serving(onto.name)
    check_target(folder, onto.name)
    made_for = folder.series(source).base
    low, high = version_of(onto.name), version_of(made_for.name) if made_for else None
    if low and high and low < high:
        say(
            f"going back from {source} to {onto.name}: what upstream took before {source} "
            "is in no patch of it, and is not put back"
        )
    return source


def check_target(folder: Folder, name: str) -> None:
    """Refuse a place that a series can't be put in.

    Raises:
        BadInputError: No folder can have that name.
        RefusedError: Something is there.
    """
    place = folder.patches / name
    if "/" in name:
        raise BadInputError(
            "a series has no slash in its name",
            where=name,
            hint="name the branch's commit instead",
        )
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise RefusedError(
            "there is something in the place of the new series",
            where=str(place),
            hint="move it away, or delete it",
        )


def series_of(folder: Folder, name: str, onto: Base) -> Series:
    """Return the series to replay.

    A branch that moved has one name for two states: its old one goes by its commit.
    """
    series = folder.series(name)
    own = series.base
    if own and own.name == onto.name and version_of(own.name) is None:
        own = Base(own.commit[:12], own.commit, own.source) if own.commit else None
    return Series(own, series.patches)
