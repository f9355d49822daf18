"""Names of bases: releases, branches, commits, and which release is the nearest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from samples import wide

from vpatch.values.base import Base, canonical, is_commit, nearest_lower, version_of

releases = st.builds("v{}.{}.{}".format, *[st.integers(0, 40)] * 3)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *(("v0.16.0", "0.16.0"), ("0.16.0", "0.16.0"), ("v0.16.0rc1", "0.16.0rc1")),
        *(("v0.16.0-12-gabc1234", "0.16.0"), ("0.16.0.post1", "0.16.0.post1")),
        *(
            ("main", None),
            ("48882f1", None),
            ("v", None),
            ("releases/v0.16.0", None),
            ("", None),
        ),
        *(("1234567", None), ("0.16.x", None), ("v0.16.0/..", None)),
    ],
)
def test_versions(name: str, version: str | None) -> None:
    """A release is known with and without its v, and a described commit by its release."""

    assert version_of(name) == (Version(version) if version else None)


def test_canonical_names() -> None:
    """Folders and tags spell a release with a v; other names are left as they are."""

    assert canonical("0.16.0") == canonical("v0.16.0") == "v0.16.0"
    for name in ("main", "48882f1b98", "1234567", "releases/v0.16.0", "v0.16.0-3-gabc1234"):
        assert canonical(name) == name


def test_commits() -> None:
    """Seven hex digits may be a commit, six or an upper-case letter are none."""

    assert is_commit("48882f1")
    assert is_commit("48882f1b985568c92f2fd9b13eadff2403a04b01")
    for name in ("48882f", "48882F1", "main", "48882f1b985568c92f2fd9b13eadff2403a04b012", ""):
        assert not is_commit(name)


@wide
@given(releases, st.lists(releases, unique=True))
def test_nearest_lower_release(name: str, names: list[str]) -> None:
    """The nearest is the highest that is not above; numbers count, not letters."""

    found = nearest_lower(name, [*names, "main", "notes"])
    lower = [other for other in names if Version(other) <= Version(name)]
    assert found == (max(lower, key=Version) if lower else None)


def test_nearest_of_a_branch() -> None:
    """A branch or a commit is newer than every release."""

    assert nearest_lower("main", ["v0.9.0", "v0.33.0", "v0.16.0"]) == "v0.33.0"
    assert nearest_lower("v0.16.0-3-gabc1234", ["v0.17.0", "v0.16.0"]) == "v0.16.0"
    assert nearest_lower("main", []) is None


def test_json() -> None:
    """Every verb shows a base in the same way."""

    base = Base("v0.16.0", "4" * 40, "vllm-0.16.0.tar.gz")
    assert base.as_json() == {
        "name": "v0.16.0",
        "commit": "4" * 40,
        "source": "vllm-0.16.0.tar.gz",
    }
