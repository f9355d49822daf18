"""Paths: decoded without loss, quoted as git does, and never a way out of the tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import wide

from vpatch.values.errors import FormatError
from vpatch.values.paths import decode, encode, printable, quote, safe, unquote

IGNORED = "\u200c\u200d\u200e\u200f\u202a\u202e\u206a\u206f\ufeff"

disguises = st.builds(
    lambda name, cases, marks, tail: (
        "".join(
            mark + (char.upper() if big else char)
            for char, big, mark in zip(name, cases, marks, strict=False)
        )
        + tail
    ),
    st.sampled_from((".git", "git~1", "..", ".")),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.lists(st.sampled_from(("", *IGNORED)), min_size=5, max_size=5),
    st.sampled_from(("", *IGNORED)),
)


@wide
@given(st.binary(max_size=30))
def test_names_survive_both_ways(raw: bytes) -> None:
    """Any bytes come back from text, and from git's quoting."""

    assert encode(decode(raw)) == raw
    assert unquote(quote(decode(raw))) == raw


def test_quoting_of_git() -> None:
    """Git's escapes are undone; a name that only looks quoted is left alone."""

    assert unquote(rb'"a\303\274\t\"\\\n"') == b'a\xc3\xbc\t"\\\n'
    assert unquote(b'"') == b'"'
    assert unquote(b'a"b"') == b'a"b"'
    assert quote("vllm/ü x.py") == "vllm/ü x.py".encode()


@pytest.mark.parametrize(
    "path", ["x", "vllm/x.py", ".github/w", ".gitignore", "a b/ü", "..x/y"]
)
def test_honest_paths(path: str) -> None:
    """A path inside the tree is returned as it is."""

    assert safe(path, where="p") == path


@wide
@given(disguises, st.sampled_from(("{}", "{}/x", "d/{}", "d/{}/x")))
def test_no_disguise_passes(name: str, form: str) -> None:
    """Neither case nor characters that HFS+ ignores open a way to .git or upwards."""

    with pytest.raises(FormatError, match="leaves the tree") as caught:
        safe(form.format(name), where="p.patch")
    assert caught.value.where == "p.patch"


@pytest.mark.parametrize("end", ["", ".", " ", " . ", "::$INDEX_ALLOCATION", ". :x", ":"])
@pytest.mark.parametrize("name", [".git", "GIT~1"])
def test_no_disguise_of_ntfs_passes(name: str, end: str) -> None:
    """What NTFS drops from a name's end does not hide it."""

    with pytest.raises(FormatError, match="leaves the tree"):
        safe(f"d/{name}{end}/config", where="p.patch")


@pytest.mark.parametrize("path", ["", "/", "/etc", "a//b", "a/", "../a", "a/..", "a/./b"])
def test_ways_out(path: str) -> None:
    """Absolute, climbing and empty parts are refused."""

    with pytest.raises(FormatError, match="leaves the tree"):
        safe(path, where="p.patch")


@pytest.mark.parametrize("path", ["a\0b", "a\nb", "a\\b"])
def test_no_paths(path: str) -> None:
    """Characters that end or divide a path elsewhere are refused, with a hint."""

    with pytest.raises(FormatError, match="is no path") as caught:
        safe(path, where="p.patch")
    assert caught.value.hint


@wide
@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text: str) -> None:
    """Only printable characters, line feeds and tabs are left."""

    assert all(char.isprintable() or char in "\n\t" for char in printable(text))
    assert printable("\x1b[2J\udcff\u202e") == "\\x1b[2J?\\x202e"
