"""Functions and classes of a Python module, by their qualified names (PEP 3155)."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_OUTERMOST = re.compile(rb"^(?:class |def |async def |@)", re.MULTILINE)
"""Where a function or class of the module itself may begin."""


class Scope(NamedTuple):
    """A function or class, from its first decorator to its last line."""

    first: int
    last: int
    name: str
    """Qualified: ``Model.load_weights``."""


class Module:
    """A Python module, of which only what is asked about is parsed.

    A module of vLLM has thousands of lines, and a hunk touches one of its functions. A part
    that does not parse by itself is none: then the whole is parsed.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._parts: dict[int, Sequence[Scope]] = {}

    @cached_property
    def _starts(self) -> list[int]:
        """The offsets at which parts begin; a decorator belongs to what follows."""
        found, at, quotes = [], 0, [0, 0]
        for match in _OUTERMOST.finditer(self._text):
            start = match.start()
            for n, quote in enumerate((b'"""', b"'''")):
                quotes[n] += self._text.count(quote, at, start)
            at = start
            if not any(count % 2 for count in quotes):
                # Else it is text in a string, for all that can be told.
                found.append(start)
        decorated = {
            after
            for before, after in pairwise(found)
            if self._text[before : before + 1] == b"@"
        }
        return [0, *(at for at in found if at and at not in decorated)]

    @cached_property
    def _lines(self) -> list[int]:
        """The first line of each part, from 1."""
        found, at, line = [], 0, 1
        for start in self._starts:
            line += self._text.count(b"\n", at, start)
            at = start
            found.append(line)
        return found

    @cached_property
    def _whole(self) -> list[Scope] | None:
        return scopes_of(self._text)

    def name_at(self, line: int) -> str | None:
        """Return the innermost function or class at a line, empty at the module's own level.

        Returns:
            None where the module is none that Python can read.
        """
        part = bisect_right(self._lines, line) - 1
        if part not in self._parts:
            start, *rest = self._starts[part : part + 2]
            scopes = scopes_of(self._text[start : rest[0] if rest else None])
            if scopes is None:
                scopes = self._whole
                return None if scopes is None else _name_at(scopes, line)
            self._parts[part] = scopes
        return _name_at(self._parts[part], line - self._lines[part] + 1)


def scopes_of(text: bytes) -> list[Scope] | None:
    """Return every function and class of a text, outer ones first; None if it is broken."""
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


def _name_at(scopes: Sequence[Scope], line: int) -> str:
    return next((s.name for s in reversed(scopes) if s.first <= line <= s.last), "")
