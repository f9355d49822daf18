"""Environments into which pip has installed a small vLLM."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from vpatch.doors.python import Installed
from vpatch.jobs.installation import Delivery, Installation
from vpatch.jobs.replay import Setting, replay
from vpatch.values.provenance import provenance
from wheels import HERE, Archive, digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.doors.git import Repo
    from vpatch.values.series import Series


class Environment:
    """A virtual environment; its pip is that of the tests, which installs and uninstalls here.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = root / "bin/python"

    @classmethod
    def made(cls, root: Path) -> Environment:
        """Make an empty one."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
        return cls(root)

    def copy(self, root: Path) -> Environment:
        """Copy it, with the times of its files, on which byte code depends."""
        shutil.rmtree(root, ignore_errors=True)
        return Environment(shutil.copytree(self.root, root, symlinks=True))

    @property
    def site(self) -> Path:
        """Where packages are installed."""
        return next(self.root.glob("lib/python*/site-packages"))

    @property
    def info(self) -> Path:
        """The dist-info folder of vLLM."""
        return next(self.site.glob("vllm*.dist-info"))

    def pip(self, *args: str) -> str:
        """Run pip on it, without any index."""
        command = [sys.executable, "-m", "pip", "--python", str(self.python), *args]
        env = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def install(self, archive: Archive) -> None:
        """Install a wheel with pip, which makes byte code."""
        self.pip("install", "-q", "--no-deps", str(archive.write(self.root / "wheels", HERE)))
        shutil.rmtree(self.root / "wheels")

    def run(self, code: str) -> str:
        """Run Python there and return what it prints."""
        command = [str(self.python), "-c", code]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
        return ran.stdout.strip()

    def files(self) -> dict[str, bytes]:
        """Return the content of all that is installed, byte code left out."""
        return {
            path: raw for path, (raw, *_) in self.state().items() if not path.endswith(".pyc")
        }

    def state(self) -> dict[str, tuple[bytes, int, int]]:
        """Return all that lies there: content, mode and time of each file."""
        return {
            str(path.relative_to(self.site)): (
                path.read_bytes(),
                path.lstat().st_mode,
                path.stat().st_mtime_ns,
            )
            for path in sorted(self.site.rglob("*"))
            if path.is_file()
        }

    def folders(self) -> list[str]:
        """Return all folders."""
        found = (path for path in self.site.rglob("*") if path.is_dir())
        return sorted(str(path.relative_to(self.site)) for path in found)

    def check_record(self) -> None:
        """RECORD lists all that lies there, and as it is; read in another way than vpatch's."""
        path = self.info / "RECORD"
        text = path.read_bytes().decode()
        rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(text, newline=""))}
        files = {p: raw for p, (raw, *_) in self.state().items() if p.startswith("vllm")}
        unlisted = {p for p in files if p not in rows and not _made_by_python(p)}
        assert unlisted == set()
        for name, (told, size) in rows.items():
            if told:
                assert (told, size) == (digest(files[name]), str(len(files[name]))), name
            else:
                assert name.endswith((".pyc", "/RECORD")), name
                assert name in files, name


def _made_by_python(path: str) -> bool:
    return "__pycache__" in path and "dist-info" not in path


def environment_with(root: Path, files: Mapping[str, str], **more: str) -> Environment:
    """Make an environment in which vllm 0.16.0 is installed."""
    made = Environment.made(root)
    made.install(Archive(files, **more))
    return made


# The small vLLM of an environment, without asking its interpreter


def opened(place: Environment) -> Installation:
    """Open the vLLM of an environment."""
    where = place.site / "vllm"
    found = Installed(place.python, where, "vllm", "0.16.0", has_pytest=False, info=place.info)
    return Installation(found)


def delivery(made: Repo, series: Series) -> Delivery:
    """Return what an environment is given with a series, which must fit its base."""
    assert series.base
    done = replay(Setting(made, series, series.base))
    assert done.ok
    made_of = provenance(done, {}, [], [], "vllm")
    return Delivery(done, made, "v0.16.0", "", made_of, list)


def put(place: Environment, delivery: Delivery) -> None:
    """Put a series into an environment."""
    target = opened(place)
    if plan := target.plan(delivery):
        target.apply(plan)
