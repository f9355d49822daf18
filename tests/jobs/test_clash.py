"""A conflict in the form that a person solves, and a solution that is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import Project, Upstream, git, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.values.patch import Patch, read_patch
from vpatch.values.verdict import Clash, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay

A, B = "vllm/a.py", "vllm/b.py"
HOME = {A: lines(1, 40), B: lines(1, 40)}


def onto(
    upstream: Upstream,
    patches: Mapping[str, bytes],
    base: Base,
    resolutions: Mapping[str, Patch] | None = None,
) -> Replay:
    """Replay a series of v0.16.0, with conflicts in the form that a person solves."""
    own = upstream.bases["v0.16.0"]
    setting = Setting(
        upstream.repo,
        series_of(own, patches),
        base,
        home=lambda: own,
        releases=list(upstream.bases.values()),
        resolutions=lambda: resolutions or {},
        solving=True,
    )
    return replay(setting)


def clash_of(found: Replay, number: int = 0) -> Clash:
    """Return what a person is to solve of a patch."""
    clash = found.results[number].clash
    assert clash is not None
    return clash


def text_in(upstream: Upstream, tree: str, path: str) -> str:
    """Return a file of a tree."""
    repo = upstream.repo
    return repo.blobs([repo.entries(tree)[path].oid])[0].decode()


def solution(tmp_path: Path, before: str, after: str, path: str = A) -> Patch:
    """Write what a person did to a file as a resolution."""
    person = Project(tmp_path / f"person{len(list(tmp_path.iterdir()))}", {path: before})
    (person.folder / path).write_text(after)
    diff = git(person.folder, "diff", "--full-index").encode() + b"\n"
    return read_patch("solved.patch", diff)


@pytest.fixture
def author(upstream: Upstream, tmp_path: Path) -> Project:
    """Release v0.16.0, and give its files to the author of the patches."""
    upstream.release("v0.16.0", HOME)
    return Project(tmp_path / "author", HOME)


@pytest.fixture
def patch(author: Project) -> bytes:
    """Change two places of a file."""
    return author.patch("mine", {A: lines(1, 40, l10="mine", l30="thirty")})


def test_both_sides_and_what_they_came_from(
    upstream: Upstream, author: Project, patch: bytes
) -> None:
    """The tree holds all of the base, the patches before, and markers with names."""
    before = author.patch("before", {A: lines(1, 40), B: lines(1, 40, l5="five")})
    base = upstream.release("v0.17.0", HOME | {A: lines(1, 40, l10="theirs"), "c": "c\n"})
    found = onto(upstream, {"1-b.patch": before, "2-a.patch": patch}, base)
    assert [result.verdict.value for result in found.results] == ["conflict", "conflict"]
    author.back("HEAD~2")
    alone = author.patch("alone", {B: lines(1, 40, l5="five")})
    found = onto(upstream, {"1-b.patch": alone, "2-a.patch": patch}, base)
    assert [result.verdict.value for result in found.results] == ["clean", "conflict"]
    clash = clash_of(found, 1)
    assert text_in(upstream, clash.onto, A) == lines(1, 40, l10="theirs")
    for tree in (clash.tree, clash.onto):
        assert text_in(upstream, tree, B) == lines(1, 40, l5="five")
        assert text_in(upstream, tree, "c") == "c\n"
    rows = text_in(upstream, clash.tree, A).splitlines()
    at = rows.index("<<<<<<< v0.17.0 and the patches before")
    assert rows[at + 1 : at + 7] == [
        "theirs",
        "||||||| v0.16.0 and the patches before",
        "line 10",
        "=======",
        "mine",
        ">>>>>>> 2-a.patch",
    ]
    assert "thirty" in rows
    (stages,) = clash.stages.values()
    ids = [entry.oid if entry else "" for entry in stages]
    texts = [blob.decode() for blob in upstream.repo.blobs(ids)]
    ours = lines(1, 40, l10="theirs")
    assert texts == [lines(1, 40), ours, lines(1, 40, l10="mine", l30="thirty")]
    assert found.results[1].verdict is Verdict.CONFLICT
    assert B in found.change
    assert A not in found.change


def test_same_conflict_is_known_again(
    upstream: Upstream, author: Project, patch: bytes
) -> None:
    """Whatever else changed in the file; another change of upstream is another conflict."""
    texts = {
        "v0.17.0": lines(1, 40, l10="theirs"),
        "v0.18.0": lines(-5, 45, l10="theirs", l40="forty"),
        "v0.19.0": lines(1, 40, l10="otherwise"),
    }
    keys = [
        clash_of(onto(upstream, {"1-a.patch": patch}, upstream.release(name, {A: text}))).key
        for name, text in texts.items()
    ]
    assert keys[0] == keys[1] != keys[2]
    author.back("HEAD~1")
    other = author.patch("mine", {A: lines(1, 40, l10="mine", l30="else")})
    found = onto(upstream, {"1-a.patch": other}, upstream.bases["v0.17.0"])
    assert clash_of(found).key not in keys


def test_resolution_is_taken(upstream: Upstream, patch: bytes, tmp_path: Path) -> None:
    """It stands in for the patch, at the lines where the conflict is met next time."""
    ours = lines(1, 40, l10="theirs")
    key = clash_of(onto(upstream, {"1": patch}, upstream.release("v0.17.0", {A: ours}))).key
    solved = solution(tmp_path, ours, lines(1, 40, l10="both", l30="thirty"))
    later = upstream.release("v0.18.0", {A: lines(-5, 45, l10="theirs")})
    found = onto(upstream, {"1": patch}, later, {key: solved})
    result = found.results[0]
    assert result.verdict is Verdict.MERGED
    assert result.cause == "resolved as patches/resolutions/solved.patch"
    assert text_in(upstream, found.tree, A) == lines(-5, 45, l10="both", l30="thirty")
    assert onto(upstream, {"1": patch}, later).results[0].verdict is Verdict.CONFLICT


def test_resolution_that_no_longer_fits(
    upstream: Upstream, patch: bytes, tmp_path: Path
) -> None:
    """The same conflict, and other lines around it: the conflict stays, and says so."""
    ours = lines(1, 40, l10="theirs")
    key = clash_of(onto(upstream, {"1": patch}, upstream.release("v0.17.0", {A: ours}))).key
    solved = solution(tmp_path, ours, lines(1, 40, l10="both", l20="more", l30="thirty"))
    later = upstream.release("v0.18.0", {A: lines(1, 40, l10="theirs", l20="twenty")})
    found = onto(upstream, {"1": patch}, later, {key: solved})
    assert found.results[0].verdict is Verdict.CONFLICT
    assert found.results[0].cause.endswith("the resolution solved.patch no longer fits")
    assert clash_of(found).key == key


def test_resolution_of_a_misplaced_patch(upstream: Upstream, tmp_path: Path) -> None:
    """What stands in the wrong function is solved like a conflict, without markers."""
    body = "".join(f"    step_{n}()\n" for n in range(12))
    more = body.replace("    step_6()\n", "    step_6()\n    extra()\n")
    own = f"def load():\n{body}"
    upstream.release("v0.16.0", {A: own})
    author = Project(tmp_path / "author", {A: own})
    patch = author.patch("more", {A: f"def load():\n{more}"})
    text = f"import os\n\n\ndef save():\n{body}"
    base = upstream.release("v0.17.0", {A: text})
    found = onto(upstream, {"1": patch}, base)
    clash = clash_of(found)
    assert found.results[0].verdict is Verdict.MISPLACED
    assert text_in(upstream, clash.tree, A) == f"import os\n\n\ndef save():\n{more}"
    assert text_in(upstream, clash.onto, A) == text
    assert clash.stages == {}
    solved = solution(tmp_path, text, text_in(upstream, clash.tree, A))
    found = onto(upstream, {"1": patch}, base, {clash.key: solved})
    assert found.results[0].verdict is Verdict.MERGED
    assert text_in(upstream, found.tree, A) == text_in(upstream, clash.tree, A)


def test_resolution_that_puts_a_line_elsewhere(upstream: Upstream, tmp_path: Path) -> None:
    """Where a person put it, it stands right, whatever the function is called there."""
    body = "".join(f"    step_{n}()\n" for n in range(12))
    upstream.release("v0.16.0", {A: f"def load():\n{body}"})
    author = Project(tmp_path / "author", {A: f"def load():\n{body}"})
    more = body.replace("    step_6()\n", "    step_6()\n    extra()\n")
    patch = author.patch("more", {A: f"def load():\n{more}"})
    ours = f"def save():\n{body}".replace("step_6()", "step_six()")
    base = upstream.release("v0.17.0", {A: ours})
    found = onto(upstream, {"1": patch}, base)
    assert found.results[0].verdict is Verdict.CONFLICT
    solved = solution(tmp_path, ours, f"{ours}    extra()\n")
    found = onto(upstream, {"1": patch}, base, {clash_of(found).key: solved})
    assert found.results[0].verdict is Verdict.MERGED


def test_file_that_is_gone(upstream: Upstream, patch: bytes) -> None:
    """There is no text to put markers into: the stages say that one side deleted it."""
    found = onto(upstream, {"1": patch}, upstream.release("v0.17.0", {B: "b\n"}))
    clash = clash_of(found)
    first, ours, theirs = clash.stages[A]
    assert first is not None
    assert ours is None
    assert theirs is not None
    assert text_in(upstream, clash.tree, A) == lines(1, 40, l10="mine", l30="thirty")
    assert A not in upstream.repo.entries(clash.onto)


def test_conflict_in_a_file_that_moved(upstream: Upstream, patch: bytes) -> None:
    """The markers stand in the file where it is now, and the key is that of the old place."""
    text = lines(1, 40, l10="theirs")
    here = onto(upstream, {"1": patch}, upstream.release("v0.17.0", {A: text}))
    there = onto(upstream, {"1": patch}, upstream.release("v0.18.0", {"vllm/x/a.py": text}))
    clash = clash_of(there)
    assert clash.key == clash_of(here).key
    assert set(clash.stages) == {"vllm/x/a.py"}
    assert "<<<<<<<" in text_in(upstream, clash.tree, "vllm/x/a.py")
    assert A not in upstream.repo.entries(clash.tree)


def test_nobody_will_solve_it(upstream: Upstream, patch: bytes) -> None:
    """Where nobody asks, no time is spent on it."""
    base = upstream.release("v0.17.0", {A: lines(1, 40, l10="theirs")})
    own = upstream.bases["v0.16.0"]
    setting = Setting(upstream.repo, series_of(own, {"1": patch}), base, home=lambda: own)
    assert replay(setting).results[0].clash is None
