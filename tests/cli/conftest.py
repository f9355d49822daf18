"""Fixtures: a shop, and a user's clone in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cli.shop import NAMES, SOURCE, Shop, Stock
from support import PYPROJECT, Project, git, lines, sdist
from vpatch.doors.git import drop_inherited_variables

if TYPE_CHECKING:
    from pathlib import Path

    from support import Desk


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """Make once what every shop has: upstream's repository, and patches for it."""
    drop_inherited_variables()
    folder = tmp_path_factory.mktemp("stock")
    start = {"pyproject.toml": PYPROJECT, "vllm/__init__.py": "", ".gitignore": "*.pyc\n"}
    Project(folder / "origin", start | SOURCE)
    git(folder / "origin", "tag", "v0.16.0")
    git(folder, "clone", "-q", f"file://{folder / 'origin'}", "clone")
    author = Project(folder / "author", SOURCE)
    made = [author.patch("Edit a", {"vllm/a.py": lines(1, 30, l7="seven")})]
    change = {"vllm/gone.py": None, "vllm/new/deep.py": "deep = 1\n"}
    made.append(author.patch("Add one file, delete another", change))
    author.folder.joinpath("vllm/tool.sh").chmod(0o755)
    change = {"vllm/old.py": None, "vllm/moved.py": lines(1, 40, l9="nine")}
    made.append(author.patch("Rename old to moved, make tool a program", change))
    change = {"vllm/a.py": lines(1, 30, l7="seven", l20="twenty")}
    made.append(author.patch("Edit a again", change))
    archive = sdist("0.16.0", SOURCE)
    return Stock(folder, author, dict(zip(NAMES, made, strict=True)), archive)


@pytest.fixture
def shop(desk: Desk, stock: Stock) -> Shop:
    """Publish v0.16.0 and write a series of four patches for it."""
    desk.index.add("0.16.0", stock.archive)
    desk.write_series("v0.16.0", stock.patches)
    return Shop(desk, stock)


@pytest.fixture
def clone(shop: Shop, tmp_path: Path) -> Path:
    """Copy a user's clone of the release."""
    return shutil.copytree(shop.stock.folder / "clone", tmp_path / "clone", symlinks=True)
