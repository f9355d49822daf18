"""The door to the package index: what it lists, and what it says on a bad day."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from index_servers import Gate, Told
from silent_servers import Speaker, dribbling
from support import IndexServer, sdist
from vpatch.doors.index import Index, Pace, pip_settings
from vpatch.doors.index import simple as door
from vpatch.values.errors import DownError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t"  # noqa: S105, a test's


@pytest.fixture
def gate(index: IndexServer) -> Iterator[Gate]:
    """Put a gate before the index."""
    gate = Gate(index)
    yield gate
    gate.close()


def opened(server: IndexServer | Gate) -> Index:
    """Open the index of a server."""
    return Index("vllm", {"index-url": server.url})


def wheel(version: str, **entry: object) -> dict[str, object]:
    """Return the entry of a wheel."""
    name = f"vllm-{version}-cp38-abi3-manylinux1_x86_64.whl"
    return {"filename": name, "url": f"../../{name}", "hashes": {"sha256": "0" * 64}} | entry


def test_releases_newest_first(index: IndexServer) -> None:
    """Releases are in the order of versions, not of letters; those with wheels alone count."""
    for version in ("0.9.2", "0.16.0", "0.10.0"):
        index.add(version, sdist(version, {}))
    index.publish(wheel("0.15.1"))
    found = opened(index)
    assert [str(v) for v in found.versions()] == ["0.16.0", "0.15.1", "0.10.0", "0.9.2"]
    assert [str(v) for v in found.archives()] == ["0.16.0", "0.10.0", "0.9.2"]


def test_wheels_of_a_release(index: IndexServer) -> None:
    """Each has its file name, size and digest; one that would leave a folder is passed over."""
    index.add("0.16.0", sdist("0.16.0", {}))
    index.publish(wheel("0.16.0", size=5))
    index.publish(wheel("0.16.0") | {"filename": "vllm-0.16.0-1/../x-py3-none-any.whl"})
    index.publish(wheel("0.17.0", hashes={"sha256": "../x"}))
    found = opened(index).wheels()
    (one,) = found[Version("0.16.0")]
    assert one.filename == "vllm-0.16.0-cp38-abi3-manylinux1_x86_64.whl"
    assert (one.size, one.sha256) == (5, "0" * 64)
    assert found[Version("0.17.0")][0].sha256 == ""


def test_latest_is_the_newest_final_release(index: IndexServer) -> None:
    """Release candidates, development versions and withdrawn releases are passed over."""
    for version in ("0.16.0", "0.17.0rc1", "0.18.0.dev3"):
        index.add(version, sdist(version, {}))
    index.publish(wheel("0.19.0", yanked="broken on every GPU"))
    assert opened(index).latest() == Version("0.16.0")


def test_post_release_is_later(index: IndexServer) -> None:
    """A corrected upload is newer than what it corrects."""
    index.publish(wheel("0.16.0"))
    index.publish(wheel("0.16.0.post1"))
    assert str(opened(index).latest()) == "0.16.0.post1"


def test_one_withdrawn_wheel_withdraws_no_release(index: IndexServer) -> None:
    """A release is withdrawn when all its files are."""
    index.publish(wheel("0.16.0", yanked=True))
    index.add("0.16.0", sdist("0.16.0", {}))
    assert str(opened(index).latest()) == "0.16.0"


def test_withdrawn_release_can_be_named(index: IndexServer) -> None:
    """As with pip's ``==``, who names a withdrawn release gets it (PEP 592)."""
    index.publish(wheel("0.16.0"))
    archive = sdist("0.17.0", {})
    (index.folder / "vllm-0.17.0.tar.gz").write_bytes(archive)
    digest = hashlib.sha256(archive).hexdigest()
    entry = {"filename": "vllm-0.17.0.tar.gz", "url": "../../vllm-0.17.0.tar.gz"}
    index.publish(entry | {"hashes": {"sha256": digest}, "yanked": True})
    found = opened(index)
    assert str(found.latest()) == "0.16.0"
    assert Version("0.17.0") in found.archives()


def test_no_final_release(index: IndexServer) -> None:
    """Where there are only candidates, there is no latest release."""
    index.add("0.17.0rc1", sdist("0.17.0rc1", {}))
    with pytest.raises(VpatchError, match="no release: vllm"):
        opened(index).latest()


def test_files_of_odd_names_are_passed_over(index: IndexServer) -> None:
    """Old uploads, other formats and other people's tricks do not stop the listing."""
    for name in ("vllm-0.16.0.zip", "vllm.exe", "vllm-latest.tar.gz", "../../vllm-1.0.tar.gz"):
        index.publish({"filename": name, "url": "x", "hashes": {}})
    index.add("0.16.0", sdist("0.16.0", {}))
    assert [a.filename for a in opened(index).archives().values()] == ["vllm-0.16.0.tar.gz"]


def test_html_index(gate: Gate) -> None:
    """An index that speaks HTML (PEP 503) is as good as one that speaks JSON."""
    gate.kind = "text/html"
    gate.body = b'<a href="/f/vllm-0.16.0.tar.gz#sha256=%s">vllm-0.16.0.tar.gz</a>' % (
        b"1" * 64
    )
    archive = opened(gate).archives()[Version("0.16.0")]
    assert archive.sha256 == "1" * 64


def test_index_of_a_newer_format(gate: Gate) -> None:
    """A newer minor version of the format is read, without a word to the user."""
    gate.kind = "application/vnd.pypi.simple.v1+json"
    gate.body = b'{"meta": {"api-version": "1.99"}, "name": "vllm", "files": []}'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened(gate).versions() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"welcome to the hotel"),
        ("application/vnd.pypi.simple.v1+json", b'{"meta": {"api-version": "2.0"}}'),
        ("application/vnd.pypi.simple.v1+json", b'{"meta": 1}'),
    ],
)
def test_what_answers_is_no_index(gate: Gate, kind: str, body: bytes) -> None:
    """A login page or another service is told from an index."""
    gate.kind, gate.body = kind, body
    with pytest.raises(VpatchError, match="what answers is no package index: vllm"):
        opened(gate).versions()


def test_project_is_unknown(index: IndexServer) -> None:
    """An index without the project: the way out is the configuration."""
    with pytest.raises(VpatchError, match="does not know it: nosuch") as caught:
        Index("nosuch", {"index-url": index.url}).versions()
    assert "vpatch.toml" in caught.value.hint


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_index_refuses(gate: Gate, status: int) -> None:
    """The HTTP status is named."""
    gate.status = status
    with pytest.raises(VpatchError, match=rf"HTTP {status}.*: 127\.0\.0\.1"):
        opened(gate).versions()


def test_archive_is_gone(index: IndexServer, tmp_path: Path) -> None:
    """A file that is listed and not there is an error, and leaves nothing."""
    index.add("0.16.0", sdist("0.16.0", {}))
    (index.folder / "vllm-0.16.0.tar.gz").unlink()
    found = opened(index)
    archive = found.archives()[Version("0.16.0")]
    with pytest.raises(VpatchError, match="HTTP 404"):
        found.download(archive, tmp_path / "a/x.tar.gz", lambda _: Told())
    assert list((tmp_path / "a").iterdir()) == []


def test_silent_index(
    gate: Gate, index: IndexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An answer that stops half way is given up after a while, and nothing of it kept."""
    index.add("0.16.0", sdist("0.16.0", {}))
    assert all(limit <= 30 for limit in door._TIMEOUT)  # noqa: SLF001, the real limit
    monkeypatch.setattr(door, "_TIMEOUT", (1.0, 0.3))
    found = opened(gate)
    archive = found.archives()[Version("0.16.0")]
    gate.slow = ".tar.gz"
    with pytest.raises(VpatchError, match="cannot be reached"):
        found.download(archive, tmp_path / "a/x.tar.gz", lambda _: Told())
    assert list((tmp_path / "a").iterdir()) == []
    gate.slow = "/simple/"
    with pytest.raises(VpatchError, match="cannot be reached"):
        opened(gate).versions()


def test_an_index_that_dribbles(tmp_path: Path, index: IndexServer) -> None:
    """A list without an end is given up, and not asked for again; so is a download."""
    with Speaker(dribbling(b"Content-Type: text/html")) as slow:
        url = f"http://{slow.place}"
        found = Index("vllm", {"index-url": f"{url}/simple/"}, whole=0.3)
        with pytest.raises(DownError, match="gave no answer within 0 s: vllm"):
            found.versions()
        slow.met.clear()
        with pytest.raises(DownError, match="gave no answer within"):
            found.archives()
        assert not slow.met.is_set()
        name = "vllm-0.16.0.tar.gz"
        entry = {"filename": name, "url": f"{url}/{name}", "hashes": {"sha256": "0" * 64}}
        index.publish(entry)
        (archive,) = opened(index).archives().values()
        paced = Index("vllm", {"index-url": index.url}, Pace(10**6, 0.2))
        told = Told()
        with pytest.raises(DownError, match=r"bytes came in . s: vllm-0.16.0.tar.gz"):
            paced.download(archive, tmp_path / "a/x.tar.gz", lambda _: told)
        assert told.counted > 0
        assert list((tmp_path / "a").iterdir()) == []


def test_wrong_sha256(index: IndexServer, tmp_path: Path) -> None:
    """What does not have the index's sha256 is not kept."""
    index.add("0.16.0", sdist("0.16.0", {}), sha256="1" * 64)
    found = opened(index)
    archive = found.archives()[Version("0.16.0")]
    with pytest.raises(VpatchError, match=r"sha256 is not the one.*vllm-0\.16\.0") as caught:
        found.download(archive, tmp_path / "a/x.tar.gz", lambda _: Told())
    assert "1" * 64 in caught.value.detail
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize("hashes", [{}, {"md5": "1" * 32}, {"sha1": "1" * 40}])
def test_index_without_sha256(
    index: IndexServer, tmp_path: Path, hashes: dict[str, str]
) -> None:
    """No digest, or a weak one alone, is not enough; nothing is downloaded."""
    (index.folder / "vllm-0.16.0.tar.gz").write_bytes(sdist("0.16.0", {}))
    name = "vllm-0.16.0.tar.gz"
    index.publish({"filename": name, "url": f"../../{name}", "hashes": hashes})
    found = opened(index)
    archive = found.archives()[Version("0.16.0")]
    with pytest.raises(VpatchError, match="gives no sha256") as caught:
        found.download(archive, tmp_path / "a/x.tar.gz", lambda _: Told())
    assert "--upstream URL" in caught.value.hint
    assert "/vllm-0.16.0.tar.gz" not in index.asked


def test_login_works_and_is_not_shown(index: IndexServer, tmp_path: Path) -> None:
    """A password in the index's address opens it and its archives, and is in no message."""
    index.add("0.16.0", sdist("0.16.0", {}), sha256="1" * 64)
    index.add("0.15.0", sdist("0.15.0", {}))
    gate = Gate(index, login=f"ada:{SECRET}")
    found = opened(gate)
    archives = found.archives()
    found.download(archives[Version("0.15.0")], tmp_path / "x.tar.gz", lambda _: Told())
    assert (tmp_path / "x.tar.gz").exists()
    errors = []
    with pytest.raises(VpatchError) as caught:
        found.download(archives[Version("0.16.0")], tmp_path / "y", lambda _: Told())
    errors.append(caught.value)
    for status in (401, 404, 500):
        gate.status = status
        with pytest.raises(VpatchError) as caught:
            opened(gate).versions()
        errors.append(caught.value)
    gate.status, gate.body = 0, b"hello"
    with pytest.raises(VpatchError) as caught:
        opened(gate).versions()
    errors.append(caught.value)
    gate.close()
    with pytest.raises(VpatchError) as caught:
        opened(gate).versions()
    errors.append(caught.value)
    for error in errors:
        assert SECRET not in f"{error} {error.hint} {error.detail}"


def test_pip_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The files and variables of pip decide, in its own order of precedence."""
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://global/simple\ncert = it's here\n"
        "[download]\nindex-url = http://download/simple\nproxy = http://proxy\n"
        "[install]\nproxy = http://install\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_CERT", raising=False)
    found = pip_settings()
    assert found["index-url"] == "http://global/simple"
    assert found["cert"] == "it's here"
    assert found["proxy"] == "http://proxy"
    monkeypatch.setenv("PIP_INDEX_URL", "http://variable/simple")
    assert pip_settings()["index-url"] == "http://variable/simple"


def test_no_index() -> None:
    """Who told pip to use no index means it; the way out is said."""
    with pytest.raises(VpatchError, match="use no index") as caught:
        Index("vllm", {"no-index": "true"})
    assert "--upstream URL" in caught.value.hint
