"""A hunk that moved or merged must stand in the function that it was made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import Project, Upstream, lines, series_of
from vpatch.jobs.replay import Setting, replay
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay

PATH = "vllm/model.py"
BODY = "".join(f"        step_{n}(self)\n" for n in range(1, 13))
HEAD = "# a model\n"


def model(*methods: tuple[str, str], name: str = "Model", above: str = "") -> str:
    """Return a module with a class of methods."""
    rows = "".join(f"    def {method}(self):\n{body}\n" for method, body in methods)
    return f"{HEAD}{above}class {name}:\n{rows}"


def changed(body: str) -> str:
    """Return the body with the change of every patch here."""
    return body.replace("        step_6(self)\n", "        step_6(self)\n        extra(self)\n")


def onto(upstream: Upstream, patch: bytes, base: Base) -> Replay:
    """Replay a patch that was made on v0.16.0."""
    own = upstream.bases["v0.16.0"]
    with upstream.repo.scratch() as repo:
        return replay(
            Setting(
                repo,
                series_of(own, {"100-a.patch": patch}),
                base,
                home=lambda: own,
                releases=list(upstream.bases.values()),
            )
        )


@pytest.fixture
def patch(upstream: Upstream, tmp_path: Path) -> bytes:
    """Release a model, and patch its method ``load``."""
    files = {PATH: model(("load", BODY), ("run", "        pass\n"))}
    upstream.release("v0.16.0", files)
    author = Project(tmp_path / "author", files)
    after = model(("load", changed(BODY)), ("run", "        pass\n"))
    return author.patch("Do one step more", {PATH: after})


def test_lines_that_moved_within_their_function(upstream: Upstream, patch: bytes) -> None:
    """An offset inside the same method is what an offset should be."""
    text = model(("load", BODY), ("run", "        pass\n"), above=lines(1, 0) + "import os\n\n")
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.OFFSET


def test_lines_that_went_to_another_method(upstream: Upstream, patch: bytes) -> None:
    """The text is there once, and the hunk fits: but it would change another method."""
    text = model(("load", "        pass\n"), ("save", BODY))
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    result = found.results[0]
    assert result.verdict is Verdict.MISPLACED
    assert not found.ok
    assert found.change == {}
    said = "line 13 would stand in Model.save, it was made in Model.load"
    assert result.cause == f"{PATH}: {said}"
    assert [hunk.verdict for hunk in result.hunks] == [Verdict.MISPLACED]
    assert result.as_json()["verdict"] == "misplaced"


def test_lines_that_merged_into_another_method(upstream: Upstream, patch: bytes) -> None:
    """A merge follows text as well, and is looked at likewise."""
    near = BODY.replace("        step_8(self)\n", "        step_eight(self)\n")
    text = model(("save", near), ("run", "        pass\n"))
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.MISPLACED
    assert "would stand in Model.save, it was made in Model.load" in found.results[0].cause


def test_merge_within_its_function(upstream: Upstream, patch: bytes) -> None:
    """Where the method is still the same, a merge is good."""
    near = BODY.replace("        step_8(self)\n", "        step_eight(self)\n")
    text = model(("load", near), ("run", "        pass\n"), above="import os\n\n\n")
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.MERGED


def test_class_of_another_name(upstream: Upstream, patch: bytes) -> None:
    """A class that upstream renamed is for a person to look at; both names are said."""
    text = model(("load", BODY), ("run", "        pass\n"), name="BaseModel", above="#\n")
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.MISPLACED
    assert "BaseModel.load, it was made in Model.load" in found.results[0].cause


def test_file_that_upstream_moved(upstream: Upstream, patch: bytes) -> None:
    """Where the file moved with its functions, the hunk is at home there."""
    text = model(("load", BODY), ("run", "        pass\n"), above="import os\n\n")
    base = upstream.release("v0.17.0", {"vllm/models/model.py": text})
    found = onto(upstream, patch, base)
    assert found.results[0].verdict is Verdict.MERGED
    assert set(found.change) == {"vllm/models/model.py"}


def test_new_function_between_others(upstream: Upstream, tmp_path: Path) -> None:
    """A function that the patch brings has the same name wherever it goes in."""
    before = model(("load", BODY), ("run", "        pass\n"))
    upstream.release("v0.16.0", {PATH: before})
    author = Project(tmp_path / "author", {PATH: before})
    new = ("fresh", "        # its comment\n\n        return 1\n")
    after = model(("load", BODY), new, ("run", "        pass\n"))
    patch = author.patch("Bring a method", {PATH: after})
    text = model(("load", BODY), ("run", "        pass\n"), above="import os\n")
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.OFFSET


def test_what_python_cannot_read(upstream: Upstream, patch: bytes) -> None:
    """Nothing is claimed of a file that has no syntax tree."""
    text = model(("load", "        pass\n"), ("save", BODY), name="Model(")
    found = onto(upstream, patch, upstream.release("v0.17.0", {PATH: text}))
    assert found.results[0].verdict is Verdict.OFFSET
