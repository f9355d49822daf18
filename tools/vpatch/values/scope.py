"""Functions and classes of a Python module, by their qualified names (PEP 3155)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Scope(NamedTuple):
    """A function or class, from its first decorator to its last line."""

    first: int
    last: int
    name: str
    """Qualified: ``Model.load_weights``."""


def scopes_of(text: bytes) -> list[Scope] | None:
    """Return every function and class of a module, outer ones first; None if it is broken."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return list(_scopes(tree, ""))


def _scopes(node: ast.AST, within: str) -> Iterator[Scope]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            name = f"{within}{child.name}"
            first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
            yield Scope(first, child.end_lineno or first, name)
            yield from _scopes(child, f"{name}.")
        elif not isinstance(child, ast.expr):
            yield from _scopes(child, within)


def name_at(scopes: Sequence[Scope], line: int) -> str:
    """Return the innermost function or class at a line, empty at a module's own level."""
    return next((s.name for s in reversed(scopes) if s.first <= line <= s.last), "")
