"""What a person made of a conflict is looked at before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import Project, git
from vpatch.jobs.folder import Folder
from vpatch.upkeep.rebase.state import Stop
from vpatch.upkeep.solution import keep_resolution
from vpatch.values.base import Base
from vpatch.values.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

BASE = Base("v0.17.0", "1" * 40, "here")
HINTS = "vpatch rebase --continue", "vpatch rebase --skip"


@pytest.fixture
def tree(tmp_path: Path) -> Project:
    """Make a work tree with one file that is Python, and one that never was."""
    return Project(tmp_path / "tree", {"a.py": "x = 1\n", "b.py": "line one\n"})


def kept(folder: Path, tree: Project) -> str:
    """Keep what lies in the work tree, and return the file's text."""
    onto = git(tree.folder, "rev-parse", "HEAD^{tree}")
    stop = Stop("1-a.patch", "a" * 64, onto, onto)
    (folder / "patches").mkdir(parents=True, exist_ok=True)
    project = Folder(folder)
    name = keep_resolution(project, tree.folder, stop, ("v0.16.0", BASE), HINTS)
    return (project.resolutions / name).read_text()


def test_a_file_that_was_python_must_stay_so(tree: Project, tmp_path: Path) -> None:
    """Else the first to notice would be the server that does not start."""
    (tree.folder / "a.py").write_text("x = (1\n")
    with pytest.raises(RefusedError, match=r"no Python any more: .*a\.py") as refused:
        kept(tmp_path, tree)
    assert "run vpatch rebase --continue again" in refused.value.hint
    (tree.folder / "a.py").write_text("x = 2\n")
    assert "+x = 2" in kept(tmp_path, tree)


def test_a_file_that_never_was_python(tree: Project, tmp_path: Path) -> None:
    """What upstream's own file is, the solution may be as well."""
    (tree.folder / "b.py").write_text("line two\n")
    assert "+line two" in kept(tmp_path, tree)
