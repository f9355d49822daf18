"""Is a wheel of the base that a series was replayed on, and nobody else's?"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from vpatch.doors.files import write
from vpatch.jobs.wheel.source import readable
from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, FormatError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.jobs.wheel.source import Wheel
    from vpatch.jobs.wheel.write import Files
    from vpatch.values.base import Base
    from vpatch.values.provenance import Provenance
    from vpatch.values.verdict import Replay


_GENERATED = ("/_version.py", "_pb2.py", "_pb2_grpc.py")
"""By setuptools-scm and by protoc."""


def check_release(wheel: Wheel, base: Base) -> None:
    """Refuse a wheel of another release; of a branch or commit, its files alone tell.

    Raises:
        BadInputError: It is of another.
    """
    release = version_of(base.name)
    if release and wheel.version.public != release.public:
        raise BadInputError(
            f"the wheel is of v{wheel.version}, not of {base.name}",
            where=wheel.path.name,
            hint=f"name its own base, --base v{wheel.version.public}, or take another wheel",
        )


def check_built(wheel: Wheel, package: str, base: Base) -> None:
    """Refuse a wheel that is not what was to be built.

    Raises:
        BadInputError: It is of another package or release.
    """
    release = version_of(base.name)
    named = canonicalize_name(wheel.name) == canonicalize_name(package)
    if not named or (release and wheel.version.public != release.public):
        raise BadInputError(
            f"the build made {wheel.name} {wheel.version}, not {package} {base.name}",
            where=wheel.path.name,
            hint="SETUPTOOLS_SCM_PRETEND_VERSION, where it is set, must be the release",
        )


def is_patched(wheel: Wheel, origin: Provenance, files: Files) -> bool:
    """Whether a wheel holds already what is to be put in.

    Args:
        wheel: The wheel, examined.
        origin: What is to be put in.
        files: The files that it changes.

    Raises:
        RefusedError: It holds something else.
    """
    found = wheel.provenance()
    if found is None:
        return False
    if not found.same_result(origin):
        raise RefusedError(
            f"the wheel is patched already, with something else ({len(found.patches)} patches "
            f"on {found.base.name}, {found.local[1:]})",
            where=wheel.path.name,
            hint="take the official wheel; without --from it comes from the package index",
        )
    there = {path: wheel.read(path) for path in files if path in wheel.members}
    wanted = {path: file and file.content for path, file in files.items()}
    inside = files.keys() - set(found.outside)
    if wrong := sorted(path for path in inside if there.get(path) != wanted[path]):
        raise RefusedError(
            "the wheel says that it holds this series, and does not",
            where=f"{wheel.path.name}: {', '.join(wrong)}",
            hint="do not use it; take the official wheel",
        )
    return True


class Examined(NamedTuple):
    """What a wheel was found to be."""

    sha256: str
    """Digest of its file."""
    python: Mapping[str, str]
    """Git ids of its Python files, by path."""


def examine(wheel: Wheel, package: str, cache: Path) -> Examined:
    """Compare every member with RECORD, and return what the wheel is.

    That takes longer than all the rest, so what was found is kept under the file's sha256.

    Args:
        wheel: The wheel.
        package: Name of the package, which is its folder in tree and wheel.
        cache: The folder for wheels.

    Raises:
        FormatError: The wheel is broken, or not the one that the index offers.
    """
    with readable(wheel.path), wheel.path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if wheel.sha256 not in ("", sha256):
        raise FormatError("the wheel is not as it was fetched", where=wheel.path.name)
    kept = cache / sha256 / "python.json"
    with suppress(OSError, ValueError):
        return Examined(sha256, json.loads(kept.read_bytes()))
    wheel.check_content()
    python = (n for n in wheel.members if n.startswith(f"{package}/") and n.endswith(".py"))
    found = {name: _blob_id(wheel.unpacked(name)) for name in python}
    write(kept, json.dumps(found).encode())
    return Examined(sha256, found)


def foreign_files(
    wheel: Wheel, ids: Mapping[str, str], replay: Replay, made: Repo, package: str
) -> list[str]:
    """Return the Python files of a wheel that are not the base's, where no patch touches them.

    Args:
        wheel: The wheel.
        ids: What `examine` found in it.
        replay: The replay on the base.
        made: Where its objects are.
        package: Name of the package.

    Raises:
        RefusedError: A patch touches one.
    """
    tree = made.entries(f"{replay.base.commit}:{package}")
    base = {f"{package}/{path}": entry.oid for path, entry in tree.items()}
    touched = {path for path in replay.touched if path.startswith(f"{package}/")}
    there = {path: _blob_id(wheel.read(path)) for path in touched if path in wheel.members}
    if mine := sorted(path for path, found in there.items() if found != base.get(path)):
        raise RefusedError(
            f"its files are not those of {replay.base.name}",
            where=f"{wheel.path.name}: {', '.join(mine)}",
            hint="the series was replayed on upstream's own; take the official wheel",
        )
    names = (path for path in base.keys() - touched if path.endswith(".py"))
    return sorted(path for path in names if ids.get(path) != base[path])


def added_files(wheel: Wheel, replay: Replay, made: Repo, package: str) -> list[str]:
    """Return the Python files of a wheel that the base lacks, but those that any build makes.

    Args:
        wheel: The wheel.
        replay: The replay on the base.
        made: Where its objects are.
        package: Name of the package.
    """
    base = {f"{package}/{path}" for path in made.entries(f"{replay.base.commit}:{package}")}
    names = (n for n in wheel.members if n.endswith(".py") or wheel.is_hook(n))
    return sorted(n for n in names if n not in base and not n.endswith(_GENERATED))


def compiled_parts(wheel: Wheel, made: Repo, tree: str, package: str) -> list[str]:
    """Return the programs and libraries that a build made.

    Args:
        wheel: The wheel that was built.
        made: Where the tree is.
        tree: The tree that it was built from.
        package: Name of the package.
    """
    source = {f"{package}/{path}" for path in made.entries(f"{tree}:{package}")}
    programs = (n for n, info in wheel.members.items() if info.external_attr >> 16 & 0o111)
    return sorted(name for name in programs if name not in source and not name.endswith("/"))


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()  # noqa: S324, git's
