"""Refuse to touch an installation that is not what the change was made for."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from vpatch.jobs.installation.note import digest_at
from vpatch.values.compiled import compiled
from vpatch.values.errors import BadInputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from vpatch.doors.git import Repo
    from vpatch.doors.python import Installed
    from vpatch.jobs.installation.note import Note, Places
    from vpatch.values.base import Base
    from vpatch.values.provenance import Provenance
    from vpatch.values.record import Record
    from vpatch.values.tree import Entries
    from vpatch.values.verdict import Replay

_SHOWN = 5
"""Names in one message."""


def refuse_uninstalled(found: Installed) -> None:
    """Refuse what no installer has put where it lies: an editable install, a bare folder.

    Raises:
        BadInputError: It says which, and what helps.
    """
    source = found.where.parent
    if _is_editable(found):
        raise BadInputError(
            f"this is an editable install of {found.name or found.where.name}",
            where=str(source),
            hint=f"its files are that checkout's: --checkout {source} instead of --python",
        )
    if found.info.parent != source or found.info.suffix != ".dist-info":
        raise BadInputError(
            f"nothing tells how {found.where.name} was installed there",
            where=str(found.where),
            hint="install it with pip or uv, then run again",
        )


def _is_editable(found: Installed) -> bool:
    with suppress(OSError, ValueError, AttributeError):
        told = json.loads((found.info / "direct_url.json").read_bytes())
        return bool(told.get("dir_info", {}).get("editable"))
    # A build by setup.py itself leaves its note in the source folder.
    source = found.where.parent
    noted = found.info.suffix == ".egg-info" and found.info.parent == source
    return noted and (source / "pyproject.toml").exists()


def refuse_edited(places: Places, note: Note) -> None:
    """Refuse where a patched file was changed since; one that is gone is no loss.

    Raises:
        RefusedError: It names the files.
    """
    edited = [
        path
        for path, left in note.patched.items()
        if digest_at(places.site / path) not in (left, note.originals[path], None)
    ]
    if edited:
        raise RefusedError(
            "patched files were changed since by somebody else",
            where=_shown(edited),
            hint=f"move them out of {places.site}, then run again",
        )


def refuse_foreign_plan(places: Places, plan: Iterable[str], sources: Iterable[str]) -> None:
    """Refuse to end a change of what is not the package's: any wheel can bring a plan.

    Args:
        places: Where things lie.
        plan: The paths that the plan changes.
        sources: The source files of which it takes byte code away.

    Raises:
        RefusedError: It names the paths.
    """
    if strange := places.foreign([*plan, *sources]):
        raise RefusedError(
            "the plan of an interrupted run is about files of others",
            where=_shown(strange),
            hint=f"no vpatch made it: delete {places.site / places.journal}, then run again",
        )


def refuse_damaged(places: Places, note: Note, again: str) -> None:
    """Refuse where an original is no longer what was kept.

    Args:
        places: Where things lie.
        note: What was kept.
        again: The way to the package as it was released.

    Raises:
        RefusedError: It names the files.
    """
    damaged = [
        places.kept(path)
        for path, digest in note.originals.items()
        if digest and digest_at(places.site / places.kept(path)) != digest
    ]
    if damaged:
        raise RefusedError("kept originals are damaged", where=_shown(damaged), hint=again)


def refuse_compiled(replay: Replay, carried: Container[str]) -> None:
    """Refuse a series that changes what only a build turns into something that runs.

    Args:
        replay: What is to be put in.
        carried: Digests of the patches that the installation was built with.

    Raises:
        RefusedError: It names the patch and its files.
    """
    for result, change in zip(replay.results, replay.changes, strict=True):
        if result.patch.sha256 in carried:
            continue
        if found := compiled(change):
            raise RefusedError(
                f"{result.patch.name} changes what is compiled, which an installation lacks",
                where=_shown(found),
                hint=f"vpatch wheel --base {replay.base.name} --from-source builds it",
            )
        if links := [path for path, entry in change.items() if entry and entry.is_way_out]:
            raise RefusedError(
                f"{result.patch.name} makes a link or a submodule, which cannot be installed",
                where=_shown(links),
                hint=f"use a checkout: vpatch apply --base {replay.base.name}",
            )


def refuse_other_wheel(provenance: Provenance, version: str, again: str) -> None:
    """Refuse an installation that came patched with something else.

    Args:
        provenance: What it was made of.
        version: Its version.
        again: The way to the package as it was released.

    Raises:
        RefusedError: It names the wheel.
    """
    raise RefusedError(
        f"{provenance.package} {version} was patched as a wheel, with other patches",
        where=", ".join(f"#{one.pr}" if one.pr else one.name for one in provenance.patches),
        hint=f"{again}; or install a wheel of this series",
    )


def foreign(
    base: Entries, ids: Mapping[str, str], touched: Iterable[str], record: Record
) -> list[str]:
    """Return the touched files that are not as the base has them.

    Args:
        base: The base's files.
        ids: Blob ids of the installed ones.
        touched: The paths to look at.
        record: What was installed; a file that it does not list was left out of the wheel.
    """
    found = []
    for path in touched:
        wanted = base.get(path)
        if path in ids:
            if wanted is None or wanted.oid != ids[path]:
                found.append(path)
        elif wanted and path in record.files:
            found.append(path)
    return found


def refuse_foreign(
    made: Repo,
    base: Base,
    ids: Mapping[str, str],
    strange: Sequence[str],
    releases: Callable[[], Sequence[Base]],
) -> None:
    """Refuse an installation whose files are not the base's, and say what they seem to be.

    Args:
        made: Where the bases are.
        base: The base that they should be of.
        ids: Blob ids of the files that the series touches.
        strange: The files that are not the base's.
        releases: Returns the releases at hand, oldest first.

    Raises:
        RefusedError: Always.
    """
    there = [path for path in strange if path in ids]
    best, fits = base, (0, 0)
    for release in releases() if there else ():
        known = made.entries(release.commit, ids)
        same = {path for path, entry in known.items() if entry.oid == ids[path]}
        score = len(same.intersection(there)), len(same)
        if score[0] and score >= fits:
            best, fits = release, score
    they = "they are" if fits[0] == len(there) else f"{fits[0]} of {len(there)} are"
    hint = f"{they} as in {best.name}; --base {best.name} if that is what is installed"
    if not fits[0]:
        hint = (
            f"install {base.name} as it was released, then run again; vpatch verify tells "
            "which patches they hold"
        )
    raise RefusedError(
        f"the installed files are not those of {base.name}", where=_shown(strange), hint=hint
    )


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
