"""The real v0.16.0, from the index that pip is set up with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from index_servers import Told
from vpatch.doors.index import Index, pip_settings
from vpatch.jobs.bases import Bases
from vpatch.values.base import Base
from vpatch.values.config import Upstream

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.index

MODEL = "vllm/model_executor/models/minimax_m2.py"


@pytest.fixture
def bases(real_store: Path) -> Bases:
    """Open the store of real releases, without a way to more."""

    def no_index() -> Index:
        raise AssertionError("what is at hand needs no index")

    return Bases(real_store, Upstream(), no_index, Told())


def test_commit_is_the_one_that_series_name(bases: Bases) -> None:
    """The import of v0.16.0 is, on every machine, the commit in the series' first line."""
    expected = "48882f1b985568c92f2fd9b13eadff2403a04b01"
    assert bases.get("v0.16.0") == Base("v0.16.0", expected, "vllm-0.16.0.tar.gz")
    assert [base.name for base in bases.releases()] == ["v0.16.0", "v0.17.0"]


def test_blobs_are_upstreams(bases: Bases) -> None:
    """A file has the blob id that it has in upstream's repository at that tag."""
    entries = bases.store.entries(bases.get("v0.16.0").commit)
    assert entries[MODEL].oid == "2dc0f33cc1c5512b51f3f9dcc801532a69f921ac"
    assert len(entries) > 3000
    assert entries[".buildkite/image_build/image_build.sh"].mode == "100755"


def test_nothing_generated(bases: Bases, real_store: Path) -> None:
    """What the archive has and the repository has not is left out; nothing is left over."""
    paths = set(bases.store.entries(bases.get("v0.16.0").commit))
    names = {path.rpartition("/")[2] for path in paths}
    assert not names & {"PKG-INFO", "_version.py"}
    assert not any(".egg-info/" in path for path in paths)
    assert "setup.cfg" not in paths
    assert list((real_store / "downloads").iterdir()) == []
    assert not list((real_store / "store.git").glob("objects/pack/tmp_*"))


def test_index_today() -> None:
    """The index lists v0.15.x without a source distribution, and a newest release."""
    index = Index("vllm", pip_settings())
    archives = {str(version) for version in index.archives()}
    versions = {str(version) for version in index.versions()}
    assert {"0.16.0", "0.17.0"} <= archives
    assert "0.15.1" in versions - archives
    assert index.latest() == max(v for v in index.versions() if not v.is_prerelease)
