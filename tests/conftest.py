"""Fixtures: a store with releases, and a user's desk with everything on it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rebases import Works, stocked
from support import Desk, IndexServer, Upstream
from vpatch.doors.git import drop_inherited_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tester's own git, home and cache out of the tests."""
    drop_inherited_variables()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("VPATCH_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """Make an empty store for releases."""
    return Upstream.at(tmp_path / "store.git")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexServer]:
    """Serve a package index on loopback."""
    server = IndexServer(tmp_path / "index")
    yield server
    server.close()


@pytest.fixture
def desk(tmp_path: Path, index: IndexServer) -> Desk:
    """Lay out a user's place."""
    for name in ("project", "home"):
        (tmp_path / name).mkdir()
    return Desk(tmp_path / "project", tmp_path / "cache", tmp_path / "home", index)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk in memory, where this user may; mount(8) takes its options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "vpatch-test", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting a disk takes rights that this run lacks")
        return place

    yield mounted
    while place.is_mount():
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def _works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """Make once a series that meets later releases."""
    drop_inherited_variables()
    with stocked(tmp_path_factory.mktemp("works")) as works:
        yield works


@pytest.fixture
def works(_works: Works, tmp_path: Path) -> Works:
    """Lay out a desk whose series meets later releases."""
    return _works.beside(tmp_path / "works", cache=True)


@pytest.fixture(scope="session")
def real_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch the real v0.16.0 and v0.17.0 once, from the index that pip is set up with."""
    cache = tmp_path_factory.mktemp("real")
    for name in ("v0.16.0", "v0.17.0"):
        env = os.environ | {"VPATCH_CACHE_DIR": str(cache)}
        command = [sys.executable, "-m", "vpatch", "bases", "--fetch", name]
        subprocess.run(command, env=env, check=True, capture_output=True)
    return cache
