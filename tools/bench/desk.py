"""Where a benchmark works: real releases, a warm store, and a clock."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OLD, NEW = "0.16.0", "0.17.0"
EXPORT = ("--zero-commit", "--full-index", "--no-signature", "--no-stat", "--keep-subject")


class Desk:
    """Where a benchmark works: real releases, a store that is warm, and a clock."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.env = os.environ | {
            "VPATCH_CACHE_DIR": str(folder / "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "bench",
            "GIT_AUTHOR_EMAIL": "bench@localhost",
            "GIT_COMMITTER_NAME": "bench",
            "GIT_COMMITTER_EMAIL": "bench@localhost",
        }
        self.vpatch = str(Path(sys.executable).with_name("vpatch"))
        self.store = folder / "cache/store.git"

    def run(self, *command: str, cwd: Path | None = None, stdin: str | None = None) -> str:
        """Run a command to its end and return what it prints."""
        ran = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        if ran.returncode:
            sys.exit(f"{' '.join(command[:4])} failed: {ran.stdout[-500:]}{ran.stderr[-2000:]}")
        return ran.stdout.strip()

    def seconds(self, *command: str, cwd: Path | None = None) -> float:
        """Return how long a command takes."""
        start = time.perf_counter()
        self.run(*command, cwd=cwd)
        return time.perf_counter() - start

    def project(self, name: str) -> Path:
        """Return an empty project's folder."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        (place / "patches").mkdir(parents=True)
        return place

    def fetched(self, version: str) -> str:
        """Bring a release into the store and return its commit."""
        project = self.project("fetch")
        self.run(self.vpatch, "-C", str(project), "bases", "--fetch", f"v{version}")
        ref = f"refs/vpatch/index/vllm/v{version}"
        return self.run("git", "-C", str(self.store), "rev-parse", ref)

    def checkout(self) -> Path:
        """Return a checkout of the old release, made once and copied for each run."""
        ready = self.folder / "ready"
        if not ready.exists():
            commit = self.fetched(OLD)
            self.run("git", "init", "-q", str(ready))
            git = ("git", "-C", str(ready))
            self.run(*git, "fetch", "-q", "--depth=1", str(self.store), commit)
            self.run(*git, "tag", f"v{OLD}", "FETCH_HEAD")
            self.run(*git, "checkout", "-q", f"v{OLD}")
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(ready, copy, symlinks=True)
        self.run("git", "-C", str(copy), "update-index", "-q", "--refresh")
        os.sync()
        return copy

    def pairs(
        self, ours: Callable[[], float], peer: Callable[[], float]
    ) -> tuple[float, float]:
        """Return both medians, the sides taken in turn."""
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(self.runs):
            times[0].append(ours())
            times[1].append(peer())
        return statistics.median(times[0]), statistics.median(times[1])

    def report(self, what: str, pair: tuple[float, float], most: float) -> None:
        """Print one row."""
        ratio = pair[0] / pair[1]
        mark = "" if ratio <= most else "  MISSED"
        print(f"{what:<34} {pair[0]:>8.3f}s {pair[1]:>8.3f}s {ratio:>7.2f} {most:>8.2f}{mark}")


def write_series(project: Path, patches: Sequence[Path]) -> None:
    """Write a series folder for the old release."""
    folder = project / f"patches/v{OLD}"
    folder.mkdir(parents=True)
    names = "\n".join(patch.name for patch in patches)
    (folder / "series").write_text(
        f"# This series applies on vLLM v{OLD} ({'0' * 40})\n{names}\n"
    )
    for patch in patches:
        shutil.copy(patch, folder)
