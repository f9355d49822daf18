"""Diffs as they are met in the wild: read, located in a tree, refused where they are broken."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from samples import Files, changes, contents, fast, gnu_diff, trees, wide

from vpatch.values.diff import FileDiff, Hunk, locate
from vpatch.values.errors import FormatError
from vpatch.values.scan import scan

BODY = b"@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"
PLAIN = b"--- a/vllm/x.py\n+++ b/vllm/x.py\n" + BODY
GIT = b"diff --git a/vllm/x.py b/vllm/x.py\nindex 1111111..2222222 100644\n" + PLAIN
TREE = frozenset(("setup.py", "vllm/x.py", "vllm/y.py", "vllm/core/z.py", "tests/x.py"))
BEFORE = {"vllm/x.py": b"one\ntwo\nthree\n"}
AFTER = {"vllm/x.py": b"one\nTWO\nthree\n"}


def read(diff: bytes) -> tuple[FileDiff, ...]:
    """Read a diff whose paths are the tree's."""
    found = scan(diff, where="p.patch")
    assert found.located
    return found.files


def found_in(diff: bytes, *, strip: int | None = None) -> tuple[FileDiff, ...]:
    """Read a diff and look its paths up in a tree of a few files."""
    found = scan(diff, where="p.patch")
    if found.located:
        return found.files
    return locate(found.files, TREE, where="p.patch", strip=strip)


def refused(diff: bytes) -> FormatError:
    """Return the error that a diff is refused with; its hint must say something."""
    with pytest.raises(FormatError) as caught:
        scan(diff, where="p.patch")
    assert caught.value.hint
    assert caught.value.where.startswith("p.patch")
    return caught.value


def joined(files: tuple[FileDiff, ...]) -> bytes:
    """Return the diff that goes to git."""
    return b"".join(file.text() for file in files)


def kept(files: Files, diff: bytes) -> dict[str, bytes]:
    """Return the files after a diff was read and given to git."""
    return trees().applied(files, joined(found_in(diff)))


# What git and GNU diff write


@fast
@given(changes())
def test_any_diff_of_git_is_kept_byte_for_byte(change: tuple[Files, Files]) -> None:
    """What git writes comes out as it went in, with the paths of the files that changed."""

    before, after = change
    diff = trees().diff(before, after)
    assume(diff)
    files = read(diff)

    assert joined(files) == diff
    touched = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert {path for file in files for path in file.paths} == touched


@fast
@given(changes())
def test_any_diff_of_git_has_its_hunks(change: tuple[Files, Files]) -> None:
    """Hunks, their numbers, sides and changes are those that git wrote."""

    diff = trees().diff(*change, "-U2")
    assume(diff)
    hunks = [hunk for file in read(diff) for hunk in file.hunks]
    headers = re.findall(
        rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", diff, flags=re.MULTILINE
    )

    assert [(h.old_start, h.new_start) for h in hunks] == [
        (int(header[0]), int(header[2])) for header in headers
    ]
    assert [(h.old_count, h.new_count) for h in hunks] == [
        (int(header[1] or 1), int(header[3] or 1)) for header in headers
    ]
    assert not any(hunk.chopped for hunk in hunks)
    for hunk in hunks:
        body = hunk.text.split(b"\n")[1:-1]
        assert hunk.change == b"".join(b"%s\n" % row for row in body if row[:1] in (b"+", b"-"))


@fast
@given(changes())
def test_sides_of_hunks_stand_in_the_files(change: tuple[Files, Files]) -> None:
    """Each hunk's two sides are lines of the file before and after, at their numbers."""

    before, after = change
    for file in read(diff) if (diff := trees().diff(before, after)) else ():
        for hunk in file.hunks:
            for files, path, start, new in (
                (before, file.old, hunk.old_start, False),
                (after, file.new, hunk.new_start, True),
            ):
                side = hunk.side(new=new)
                count = hunk.new_count if new else hunk.old_count
                rows = files[path].split(b"\n") if path else []
                at = max(start - 1, 0)
                assert side.removesuffix(b"\n").split(b"\n") == (
                    rows[at : at + count] if count else [b""]
                )


@fast
@given(changes())
def test_every_way_of_git_to_write_paths_gives_the_same(change: tuple[Files, Files]) -> None:
    """Mnemonic prefixes, none, and raw names give the same files when applied by git."""

    before, after = change
    assume(before and before != after)
    assume(not any(path.startswith("a/") for path in before.keys() | after))
    tree = frozenset(before)
    for options in (
        ("--src-prefix=i/", "--dst-prefix=w/"),
        ("--src-prefix=c/", "--dst-prefix=i/"),
        ("--no-prefix",),
    ):
        found = scan(trees().diff(before, after, *options), where="p.patch")
        try:
            files = (
                found.files
                if found.located
                else locate(found.files, tree, where="p.patch", strip=0)
            )
        except FormatError:
            # A new file in a new folder, without a prefix: nothing tells where it goes.
            assert options == ("--no-prefix",)
            continue
        assert trees().applied(before, joined(files)) == after


@fast
@given(contents(), contents())
def test_plain_diffs_are_located_and_applied(old: bytes, new: bytes) -> None:
    """A ``diff -u`` without prefixes, put into git's form, gives the same file."""

    assume(old != new and old)
    diff = gnu_diff({"x.py": old}, {"x.py": new}, "--label=vllm/x.py", "--label=vllm/x.py")
    assume(b"Binary files" not in diff)
    assert kept({"vllm/x.py": old}, diff) == {"vllm/x.py": new}


@fast
@given(changes())
def test_plain_diffs_of_folders_are_applied(change: tuple[Files, Files]) -> None:
    """A ``diff -ruN`` of two folders gives what git's diff gives."""

    before, after = (
        {re.sub("[^a-z/.]", "_", path): raw for path, raw in files.items()} for files in change
    )
    # An empty file that comes or goes leaves no trace in such a diff.
    before = {path: raw or b"x" for path, raw in before.items()}
    after = {path: raw or b"y" for path, raw in after.items()}
    assume(before != after)
    diff = gnu_diff(before, after, "-N")
    assert trees().applied(before, joined(read(diff))) == after


@fast
@given(changes())
def test_crlf_transport_is_undone(change: tuple[Files, Files]) -> None:
    """Where a mail or an editor rewrote every line end, the diff is as it was before."""

    diff = trees().diff(*change)
    assume(diff)
    assert joined(read(diff.replace(b"\n", b"\r\n"))) == diff


@fast
@given(changes())
def test_stripped_blank_context_is_read(change: tuple[Files, Files]) -> None:
    """Blank context lines that lost their space mean the same to git."""

    before, after = change
    diff = trees().diff(before, after)
    assume(diff)
    stripped = re.sub(rb"^ \n", b"\n", diff, flags=re.MULTILINE)
    assert trees().applied(before, joined(read(stripped))) == after


# Cut and tampered diffs


@fast
@given(changes())
def test_a_cut_diff_is_never_a_shorter_change(change: tuple[Files, Files]) -> None:
    """Cut anywhere, a diff is the same, or refused, or known to lack lines at its end.

    Left out are cuts that nothing can tell: behind a whole hunk or file, and within the last
    line of a hunk, which is a line like any other then.
    """

    diff = trees().diff(*change, "--full-index")
    assume(diff)
    for at in sorted(set(range(1, len(diff))) - unknowable(diff, read(diff))):
        try:
            found = scan(diff[:at], where="p.patch")
        except FormatError:
            pass
        else:
            assert found.chopped or joined(found.files) == diff


def unknowable(diff: bytes, files: tuple[FileDiff, ...]) -> set[int]:
    """Return the places where a cut leaves a diff that is whole in itself."""
    places: set[int] = set()
    at = 0
    for file in files:
        places |= {at, at - 1}
        at += len(file.head)
        if not file.hunks and file.old != file.new and b"\nrename " not in file.head:
            # A shorter id of the empty file means the same.
            places |= set(range(at - 41, at))
        for hunk in file.hunks:
            at += len(hunk.text)
            last = hunk.text[:-1].split(b"\n")
            places |= set(range(at - len(last[-1]), at + 1))
            if last[-1].startswith(b"\\"):
                places |= set(range(at - len(last[-1]) - len(last[-2]) - 1, at + 1))
    return places


@fast
@given(changes())
def test_wrong_counts_are_refused_with_the_right_ones(change: tuple[Files, Files]) -> None:
    """A hunk header with other counts is refused, and the right header named.

    Both counts of the last hunk higher by up to three is the mark of blank lines that an
    editor chopped off, and known as that.
    """

    diff = trees().diff(*change, "-U1")
    pattern = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
    for header in pattern.finditer(diff):
        old, new = int(header[2] or 1), int(header[4] or 1)
        ends = not re.search(rb"^(?:@@|diff --git) ", diff[header.end() :], re.MULTILINE)
        for by_old, by_new in product(range(-min(old, 4), 5), range(-min(new, 4), 5)):
            if by_old == by_new == 0:
                continue
            wrong = b"@@ -%s,%d +%s,%d @@" % (header[1], old + by_old, header[3], new + by_new)
            tampered = diff[: header.start()] + wrong + diff[header.end() :]
            if ends and by_old == by_new and 0 < by_old <= 3:
                assert scan(tampered, where="p.patch").chopped
                continue
            error = refused(tampered)
            assert f"@@ -{int(header[1])},{old} +{int(header[3])},{new} @@" in error.hint
            assert wrong.decode() in error.what


@wide
@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_bytes_within_a_diff_are_read_or_refused(noise: bytes, at: int) -> None:
    """Bytes of any kind put into a diff end in a diff or in a format error."""

    at = min(at, len(GIT))
    try:
        found = scan(GIT[:at] + noise + GIT[at:], where="p.patch")
    except FormatError:
        return
    for file in found.files:
        for hunk in file.hunks:
            assert isinstance(hunk, Hunk)
            hunk.side(new=True)
            hunk.side(new=False)


# Read liberally


@pytest.mark.parametrize(
    "diff",
    [
        GIT,
        PLAIN,
        GIT.replace(b"a/vllm", b"i/vllm").replace(b"b/vllm", b"w/vllm"),
        PLAIN.replace(b"a/vllm", b"o/vllm").replace(b"b/vllm", b"w/vllm"),
        GIT.replace(b"a/vllm", b"vllm").replace(b"b/vllm", b"vllm"),
        PLAIN.replace(b"a/vllm", b"vllm").replace(b"b/vllm", b"vllm"),
        PLAIN.replace(b"a/vllm", b"vllm-0.16.0/vllm").replace(b"b/vllm", b"vllm-new/vllm"),
        b"--- vllm/x.py.orig\t2026-02-01 10:00:00.000000000 +0100\n"
        b"+++ vllm/x.py\t2026-02-01 10:10:00.000000000 +0100\n" + BODY,
        b"Index: vllm/x.py\n====================\n--- vllm/x.py\t(revision 1)\n"
        b"+++ vllm/x.py\t(working copy)\n" + BODY,
        b"diff --git a/vllm/x.py.orig b/vllm/x.py\nindex 1111111..2222222 100644\n"
        b"--- a/vllm/x.py.orig\n+++ b/vllm/x.py\n" + BODY,
        PLAIN.replace(b"a/vllm", b"usr/local/lib/python3.12/dist-packages/vllm").replace(
            b"b/vllm", b"usr/local/lib/python3.12/dist-packages/vllm"
        ),
        PLAIN.replace(b"a/vllm", b"/usr/local/lib/python3.12/dist-packages/vllm").replace(
            b"b/vllm", b"/usr/local/lib/python3.12/dist-packages/vllm"
        ),
        PLAIN.replace(b"a/vllm", b"/opt/venv/lib/python3.12/site-packages/vllm.orig").replace(
            b"b/vllm", b"/opt/venv/lib/python3.12/site-packages/vllm"
        ),
        GIT.removesuffix(b"\n"),
        GIT.replace(b"\n", b"\r\n"),
        GIT + b"\n\n",
        GIT + b"-- \n2.39.5\n\n",
        GIT + b"--\n2.39.5\n",
        GIT + b"-- \n2.39.5",
    ],
)
def test_forms_met_in_the_wild(diff: bytes) -> None:
    """Each of these means one change of one file, and git gives the same result."""

    (file,) = found_in(diff)
    assert (file.old, file.new) == ("vllm/x.py", "vllm/x.py")
    assert kept(BEFORE, diff) == AFTER


def test_new_and_deleted_files() -> None:
    """A file comes or goes in git's form, with /dev/null alone, and with GNU's epoch."""

    body = b"@@ -0,0 +1 @@\n+x\n"
    for head in (
        (
            b"diff --git a/vllm/n.py b/vllm/n.py\nnew file mode 100755\n"
            b"index 0000000..587be6b\n"
            b"--- /dev/null\n+++ b/vllm/n.py\n"
        ),
        b"diff --git a/vllm/n.py b/vllm/n.py\n--- /dev/null\n+++ b/vllm/n.py\n",
        b"--- /dev/null\n+++ b/vllm/n.py\n",
        b"--- a/vllm/n.py\t1970-01-01 01:00:00.000000000 +0100\n+++ b/vllm/n.py\t2026-01-01\n",
        b"--- vllm/n.py\t1969-12-31 16:00:00.000000000 -0800\n+++ vllm/n.py\t2026-01-01\n",
    ):
        (file,) = found_in(head + body)
        assert (file.old, file.new) == (None, "vllm/n.py")
        assert kept({}, head + body) == {"vllm/n.py": b"x\n"}
    gone = b"--- a/vllm/n.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert read(gone)[0].new is None
    assert kept({"vllm/n.py": b"x\n"}, gone) == {}


def test_modes_moves_and_empty_files() -> None:
    """What has no hunk is read by its header, and a mail's signature behind it is none."""

    signature = b"-- \n2.39.5\n\n"
    mode = b"diff --git a/vllm/x.py b/vllm/x.py\nold mode 100644\nnew mode 100755\n"
    move = b"diff --git a/vllm/x y.py b/vllm/z.py\nsimilarity index 100%\n"
    move += b"rename from vllm/x y.py\nrename to vllm/z.py\n"
    empty = b"diff --git a/vllm/n.py b/vllm/n.py\nnew file mode 100644\n"
    empty += b"index 0000000..e69de29\n"
    for diff, paths in (
        (mode, ("vllm/x.py", "vllm/x.py")),
        (move, ("vllm/x y.py", "vllm/z.py")),
        (empty, (None, "vllm/n.py")),
    ):
        (file,) = read(diff + signature)
        assert (file.old, file.new) == paths
        assert file.text() == diff
        assert file.hunks == ()


def test_copies_stay_copies() -> None:
    """A copied file is no renamed one, with prefixes or without."""

    before = {"vllm/x.py": b"".join(b"%d\n" % n for n in range(20))}
    after = before | {"vllm/y.py": before["vllm/x.py"] + b"more\n"}
    for options in ((), ("--no-prefix",), ("--src-prefix=i/", "--dst-prefix=w/")):
        diff = trees().diff(before, after, "-C", "--find-copies-harder", *options)
        assert b"copy from" in diff
        assert kept(before, diff) == after


def test_no_newline_markers_in_any_language() -> None:
    """The marker is known by its backslash, whatever GNU diff says behind it."""

    diff = b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n\\ Kein Zeilenumbruch am Dateiende.\n+y\n"
    (file,) = read(diff + b"\\ Kein Zeilenumbruch am Dateiende.\n")
    assert file.hunks[0].side(new=False) == b"x"
    assert file.hunks[0].side(new=True) == b"y"
    assert trees().applied({"f": b"x"}, file.text()) == {"f": b"y"}
    (cut,) = read(diff + b"\\ No newl")
    assert cut.hunks[0].side(new=True) == b"y"


def test_line_ends_of_a_crlf_file_are_kept() -> None:
    """Only a rewritten header tells of a rewritten transport; a CRLF file stays one."""

    diff = b"--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n"
    assert trees().applied({"f": b"a\r\nb\r\n"}, joined(read(diff))) == {"f": b"a\r\nc\r\n"}


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_chopped_blank_lines_are_put_back(lost: int) -> None:
    """Up to three blank context lines that an editor took off a patch's end are known."""

    diff = b"--- a/f\n+++ b/f\n@@ -1,%d +1,%d @@\n a\n-b\n+c\n" % (2 + lost, 2 + lost)
    found = scan(diff, where="p.patch")
    assert found.chopped
    after = trees().applied({"f": b"a\nb\n" + b"\n" * lost}, joined(found.files))
    assert after == {"f": b"a\nc\n" + b"\n" * lost}


def test_more_than_three_lines_are_no_chopping() -> None:
    """Four missing lines are a cut; so are three with no change before them."""

    refused(b"--- a/f\n+++ b/f\n@@ -1,6 +1,6 @@\n a\n-b\n+c\n")
    refused(b"--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n")


def test_chopping_is_at_the_end_alone() -> None:
    """What lacks lines with another hunk behind it has wrong counts."""

    error = refused(GIT.replace(b"@@ -1,3 +1,3 @@", b"@@ -1,4 +1,4 @@") + GIT)
    assert "@@ -1,3 +1,3 @@" in error.hint


def test_git_and_plain_diffs_in_one_file() -> None:
    """Files in both forms, one behind the other, are each read as their own."""

    plain = b"--- a/vllm/y.py\n+++ b/vllm/y.py\n" + BODY
    for between in (b"", b"Index: vllm/y.py\n=====\n", b"diff -u a/vllm/y.py b/vllm/y.py\n"):
        assert [file.path for file in read(GIT + between + plain)] == ["vllm/x.py", "vllm/y.py"]
    assert [file.path for file in read(plain + GIT)] == ["vllm/y.py", "vllm/x.py"]


def test_quoted_paths() -> None:
    """Git's quoting is undone for people and kept for git."""

    head = rb'diff --git "a/d/\303\274 \"x\".py" "b/d/\303\274 \"x\".py"' + b"\n"
    head += rb'--- "a/d/\303\274 \"x\".py"' + b"\n" + rb'+++ "b/d/\303\274 \"x\".py"' + b"\n"
    (file,) = read(head + BODY)
    assert file.path == 'd/ü "x".py'
    assert file.text() == head + BODY


def test_paths_that_are_not_utf8() -> None:
    """A name in another encoding goes to git as it came, with a prefix or without."""

    (file,) = scan(b"--- \xff.py\n+++ \xff.py\n" + BODY, where="p.patch").files
    assert file.renamed(0).text().count(b"\xff.py") == 4


# Where paths lead


def test_a_new_folder_without_prefix() -> None:
    """A new file goes where the other files of the diff say that it goes."""

    new = b"--- /dev/null\n+++ vllm/core/n.py\n@@ -0,0 +1 @@\n+x\n"
    old = b"--- vllm/x.py\n+++ vllm/x.py\n" + BODY
    assert [file.path for file in found_in(new)] == ["vllm/core/n.py"]
    assert [file.path for file in found_in(old + new)] == ["vllm/x.py", "vllm/core/n.py"]
    fresh = new.replace(b"core", b"fresh")
    assert [file.path for file in found_in(old + fresh)] == ["vllm/x.py", "vllm/fresh/n.py"]
    assert [file.path for file in found_in(fresh)] == ["vllm/fresh/n.py"]


def test_two_answers_are_an_error() -> None:
    """A path that two files of the tree could mean is not guessed; the series can say it."""

    tree = frozenset(("vllm/x.py", "x.py"))
    files = scan(b"--- vllm/x.py\n+++ vllm/x.py\n" + BODY, where="p.patch").files
    with pytest.raises(FormatError) as caught:
        locate(files, tree, where="p.patch", strip=None)
    assert caught.value.what == "the path vllm/x.py could mean vllm/x.py and x.py"
    assert "-pN" in caught.value.hint
    assert locate(files, tree, where="p.patch", strip=1)[0].path == "x.py"
    assert locate(files, tree, where="p.patch", strip=0)[0].path == "vllm/x.py"


def test_no_answer_is_an_error() -> None:
    """A path that no strip level leads to is named."""

    files = scan(b"--- src/q.py\n+++ src/q.py\n" + BODY, where="p.patch").files
    with pytest.raises(FormatError, match=r"goes by the path src/q\.py"):
        locate(files, TREE, where="p.patch", strip=None)
    with pytest.raises(FormatError):
        locate(files, TREE, where="p.patch", strip=7)


# Refused


@pytest.mark.parametrize(
    ("diff", "what"),
    [
        (
            GIT + b"diff --git a/vllm/y.py b/vllm/y.py\nindex 1111111..2222222 100644\n",
            "breaks",
        ),
        (GIT + b"diff --git a/vllm/y.py b/vllm/y.py\n", "breaks off"),
        (GIT + b"diff --gi", "breaks off behind it, at 'diff --gi'"),
        (GIT + b"@@ -9,3 +9", "cannot read the hunk header"),
        (PLAIN.replace(b"@@ -1,3 +1,3 @@", b"@@ -1,x +1,3 @@"), "cannot read the hunk header"),
        (GIT.replace(b"@@ -1,3 +1,3 @@", b"@@ -1,x +1,3 @@"), "cannot read the header line"),
        (GIT.replace(b"@@ -1,3", b"@@ -" + b"1" * 5000 + b",3"), "cannot read the header line"),
        (GIT.replace(b"--- a/vllm/x.py\n", b""), "one side|contradict|no file"),
        (GIT.replace(b"+++ b/vllm/x.py", b"+++ b/vllm/y.py"), "contradict"),
        (GIT.replace(b"--- a/", b"new file mode 100644\n--- a/"), "contradict"),
        (GIT.replace(b"index ", b"rename from q\nrename to vllm/x.py\nindex "), "contradict"),
        (b"--- /dev/null\n+++ /dev/null\n" + BODY, "names no file"),
        (b"--- \n+++ \n" + BODY, "names no file|leaves the tree"),
        (b"--- a/\n+++ b/\n" + BODY, "leaves the tree"),
        (b"diff --cc vllm/x.py\nindex 1,2..3\n" + GIT, "combined diff"),
        (GIT + b"diff --cc vllm/x.py\n", "combined diff"),
        (
            (
                b"diff --git a/x.png b/x.png\nindex 1111111..2222222 100644\n"
                b"Binary files a/x.png and b/x.png differ\n"
            ),
            "a binary change",
        ),
        (
            (
                b"diff --git a/x.png b/x.png\nindex 1111111..2222222 100644\n"
                b"GIT binary patch\ndelta 5\nMcmZ\n\n"
            ),
            "a binary change",
        ),
        (PLAIN + b"Binary files a/x.png and b/x.png differ\n", "a binary change"),
        (b"Binary files a/x.png and b/x.png differ\n" + PLAIN, "a binary change"),
    ],
)
def test_broken_diffs_are_refused(diff: bytes, what: str) -> None:
    """Each of these lost something, or says two things at once."""

    assert re.search(what, refused(diff).what)


def test_a_cut_last_line_of_a_new_file() -> None:
    """Where the id of a new file is given, its last line can't lose its end unseen."""

    diff = trees().diff({}, {"f": b"one\nreturn foo(bar)\n"}, "--full-index")
    assert read(diff.removesuffix(b"\n"))[0].hunks[0].change == b"+one\n+return foo(bar)\n"
    assert "within the last line of f" in refused(diff[:-6]).what
    short = trees().diff({}, {"f": b"one\nreturn foo(bar)\n"}, "--abbrev=7")
    assert "within the last line of f" in refused(short[:-6]).what


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../x",
            "a/../../x",
            "/etc/passwd",
            ".git/hooks/x",
            "d/.GIT/config",
            "d/.g\u200cit/x",
        ),
        *("GIT~1/x", ".git./x", ".git /x", ".git::$INDEX_ALLOCATION/x", "x//y", "./x", "d\\x"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "--- a/{0}\n+++ b/{0}\n",
        "--- {0}\n+++ {0}\n",
        "--- a/{0}\n+++ b/vllm/x.py\n",
        "--- /dev/null\n+++ b/{0}\n",
        "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n",
        "diff --git i/{0} w/{0}\n--- i/{0}\n+++ w/{0}\n",
    ],
)
def test_no_path_leaves_the_tree(form: str, path: str) -> None:
    """Absolute, climbing and disguised paths are refused in every form of a header."""

    refused(form.format(path).encode() + BODY)


@pytest.mark.parametrize("path", ["../x", ".git/config", "/etc/x"])
def test_no_move_leaves_the_tree(path: str) -> None:
    """A rename without hunks has its paths in two places, and git believes the second."""

    head = "diff --git a/{0} b/{1}\nsimilarity index 100%\nrename from {2}\nrename to {3}\n"
    for old, new in ((path, "y"), ("x", path)):
        refused(head.format(old, new, old, new).encode())
        refused(head.format("x", "y", old, new).encode())
    mode = f"diff --git a/{path} b/{path}\nold mode 100644\nnew mode 100755\n"
    refused(mode.encode())
