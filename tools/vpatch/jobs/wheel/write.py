"""Write a patched wheel."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from vpatch.doors.files import replacing
from vpatch.jobs.wheel.archive import Writer
from vpatch.jobs.wheel.members import in_the_way
from vpatch.jobs.wheel.source import readable
from vpatch.values.errors import RefusedError
from vpatch.values.provenance import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.wheel.source import Wheel
    from vpatch.values.provenance import Provenance
    from vpatch.values.verdict import Replay

_PLAIN = stat.S_IFREG | 0o644


class File(NamedTuple):
    """A file as it is to stand in a wheel."""

    content: bytes
    mode: int


Files = dict[str, File | None]
"""Path to what stands there; None where it is deleted."""


def changed_files(replay: Replay, made: Repo, package: str) -> Files:
    """Return what a replay changed of all that a wheel holds.

    Args:
        replay: The replay.
        made: Where its objects are.
        package: Name of the package, which is its folder in tree and wheel.

    Raises:
        RefusedError: A wheel can't hold it.
    """
    change = {p: e for p, e in replay.change.items() if p.startswith(f"{package}/")}
    oids = [entry.oid for entry in change.values() if entry]
    contents = dict(zip(oids, made.blobs(oids), strict=True))
    if links := sorted(p for p, e in change.items() if e and e.is_way_out):
        raise RefusedError(
            "a wheel holds no symbolic links, and the series makes one",
            where=", ".join(links),
            hint="take that out of the patch, or use a checkout: vpatch apply",
        )
    return {
        path: File(contents[entry.oid], int(entry.mode, 8)) if entry else None
        for path, entry in change.items()
    }


def held_files(files: Files, wheel: Wheel, replay: Replay, made: Repo) -> Files:
    """Return changed files without those that the base has, and the official wheel left out.

    Args:
        files: What a replay changed.
        wheel: The wheel.
        replay: The replay.
        made: Where its objects are.
    """
    base = made.entries(replay.base.commit, files)
    return {p: file for p, file in files.items() if p in wheel.members or p not in base}


def write_wheel(wheel: Wheel, files: Files, origin: Provenance, out: Path) -> Path:
    """Write a wheel with some files changed, named and marked as what it is.

    Args:
        wheel: The wheel to start from.
        files: What is changed in it.
        origin: What is in, for the version and for ``vpatch.json``.
        out: The folder for the new one.

    Returns:
        Its path.

    Raises:
        FormatError: The old wheel is broken.
        RefusedError: A file of it is in the way of one of the series.
        VpatchError: The new one can't be written; nothing is half done.
    """
    version = str(origin.marked(wheel.version))
    parts = wheel.path.name.split("-")
    path = out / "-".join([parts[0], version, *parts[2:]])
    if name := in_the_way([*_ordered(wheel, files)]):
        raise RefusedError(
            "a file is in the way of a folder that the series makes",
            where=f"{wheel.path.name}: {name}",
            hint="the base has no such file; take the official wheel",
        )
    for left in out.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)  # of a run that was killed
    moves = _moves(wheel, version)
    record = wheel.record
    for old, new in moves.items():
        record = record.moved(old, new)
    dist_info = moves[wheel.dist_info]
    own = {
        f"{dist_info}/METADATA": _marked(wheel.metadata, version),
        f"{dist_info}/{NAME}": origin.raw,
    }
    contents = {name: file and file.content for name, file in files.items()}
    own[f"{dist_info}/RECORD"] = record.with_files(contents | own).raw
    date = wheel.members[f"{wheel.dist_info}/METADATA"].date_time
    with (
        readable(wheel.path),
        wheel.path.open("rb") as source,
        replacing(path) as target,
        Writer(target, source, date) as writer,
    ):
        for name in _ordered(wheel, files):
            top, slash, rest = name.partition("/")
            renamed = f"{moves.get(top, top)}{slash}{rest}"
            if file := files.get(name):
                writer.add(name, *file)
            elif renamed == name:
                writer.copy(wheel.members[name], wheel.ends[name])
            elif renamed not in own:
                writer.rename(wheel.members[name], renamed)
        for name, content in own.items():
            writer.add(name, content, _PLAIN)
    return path


def _moves(wheel: Wheel, version: str) -> dict[str, str]:
    """Return the new names of the folders that bear the version."""
    old = wheel.dist_info.removesuffix(".dist-info")
    new = f"{old.rpartition('-')[0]}-{version}"
    return {f"{old}.{kind}": f"{new}.{kind}" for kind in ("dist-info", "data")}


def _ordered(wheel: Wheel, files: Files) -> Iterator[str]:
    """Yield the names of what stays and of what is new, with dist-info last."""
    own = f"{wheel.dist_info}/"
    yield from (n for n in wheel.members if not n.startswith(own) and files.get(n, True))
    yield from sorted(n for n, file in files.items() if file and n not in wheel.members)
    yield from (name for name in wheel.members if name.startswith(own))


def _marked(metadata: bytes, version: str) -> bytes:
    """Return METADATA with another version."""
    field = b"Version: %b" % version.encode()
    return re.sub(rb"^Version:[^\r\n]*", field, metadata, count=1, flags=re.MULTILINE)
