"""What git's words on a diff mean; and that no patch can put words into git's mouth."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from samples import Files, changes, contents, fast, trees

from vpatch.values.applied import Placed, read_applied
from vpatch.values.scan import scan

FORGED = (
    *(b"error: patch failed: f:2", b"", b"Checking patch f...", b"error: patch failed: f:1"),
    *(
        b"Hunk #1 succeeded at 2 (offset 1 line).",
        b"error: while searching for:",
        b"error: f: x",
    ),
    *(b"Hunk #2 succeeded at 9 (offset 7 lines).", b"Applied patch f cleanly.", b"f"),
    b"Applying patch f with 1 reject...",
)
ROWS = [b"line %d" % number for number in range(1, 41)]


def file_of(*changed: tuple[int, bytes], end: bytes = b"\n") -> bytes:
    """Return forty lines, some of them changed by their numbers."""
    rows = dict(enumerate(ROWS, 1)) | dict(changed)
    return b"".join(row + end for row in rows.values())


def placed(diff: bytes, base: Files, *, reverse: bool = False) -> list[list[Placed | None]]:
    """Put a diff onto files by git and return where its hunks fit."""
    files = scan(diff, where="p.patch").files
    sent = b"".join(file.text() for file in files)
    return read_applied(trees().rejected(base, sent, reverse=reverse), files, reverse=reverse)


def test_hunks_that_fit_and_that_do_not() -> None:
    """Each hunk is told by itself: at its line, moved, or nowhere."""

    before = file_of()
    diff = trees().diff({"f": before}, {"f": file_of((5, b"five"), (20, b"x"), (35, b"y"))})
    assert placed(diff, {"f": before}) == [[Placed(2, 0), Placed(17, 0), Placed(32, 0)]]
    other = b"new\n" * 2 + file_of((20, b"other"))
    assert placed(diff, {"f": other}) == [[Placed(4, 2), None, Placed(34, 2)]]


def test_what_is_there_already() -> None:
    """Backwards, a hunk fits where its change stands, by the lines of the file as it is."""

    after = file_of((5, b"five\nsix"), (20, b"x"))
    diff = trees().diff({"f": file_of()}, {"f": after})
    assert placed(diff, {"f": after}, reverse=True) == [[Placed(2, 0), Placed(18, 0)]]
    half = file_of((5, b"five\nsix"))
    assert placed(diff, {"f": half}, reverse=True) == [[Placed(2, 0), None]]
    assert placed(diff, {"f": file_of()}, reverse=True) == [[None, None]]


def test_each_file_has_its_own_places() -> None:
    """Several files are told apart forwards and backwards, where git's order is another."""

    after = {"f": file_of((5, b"x")), "g": file_of((20, b"x")), "h": file_of((35, b"x"))}
    diff = trees().diff(dict.fromkeys(after, file_of()), after)
    moved = after | {"g": b"new\n" * 4 + after["g"], "h": file_of()}
    assert placed(diff, moved, reverse=True) == [[Placed(2, 0)], [Placed(21, -4)], [None]]
    assert placed(diff, moved) == [[None], [None], [Placed(32, 0)]]


def test_files_that_are_missing_or_there() -> None:
    """In a file that is not there, or is to be new and is there, nothing fits."""

    diff = trees().diff({"f": file_of()}, {"f": file_of((5, b"five")), "n": b"x\n"})
    assert placed(diff, {}) == [[None], [Placed(1, 0)]]
    assert placed(diff, {"f": file_of(), "n": b"y\n"}) == [[Placed(2, 0)], [None]]


def test_long_hunks() -> None:
    """Git quotes 4 KiB at most; a longer hunk without a place hides no other."""

    long = {number: b"%d %s" % (number, b"x" * 300) for number in range(1, 41)}
    before = file_of(*long.items())
    diff = trees().diff(
        {"f": before, "g": before},
        {"f": file_of(*(long | {20: b"z"}).items()), "g": file_of(*(long | {1: b"z"}).items())},
        "-U12",
    )
    other = file_of(*(long | {20: b"other"}).items())
    assert placed(diff, {"f": other, "g": before}) == [[None], [Placed(1, 0)]]


def test_control_characters() -> None:
    """Git prints a question mark for them: lines of a CRLF file are known all the same."""

    before = file_of((10, b"\f\x01\x7f"), end=b"\r\n")
    diff = trees().diff(
        {"f": before}, {"f": file_of((8, b"x"), (10, b"\f\x01\x7f"), (30, b"y"), end=b"\r\n")}
    )
    other = file_of((8, b"other"), (10, b"\f\x01\x7f"), end=b"\r\n")
    assert placed(diff, {"f": other}) == [[None, Placed(27, 0)]]


def test_two_hunks_with_the_same_lines() -> None:
    """Where two hunks expect the same lines, the one that failed is told by its line."""

    body = b"a\nb\nc\nd\ne\nf\n"
    fill = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    new = body.replace(b"c\n", b"C\n")
    diff = trees().diff({"f": body + fill + body}, {"f": new + fill + new}, "-U2")
    other = body + fill + body.replace(b"c\n", b"x\n")
    assert placed(diff, {"f": other}) == [[Placed(1, 0), None]]


def test_a_run_that_broke_off() -> None:
    """Files that git never came to have no hunk in place."""

    files = scan(trees().diff({"f": file_of()}, {"f": file_of((5, b"x"))}), where="p").files
    for err in (b"", b"error: corrupt patch at line 5\n", b"fatal: unrecognized input\n"):
        assert read_applied(err, files, reverse=False) == [[None]]


def test_words_of_a_patch_are_not_those_of_git() -> None:
    """Context that spells git's messages places no hunk, and rejects none."""

    before = dict(enumerate(FORGED, 1)) | {
        number + 25: row for number, row in enumerate(FORGED)
    }
    before |= {2: b"Checking patch f...", 28: b"Hunk #1 succeeded at 9 (offset 3 lines)."}
    base = file_of(*before.items())
    diff = trees().diff({"f": base}, {"f": file_of(*(before | {5: b"x", 30: b"y"}).items())})
    assert placed(diff, {"f": base}) == [[Placed(2, 0), Placed(27, 0)]]
    other = file_of(*(before | {5: b"other"}).items())
    assert placed(diff, {"f": other}) == [[None, Placed(27, 0)]]
    assert placed(diff, {"f": other}, reverse=True) == [[None, None]]


@fast
@given(change=changes(), other=contents(), reverse=st.booleans())
def test_no_hunk_has_a_place_that_git_did_not_give(
    change: tuple[Files, Files], other: bytes, *, reverse: bool
) -> None:
    """Hunk by hunk, what fits is what git says at its end, where it quotes no patch."""

    before, after = change
    diff = trees().diff(before, after, "-U2", "--no-renames")
    assume(diff)
    base = dict(after if reverse else before)
    if base:
        first = min(base)
        base[first] = other + base[first][len(other) // 2 :]
    files = scan(diff, where="p.patch").files
    assume(all(file.hunks for file in files))
    err = trees().rejected(base, diff, reverse=reverse)
    told = said_at_the_end(err)[:: -1 if reverse else 1]
    for file, hunks in zip(files, read_applied(err, files, reverse=reverse), strict=True):
        assert len(hunks) == len(file.hunks)
        rejected = {number for number, place in enumerate(hunks, 1) if place is None}
        if told and told[0] == rejected:
            told.pop(0)
        else:
            assert len(rejected) == len(hunks)
    assert told == []


END = re.compile(
    rb"Appl(?:ying|ied) patch .*|Rejected hunk #(\d+)\.|Hunk #\d+ applied cleanly\."
)


def said_at_the_end(err: bytes) -> list[set[int]]:
    """Return the hunks that git rejected of each file that it could work on."""
    found: list[set[int]] = []
    rejected: set[int] = set()
    for line in reversed(err.split(b"\n")[:-1]):
        if not (said := END.fullmatch(line)):
            break
        if said[1]:
            rejected.add(int(said[1]))
        elif line.startswith(b"Appl"):
            found.insert(0, rejected)
            rejected = set()
    return found


@fast
@given(change=changes(), reverse=st.booleans())
def test_on_its_own_files_everything_fits(
    change: tuple[Files, Files], *, reverse: bool
) -> None:
    """On the files that it was made on, and backwards on those it gave, a diff is in place."""

    before, after = change
    diff = trees().diff(before, after, "-U2")
    assume(diff)
    found = placed(diff, after if reverse else before, reverse=reverse)
    assert found == [
        [Placed(max(hunk.new_start, int(reverse)), 0) for hunk in file.hunks]
        for file in scan(diff, where="p.patch").files
    ]
