"""A source distribution becomes a commit whose files are upstream's own."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from typing import TYPE_CHECKING

import pytest

from index_servers import Told
from support import IndexServer, git, sdist
from vpatch.doors.git import Repo
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.values.config import Upstream
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def bases(cache: Path, index: IndexServer, told: Told | None = None) -> Bases:
    """Return the bases of a cache, with releases from an index."""
    return Bases(
        cache,
        Upstream(),
        lambda: Index("vllm", {"index-url": index.url}),
        told or Told(),
    )


def packed(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a gzipped tar of these members."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def file(
    path: str, content: bytes = b"x\n", *, mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive."""
    member = tarfile.TarInfo(path)
    member.mode = mode
    member.mtime = 1_700_000_000
    return member, content


def fetch_broken(tmp_path: Path, index: IndexServer, archive: bytes) -> VpatchError:
    """Fetch an archive that can't be imported; nothing of it may stay."""
    index.add("0.16.0", archive)
    found = bases(tmp_path / "cache", index)
    with pytest.raises(VpatchError) as caught:
        found.get("v0.16.0")
    assert found.at_hand() == []
    assert left_over(tmp_path / "cache") == []
    return caught.value


def left_over(cache: Path) -> list[str]:
    """Return what an import should not leave, by name."""
    store = cache / "store.git"
    left = [*cache.glob("downloads/*"), *store.glob("objects/*/tmp_*"), *store.rglob("*.lock")]
    left += [*store.glob("fast_import_crash_*"), *cache.glob("*.part"), *cache.glob("*busy*")]
    return [path.name for path in left]


def test_files_are_those_that_git_add_makes(tmp_path: Path, index: IndexServer) -> None:
    """The import's tree is, id for id, that of `git add` on the unpacked files."""
    folder = tmp_path / "vllm-0.16.0"
    contents = {
        "pyproject.toml": b"[project]\n",
        "csrc/kernel.cu": b"\x00\xff\xfe binary \r\n",
        "docs/caf\u00e9 \u65e5\u672c.md": b"names beyond ASCII\n",
        'odd/quote".py': b"a quote\n",
        "odd/ two  spaces ": b"blanks\n",
        "crlf.txt": b"one\r\ntwo\r\n",
        "empty.txt": b"",
        "no_newline": b"end",
        "vllm/_version.py": b"# written by hand\n",
        ".gitignore": b"*.log\n",
        ".github/ci.yml": b"on: push\n",
        "a/file": b"1\n",
        "a.b": b"2\n",
        "a0": b"3\n",
        "run.sh": b"#!/bin/sh\n",
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("a/file")
    (folder / "dangling").symlink_to("../outside/no\u0308where")
    git(folder, "init", "-q")
    git(folder, "-c", "core.autocrlf=false", "add", "-A")
    expected = git(folder, "write-tree")

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(folder, "vllm-0.16.0", filter=lambda m: None if "/.git/" in m.name + "/" else m)
    index.add("0.16.0", archive.getvalue())
    base = bases(tmp_path / "cache", index).get("v0.16.0")

    store = tmp_path / "cache/store.git"
    assert git(store, "rev-parse", f"{base.commit}^{{tree}}") == expected
    assert git(store, "fsck", "--strict") == ""


def test_generated_files_are_left_out(tmp_path: Path, index: IndexServer) -> None:
    """What setuptools adds to an archive is no file of the project."""
    index.add("0.16.0", sdist("0.16.0", {"vllm/model.py": "x = 1\n"}))
    found = bases(tmp_path / "cache", index)
    base = found.get("v0.16.0")
    paths = set(found.store.entries(base.commit))
    assert paths == {"pyproject.toml", "vllm/__init__.py", "vllm/model.py"}


def test_setup_cfg_of_the_project_stays(tmp_path: Path, index: IndexServer) -> None:
    """The stub is what setuptools writes where there is none; a real one is the project's."""
    real = "[metadata]\nname = vllm\n\n[egg_info]\ntag_build = \ntag_date = 0\n\n"
    archive = packed(
        [
            file("vllm-0.16.0/setup.cfg", real.encode()),
            file("vllm-0.16.0/sub/setup.cfg", b"[egg_info]\ntag_build = \ntag_date = 0\n\n"),
            file("vllm-0.16.0/PKG-INFO.md", b"not generated\n"),
        ]
    )
    index.add("0.16.0", archive)
    found = bases(tmp_path / "cache", index)
    base = found.get("v0.16.0")
    assert set(found.store.entries(base.commit)) == {
        "PKG-INFO.md",
        "setup.cfg",
        "sub/setup.cfg",
    }


def test_same_commit_in_every_cache(
    tmp_path: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two users get the same commit, whatever their clock zone and git settings."""
    index.add("0.16.0", sdist("0.16.0", {"vllm/model.py": "x = 1\n"}))
    one = bases(tmp_path / "one", index).get("v0.16.0")
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tname = Bo\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    two = bases(tmp_path / "two", index).get("0.16.0")
    assert one == two
    repo = Repo(tmp_path / "two/store.git")
    assert repo.run("log", "-1", "--format=%cn %ct %s", one.commit).out == (
        b"vpatch 1700000000 vllm-0.16.0.tar.gz\n"
    )


def test_progress_counts_what_is_read(tmp_path: Path, index: IndexServer) -> None:
    """Download and import are announced with their size, and every byte is counted."""
    archive = sdist("0.16.0", {"vllm/blob.bin": os.urandom(300_000).hex()})
    index.add("0.16.0", archive)
    told = Told()
    bases(tmp_path / "cache", index, told).get("v0.16.0")
    assert told.lines == [
        "asking the package index for vllm",
        f"download vllm-0.16.0.tar.gz ({len(archive)})",
        f"import vllm-0.16.0.tar.gz ({len(archive)})",
    ]
    assert told.counted == len(archive)


def test_nothing_stays_beside_the_store(tmp_path: Path, index: IndexServer) -> None:
    """After an import neither the archive nor a temporary file is left."""
    index.add("0.16.0", sdist("0.16.0", {}))
    bases(tmp_path / "cache", index).get("v0.16.0")
    assert left_over(tmp_path / "cache") == []


@pytest.mark.parametrize("at", [0.05, 0.5, 0.9, 0.99])
def test_truncated_archive(tmp_path: Path, index: IndexServer, at: float) -> None:
    """An archive that was cut anywhere is broken, never a release with fewer files."""
    archive = sdist("0.16.0", {f"vllm/m{n}.py": os.urandom(512).hex() for n in range(40)})
    error = fetch_broken(tmp_path, index, archive[: int(len(archive) * at)])
    assert error.what.startswith("the archive is broken (")
    assert "--upstream URL" in error.hint


def test_archive_cut_between_two_members(tmp_path: Path, index: IndexServer) -> None:
    """The cut where tar itself sees a proper end is found by gzip's own."""
    whole = gzip.decompress(sdist("0.16.0", {"vllm/model.py": "x = 1\n"}))
    packer = zlib.compressobj(wbits=31)
    cut = packer.compress(whole[:2048]) + packer.flush(zlib.Z_FULL_FLUSH)
    assert "broken" in fetch_broken(tmp_path, index, cut).what


def test_flipped_bit(tmp_path: Path, index: IndexServer) -> None:
    """A wrong checksum at the archive's end counts."""
    archive = bytearray(sdist("0.16.0", {}))
    archive[-8] ^= 1
    assert "CRC" in fetch_broken(tmp_path, index, bytes(archive)).what


@pytest.mark.parametrize("archive", [b"", b"no archive at all", gzip.compress(b"no tar")])
def test_no_archive_at_all(tmp_path: Path, index: IndexServer, archive: bytes) -> None:
    """What is no archive is said to be broken."""
    assert "broken" in fetch_broken(tmp_path, index, archive).what


@pytest.mark.parametrize(
    "path",
    [
        "vllm-0.16.0/../../evil.py",
        "vllm-0.16.0/vllm/../../evil.py",
        "/etc/evil.py",
        "../evil/evil.py",
        "vllm-0.16.0/.git/config",
        "vllm-0.16.0/vllm/.GIT/hooks/post-checkout",
    ],
)
def test_member_outside_its_folder(tmp_path: Path, index: IndexServer, path: str) -> None:
    """An archive with a path that leaves its folder is refused as a whole."""
    archive = packed([file("vllm-0.16.0/vllm/__init__.py"), file(path)])
    error = fetch_broken(tmp_path, index, archive)
    assert "leaves the tree" in error.what
    assert not (tmp_path / "evil.py").exists()


def test_device_in_the_archive(tmp_path: Path, index: IndexServer) -> None:
    """What is neither file, folder nor symbolic link has no place in a project."""
    member, _ = file("vllm-0.16.0/pipe")
    member.type = tarfile.FIFOTYPE
    error = fetch_broken(tmp_path, index, packed([(member, b"")]))
    assert "no plain file" in error.what


def test_empty_archive(tmp_path: Path, index: IndexServer) -> None:
    """A release without any file would be a silent loss of all."""
    assert "no file" in fetch_broken(tmp_path, index, packed([])).what
