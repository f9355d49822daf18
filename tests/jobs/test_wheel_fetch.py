"""Which wheel of a release is taken, and where it is kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from packaging.tags import sys_tags
from packaging.version import Version

from index_servers import Told
from vpatch.doors.index import Index
from vpatch.jobs.wheel import fetch
from vpatch.values.errors import BadInputError, VpatchError
from wheels import HERE, Archive

if TYPE_CHECKING:
    from pathlib import Path

    from support import IndexServer

RELEASE = Version("0.16.0")
BEST, *_, LAST = [str(tag) for tag in sys_tags()]


class Place:
    """A folder for wheels, and an index to fetch them from."""

    def __init__(self, server: IndexServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.told = Told()
        self.asked = 0

    def index(self) -> Index:
        """Open the index."""
        self.asked += 1
        return Index("vllm", {"index-url": self.server.url})

    def fetch(self, version: Version = RELEASE) -> Path:
        """Fetch a wheel."""
        return fetch(self.folder, "vllm", version, self.index, self.told.track)


@pytest.fixture
def place(index: IndexServer, tmp_path: Path) -> Place:
    """Lay out an empty place."""
    return Place(index, tmp_path / "wheels")


def test_the_closest_platform(place: Place) -> None:
    """Of all that fit, that one which pip would take; others are no choice at all."""
    for tags in (LAST, BEST, "cp38-abi3-win_arm64", HERE):
        Archive({}).publish(place.server, tags)
    path = place.fetch()
    assert path.name == f"vllm-0.16.0-{BEST}.whl"
    assert path.parent.name == hashlib.sha256(path.read_bytes()).hexdigest()
    assert place.told.lines == [f"download {path.name} ({path.stat().st_size})"]


def test_the_latest_build(place: Place) -> None:
    """Of two for one platform, that with the higher build number."""
    for build in ("2", "10", "1"):
        Archive({}).publish(place.server, f"{build}-{HERE}")
    assert place.fetch().name == f"vllm-0.16.0-10-{HERE}.whl"


def test_kept(place: Place) -> None:
    """What was fetched once is there without the index."""
    Archive({}).publish(place.server)
    path = place.fetch()
    assert (place.fetch(), place.asked) == (path, 1)
    assert path.read_bytes() == Archive({}).raw


def test_another_release_is_another_wheel(place: Place) -> None:
    """A kept wheel of 0.16.0 is not taken for 0.16.0.post1, nor the other way round."""
    for version in ("0.16.0", "0.16.0.post1"):
        Archive({}, version=version).publish(place.server)
    names = {place.fetch(Version(version)).name for version in ("0.16.0", "0.16.0.post1")}
    assert names == {f"vllm-0.16.0-{HERE}.whl", f"vllm-0.16.0.post1-{HERE}.whl"}


def test_odd_names_are_passed_over(place: Place) -> None:
    """Neither a broken name nor a digest that is a path leads anywhere."""
    Archive({}).publish(place.server)
    for name in (
        f"vllm-0.16.0-1/../../../evil-{HERE}.whl",
        f"vllm-0.16.0-new-{HERE}.whl",
        "vllm-0.16.0-any.whl",
    ):
        place.server.publish({"filename": name, "url": "x", "hashes": {"sha256": "1" * 64}})
    assert place.fetch().name == f"vllm-0.16.0-{HERE}.whl"


def test_digest_that_is_none(place: Place) -> None:
    """Without a digest nothing is taken, and nothing is written outside of the folder."""
    name = Archive({}).write(place.server.folder, HERE).name
    entry = {"filename": name, "url": f"../../{name}", "hashes": {"sha256": "../../../evil"}}
    place.server.publish(entry)
    with pytest.raises(VpatchError, match="the index gives no sha256 to check"):
        place.fetch()
    assert [path for path in place.folder.rglob("*") if path.is_file()] == []


def test_none_of_this_release(place: Place) -> None:
    """Wheels of other releases do not help."""
    Archive({}, version="0.17.0").publish(place.server)
    with pytest.raises(BadInputError, match=r"the index has no wheel of vllm 0\.16\.0"):
        place.fetch()
