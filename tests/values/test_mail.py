"""What a stranger wrote becomes a file name and a message, and nothing worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpatch.values.mail import file_name, message_of, slug, title_of
from vpatch.values.patch import read_patch

TITLE = "Support Pipeline and Data Parallelism for MiniMax-M2"
DIFF = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n"
PATH = "a"


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        (TITLE, "support-pipeline-and-data-parallelism-for"),
        ("[Bugfix][Model] Fix  `eh_proj` (NVFP4)", "fix-eh-proj-nvfp4"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\x1b[31mb\nc", "a-31mb-c"),
        ("Überprüfe <b>&amp;</b>", "uberprufe-b-amp-b"),
        ("[WIP]", ""),
        ("修复", ""),
        ("x" * 99, ""),
    ],
)
def test_slug(title: str, kept: str) -> None:
    """Words in plain letters, whole ones, as many as a file name should have."""
    assert slug(title) == kept


def test_file_names() -> None:
    """The number first; a part says which; without a number, no name looks like one."""
    assert file_name("Fix a", 101) == "101-fix-a.patch"
    assert file_name("Fix a", 101, 2) == "101-02-fix-a.patch"
    assert file_name("修复", 101) == "101.patch"
    assert file_name("Fix a") == "fix-a.patch"
    assert file_name("2024 was good") == "local-2024-was-good.patch"
    assert file_name("修复") == "local.patch"


@given(st.text(max_size=80))
def test_a_name_is_a_name(title: str) -> None:
    """Whatever a title says, the file lies in the folder, and is of the one pull request."""
    for name in (file_name(title), file_name(title, 101), file_name(title, 101, 3)):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert not name.startswith((".", "-"))
    mail = b"From: a <b>\nSubject: x\n\n"
    assert read_patch(file_name(title), mail + DIFF).pr is None
    assert read_patch(file_name(title, 101), mail + DIFF).pr == int("101")


@given(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                *("---", "--- a/x", "+++ b/x", "diff --git a/x b/x", "@@ -1 +1 @@", "", "x"),
                *("From: eve <eve>", "Date: now", "Subject: y", "Index: x", "=====", "-- "),
                *("From 0000000000000000000000000000000000000000 Mon", "Upstream-PR: /pull/1"),
                *("Binary files a and b differ", ">From x", "\x1b[2J", "\r"),
            ]
        ),
        max_size=6,
    ),
)
def test_a_message_stays_one(title: str, body: list[str]) -> None:
    """No line of it begins a diff, ends the mail, or speaks for its header."""
    subject, _, rest = message_of(title, "\n".join(body)).partition("\n")
    assert subject.isprintable()
    mail = f"From: a <b>\nDate: Thu, 29 Jan 2026 00:00:00 +0000\nSubject: x\n{rest}\n\n"
    patch = read_patch("a.patch", mail.encode("utf-8", "replace") + DIFF)
    assert patch.paths == {PATH}
    assert (patch.author, patch.subject) == (("a", "b"), "x")


def test_a_title_is_one_line() -> None:
    """Escape codes are shown as what they are."""
    assert title_of("  Fix\x1b[31m\n a ") == "Fix\\x1b[31m a"
    assert message_of(" ", "") == "Untitled\n"
