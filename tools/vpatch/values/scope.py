"""Functions and classes of a Python module, by their qualified names (PEP 3155)."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_OUTER = re.compile(rb"^(?:class |def |async def |@)", re.MULTILINE)
"""Where a function or class of the module itself may begin."""
_INNER = re.compile(rb"^    (?:class |def |async def |@)", re.MULTILINE)
"""Where one of a class may begin."""
_CLASS = re.compile(rb"class (\w+)")
_LONG = 10_000
"""Bytes beyond which a class is not parsed whole to name one of its methods."""


class Scope(NamedTuple):
    """A function or class, from its first decorator to its last line."""

    first: int
    last: int
    name: str
    """Qualified: ``Model.load_weights``."""


class Module:
    """A Python module, of which only what is asked about is parsed.

    A module of vLLM has thousands of lines, one class most of them, and a hunk touches one
    method. A part that does not parse by itself is none: then what is around it is parsed.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._outer = _Parts(text, _OUTER)
        self._inners: dict[int, _Parts] = {}
        self._known: dict[tuple[int, int], Sequence[Scope] | None] = {}

    @cached_property
    def _whole(self) -> Sequence[Scope] | None:
        return scopes_of(self._text)

    def name_at(self, line: int) -> str | None:
        """Return the innermost function or class at a line, empty at the module's own level.

        Returns:
            None where the module is none that Python can read.
        """
        number = self._outer.at(line)
        part, first = self._outer.text(number), self._outer.lines[number]
        name = self._in_class(number, part, line - first + 1)
        if name is None:
            if (number, 0) not in self._known:
                self._known[number, 0] = scopes_of(part)
            name = _name_at(self._known[number, 0], line - first + 1)
        return _name_at(self._whole, line) if name is None else name

    def _in_class(self, number: int, part: bytes, line: int) -> str | None:
        """Name a line of a long class by the one method around it; None to parse it whole."""
        named = _CLASS.match(part) if len(part) > _LONG else None
        if named is None:
            return None
        inner = self._inner(number, part)
        at = inner.at(line)
        if at == 0:
            return None
        if (number, at) not in self._known:
            # The method gets its class back, on a line of its own.
            self._known[number, at] = scopes_of(named[0] + b":\n" + inner.text(at))
        name = _name_at(self._known[number, at], line - inner.lines[at] + 2)
        # A blank line behind a method is still in the class, unless it is behind the last.
        between = name == "" and at + 1 < len(inner.lines)
        return decode(named[1]) if between else name

    def _inner(self, number: int, part: bytes) -> _Parts:
        if number not in self._inners:
            self._inners[number] = _Parts(part, _INNER)
        return self._inners[number]


class _Parts:
    """A text in parts, each of which begins where a function or class may begin."""

    def __init__(self, text: bytes, pattern: re.Pattern[bytes]) -> None:
        self._text = text
        self._pattern = pattern

    @cached_property
    def _starts(self) -> list[int]:
        """The offsets at which parts begin; a decorator belongs to what follows."""
        found, at, quotes = [], 0, [0, 0]
        for match in self._pattern.finditer(self._text):
            start = match.start()
            for n, quote in enumerate((b'"""', b"'''")):
                quotes[n] += self._text.count(quote, at, start)
            at = start
            if not any(count % 2 for count in quotes):
                # Else it is text in a string, for all that can be told.
                found.append((start, match[0].endswith(b"@")))
        decorated = {after[0] for before, after in pairwise(found) if before[1]}
        return [0, *(start for start, _ in found if start and start not in decorated)]

    @cached_property
    def lines(self) -> list[int]:
        """The first line of each part, from 1."""
        found, at, line = [], 0, 1
        for start in self._starts:
            line += self._text.count(b"\n", at, start)
            at = start
            found.append(line)
        return found

    def at(self, line: int) -> int:
        """Return the number of the part that has a line."""
        return bisect_right(self.lines, line) - 1

    def text(self, number: int) -> bytes:
        """Return a part."""
        start, *rest = self._starts[number : number + 2]
        return self._text[start : rest[0] if rest else None]


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


def _name_at(scopes: Sequence[Scope] | None, line: int) -> str | None:
    if scopes is None:
        return None
    return next((s.name for s in reversed(scopes) if s.first <= line <= s.last), "")
