"""What holds for every series that is written for another base."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edits import Edit, after, edits, history
from support import Project, Upstream, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.upkeep.rewrite import Form, rewrite
from vpatch.values.base import Base
from vpatch.values.series import first_line, read_series, series_text
from vpatch.values.verdict import Verdict

PATHS = ("vllm/a.py", "vllm/b.py", "vllm/new.py")
START = {path: lines(1, 20) for path in PATHS[:2]}

few = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
some = edits(PATHS, 20, "abxy {}#-=<>|")


@few
@given(some, some)
@example([Edit("vllm/a.py", 5, "x", insert=True)], [Edit("vllm/a.py", 5, "x", insert=True)])
@example([Edit("vllm/a.py", 5, "x")], [Edit("vllm/a.py", 0, "top", insert=True)])
def test_what_is_written_is_clean_and_gives_the_same_tree(
    changes: list[Edit],
    upstreams: list[Edit],
) -> None:
    """In every form: each patch that has a place is clean, to the tree of the replay."""

    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream.at(Path(folder, "store.git"))
        base = upstream.release("v0.16.0", START)
        patches = history(Project(Path(folder, "author"), START), START, changes)
        onto = upstream.release("v0.17.0", after(START, upstreams))
        with upstream.repo.scratch() as repo:
            setting = Setting(repo, series_of(base, patches), onto, home=lambda: base)
            found = replay(setting)
            for form in Form:
                made = rewrite(found, repo, form)
                written = {file.name: file.content for file in made if file}
                again = replay(Setting(repo, series_of(onto, written), onto))

                assert {result.verdict for result in again.results} <= {Verdict.CLEAN}
                assert again.tree == found.tree
                assert written.keys() <= patches.keys()
                assert all(patches[f.name] == f.content for f in made if f and f.kept)
                # Once more changes nothing: what is written stays as it is.
                twice = [file for file in rewrite(again, repo, form) if file]
                assert {file.name: file.content for file in twice} == written


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}\.patch", fullmatch=True)
comments = st.text(st.characters(categories=["L", "N", "P", "Zs"])).map("#{}".format)


@given(st.lists(st.one_of(names, comments, st.just(""), st.just("x.patch -p2 # why"))))
def test_a_series_file_keeps_what_people_wrote(rows: list[str]) -> None:
    """Comments, blank lines and options stay where they are, but for patches that change."""

    old, new = Base("v0.16.0", "1" * 40, ""), Base("v0.17.0", "2" * 40, "")
    source = read_series("\n".join([*rows, first_line(old)]) + "\n", where="series")
    gone = {row: f"# {row}: gone" for row in rows if row.endswith("a.patch")}
    text = series_text(new, source, gone)

    assert text == "".join(
        f"{row}\n" for row in [first_line(new), *(gone.get(r, r) for r in rows)]
    )
    assert series_text(new, read_series(text, where="series"), {}) == text
