"""Releases from a package index, as the user of the command line gets them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from git_servers import HOST, free_port
from index_servers import Gate, desk_with
from support import Desk, lines, sdist

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cr3t"  # noqa: S105, a test's


@pytest.fixture
def stocked(desk: Desk) -> Desk:
    """Stock the desk's index with two releases, a candidate and one that has wheels alone."""
    for version in ("0.14.0", "0.16.0", "0.17.0rc1"):
        desk.index.add(version, sdist(version, {"vllm/engine.py": lines(1, 30)}))
    name = "vllm-0.15.1-cp38-abi3-manylinux1_x86_64.whl"
    desk.index.publish({"filename": name, "url": f"../../{name}", "hashes": {}})
    return desk


@pytest.fixture
def offline(desk: Desk) -> Desk:
    """Return the desk of a user whose index does not answer."""
    return desk_with(desk, PIP_INDEX_URL=f"http://{HOST}:{free_port()}/simple/")


@pytest.fixture
def gate(desk: Desk) -> Iterator[Gate]:
    """Put a gate with a login before the desk's index."""
    gate = Gate(desk.index, login=f"ada:{SECRET}")
    yield gate
    gate.close()


def test_bases_at_hand(stocked: Desk) -> None:
    """A new user has none and is told how to get one; what was fetched is listed in order."""
    ran = stocked.run("bases")
    assert ran.out == "no base at hand: vpatch bases --fetch latest brings the newest release\n"
    assert stocked.json("bases") == {"schema": 1, "bases": [], "ok": True}
    stocked.run("bases", "--fetch", "v0.16.0")
    stocked.run("bases", "--fetch", "0.14.0")
    found = stocked.json("bases")["bases"]
    assert [base["name"] for base in found] == ["v0.14.0", "v0.16.0"]
    assert [base["source"] for base in found] == ["vllm-0.14.0.tar.gz", "vllm-0.16.0.tar.gz"]
    out = stocked.run("bases").out
    assert out.split()[:3] == ["Base", "Commit", "Source"]
    assert f"v0.16.0  {found[1]['commit'][:12]}  vllm-0.16.0.tar.gz" in out


def test_a_range(stocked: Desk) -> None:
    """All its releases are brought; one that nobody offers is no failure, as in a matrix."""
    found = stocked.json("bases", "--fetch", "v0.14.0..")
    assert [base["name"] for base in found["bases"]] == ["v0.14.0", "v0.16.0"]
    assert (found["missing"], found["ok"]) == ({}, True)
    asked = len(stocked.index.asked)
    assert stocked.json("bases", "--fetch", "v0.14.0..") == found
    assert [path for path in stocked.index.asked[asked:] if path.endswith(".gz")] == []


def test_a_range_that_could_not_be_had(stocked: Desk, offline: Desk) -> None:
    """What is there is brought, the rest named, and the status is 3."""
    stocked.index.add("0.18.0", sdist("0.18.0", {}), sha256="0" * 64)
    ran = stocked.run("bases", "--fetch", "v0.14.0..,v0.15.1", "--json", status=3)
    found = json.loads(ran.out)
    assert [base["name"] for base in found["bases"]] == ["v0.14.0", "v0.16.0"]
    assert list(found["missing"]) == ["v0.18.0", "v0.15.1"]
    assert "the index has no source distribution" in found["missing"]["v0.15.1"]
    assert found["ok"] is False
    assert f"no answer for v0.18.0: {found['missing']['v0.18.0']}" in ran.err
    # A silent index told of no release: those at hand are not all of the range.
    ran = offline.run("bases", "--fetch", "v0.14.0..", status=3)
    assert (ran.out, "cannot be reached" in ran.err) == ("", True)


def test_one_release_by_two_names(stocked: Desk) -> None:
    """``0.16`` is v0.16.0, whether it is at hand or not, and never a second base."""
    for name in ("0.16", "v0.16", "v0.16.0"):
        found = stocked.json("bases", "--fetch", name)["bases"]
        assert [base["name"] for base in found] == ["v0.16.0"]
    assert sum("vllm-0.16.0.tar.gz" in path for path in stocked.index.asked) == 1


def test_latest(stocked: Desk) -> None:
    """Latest is the newest release that is final; a candidate can be named."""
    found = stocked.json("bases", "--fetch", "latest")["bases"]
    assert [base["name"] for base in found] == ["v0.16.0"]
    found = stocked.json("bases", "--fetch", "v0.17.0rc1")["bases"]
    assert [base["name"] for base in found] == ["v0.16.0", "v0.17.0rc1"]


def test_release_with_wheels_alone(stocked: Desk) -> None:
    """v0.15.x has no source distribution: that is said, and the other way is named."""
    ran = stocked.run("bases", "--fetch", "v0.15.1", status=2)
    assert ran.err.splitlines()[-2:] == [
        "error: the index has no source distribution of this release: v0.15.1",
        "hint: take it from git: --upstream URL, or [upstream] url in vpatch.toml",
    ]


def test_unknown_release(stocked: Desk) -> None:
    """A release that does not exist: the newest are named."""
    ran = stocked.run("bases", "--fetch", "v9.9.9", status=2)
    assert ran.err.splitlines()[-2:] == [
        "error: no such release in the index: v9.9.9",
        "hint: the newest releases are v0.17.0rc1, v0.16.0, v0.14.0",
    ]


@pytest.mark.parametrize("name", ["main", "89a77b10846fd96273cce78d86d2556ea582d26e"])
def test_branch_without_a_remote(stocked: Desk, name: str) -> None:
    """An index has no branches and commits: where they come from is said."""
    ran = stocked.run("bases", "--fetch", name, status=2)
    assert ran.err.splitlines()[-2] == f"error: no such base: {name}"
    assert "--upstream URL" in ran.err
    assert stocked.index.asked == []


def test_no_network_and_an_empty_cache(offline: Desk) -> None:
    """Without index and cache there is no answer, and nothing is made up."""
    ran = offline.run("bases", "--fetch", "v0.16.0", status=3)
    assert f"cannot be reached (ConnectionError): {HOST}" in ran.err
    assert "hint: check the network and pip's configuration" in ran.err
    ran = offline.run("bases", "--fetch", "latest", status=3)
    assert "name a base that 'vpatch bases' lists" in ran.err


def test_no_network_and_a_warm_cache(stocked: Desk, offline: Desk) -> None:
    """What was fetched once needs no network: neither the base nor a replay on it."""
    stocked.run("bases", "--fetch", "v0.16.0")
    stocked.write_series("v0.16.0", {})
    assert [base["name"] for base in offline.json("bases")["bases"]] == ["v0.16.0"]
    offline.run("bases", "--fetch", "0.16.0")
    assert offline.json("status", "--base", "v0.16.0")["ok"]


def test_wrong_digest(desk: Desk) -> None:
    """A file that is not what the index promised is refused, and the next run asks again."""
    desk.index.add("0.16.0", sdist("0.16.0", {}), sha256="0" * 64)
    for _ in range(2):
        ran = desk.run("bases", "--fetch", "v0.16.0", status=3)
        assert "error: the archive's sha256 is not the one that the index gives" in ran.err
        assert list((desk.cache / "downloads").iterdir()) == []
    assert desk.index.asked.count("/vllm-0.16.0.tar.gz") == 2
    assert "no base at hand" in desk.run("bases").out


def test_archive_of_a_killed_run_was_changed(stocked: Desk) -> None:
    """A file that lies in the cache is checked as well before it is used."""
    left = stocked.cache / "downloads/vllm-0.16.0.tar.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(sdist("0.16.0", {"vllm/evil.py": "boom\n"}))
    base = stocked.json("bases", "--fetch", "v0.16.0")["bases"][0]
    other = desk_with(stocked)
    other.cache = stocked.cache.with_name("other")
    assert other.json("bases", "--fetch", "v0.16.0")["bases"] == [base]


def test_login_is_not_shown(stocked: Desk, gate: Gate) -> None:
    """A password in the index's address is in no output, whatever happens."""
    desk = desk_with(stocked, PIP_INDEX_URL=gate.url)
    stocked.index.add("0.18.0", sdist("0.18.0", {}), sha256="0" * 64)
    shown = [
        desk.run("-v", "bases", "--fetch", "v0.16.0", "--json"),
        desk.run("-v", "bases", "--fetch", "v9.9.9", status=2),
        desk.run("-v", "bases", "--fetch", "v0.18.0", status=3),
    ]
    gate.status = 500
    shown.append(desk.run("-v", "bases", "--fetch", "latest", status=3))
    gate.status, gate.body = 0, b"hello"
    shown.append(desk.run("-v", "bases", "--fetch", "latest", status=3))
    gate.close()
    shown.append(desk.run("-v", "bases", "--fetch", "latest", status=3))
    for ran in shown:
        assert SECRET not in ran.out + ran.err
    for path in desk.cache.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_no_index_for_pip(stocked: Desk) -> None:
    """Who set pip up to use no index is not asked behind his back."""
    desk = desk_with(stocked, PIP_NO_INDEX="1")
    ran = desk.run("bases", "--fetch", "v0.16.0", status=3)
    assert "error: pip is set up to use no index" in ran.err
    assert stocked.index.asked == []
