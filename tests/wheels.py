"""Small wheels, as a build makes them; and what any wheel must hold to."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support import IndexServer

DATE = (2026, 10, 20, 8, 39, 12)
TAGS = "cp38-abi3-manylinux_2_17_x86_64"
HERE = "py3-none-any"
"""Tags that fit every machine."""
BUILT = {"vllm/_version.py": "__version__ = '0.16.0'\n", "vllm/_C.abi3.so": "\x7fELF" * 999}
"""What a build adds to the files of the source tree."""


def digest(content: bytes) -> str:
    """Return a digest as RECORD has it, found in another way than vpatch's."""
    raw = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={raw.decode().rstrip('=')}"


def metadata(name: str, version: str) -> str:
    """Return METADATA with a long description that could be taken for fields."""
    return (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n"
        f"\nA release.\n\nVersion: 9.9.9\nName: nobody\n"
    )


class Archive:
    """A wheel on its way: its members may be made wrong one by one before it is written."""

    def __init__(
        self, files: Mapping[str, str], *, name: str = "vllm", version: str = "0.16.0"
    ) -> None:
        self.stem = f"{name.replace('-', '_')}-{version}"
        self.dist_info = f"{self.stem}.dist-info"
        package = {path: text for path, text in files.items() if path.startswith("vllm/")}
        whole = {"vllm/__init__.py": ""} | package | BUILT
        whole |= {
            f"{self.dist_info}/licenses/LICENSE": "Do what you want.\n",
            f"{self.dist_info}/METADATA": metadata(name, version),
            f"{self.dist_info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
        }
        self.members = {path: text.encode() for path, text in whole.items()}
        self.listed: dict[str, tuple[str, int | str]] = {}
        """Rows of RECORD that are not what the members say."""
        self.unlisted: set[str] = set()
        """Members without a row."""
        self.infos: dict[str, zipfile.ZipInfo] = {}
        """Members that are not plain files."""
        self.twice: list[str] = []
        """Members that stand a second time."""

    @property
    def record(self) -> bytes:
        """RECORD as setuptools writes it."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        rows = {path: (digest(raw), len(raw)) for path, raw in self.members.items()}
        for path, row in (rows | self.listed).items():
            if path not in self.unlisted and not path.endswith("/"):
                writer.writerow((path, *row))
        writer.writerow((f"{self.dist_info}/RECORD", "", ""))
        return text.getvalue().encode()

    @property
    def raw(self) -> bytes:
        """The file."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            members = self.members | {f"{self.dist_info}/RECORD": self.record}
            for path in [*members, *self.twice]:
                info = self.infos.get(path)
                if info is None:
                    info = zipfile.ZipInfo(path, DATE)
                    info.external_attr = 0o100664 << 16
                    info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, members[path])
        return target.getvalue()

    def write(self, folder: Path, tags: str = TAGS) -> Path:
        """Write it under its own name."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.stem}-{tags}.whl"
        path.write_bytes(self.raw)
        return path

    def publish(self, index: IndexServer, tags: str = HERE) -> str:
        """Offer it in a package index, and return its name."""
        name, _, _ = self.stem.rpartition("-")
        path = self.write(index.folder, tags)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        entry = {"filename": path.name, "url": f"../../{path.name}"}
        entry["hashes"] = {"sha256": sha256}  # type: ignore[assignment]
        index.publish(entry, project=name.replace("_", "-"))
        return path.name


def contents(path: Path) -> dict[str, bytes]:
    """Return the files of a wheel, which must be whole and as RECORD says.

    Nothing of vpatch is used for that.
    """
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(set(names)) == len(names), "a member stands twice"
        found = {name: archive.read(name) for name in names if not name.endswith("/")}
    stem = "-".join(path.name.split("-")[:2])
    record = found[f"{stem}.dist-info/RECORD"].decode()
    rows = {row[0]: tuple(row[1:]) for row in csv.reader(io.StringIO(record, newline=""))}
    assert rows.pop(f"{stem}.dist-info/RECORD") == ("", "")
    told = {name: (digest(raw), str(len(raw))) for name, raw in found.items()}
    del told[f"{stem}.dist-info/RECORD"]
    assert rows == told
    return found


def packed(path: Path) -> dict[str, bytes]:
    """Return the members of an archive as they lie there, packed."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for info in archive.infolist():
            stream.seek(info.header_offset + 26)
            name, extra = (int.from_bytes(stream.read(2), "little") for _ in range(2))
            stream.seek(name + extra, 1)
            found[info.filename] = stream.read(info.compress_size)
    return found
