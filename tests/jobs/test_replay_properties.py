"""What holds for every series: the replay against git's own am and cherry-pick."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import Project, Upstream, git, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.values.verdict import Verdict

PATHS = ("vllm/a.py", "vllm/b.py")
START = {path: lines(1, 30) for path in PATHS}

# An edit: the file, the line, and what becomes of it (None deletes it).
edits = st.lists(
    st.tuples(
        st.sampled_from(PATHS),
        st.integers(0, 29),
        st.one_of(st.none(), st.text("abcxyz {}#", min_size=1, max_size=8)),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def edited(files: dict[str, str], edit: tuple[str, int, str | None, bool]) -> dict[str, str]:
    """Return files with one line changed, added or deleted."""
    path, at, text, insert = edit
    rows = files[path].splitlines()
    at = min(at, len(rows))
    if text is None:
        del rows[at : at + 1]
    elif insert:
        rows.insert(at, text)
    else:
        rows[at : at + 1] = [text]
    return files | {path: "".join(f"{row}\n" for row in rows)}


def patches_of(
    author: Project, changes: list[tuple[str, int, str | None, bool]]
) -> dict[str, bytes]:
    """Commit each change and return the mails."""
    files, found = START, {}
    for number, edit in enumerate(changes):
        after = edited(files, edit)
        if after != files:
            found[f"{number}.patch"] = author.patch(f"change {number}", dict(after))
        files = after
    return found


@few
@given(edits)
def test_at_home_every_series_is_clean(
    changes: list[tuple[str, int, str | None, bool]],
) -> None:
    """On the base that it was made on, a series is clean and gives its author's own tree."""

    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream.at(Path(folder, "store.git"))
        base = upstream.release("v0.16.0", START)
        author = Project(Path(folder, "author"), START)
        patches = patches_of(author, changes)
        with upstream.repo.scratch() as repo:
            found = replay(Setting(repo, series_of(base, patches), base))

        assert {result.verdict for result in found.results} <= {Verdict.CLEAN}
        assert found.tree == git(author.folder, "rev-parse", "HEAD^{tree}")


@few
@given(edits, edits)
def test_elsewhere_it_does_what_cherry_pick_does(
    changes: list[tuple[str, int, str | None, bool]],
    upstreams: list[tuple[str, int, str | None, bool]],
) -> None:
    """Where git's cherry-pick goes through, so does the replay, and to the same tree."""

    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream.at(Path(folder, "store.git"))
        base = upstream.release("v0.16.0", START)
        author = Project(Path(folder, "author"), START)
        root = git(author.folder, "rev-parse", "HEAD")
        patches = patches_of(author, changes)
        tip = git(author.folder, "rev-parse", "HEAD")
        files = START
        for edit in upstreams:
            files = edited(files, edit)
        onto = upstream.release("v0.17.0", files)
        with upstream.repo.scratch() as repo:
            setting = Setting(repo, series_of(base, patches), onto, home=lambda: base)
            found = replay(setting)
        author.back(root)
        author.commit("upstream", dict(files))
        picked = author.tried("cherry-pick", "--keep-redundant-commits", f"{root}..{tip}")

        if picked and tip != root:
            assert found.ok, [result.cause for result in found.results]
            assert found.tree == git(author.folder, "rev-parse", "HEAD^{tree}")
