"""A patched wheel as it is written: all of the old one, and what changed."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import lines
from vpatch.jobs.wheel import opened, write_wheel
from vpatch.jobs.wheel.write import File, Files
from vpatch.values.base import Base
from vpatch.values.errors import FormatError, RefusedError, VpatchError
from vpatch.values.provenance import Provenance
from wheels import DATE, TAGS, Archive, contents, packed

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"vllm/a.py": lines(1, 30), "vllm/b.py": lines(1, 30), "vllm/c/d.py": "d = 1\n"}
PLAIN, PROGRAM = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755
LABEL = "89abcdef"


def origin(digest: str = LABEL) -> Provenance:
    """Return a provenance of no patch."""
    base = Base("v0.16.0", "1" * 40, "")
    whole = digest.ljust(64, "0")
    return Provenance("vllm", base, "2" * 40, "3" * 40, "4" * 64, whole, (), (), (), "0.1.0")


def written(path: Path, files: Files, out: Path, digest: str = LABEL) -> Path:
    """Write a patched wheel and return its path."""
    with opened(path) as wheel:
        return write_wheel(wheel, files, origin(digest), out)


def test_a_patched_wheel(tmp_path: Path) -> None:
    """Files are replaced, added and deleted; name, METADATA and dist-info tell of it."""
    official = Archive(FILES).write(tmp_path / "official")
    change: Files = {
        "vllm/a.py": File(b"a = 2\n", PROGRAM),
        "vllm/b.py": None,
        "vllm/new/e.py": File(b"e = 1\n", PLAIN),
    }
    path = written(official, change, tmp_path / "dist")
    assert path.name == f"vllm-0.16.0+vpatch.{LABEL}-{TAGS}.whl"
    before, after = contents(official), contents(path)
    own = f"vllm-0.16.0+vpatch.{LABEL}.dist-info"
    assert after["vllm/a.py"] == b"a = 2\n"
    assert after["vllm/new/e.py"] == b"e = 1\n"
    assert "vllm/b.py" not in after
    fields = before["vllm-0.16.0.dist-info/METADATA"].replace(
        b"\nVersion: 0.16.0\n", f"\nVersion: 0.16.0+vpatch.{LABEL}\n".encode()
    )
    assert after[f"{own}/METADATA"] == fields
    assert after[f"{own}/vpatch.json"] == origin().raw
    renamed = {name.replace("vllm-0.16.0.dist-info", own): raw for name, raw in before.items()}
    changed = {*change, f"{own}/METADATA", f"{own}/RECORD", f"{own}/vpatch.json"}
    assert {n: r for n, r in after.items() if n not in changed} == {
        n: r for n, r in renamed.items() if n not in changed
    }


def test_what_stays_is_not_packed_anew(tmp_path: Path) -> None:
    """Unchanged members are the same packed bytes, with date and mode, in the old order."""
    official = Archive(FILES).write(tmp_path / "official")
    path = written(official, {"vllm/a.py": File(b"a", PLAIN)}, tmp_path / "dist")
    before, after = packed(official), packed(path)
    stays = [name for name in before if name in after and name != "vllm/a.py"]
    assert "vllm/_C.abi3.so" in stays
    assert {name: after[name] for name in stays} == {name: before[name] for name in stays}
    with zipfile.ZipFile(path) as archive:
        for name in stays:
            info = archive.getinfo(name)
            assert (info.date_time, info.external_attr >> 16) == (DATE, 0o100664)
        assert archive.getinfo("vllm/a.py").external_attr >> 16 == PLAIN
        names = archive.namelist()
    assert [name for name in names if name in stays] == stays
    assert names[-1].endswith(".dist-info/RECORD")


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """Neither the hour, nor the place, nor the user's mask is in it."""
    official = Archive(FILES).write(tmp_path / "official")
    change: Files = {"vllm/a.py": File(b"a = 2\n", PLAIN), "vllm/z.py": File(b"", PLAIN)}
    one = written(official, change, tmp_path / "one").read_bytes()
    os.utime(official, (0, 0))
    elsewhere = official.rename(tmp_path / official.name)
    mask = os.umask(0o077)
    try:
        two = written(elsewhere, dict(reversed(change.items())), tmp_path / "two")
    finally:
        os.umask(mask)
    assert two.read_bytes() == one
    assert stat.S_IMODE(two.stat().st_mode) == 0o600


def test_version_that_has_a_local_part(tmp_path: Path) -> None:
    """A build for another CUDA keeps its own label; a label of digits alone is a number."""
    official = Archive(FILES, version="0.16.0+cu129").write(tmp_path)
    path = written(official, {}, tmp_path / "dist", "01234567")
    assert path.name == f"vllm-0.16.0+cu129.vpatch.1234567-{TAGS}.whl"
    assert b"\nVersion: 0.16.0+cu129.vpatch.1234567\n" in next(
        raw for name, raw in contents(path).items() if name.endswith("METADATA")
    )


def test_data_folder_bears_the_version_too(tmp_path: Path) -> None:
    """Programs and headers lie in a folder named like dist-info, which pip looks for."""
    archive = Archive(FILES)
    archive.members["vllm-0.16.0.data/scripts/vllm-rs"] = b"\x7fELF"
    path = written(archive.write(tmp_path), {}, tmp_path / "dist")
    assert f"vllm-0.16.0+vpatch.{LABEL}.data/scripts/vllm-rs" in contents(path)


def test_archive_written_as_a_stream(tmp_path: Path) -> None:
    """Sizes may stand behind each content, and then no header tells them (PKWARE, bit 3)."""

    class Pipe:
        """A file without a way back."""

        def __init__(self, path: Path) -> None:
            self.file = path.open("wb")

        def write(self, data: bytes) -> int:
            return self.file.write(data)

        def flush(self) -> None:
            self.file.flush()

    official = Archive(FILES).write(tmp_path)
    streamed = tmp_path / "streamed" / official.name
    streamed.parent.mkdir()
    pipe = Pipe(streamed)
    with (
        zipfile.ZipFile(official) as old,
        zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as new,  # type: ignore[call-overload]
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    pipe.file.close()
    with zipfile.ZipFile(streamed) as archive:
        assert archive.infolist()[0].flag_bits & 0x8
    path = written(streamed, {}, tmp_path / "dist")
    assert contents(path)["vllm/a.py"] == FILES["vllm/a.py"].encode()


def test_sizes_of_64_bits(tmp_path: Path) -> None:
    """An extra field that has them in the old archive is wrong in the new one, and is gone."""
    official = Archive(FILES).write(tmp_path)
    raw = official.read_bytes()
    with zipfile.ZipFile(official) as archive:
        start, members = archive.start_dir, archive.infolist()
    directory, at = b"", start
    for info in members:
        head, end = bytearray(raw[at : at + 46]), at + 46 + len(info.filename)
        head[20:28] = b"\xff" * 8
        head[30:32] = struct.pack("<H", 20)
        sizes = struct.pack("<HHQQ", 1, 16, info.file_size, info.compress_size)
        directory += bytes(head) + raw[at + 46 : end] + sizes
        at = end
    last = raw[at : at + 12] + struct.pack("<L", len(directory)) + raw[at + 16 :]
    official.write_bytes(raw[:start] + directory + last)
    path = written(official, {"vllm/b.py": None}, tmp_path / "dist")
    assert contents(path)["vllm/a.py"] == FILES["vllm/a.py"].encode()
    with zipfile.ZipFile(path) as archive:
        assert {info.extra for info in archive.infolist()} == {b""}
    assert struct.pack("<HH", 1, 16) not in path.read_bytes()


def test_names_beyond_ascii(tmp_path: Path) -> None:
    """A name in any letters stays what it is."""
    archive = Archive(FILES)
    archive.members["vllm/größe.py"] = b"g = 1\n"
    assert contents(written(archive.write(tmp_path), {}, tmp_path / "dist"))["vllm/größe.py"]


def test_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    """Nothing could be installed from a wheel with both, so that it is not written."""
    archive = Archive(FILES)
    archive.members["vllm/new"] = b""
    official = archive.write(tmp_path)
    change: Files = {"vllm/new/e.py": File(b"", PLAIN)}
    with pytest.raises(RefusedError, match="in the way of a folder") as caught:
        written(official, change, tmp_path / "dist")
    assert caught.value.where.endswith(": vllm/new")
    assert contents(written(official, change | {"vllm/new": None}, tmp_path / "dist"))


@pytest.mark.parametrize("member", ["b.py", "METADATA"])
def test_archive_that_ends_early(tmp_path: Path, member: str) -> None:
    """What breaks off while it is copied stops the work, and nothing is left."""
    path = Archive(FILES).write(tmp_path)
    with opened(path) as wheel:
        name = next(name for name in wheel.members if name.endswith(member))
        os.truncate(path, wheel.members[name].header_offset + 5)
        with pytest.raises(FormatError, match="the wheel is broken"):
            write_wheel(wheel, {}, origin(), tmp_path / "dist")
    assert list((tmp_path / "dist").iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file is in the way of the folder: it says so, and the file stays."""
    (tmp_path / "dist").write_text("mine")
    with pytest.raises(VpatchError, match="cannot write it"):
        written(Archive(FILES).write(tmp_path), {}, tmp_path / "dist")
    assert (tmp_path / "dist").read_text() == "mine"


def test_leavings_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    """Half a wheel of an earlier run goes; other people's files stay."""
    official = Archive(FILES).write(tmp_path)
    path = written(official, {}, tmp_path / "dist")
    left = path.with_name(f".{path.name}.x1y2z3")
    other = path.with_name(".keep")
    for place in (left, other):
        place.write_bytes(b"half")
    written(official, {}, tmp_path / "dist")
    assert sorted(path.parent.iterdir()) == sorted([path, other])


NAMES = st.sampled_from([*FILES, "vllm/_C.abi3.so", "vllm/new.py", "vllm/c/new.txt"])


@settings(max_examples=60, deadline=None)
@given(change=st.dictionaries(NAMES, st.none() | st.binary(max_size=99)))
def test_any_change(
    tmp_path_factory: pytest.TempPathFactory, change: dict[str, bytes | None]
) -> None:
    """Whatever changes, the wheel is valid and holds the old files with that change."""
    folder = tmp_path_factory.mktemp("w")
    official = Archive(FILES).write(folder)
    files = {name: raw if raw is None else File(raw, PLAIN) for name, raw in change.items()}
    path = written(official, files, folder / "dist")
    expected = contents(official) | change
    assert {n: r for n, r in contents(path).items() if n.startswith("vllm/")} == {
        n: r for n, r in expected.items() if n.startswith("vllm/") and r is not None
    }
