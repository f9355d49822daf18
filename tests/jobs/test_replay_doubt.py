"""Where a text alone could mislead: twins, moved code, changes that were taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import Project, Upstream, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay, Result

A, B = "vllm/a.py", "vllm/b.py"
BODY = "".join(f"        step_{n}()\n" for n in range(1, 10))
MORE = BODY.replace(
    "        step_5()\n", "        if guard():\n            return\n        step_5()\n"
)


def classes(**bodies: str) -> str:
    """Return a module with classes of one method ``load``, by their names."""
    return "\n\n".join(f"class {name}:\n    def load(self):\n{b}" for name, b in bodies.items())


class Author:
    """Makes patches on v0.16.0, whose files are given."""

    def __init__(self, upstream: Upstream, folder: Path) -> None:
        self._upstream = upstream
        self._folder = folder

    def patch(self, before: dict[str, str], after: dict[str, str | None]) -> bytes:
        """Release files as v0.16.0, and return a patch on them."""
        self._upstream.release("v0.16.0", before)
        return Project(self._folder, before).patch("change", after)

    def on(self, patch: bytes, **releases: dict[str, str]) -> Result:
        """Return what becomes of a patch on the last of some releases."""
        bases = [self._upstream.release(n.replace("_", "."), f) for n, f in releases.items()]
        return self._replayed(patch, bases[-1]).results[0]

    def text(self, patch: bytes, path: str, files: dict[str, str]) -> str:
        """Return a file of v0.17.0 with the patch."""
        found = self._replayed(patch, self._upstream.release("v0.17.0", files))
        repo = self._upstream.repo
        return repo.blobs([repo.entries(found.tree)[path].oid])[0].decode()

    def _replayed(self, patch: bytes, base: Base) -> Replay:
        own = self._upstream.bases["v0.16.0"]
        series = series_of(own, {"1.patch": patch})
        releases = list(self._upstream.bases.values())
        repo = self._upstream.repo
        return replay(Setting(repo, series, base, home=lambda: own, releases=releases))


@pytest.fixture
def author(upstream: Upstream, tmp_path: Path) -> Author:
    """Give the author a place."""
    return Author(upstream, tmp_path / "author")


def test_twin_that_has_the_change(author: Author) -> None:
    """A sister class with the same code and the fix proves nothing of the class meant."""
    patch = author.patch({A: classes(Model=BODY)}, {A: classes(Model=MORE)})
    text = author.text(patch, A, {A: classes(Sister=MORE, Model=BODY)})
    assert text == classes(Sister=MORE, Model=MORE)


def test_twin_above_at_the_very_lines(author: Author) -> None:
    """Where a sister class took the lines, the change goes where its class is now."""
    patch = author.patch({A: classes(Model=BODY)}, {A: classes(Model=MORE)})
    text = author.text(patch, A, {A: classes(Thing=BODY, Model=BODY)})
    assert text == classes(Thing=BODY, Model=MORE)


def test_same_line_in_another_function(author: Author) -> None:
    """That a line stands in another function does not mean that it landed."""
    sync = "        torch.cuda.synchronize()\n"
    before = classes(F=BODY, G=BODY.replace("step", "other"))
    patch = author.patch({A: before}, {A: before.replace("        step_5()\n", sync, 1)})
    after = classes(F="        rewritten()\n", G=BODY.replace("step", "other") + sync)
    result = author.on(patch, v0_17_0={A: after})
    assert result.verdict is Verdict.CONFLICT


def test_addition_that_was_taken_back(author: Author) -> None:
    """It was there in a release between, and nothing of it is left: it has not landed."""
    patch = author.patch(
        {A: lines(1, 30)}, {A: lines(1, 30, l10="line 10\nan added line\nanother added line")}
    )
    there = lines(1, 30, l10="line 10\nan added line\nanother added line")
    reworded = lines(1, 30, l9="nine", l10="ten", l11="eleven")
    result = author.on(patch, v0_17_0={A: there}, v0_18_0={A: reworded})
    assert result.verdict is Verdict.CONFLICT


def test_addition_of_which_a_part_is_left(author: Author) -> None:
    """It landed and was changed since: what is left of it shows that."""
    patch = author.patch(
        {A: lines(1, 30)}, {A: lines(1, 30, l10="line 10\nan added line\nanother added line")}
    )
    there = lines(1, 30, l10="line 10\nan added line\nanother added line")
    since = lines(1, 30, l9="nine", l10="ten\nan added line\na changed line", l11="eleven")
    result = author.on(patch, v0_17_0={A: there}, v0_18_0={A: since})
    assert result.verdict is Verdict.LANDED
    assert (result.landed_in, result.changed_since) == ("v0.17.0", "v0.18.0")


def test_deleted_line_that_moved(author: Author) -> None:
    """A line that the patch takes out is not gone for having moved within its file."""
    before = lines(1, 30, l10="broken_call_of_something()")
    patch = author.patch({A: before}, {A: before.replace("broken_call_of_something()\n", "")})
    moved = lines(1, 30, l10="line 10 again", l16="line 16\nbroken_call_of_something()")
    result = author.on(patch, v0_17_0={A: moved.replace("line 10 again\n", "")})
    assert result.verdict is Verdict.CONFLICT


def test_deleted_line_that_moved_to_another_file(author: Author) -> None:
    """Nor for having moved to another file."""
    before = lines(1, 30, l10="broken_call_of_something()")
    after = before.replace("broken_call_of_something()\n", "")
    patch = author.patch({A: before}, {A: after})
    result = author.on(patch, v0_17_0={A: after, B: "broken_call_of_something()\n"})
    assert result.verdict is Verdict.CONFLICT


def test_deleted_line_that_is_gone(author: Author) -> None:
    """Where it is in no file any more, the deletion landed."""
    before = lines(1, 30, l10="broken_call_of_something()")
    after = before.replace("broken_call_of_something()\n", "")
    patch = author.patch({A: before}, {A: after})
    assert author.on(patch, v0_17_0={A: after, B: "x\n"}).verdict is Verdict.LANDED


def test_both_sides_move_a_file(author: Author) -> None:
    """A file that the patch renames one way and upstream another is in conflict."""
    patch = author.patch({A: lines(1, 30)}, {A: None, "vllm/mine.py": lines(1, 30, l3="three")})
    result = author.on(patch, v0_17_0={"vllm/theirs.py": lines(1, 30)})
    assert result.verdict is Verdict.CONFLICT
    assert "vllm/theirs.py" in result.cause


def test_deleted_file_that_upstream_moved(author: Author) -> None:
    """A file that the patch deletes is not deleted where upstream moved it to."""
    patch = author.patch({A: lines(1, 30), B: "b\n"}, {A: None})
    result = author.on(patch, v0_17_0={"vllm/new.py": lines(1, 30, l9="nine"), B: "b\n"})
    assert result.verdict is Verdict.CONFLICT
    assert "vllm/new.py" in result.cause


def test_one_file_in_two_parts_of_a_patch(author: Author, tmp_path: Path) -> None:
    """Where the first part landed, the second still merges."""
    before = {A: lines(1, 40)}
    first = author.patch(before, {A: lines(1, 40, l5="five")})
    second = Project(tmp_path / "second", {A: lines(1, 40, l5="five")})
    more = second.patch("more", {A: lines(1, 40, l5="five", l30="thirty")})
    twice = first + more[more.index(b"diff --git") :]
    result = author.on(twice, v0_17_0={A: lines(1, 40, l5="five", l32="other")})
    assert result.verdict in (Verdict.MERGED, Verdict.PARTIAL)
