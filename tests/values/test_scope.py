"""Qualified names of functions and classes, by the line."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from vpatch.values.scope import Module, scopes_of

MODULE = b'''\
import os

@decorated(
    by="something",
)
class Model:
    """Looks like a function:
def fake():
    """

    size = 1

    @property
    async def loads(self):
        if self.size:
            def inner():
                return 1
            return inner
        x = lambda: 2

    class Part: pass

if os:
    def late(): ...
'''


def test_names_by_line() -> None:
    """Decorators belong to what they decorate, text in a string is no function."""
    module = Module(MODULE)
    names = {line: module.name_at(line) for line in range(1, MODULE.count(b"\n") + 2)}
    assert names[1] == ""
    assert names[3] == names[6] == names[8] == names[11] == "Model"
    assert names[13] == names[14] == names[15] == names[19] == "Model.loads"
    assert names[16] == names[17] == "Model.loads.inner"
    assert names[20] == "Model"
    assert names[21] == "Model.Part"
    assert names[23] == ""
    assert names[24] == "late"


def test_what_is_no_python() -> None:
    """A file that Python can't read has no known scopes; an empty one has none."""
    assert scopes_of(b"def broken(:\n") is None
    assert scopes_of(b"x = '\0'\n") is None
    assert scopes_of(b"\xff\xfe\n") is None
    assert scopes_of(b"") == []
    assert Module(b"").name_at(1) == ""
    broken = Module(b"def fine():\n    pass\n\n\ndef broken(:\n    pass\n")
    assert broken.name_at(2) == "fine"
    assert broken.name_at(6) is None


trees = st.recursive(
    st.just("pass"),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["def {}():", "class {}:", "if {}:"]), inner),
        min_size=1,
        max_size=3,
    ),
    max_leaves=8,
)


@given(trees)
def test_names_of_any_nesting(tree: object) -> None:
    """Each leaf lies in what was written around it, and in nothing else."""
    rows: list[str] = []
    expected: dict[int, str] = {}

    def write(node: object, depth: int, within: tuple[str, ...]) -> None:
        if isinstance(node, str):
            rows.append("    " * depth + node)
            expected[len(rows)] = ".".join(within)
            return
        assert isinstance(node, list)
        for number, (head, inner) in enumerate(node):
            name = f"n{depth}_{number}"
            rows.append("    " * depth + head.format(name))
            write(inner, depth + 1, within if head.startswith("if") else (*within, name))

    write(tree, 0, ())
    text = "\n".join(rows)
    ast.parse(text)
    module = Module(text.encode())
    assert {line: module.name_at(line) for line in expected} == expected


def test_method_of_a_long_class() -> None:
    """A long class is parsed method by method, and its names are the same as of the whole."""
    method = (
        '    @decorated\n    def m{n}(self):\n        text = """\n    def fake():\n"""\n'
        "        def inner():\n            return text\n        return inner\n\n"
        "    size{n} = 1\n\n"
    )
    body = "".join(method.format(n=n) for n in range(150))
    text = f'class Long(Base):\n    """Doc."""\n\n    x = 1\n\n{body}\n\nafter = 1\n'.encode()
    whole = scopes_of(text)
    assert whole is not None
    module = Module(text)
    for line in range(1, text.count(b"\n") + 1):
        wanted = next((s.name for s in reversed(whole) if s.first <= line <= s.last), "")
        assert module.name_at(line) == wanted, line
