"""One series on one base: against git's own am, add and commit."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import time
from pathlib import Path

from desk import EXPORT, NEW, OLD, Desk, write_series

PER_PATCH = 9
"""Files in one patch of the large series: 830 changed files make 92 patches."""


def bench_apply(desk: Desk) -> None:
    """Apply 92 patches over 830 files, against ``git am`` of the same."""
    patches = large_series(desk)
    project = desk.project("apply")
    write_series(project, patches)
    trees: set[str] = set()

    def ours() -> float:
        copy = desk.checkout()
        command = (desk.vpatch, "-C", str(project), "apply", "--checkout", str(copy))
        took = desk.seconds(*command)
        trees.add(desk.run("git", "-C", str(copy), "rev-parse", "HEAD^{tree}"))
        return took

    def peer() -> float:
        copy = desk.checkout()
        took = desk.seconds("git", "am", "-q", *map(str, patches), cwd=copy)
        trees.add(desk.run("git", "-C", str(copy), "rev-parse", "HEAD^{tree}"))
        return took

    desk.report(f"apply {len(patches)} patches / git am", desk.pairs(ours, peer), 0.8)
    if len(trees) != 1:
        sys.exit(f"the trees differ: {trees}")


def large_series(desk: Desk) -> list[Path]:
    """Make patches of the Python files that changed between two releases."""
    old, new = desk.fetched(OLD), desk.fetched(NEW)
    author = desk.folder / "author"
    shutil.rmtree(author, ignore_errors=True)
    desk.run("git", "init", "-q", str(author))
    git = ("git", "-C", str(author))
    desk.run(*git, "fetch", "-q", "--depth=1", str(desk.store), old, new)
    changed = desk.run(*git, "diff", "--name-only", "--diff-filter=M", old, new, "--", "*.py")
    names = changed.split("\n")
    desk.run(*git, "checkout", "-q", old)
    for at in range(0, len(names), PER_PATCH):
        part = names[at : at + PER_PATCH]
        desk.run(*git, "checkout", new, "--", *part)
        desk.run(*git, "commit", "-q", "-m", f"part {at // PER_PATCH}")
    folder = desk.folder / "patches"
    shutil.rmtree(folder, ignore_errors=True)
    desk.run(*git, "format-patch", "-q", *EXPORT, "-o", str(folder), old)
    return sorted(folder.iterdir())


def bench_status(desk: Desk) -> None:
    """Show the project's own series on its base, against importing its libraries."""
    desk.fetched(OLD)
    root = Path(__file__).parents[2]
    command = (desk.vpatch, "-C", str(root), "status", "--base", f"v{OLD}")
    pair = desk.pairs(
        lambda: desk.seconds(*command),
        lambda: desk.seconds(sys.executable, "-c", "import git, click"),
    )
    desk.report("status / import git, click", pair, 3.0)


def bench_version(desk: Desk) -> None:
    """Print the version, against importing click."""
    pair = desk.pairs(
        lambda: desk.seconds(desk.vpatch, "--version"),
        lambda: desk.seconds(sys.executable, "-c", "import click"),
    )
    desk.report("--version / import click", pair, 2.0)


def bench_import(desk: Desk) -> None:
    """Import a release from its archive, against tar, git add and git commit."""
    from vpatch.doors.index import Index, pip_settings  # noqa: PLC0415, not for all benches

    index = Index("vllm", pip_settings())
    archive = next(a for v, a in index.archives().items() if str(v) == OLD)
    kept = desk.folder / archive.filename
    index.download(archive, kept, lambda _: Silent())
    blobs: list[str] = []

    def ours() -> float:
        cache = desk.folder / "import-cache"
        shutil.rmtree(cache, ignore_errors=True)
        (cache / "downloads").mkdir(parents=True)
        shutil.copy(kept, cache / "downloads")
        os.sync()
        desk.env["VPATCH_CACHE_DIR"] = str(cache)
        took = desk.seconds(
            desk.vpatch, "-C", str(desk.project("import")), "bases", "--fetch", f"v{OLD}"
        )
        desk.env["VPATCH_CACHE_DIR"] = str(desk.folder / "cache")
        git = ("git", "-C", str(cache / "store.git"))
        ref = f"refs/vpatch/index/vllm/v{OLD}"
        blobs.append(desk.run(*git, "rev-parse", f"{ref}:vllm/v1"))
        return took

    def peer() -> float:
        place = desk.folder / "plain"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        os.sync()
        start = time.perf_counter()
        desk.run("tar", "xzf", str(kept), "--strip-components=1", cwd=place)
        desk.run("git", "init", "-q", cwd=place)
        desk.run("git", "add", "-A", cwd=place)
        desk.run("git", "commit", "-q", "-m", "import", cwd=place)
        took = time.perf_counter() - start
        blobs.append(desk.run("git", "rev-parse", "HEAD:vllm/v1", cwd=place))
        return took

    desk.report("import / tar, git add, git commit", desk.pairs(ours, peer), 1.0)
    if len(set(blobs)) != 1:
        sys.exit(f"the trees differ: {set(blobs)}")


class Silent:
    """Shows no progress."""

    def __enter__(self) -> Silent:  # noqa: PYI034, one class
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End."""

    def update(self, increment: int) -> None:
        """Count nothing."""


def bench_scale(desk: Desk) -> None:
    """Replay a thousand patches, against a hundred; most touch the same files."""
    desk.fetched(OLD)
    medians: dict[int, float] = {}
    for count in (100, 1000):
        project = desk.project(f"scale-{count}")
        write_series(project, small_patches(desk, count))
        command = (desk.vpatch, "-C", str(project), "apply", "--base", f"v{OLD}", "--dry-run")
        medians[count] = statistics.median(desk.seconds(*command) for _ in range(desk.runs))
        answer = json.loads(desk.run(*command, "--json"))
        if not answer["ok"]:
            sys.exit("a patch of the long series did not apply")
    desk.report("1000 patches / 100 patches", (medians[1000], medians[100]), 12.0)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'largest child process':<34} {peak:>7.0f}MB {'':>9} {'':>7} {'300MB':>8}")


def small_patches(desk: Desk, count: int) -> list[Path]:
    """Make patches of one line each, spread over 50 files."""
    author = desk.folder / f"author-{count}"
    shutil.rmtree(author, ignore_errors=True)
    shutil.copytree(desk.checkout(), author, symlinks=True)
    git = ("git", "-C", str(author))
    names = desk.run(*git, "ls-files", "vllm/model_executor/models/*.py").split("\n")[:50]
    for number in range(count):
        path = author / names[number % len(names)]
        text = path.read_text().splitlines(keepends=True)
        text.insert(len(text) * (number // len(names)) // 25, f"# patch {number}\n")
        path.write_text("".join(text))
        desk.run(
            *git, "commit", "-q", "-m", f"patch {number}", "--", names[number % len(names)]
        )
    folder = desk.folder / f"patches-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    desk.run(*git, "format-patch", "-q", *EXPORT, "-o", str(folder), f"v{OLD}")
    return sorted(folder.iterdir())
