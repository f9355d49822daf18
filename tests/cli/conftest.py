"""Fixtures: a shop, and a user's clone in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shop import NAMES, SOURCE, Shop
from support import Project, lines, sdist

if TYPE_CHECKING:
    from pathlib import Path

    from support import Desk


@pytest.fixture
def shop(desk: Desk, tmp_path: Path) -> Shop:
    """Publish v0.16.0 and write a series of four patches for it."""
    desk.index.add("0.16.0", sdist("0.16.0", SOURCE))
    author = Project(tmp_path / "author", SOURCE)
    made = [author.patch("Edit a", {"vllm/a.py": lines(1, 30, l7="seven")})]
    change = {"vllm/gone.py": None, "vllm/new/deep.py": "deep = 1\n"}
    made.append(author.patch("Add one file, delete another", change))
    author.folder.joinpath("vllm/tool.sh").chmod(0o755)
    change = {"vllm/old.py": None, "vllm/moved.py": lines(1, 40, l9="nine")}
    made.append(author.patch("Rename old to moved, make tool a program", change))
    change = {"vllm/a.py": lines(1, 30, l7="seven", l20="twenty")}
    made.append(author.patch("Edit a again", change))
    patches = dict(zip(NAMES, made, strict=True))
    desk.write_series("v0.16.0", patches)
    return Shop(desk, author, patches)


@pytest.fixture
def clone(shop: Shop, tmp_path: Path) -> Path:
    """Make a user's clone of the release."""
    return shop.clone(tmp_path / "clone")
