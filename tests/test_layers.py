"""The layers hold: who may import whom, who may print, and how fast the command starts."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vpatch.cli.main import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tools/vpatch"
FLOORS = {"values": 0, "doors": 1, "jobs": 2, "upkeep": 3, "cli": 4}
ONE_UNIT = ("values", "upkeep", "cli")
"""Floors whose modules may import each other; elsewhere only those of one package may."""
ONLY_BY = {
    "git": ("vpatch.doors.git",),
    "requests": ("vpatch.doors.index", "vpatch.doors.github"),
    "pypi_simple": ("vpatch.doors.index",),
    "click": ("vpatch.cli",),
    "rich": ("vpatch.cli",),
}
"""Libraries, and who alone may import them."""
LONGEST = 330


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(name: str) -> set[str]:
    """Return all that a module imports: in functions and for type checkers as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}, line {node.lineno}: a relative import"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return found - {name}


def own_imports(name: str) -> set[str]:
    """Return the modules of vpatch that a module imports; its version is for all."""
    return {other for other in imports(name) if other.startswith("vpatch.")}


def floor(name: str) -> int:
    """Return the floor of a module; the entry points stand on the highest."""
    parts = name.split(".")
    return FLOORS[parts[1]] if len(parts) > 1 and parts[1] in FLOORS else max(FLOORS.values())


def unit(name: str) -> str:
    """Return the unit of a module: within one, modules may import each other."""
    parts = name.split(".")
    if len(parts) < 3 or parts[1] in ONE_UNIT:
        return ".".join(parts[:2])
    return ".".join(parts[:3])


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_lower_floors_only(name: str) -> None:
    """Never up and never sideways: from below, or from its own unit."""
    for other in own_imports(name):
        below = floor(other) < floor(name)
        entry = name in ("vpatch", "vpatch.__main__")
        assert below or unit(other) == unit(name) or entry, f"{name} imports {other}"


def cycle_in(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return modules that import each other in a ring, none where there is no ring."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return way[way.index(name) :]
        if name not in done:
            for other in edges[name]:
                if ring := walk(other, [*way, name]):
                    return ring
            done.add(name)
        return []

    for name in edges:
        if ring := walk(name, []):
            return ring
    return []


def test_there_is_no_ring_of_imports() -> None:
    """Inside a unit too, imports lead one way."""
    assert cycle_in({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c"]
    edges = {name: own_imports(name) & MODULES.keys() for name in MODULES}
    for name in edges:
        # A package stands for what it hands out, and its modules do not ask it back.
        edges[name] -= {".".join(name.split(".")[:depth]) for depth in range(1, 9)}
    assert cycle_in(edges) == []


@pytest.mark.parametrize("name", MODULES)
def test_each_outside_thing_has_one_door(name: str) -> None:
    """Only a door imports the library behind it; only the command line talks to people."""
    for other in imports(name):
        owners = ONLY_BY.get(other.partition(".")[0], (name,))
        allowed = any(f"{name}.".startswith(f"{owner}.") for owner in owners)
        assert allowed, f"{name} imports {other}, which is for {' and '.join(owners)}"


@pytest.mark.parametrize("name", MODULES)
def test_only_the_command_line_prints(name: str) -> None:
    """Everything below returns values: no print, no standard output or error."""
    if name.startswith("vpatch.cli"):
        return
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        where = f"{name}, line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input"), where
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            said = (node.value.id, node.attr)
            assert said not in (("sys", "stdout"), ("sys", "stderr")), where


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_thing(name: str) -> None:
    """A file of more than about 300 lines is usually two things."""
    count = len(MODULES[name].read_text().splitlines())
    assert count <= LONGEST, f"{name} has {count} lines"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_and_told_of(verb: str) -> None:
    """A verb has a module of its name, an example in its help, and a place in the README."""
    module = importlib.import_module(f"vpatch.cli.{verb}")
    assert module.command.name == verb
    assert "Example" in module.command.help
    assert f"vpatch {verb}" in module.command.help
    assert f"`vpatch {verb}" in (ROOT / "README.md").read_text()


def test_the_command_starts_at_once() -> None:
    """``vpatch --version`` loads none of the large libraries."""
    command = [sys.executable, "-X", "importtime", "-m", "vpatch", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.startswith("vpatch ")
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "click" in loaded
    heavy = {"git", "rich", "unidiff", "requests", "platformdirs", "pypi_simple", "filelock"}
    assert loaded & heavy == set()
    assert {
        name for name in loaded if name.startswith(("vpatch.jobs", "vpatch.doors"))
    } == set()
