"""RECORD: read as wheels and pip write it, changed a line at a time."""

from __future__ import annotations

import base64
import csv
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpatch.values.errors import FormatError
from vpatch.values.record import Listed, digest_from, digest_of, read_record

WHEEL = (
    b"vllm/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    b'"vllm/a,b.py",sha256=LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564,3\n'
    b"vllm-0.16.0.dist-info/METADATA,sha256=LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564,3\n"
    b"vllm-0.16.0.dist-info/RECORD,,\n"
)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1)


def test_what_it_says_of_each_file() -> None:
    """Names with commas are read, and of RECORD itself nothing is told."""
    record = read_record(WHEEL, where="RECORD")
    assert list(record.files) == [
        "vllm/__init__.py",
        "vllm/a,b.py",
        "vllm-0.16.0.dist-info/METADATA",
        "vllm-0.16.0.dist-info/RECORD",
    ]
    assert record.files["vllm/__init__.py"] == Listed(digest_of(b""), 0)
    assert record.files["vllm/a,b.py"] == Listed(digest_of(b"foo"), 3)
    assert record.files["vllm-0.16.0.dist-info/RECORD"] is None


@pytest.mark.parametrize("raw", [WHEEL, WHEEL.replace(b"\n", b"\r\n")])
def test_only_what_changes_is_written_anew(raw: bytes) -> None:
    """Lines that stay are the same bytes, ended as in the file: wheels and pip differ there."""
    record = read_record(raw, where="RECORD")
    assert record.raw == raw
    changed = record.with_files(
        {
            "vllm/__init__.py": b"foo",
            "vllm/a,b.py": None,
            "vllm/new.py": b"",
            "no/such.py": None,
        }
    )
    end = "\r\n" if b"\r\n" in raw else "\n"
    lines = raw.decode().split(end)
    assert changed.raw.decode().split(end) == [
        f"vllm/__init__.py,{digest_of(b'foo')},3",
        *lines[2:4],
        f"vllm/new.py,{digest_of(b'')},0",
        "",
    ]
    assert record.raw == raw


def test_rename_of_the_dist_info_folder() -> None:
    """Its files are listed by the new name, with what was told of them."""
    record = read_record(WHEEL, where="RECORD")
    moved = record.moved("vllm-0.16.0.dist-info", "vllm-0.16.0+x.dist-info")
    assert moved.files["vllm-0.16.0+x.dist-info/METADATA"] == Listed(digest_of(b"foo"), 3)
    assert moved.raw == WHEEL.replace(b"vllm-0.16.0.dist-info", b"vllm-0.16.0+x.dist-info")


def test_what_pip_adds_when_it_installs() -> None:
    """Byte code without a digest, programs outside, a digest without a size, short lines."""
    raw = b"../../../bin/vllm,sha256=abc,9\nvllm/__pycache__/a.pyc,,\nx,sha256=abc\ny\n"
    record = read_record(raw, where="RECORD")
    assert record.files == {
        "../../../bin/vllm": Listed("sha256=abc", 9),
        "vllm/__pycache__/a.pyc": None,
        "x": Listed("sha256=abc", None),
        "y": None,
    }
    assert record.raw == raw


def test_same_line_twice() -> None:
    """It is no contradiction, and both change together."""
    record = read_record(b"a,sha256=x,1\na,sha256=x,1\n", where="RECORD")
    assert record.with_files({"a": None}).raw == b""


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"a,sha256=x,1\na,sha256=y,1\n", "two things of 'a'"),
        (b"a,sha256=x,many\n", "not a path, a digest and a size"),
        (b"a,sha256=x,-1\n", "not a path, a digest and a size"),
        (b",sha256=x,1\n", "not a path, a digest and a size"),
        (b"a,sha256=x,1,2\n", "not a path, a digest and a size"),
        (b'"a,sha256=x,1\n', "not a path, a digest and a size"),
        (b'"a\nb",sha256=x,1\n', "not a path, a digest and a size"),
    ],
)
def test_broken(raw: bytes, what: str) -> None:
    """What can't be read for certain is an error that names the file."""
    with pytest.raises(FormatError, match=what) as caught:
        read_record(b"first,,\n" + raw, where="w/RECORD")
    assert caught.value.where == "w/RECORD"


@given(st.dictionaries(PATHS, st.binary(), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_any_files_are_found_again(files: dict[str, bytes], end: str) -> None:
    """Whatever their names, files that are listed are read back as they are, by others too."""
    record = read_record(b"", where="RECORD").with_files(files)
    raw = record.raw.replace(b"\n", end.encode())
    assert read_record(raw, where="RECORD").files == {
        path: Listed(digest_of(content), len(content)) for path, content in files.items()
    }
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert {row[0] for row in rows} == files.keys()


def test_digest_is_that_of_the_packaging_guide() -> None:
    """URL-safe base64 of SHA-256, without padding."""
    raw = hashlib.sha256(b"x").digest()
    assert digest_of(b"x") == digest_from(raw)
    _, _, text = digest_of(b"x").partition("sha256=")
    assert base64.urlsafe_b64decode(text + "=") == raw
    assert "=" not in text
