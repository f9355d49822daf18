"""``vpatch export``: what it writes, the real quilt, git and StGit take, to the same tree."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cli.shop import NearDesk, nearer
from support import Desk, Project, git, lines, sdist

if TYPE_CHECKING:
    from pathlib import Path

START = {
    "vllm/a.py": lines(1, 40),
    "vllm/b.py": lines(1, 40),
    "vllm/c.py": lines(1, 40),
    "vllm/old.py": lines(1, 40),
    "vllm/gone.py": lines(1, 9),
    "vllm/tool.sh": "#!/bin/sh\n",
    "vllm/end.py": "one\nno newline at the end",
}
LATER = START | {
    "vllm/a.py": "new\n" + lines(1, 40, l5="FIVE"),
    "vllm/b.py": lines(1, 40, l7="seven"),
    "vllm/c.py": lines(1, 40, l35="upstream"),
}
"""Upstream took the change of b, and changed a and c."""
BASES = {"v0.16.0": START, "v0.17.0": LATER}


@dataclass(frozen=True)
class Office:
    """A desk with a series of every kind of patch, and both releases to be had."""

    near: NearDesk
    names: list[str]

    def checkout(self, base: str) -> Path:
        """Make a clone of a release."""
        self.near.run("bases", "--fetch", base)
        place = self.near.folder / f"plain-{base}"
        git(self.near.folder, "init", "-q", str(place))
        ref = f"refs/vpatch/index/vllm/{base}"
        git(place, "fetch", "-q", "--depth=1", str(self.near.cache / "store.git"), ref)
        git(place, "checkout", "-q", "-b", "main", "FETCH_HEAD")
        return place

    def export(self, base: str, form: str) -> tuple[Path, str]:
        """Export the series and return the folder, and the tree that it stands for."""
        out = self.near.folder / f"out-{form}-{base}"
        found = self.near.json(
            "export", "--base", base, "--series", "v0.16.0", "--format", form, "--out", str(out)
        )
        assert [str(path) for path in sorted(out.iterdir())] == sorted(found["written"])
        return out, found["tree"]


@pytest.fixture
def office(desk: Desk, tmp_path: Path) -> Office:
    """Lay out a series whose patches edit, add, delete, rename, and are met in the wild."""
    for name, files in BASES.items():
        desk.index.add(name[1:], sdist(name[1:], files))
    author = Project(tmp_path / "author", START)
    trailer = "Upstream-PR: https://github.com/vllm-project/vllm/pull"
    made = {
        "101-edit.patch": author.patch(
            f"[Bugfix] Edit a, für Ä\n\nA body.\nFrom here on it is longer.\n\n{trailer}/101",
            {"vllm/a.py": lines(1, 40, l20="twenty")},
        ),
        "102-landed.patch": author.patch("Edit b", {"vllm/b.py": lines(1, 40, l7="seven")}),
        "103-files.patch": author.patch(
            "Add and delete",
            {
                "vllm/gone.py": None,
                "vllm/new/deep.py": "deep = 1\n",
                "vllm/new/__init__.py": "",
            },
        ),
    }
    rename = {"vllm/old.py": None, "vllm/moved.py": lines(1, 40, l9="nine")}
    made["104-rename.patch"] = author.patch("Rename old to moved", rename)
    author.folder.joinpath("vllm/tool.sh").chmod(0o755)
    made["105-mode.patch"] = author.patch("Make tool a program", {})
    made["106-end.patch"] = author.patch("End", {"vllm/end.py": "ONE\nno newline at the end"})
    again = author.patch("Again", {"vllm/a.py": lines(1, 40, l20="twenty", l38="end")})
    made["107-bare.diff"] = again[again.index(b"diff --git") :]
    packed = author.patch("Packed", {"vllm/c.py": lines(1, 40, l8="eight")})
    made["108-packed.patch.gz"] = gzip.compress(packed, mtime=0)
    wheel = author.patch("Installed", {"vllm/c.py": lines(1, 40, l8="eight", l20="x")})
    wheel = wheel.replace(b"a/vllm/", b"lib/python3.12/dist-packages/vllm/")
    made["109-installed.patch"] = wheel.replace(
        b"b/vllm/", b"lib/python3.12/dist-packages/vllm/"
    )
    folder = desk.write_series("v0.16.0", made)
    with (folder / "series").open("a") as file:
        file.write("# the end\n")
    return Office(nearer(desk), list(made))


def tree(checkout: Path) -> str:
    """Return the tree of all that lies in a checkout."""
    git(checkout, "add", "-A")
    return git(checkout, "write-tree")


def test_git_am_takes_files_whose_lines_end_in_cr(desk: Desk, tmp_path: Path) -> None:
    """In a mailbox they are encoded, since git am drops each CR; one base on, as well."""
    start = lines(1, 30).replace("\n", "\r\n")
    change = {"vllm/a.txt": start.replace("line 15", "fünfzehn"), "vllm/b.py": "b = 2\n"}
    author = Project(tmp_path / "author", {"vllm/a.txt": start, "vllm/b.py": "b = 1\n"})
    raw = author.patch("Für Ä\n\nA body.\nFrom here on.", change)
    desk.write_series("v0.16.0", {"101-crlf.patch": raw})
    office = Office(nearer(desk), ["101-crlf.patch"])
    for base, top in (("v0.16.0", ""), ("v0.17.0", "top\r\n")):
        files = {"vllm/a.txt": top + start, "vllm/b.py": "b = 1\n"}
        desk.index.add(base[1:], sdist(base[1:], files))
        out, wanted = office.export(base, "mbox")
        checkout = office.checkout(base)
        git(checkout, "am", "-q", str(out / f"{base}.mbox"))
        assert git(checkout, "rev-parse", "HEAD^{tree}") == wanted
        assert git(checkout, "log", "-1", "--format=%an: %s") == "Ada: Für Ä"
        assert "\nFrom here on." in git(checkout, "log", "-1", "--format=%b")
        assert (checkout / "vllm/a.txt").read_bytes().decode() == top + change["vllm/a.txt"]


@pytest.mark.parametrize("base", BASES)
def test_git_am_takes_the_mailbox(office: Office, base: str) -> None:
    """One commit a patch with its author and subject, and the tree of the replay."""
    out, wanted = office.export(base, "mbox")
    assert [path.name for path in out.iterdir()] == [f"{base}.mbox"]
    checkout = office.checkout(base)
    git(checkout, "am", "-q", "--keep-non-patch", str(out / f"{base}.mbox"))
    assert git(checkout, "rev-parse", "HEAD^{tree}") == wanted

    log = git(checkout, "log", "--reverse", "--format=%an: %s", "HEAD").splitlines()[1:]
    assert log[0] == "Ada: [Bugfix] Edit a, für Ä"
    assert "unknown: 107 bare" in log
    assert len(log) == (9 if base == "v0.16.0" else 8)
    body = git(checkout, "log", "--reverse", "--format=%b").splitlines()
    assert ">From here on it is longer." in body
    assert ("Rebased-From: v0.16.0" in body) is (base == "v0.17.0")


@pytest.mark.skipif(not shutil.which("quilt"), reason="quilt is not installed")
@pytest.mark.parametrize("base", BASES)
def test_quilt_takes_the_folder(office: Office, base: str) -> None:
    """Every patch goes in without fuzz, to the tree of the replay, and out again."""
    out, wanted = office.export(base, "quilt")
    checkout = office.checkout(base)
    (checkout / ".git/info/exclude").write_text("/.pc/\n")
    before = tree(checkout)
    env = os.environ | {"QUILT_PATCHES": str(out), "QUILTRC": os.devnull}
    for command in (["quilt", "push", "-a", "--fuzz=0"], ["quilt", "pop", "-a"]):
        ran = subprocess.run(
            command, cwd=checkout, env=env, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran
        assert "offset" not in ran.stdout
        assert tree(checkout) == (wanted if "push" in command else before)


@pytest.mark.skipif(not shutil.which("stg"), reason="StGit is not installed")
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("form", ["quilt", "mbox"])
def test_stgit_takes_both(office: Office, base: str, form: str) -> None:
    """``stg import -s`` and ``-M`` give the tree of the replay."""
    out, wanted = office.export(base, form)
    checkout = office.checkout(base)
    identity = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    option = (
        ["-s", str(out / "series")] if form == "quilt" else ["-M", str(out / f"{base}.mbox")]
    )
    for command in (["stg", "init"], ["stg", "import", *option]):
        ran = subprocess.run(
            command, cwd=checkout, env=os.environ | identity, capture_output=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    assert git(checkout, "rev-parse", "HEAD^{tree}") == wanted


def test_at_home_a_plain_patch_keeps_its_bytes(office: Office) -> None:
    """What any tool reads is copied; what only vpatch reads is written as git writes it."""
    source = office.near.folder / "patches/v0.16.0"
    out, _ = office.export("v0.16.0", "quilt")
    same = {
        path.name for path in out.iterdir() if path.read_bytes() == _read(source / path.name)
    }
    plain = {"101-edit.patch", "102-landed.patch", "103-files.patch", "105-mode.patch"}
    assert same == plain | {"106-end.patch", "107-bare.diff"}
    listed = (out / "series").read_text().splitlines()
    assert listed[1:] == [name.removesuffix(".gz") for name in office.names] + ["# the end"]
    assert b"rename " not in (out / "104-rename.patch").read_bytes()


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() and path.name != "series" else b""


def test_on_another_base_it_says_what_was_left_out(office: Office) -> None:
    """The series file has a comment in the place of a patch that landed."""
    out, _ = office.export("v0.17.0", "quilt")
    rows = (out / "series").read_text().splitlines()
    assert rows[0].startswith("# This series applies on vLLM v0.17.0 (")
    assert rows[2] == "# 102-landed.patch: in v0.17.0 already (the base has every line of it)"
    assert not (out / "102-landed.patch").exists()
    assert "101-edit.patch" in rows


def test_a_conflict_writes_nothing(office: Office) -> None:
    """A patch without a place: exit status 1, the reason, and no folder."""
    office.near.index.add("0.18.0", sdist("0.18.0", LATER | {"vllm/a.py": "rewritten\n"}))
    out = office.near.folder / "out"
    args = ("export", "--base", "v0.18.0", "--format", "quilt", "--out", str(out))
    ran = office.near.run(*args, status=1)
    assert "#101 conflict: vllm/a.py: hunk 1 (line 17) found other lines in v0.18.0" in ran.out
    assert "2 of 9 patches have no place on v0.18.0: nothing was written" in ran.out
    answer = office.near.json(*args, status=1)
    assert answer["written"] == []
    assert answer["ok"] is False
    assert not out.exists()


def test_a_folder_with_something_in_it_is_refused(office: Office) -> None:
    """Nothing of the user's is overwritten; an empty folder does."""
    out = office.near.folder / "out"
    out.mkdir()
    args = ("export", "--format", "mbox", "--out", str(out))
    assert office.near.run(*args).out == f"{out}/v0.16.0.mbox\n"
    (out / "mine").write_text("mine")
    ran = office.near.run(*args, status=1)
    assert ran.err == (
        f"error: there is something already: {out}\n"
        "hint: name a folder that is not there, or an empty one\n"
    )
    assert sorted(path.name for path in out.iterdir()) == ["mine", "v0.16.0.mbox"]
    assert not list(out.parent.glob(".*.part"))
