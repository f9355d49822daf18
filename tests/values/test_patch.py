"""Patch files as they are met in the wild: mails, bare diffs, and what is no patch at all."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import trees, wide

from support import Project, lines
from vpatch.values.errors import FormatError
from vpatch.values.patch import Patch, read_patch

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789012345678901234567890123456789"
DIFF = b"""diff --git a/vllm/x.py b/vllm/x.py
index 4cb29ea38f70d7c61b2a3a25b02e3bdf44905402..98e3bd1d8bd9c1ae3f4c1d3b2cbea2d1d8b0c2a1 100644
--- a/vllm/x.py
+++ b/vllm/x.py
@@ -1,3 +1,3 @@ def f():
 one
-two
+TWO
 three
"""
MAIL = b"""From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: Ada Lovelace <ada@example.org>
Date: Thu, 19 Feb 2026 12:00:00 +0100
Subject: [PATCH 1/2] [Bugfix] Count in upper case

Two is more.

Upstream-PR: https://github.com/vllm-project/vllm/pull/33303
Upstream-Head: 4444444444444444444444444444444444444444
---
 vllm/x.py | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

"""
SIGNATURE = b"-- \n2.39.5\n\n"


def refused(raw: bytes, what: str) -> FormatError:
    """Return the error that a file is refused with."""
    with pytest.raises(FormatError, match=what) as caught:
        read_patch("7.patch", raw)
    assert caught.value.where.startswith("7.patch")
    assert caught.value.hint
    return caught.value


def headed(head: str | bytes) -> Patch:
    """Read a patch with these lines before its diff."""
    return read_patch("7.patch", (head if isinstance(head, bytes) else head.encode()) + DIFF)


# Mails


def test_mail() -> None:
    """A mail of git format-patch gives all that a commit needs, and keeps its bytes."""

    raw = MAIL + DIFF + SIGNATURE
    patch = read_patch("0001-x.patch", raw)

    assert patch.subject == "[Bugfix] Count in upper case"
    assert patch.body.startswith("Two is more.\n\nUpstream-PR: ")
    assert "vllm/x.py" not in patch.body
    assert patch.author == ("Ada Lovelace", "ada@example.org")
    assert patch.date == datetime(2026, 2, 19, 12, tzinfo=timezone(timedelta(hours=1)))
    assert patch.trailers["Upstream-Head"] == "4" * 40
    assert patch.pr == 33303
    assert patch.paths == {"vllm/x.py"}
    assert patch.raw == raw
    assert patch.diff == DIFF
    assert patch.located
    assert not patch.chopped


def test_mail_of_git(tmp_path: Path) -> None:
    """What git itself writes is read back: subject, body with odd lines, author."""

    author = Project(tmp_path / "author", {"vllm/x.py": lines(1, 9)})
    subject = "Größer, and a subject that is long enough to be folded by git into two lines"
    body = "From the start.\n\n > quoted\n--- a/x\n\nSigned-off-by: Ada <ada@example.org>"
    raw = author.patch(f"{subject}\n\n{body}", {"vllm/x.py": lines(1, 9, l5="five")})
    patch = read_patch("x.patch", raw)

    assert b"=?UTF-8?q?" in raw
    assert (patch.subject, patch.body) == (subject, body)
    assert patch.author == ("Ada", "ada@example.org")
    assert patch.trailers == {"Signed-off-by": "Ada <ada@example.org>"}


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        (b"[PATCH] a\n b", "a b"),
        (b"[PATCH v2 3/7] [Core] a", "[Core] a"),
        (b"[RFC PATCH] a", "a"),
        (b"=?UTF-8?q?=5BPATCH=5D_Gr=C3=B6=C3=9Fe?=", "Größe"),
        (b"[PATCH] =?utf-8?b?R3LDtg==?=\n =?utf-8?b?w59l?=", "Größe"),
        (b"[PATCH] =?iso-8859-1?q?Gr=F6=DFe?= of x", "Größe of x"),
        ("[PATCH] Größe".encode(), "Größe"),
        (b"[PATCH] Gr\xf6\xdfe", "Gr\udcf6\udcdfe"),
        (b"[PATCH] =?utf-8?b?a?=", "=?utf-8?b?a?="),
        (b"[PATCH] =?no-charset?q?a?=", "=?no-charset?q?a?="),
        (b"[PATCH] =?utf-8?q?a=0ABcc:_x?=", "a Bcc: x"),
    ],
)
def test_subjects(field: bytes, subject: str) -> None:
    """Folded, encoded, raw and broken subjects are one line of text, without the tag."""

    assert headed(b"From: A <a@b>\nSubject: %s\n\nbody\n\n" % field).subject == subject


def test_encoded_authors() -> None:
    """Names are decoded as subjects are, and quotes are no part of them."""

    for field in ("=?utf-8?q?J=C3=B6rg?= <j@x>", "Jörg <j@x>", '"Jörg" <j@x>'):
        assert headed(f"From: {field}\nSubject: x\n\n").author == ("Jörg", "j@x")


def test_author_in_the_body() -> None:
    """Lines at the body's start are the author's own, as git am takes them."""

    head = "From: List <list@x>\nDate: Thu, 19 Feb 2026 12:00:00 +0000\nSubject: [PATCH] a\n\n"
    patch = headed(f"{head}From: Ada <ada@x>\n\nBody.\n---\n")
    assert (patch.author, patch.subject, patch.body) == (("Ada", "ada@x"), "a", "Body.")
    more = "From: Ada <ada@x>\nDate: Fri, 20 Feb 2026 12:00:00 +0000\nSubject: b\n c\n\nBody.\n"
    patch = headed(head + more)
    assert (patch.author, patch.subject, patch.body) == (("Ada", "ada@x"), "b c", "Body.")
    assert patch.date == datetime(2026, 2, 20, 12, tzinfo=UTC)


def test_dep_3() -> None:
    """Debian's header gives subject, body and author; a dot is a blank line."""

    head = """Description: Count in upper case
 Two is more.
 .
 Much more.
Author: Ada Lovelace <ada@example.org>
Origin: upstream, https://github.com/vllm-project/vllm/pull/33303
Last-Update: 2026-02-19
---
This patch header follows DEP-3.
"""
    patch = headed(head)
    assert patch.subject == "Count in upper case"
    assert patch.body == "Two is more.\n\nMuch more."
    assert patch.author == ("Ada Lovelace", "ada@example.org")
    assert patch.date is None


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "Thu, 99 Feb 2026", "1" * 5000, "Thu, 19 Feb 2026 12:00:00 +" + "9" * 20],
)
def test_dates_that_are_none(date: str) -> None:
    """A date that can't be read is no date, and no reason to refuse a patch."""

    assert headed(f"From: A <a@b>\nDate: {date}\nSubject: x\n\n").date is None


def test_pull_requests() -> None:
    """The trailer tells the number; else the file's name, where it begins with one."""

    for name, number in (
        ("33303-minimax.patch", 33303),
        ("pr-33303.diff", 33303),
        ("PR33303.patch.gz", 33303),
        ("33303.diff", 33303),
        ("0001-minimax.patch", None),
        ("12-x.patch", None),
        ("minimax-33303.patch", None),
        ("9" * 5000 + ".patch", None),
    ):
        raw = gzip.compress(DIFF) if name.endswith(".gz") else DIFF
        assert read_patch(name, raw).pr == number
    url = b"Upstream-PR: https://github.com/vllm-project/vllm/pull/%s\n"
    for text, number in ((b"7", 7), (b"7/", 7), (b"x", None), (b"9" * 5000, None)):
        assert headed(b"From: A <a@b>\nSubject: x\n\nbody\n\n" + url % text).pr == number


# Bare diffs and transports


def test_bare_diff() -> None:
    """GitHub's .diff has no header: the file's name is the subject."""

    patch = read_patch("33303-minimax_m2.diff", DIFF)
    assert (patch.subject, patch.body, patch.date) == ("33303 minimax m2", "", None)
    assert patch.author == ("", "")
    assert patch.diff == DIFF


@pytest.mark.parametrize("head", [b"", MAIL])
def test_transports(head: bytes) -> None:
    """gzip, CRLF, a mark of Windows and a lost last newline change nothing."""

    plain = read_patch("x.patch", head + DIFF)
    for raw in (
        gzip.compress(head + DIFF),
        (head + DIFF).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + head + DIFF,
        head + DIFF.removesuffix(b"\n"),
        head + DIFF + SIGNATURE,
        head + DIFF + b"\n\n",
    ):
        patch = read_patch("x.patch", raw)
        assert patch.diff == DIFF
        assert patch.raw == raw
        assert (patch.subject, patch.body) == (plain.subject, plain.body)


def test_a_crlf_file_in_a_mail() -> None:
    """The bytes of a file with CRLF are kept, in a mail with LF and in one with CRLF."""

    diff = trees().diff({"f": b"a\r\nb\r\n"}, {"f": b"a\r\nc\r\n"})
    assert read_patch("x.patch", MAIL + diff).diff == diff
    assert read_patch("x.patch", (MAIL + diff).replace(b"\n", b"\r\n")).diff == diff


def test_strip_levels_of_the_series() -> None:
    """More parts than git's prefix are stripped where the series says so."""

    deep = DIFF.replace(b"/vllm/", b"/project/vllm/")
    assert read_patch("x.patch", deep, strip=2).paths == {"vllm/x.py"}
    assert read_patch("x.patch", DIFF, strip=1).diff == DIFF
    with pytest.raises(FormatError, match=r"-p5 leaves nothing of vllm/x\.py") as caught:
        read_patch("x.patch", DIFF, strip=5)
    assert caught.value.hint


def test_paths_by_the_tree() -> None:
    """A patch without prefixes gets its paths from a tree, once."""

    raw = DIFF.replace(b" a/", b" ").replace(b" b/", b" ")
    patch = read_patch("x.patch", raw)
    tree = frozenset(("vllm/x.py", "setup.py"))
    assert not patch.located
    assert patch.in_tree(tree).diff == DIFF
    assert patch.in_tree(tree).in_tree(frozenset()).located


# No patch


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "the file is empty"),
        (b"\n \r\n", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
        (b"<!DOCTYPE html>\n<html><body>" + DIFF, "a web page, no patch"),
        (b"\n<HTML lang=en>", "a web page, no patch"),
        (b"404: Not Found", "no diff in it"),
        (b"From: a\nSubject: x\n\nno change\n", "no diff in it"),
        (gzip.compress(DIFF)[:-9], "broken gzip"),
        (b"\x1f\x8bnonsense", "broken gzip"),
        (MAIL + DIFF + SIGNATURE + MAIL + DIFF, "2 mails in one file"),
        (DIFF + MAIL + DIFF, "a diff and a mail in it"),
        (b"diff --cc vllm/y.py\nindex 1,2..3\n" + DIFF, "a combined diff, of a merge"),
        (MAIL + DIFF[:-20], "breaks off|counts"),
        (b"Content-Transfer-Encoding: base64\nSubject: x\n\nZGlmZgo=\n", r"encoded \(base64\)"),
        (b"Content-transfer-encoding: Quoted-Printable\n\n" + DIFF, "quoted-printable"),
    ],
)
def test_files_that_are_refused(raw: bytes, what: str) -> None:
    """What the file is instead, and how to get the right one."""

    refused(raw, what)


def test_a_small_archive_of_a_huge_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive is not unpacked beyond what a patch can be."""

    monkeypatch.setattr("vpatch.values.patch._LARGEST", 1000)
    refused(gzip.compress(DIFF + b"\n" * 100_000), "cut off, or too large")


def test_messages() -> None:
    """What, where and the way out, in the words that people see."""

    error = refused(MAIL + DIFF.replace(b"-1,3 +1,3", b"-1,5 +1,2"), "counts")
    assert str(error) == (
        "the counts of @@ -1,5 +1,2 @@ are wrong: 7.patch, b/vllm/x.py, hunk 1"
    )
    assert error.hint == "if the lines are as you want them, write @@ -1,3 +1,3 @@"
    error = refused(DIFF[: DIFF.index(b"+TWO")], "breaks off")
    assert str(error) == (
        "the diff breaks off: @@ -1,3 +1,3 @@ promises 3 lines before and 3 after, "
        "2 and 1 are there: 7.patch, b/vllm/x.py, hunk 1"
    )
    assert error.hint.startswith("get the patch again if it was cut on its way")


# Whatever it holds


pieces = st.sampled_from(
    [
        *DIFF.splitlines(keepends=True),
        *MAIL.splitlines(keepends=True),
        *(b"--- a/x\n", b"+++ b/x\n", b"@@ -0,0 +1 @@\n", b"rename from x\n", b"rename to y\n"),
        *(b"new file mode 100644\n", b"old mode 100644\n", b"\n", b"\r\n", b"-- \n", b"---\n"),
        *(b"similarity index 100%\n", b'diff --git "a/\\303" "b/\\303"\n', b"--- \xff\n"),
        *(b"Subject: =?utf-8?b?a?=\n", b"Date: Mon, 1 Jan 1 1:1:1 -99999\n", b"From: <\n"),
        *(
            b"\\ No newline at end of file\n",
            b"Content-Type: multipart/mixed\n",
            b"--- /dev/null\n",
        ),
    ]
)


@wide
@given(st.one_of(st.binary(), st.lists(st.one_of(pieces, st.binary(max_size=5))).map(b"".join)))
def test_any_bytes_are_a_patch_or_refused(raw: bytes) -> None:
    """Bytes of any kind give a patch whose parts can be used, or a format error."""

    try:
        patch = read_patch("7.patch", raw)
    except FormatError as error:
        assert error.hint  # noqa: PT017, the error is one answer of two
        return
    assert patch.raw == raw
    assert "\n" not in patch.subject
    assert patch.diff
    assert patch.trailers is not None
    for path in patch.paths:
        assert ".git" not in path.lower().split("/")
        assert ".." not in path.split("/")
    for file in patch.files:
        for hunk in file.hunks:
            assert hunk.side(new=True) != hunk.side(new=False) or not hunk.change


@wide
@given(st.data())
def test_any_damage_to_a_mail_is_read_or_refused(data: st.DataObject) -> None:
    """A byte changed, lost or doubled anywhere never ends in anything else."""

    raw = MAIL + DIFF + SIGNATURE
    at = data.draw(st.integers(0, len(raw) - 1))
    put = data.draw(st.binary(max_size=3))
    damaged = raw[:at] + put + raw[at + data.draw(st.integers(0, 3)) :]
    try:
        patch = read_patch("7.patch", damaged)
    except FormatError as error:
        assert re.search("[a-z]", error.hint)  # noqa: PT017, the error is one answer of two
    else:
        assert patch.paths
