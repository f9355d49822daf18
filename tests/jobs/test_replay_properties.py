"""What holds for every series: the replay against git's own am and cherry-pick."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from edits import Edit, after, edits, history
from support import Project, Upstream, git, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.values.verdict import Verdict

PATHS = ("vllm/a.py", "vllm/b.py")
START = {path: lines(1, 30) for path in PATHS}

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
some = edits(PATHS, 29, "abcxyz {}#")


@few
@given(some)
def test_at_home_every_series_is_clean(
    changes: list[Edit],
) -> None:
    """On the base that it was made on, a series is clean and gives its author's own tree."""

    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream.at(Path(folder, "store.git"))
        base = upstream.release("v0.16.0", START)
        author = Project(Path(folder, "author"), START)
        patches = history(author, START, changes)
        with upstream.repo.scratch() as repo:
            found = replay(Setting(repo, series_of(base, patches), base))

        assert {result.verdict for result in found.results} <= {Verdict.CLEAN}
        assert found.tree == git(author.folder, "rev-parse", "HEAD^{tree}")


@few
@given(some, some)
def test_elsewhere_it_does_what_cherry_pick_does(
    changes: list[Edit],
    upstreams: list[Edit],
) -> None:
    """Where git's cherry-pick goes through, so does the replay, and to the same tree."""

    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream.at(Path(folder, "store.git"))
        base = upstream.release("v0.16.0", START)
        author = Project(Path(folder, "author"), START)
        root = git(author.folder, "rev-parse", "HEAD")
        patches = history(author, START, changes)
        tip = git(author.folder, "rev-parse", "HEAD")
        files = after(START, upstreams)
        onto = upstream.release("v0.17.0", files)
        with upstream.repo.scratch() as repo:
            setting = Setting(repo, series_of(base, patches), onto, home=lambda: base)
            found = replay(setting)
        author.back(root)
        author.commit("upstream", {**dict.fromkeys(START), **files})
        picked = author.tried("cherry-pick", "--keep-redundant-commits", f"{root}..{tip}")

        if picked and tip != root:
            assert found.ok, [result.cause for result in found.results]
            assert found.tree == git(author.folder, "rev-parse", "HEAD^{tree}")
