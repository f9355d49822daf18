"""A series on many bases: against git's own rebase, and the plain way over all releases."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from desk import EXPORT, OLD, Desk, write_series

if TYPE_CHECKING:
    from collections.abc import Iterator

ONTO = "0.18.0"
FIRST, LAST = "0.13.0", "0.33.0"
PATCHES = 100
AFTER = 2
"""Lines between what upstream changed and what a patch adds: too near to apply as it is, and
far enough to merge."""


def bench_rebase(desk: Desk) -> None:
    """Rebase 100 patches that have to be merged, against ``git rebase --onto``."""
    old, new = desk.fetched(OLD), desk.fetched(ONTO)
    author = merging_patches(desk, old, new)
    patches = sorted((desk.folder / "merging").iterdir())
    trees: set[str] = set()

    def ours() -> float:
        project = desk.project("rebase")
        write_series(project, patches)
        took = desk.seconds(
            desk.vpatch, "-C", str(project), "rebase", "--onto", f"v{ONTO}", "--json"
        )
        command = (desk.vpatch, "-C", str(project), "apply", "--base", f"v{ONTO}")
        answer = json.loads(desk.run(*command, "--dry-run", "--json"))
        if {patch["verdict"] for patch in answer["patches"]} != {"clean"}:
            sys.exit("the written series does not replay clean")
        trees.add(answer["tree"])
        return took

    def peer() -> float:
        git = ("git", "-C", str(author))
        desk.run(*git, "checkout", "-q", "-B", "moved", "work")
        took = desk.seconds(*git, "rebase", "-q", "--onto", new, old)
        trees.add(desk.run(*git, "rev-parse", "HEAD^{tree}"))
        return took

    pair = desk.pairs(ours, peer)
    desk.report(f"rebase {len(patches)} patches / git rebase", pair, 0.5)
    if len(trees) != 1:
        sys.exit(f"the trees differ: {trees}")


def merging_patches(desk: Desk, old: str, new: str) -> Path:
    """Make patches of one hunk each, beside lines that upstream changed; return their clone."""
    author = desk.folder / "merging-author"
    shutil.rmtree(author, ignore_errors=True)
    desk.run("git", "init", "-q", str(author))
    git = ("git", "-C", str(author))
    desk.run(*git, "fetch", "-q", "--depth=1", str(desk.store), old, new)
    desk.run(*git, "checkout", "-q", "-B", "work", old)
    names = desk.run(*git, "diff", "--name-only", "--diff-filter=M", old, new, "--", "*.py")
    made = 0
    for name in names.split("\n"):
        if made < PATCHES and changed_beside(desk, author, name, (old, new), made):
            made += 1
            desk.run(*git, "commit", "-q", "-m", f"patch {made}", "--", name)
    if made < PATCHES:
        sys.exit(f"only {made} files have a place for such a patch")
    folder = desk.folder / "merging"
    shutil.rmtree(folder, ignore_errors=True)
    desk.run(*git, "format-patch", "-q", *EXPORT, "-o", str(folder), f"{old}..work")
    return author


def changed_beside(
    desk: Desk, author: Path, name: str, sides: tuple[str, str], number: int
) -> bool:
    """Add a line beside one that upstream changed; False where that does not merge."""
    git = ("git", "-C", str(author))
    headers = desk.run(*git, "diff", "-U0", *sides, "--", name)
    command = ["git", "-C", str(author), "show", f"{sides[1]}:{name}"]
    upstream = subprocess.run(command, capture_output=True, check=True).stdout
    place = author / name
    before = place.read_bytes()
    rows = before.splitlines(keepends=True)
    for found in re.finditer(r"^@@ -(\d+)(?:,(\d+))? ", headers, re.MULTILINE):
        at = int(found[1]) - 1 + int(found[2] or 1) + AFTER
        mine = b"".join([*rows[:at], b"# patch %d\n" % number, *rows[at:]])
        if at + AFTER <= len(rows) and merges(desk.folder, before, mine, upstream):
            place.write_bytes(mine)
            return True
    return False


def merges(folder: Path, before: bytes, mine: bytes, upstream: bytes) -> bool:
    """Whether a change has to be merged with upstream's, and does."""
    for name, text in (("before", before), ("mine", mine), ("upstream", upstream)):
        (folder / name).write_bytes(text)

    def ran(*command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *command], cwd=folder, input=stdin, capture_output=True, check=False
        )

    diff = ran("diff", "--no-index", "before", "mine").stdout
    there = diff.replace(b"a/before", b"a/upstream").replace(b"b/mine", b"b/upstream")
    merged = ran("merge-file", "-q", "-p", "mine", "before", "upstream").returncode == 0
    return merged and ran("apply", "--check", "-", stdin=there).returncode != 0


def releases(desk: Desk) -> Iterator[tuple[str, str]]:
    """Bring the releases of the matrix into the store; yield name and commit of each."""
    project = desk.project("fetch")
    command = (desk.vpatch, "-C", str(project), "bases", "--json")
    span = f"v{FIRST}..v{LAST}"
    seed(project)
    subprocess.run(
        [desk.vpatch, "-C", str(project), "matrix", "--bases", span],
        env=desk.env,
        capture_output=True,
        check=False,
    )
    for base in json.loads(desk.run(*command))["bases"]:
        yield base["name"], base["commit"]


def seed(project: Path) -> list[Path]:
    """Copy the project's own first series and its facts."""
    own = Path(__file__).parents[2] / "patches"
    shutil.copytree(own / f"v{OLD}", project / f"patches/v{OLD}", dirs_exist_ok=True)
    shutil.copy(own / "upstream.toml", project / "patches")
    return sorted((project / f"patches/v{OLD}").glob("*.patch"))


def bench_matrix(desk: Desk) -> None:
    """Try the seed series on every release, against a work tree each and git apply --check."""
    bases = dict(releases(desk))
    project = desk.project("matrix")
    patches = seed(project)
    command = (desk.vpatch, "-C", str(project), "matrix", "--bases", f"v{FIRST}..v{LAST}")
    cells = len(patches) * len(bases)

    def ours() -> float:
        start = time.perf_counter()
        ran = subprocess.run(
            [*command, "--json"], env=desk.env, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - start
        answer = json.loads(ran.stdout)
        if sum(map(len, answer["cells"].values())) != cells:
            sys.exit("the matrix has holes")
        return took

    def peer() -> float:
        trees = desk.folder / "trees"
        git = ("git", "-C", str(desk.store))
        start = time.perf_counter()
        for name, commit in bases.items():
            place = trees / name
            desk.run(*git, "worktree", "add", "-q", "--detach", str(place), commit)
            for patch in patches:
                subprocess.run(
                    ["git", "apply", "--check", str(patch)],
                    cwd=place,
                    capture_output=True,
                    check=False,
                )
        took = time.perf_counter() - start
        shutil.rmtree(trees)
        desk.run(*git, "worktree", "prune")
        os.sync()
        return took

    runs, desk.runs = desk.runs, min(desk.runs, 3)
    pair = desk.pairs(ours, peer)
    desk.runs = runs
    desk.report(f"matrix {len(patches)} x {len(bases)} / plain way", pair, 0.2)
    each = pair[0] / cells * 1000
    mark = "" if each <= 20 else "  MISSED"  # noqa: PLR2004, milliseconds a cell
    print(f"{'one cell of it':<34} {each:>7.1f}ms {'':>9} {'':>7} {'20ms':>8}{mark}")


def bench_bisect(desk: Desk) -> None:
    """Count the replays that ``explain`` asks for over all releases."""
    dict(releases(desk))
    project = desk.project("bisect")
    seed(project)
    counts: dict[int, int] = {}
    for name in ("33303", "34863", "35041", "32232", "35358"):
        command = [desk.vpatch, "-C", str(project), "explain", name, "--base", f"v{LAST}"]
        ran = subprocess.run(
            [*command, "--json"], env=desk.env, capture_output=True, text=True, check=False
        )
        answer = json.loads(ran.stdout)
        breaks = len({hunk["broke_in"] for hunk in answer["hunks"]})
        counts[breaks] = max(counts.get(breaks, 0), answer["replays"])
    mark = "" if counts[1] <= 6 else "  MISSED"  # noqa: PLR2004, replays
    print(f"{'replays of one bisection':<34} {counts[1]:>9} {'':>9} {'':>7} {6:>8}{mark}")
    many = max(counts)
    print(f"{f'of one that broke in {many} releases':<34} {counts[many]:>9}")
