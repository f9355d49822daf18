"""What the replay says of patches, told in small releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import Project, Upstream, git, lines, series_of
from vpatch.jobs.landmarks import find_landmarks
from vpatch.jobs.replay import Setting, replay
from vpatch.values.errors import FormatError
from vpatch.values.facts import Landmark, PullRequest, read_facts
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay, Result

OLD, NEW = "v0.16.0", "v0.17.0"
TEXT = lines(1, 60)


def run(
    upstream: Upstream,
    patches: Mapping[str, bytes],
    onto: Base,
    *,
    home: str | None = OLD,
    facts: Mapping[int, PullRequest] | None = None,
) -> Replay:
    """Replay patches made on one release onto another."""
    own = upstream.bases[home] if home else None
    known = facts or {}
    with upstream.repo.scratch() as repo:
        return replay(
            Setting(
                repo,
                series_of(own, patches),
                onto,
                home=lambda: own,
                releases=list(upstream.bases.values()),
                facts=known,
                landmarks=find_landmarks(repo, onto, known.values()),
            )
        )


def one(upstream: Upstream, patch: bytes, onto: Base, **more: object) -> Result:
    """Replay one patch and return what became of it."""
    return run(upstream, {"100-a.patch": patch}, onto, **more).results[0]  # type: ignore[arg-type]


def verdicts(found: Result) -> list[str]:
    """Return the verdicts of a patch's hunks."""
    return [hunk.verdict.value for hunk in found.hunks]


def starts(found: Result) -> list[int | None]:
    """Return the lines at which a patch's hunks stand."""
    return [hunk.new_start for hunk in found.hunks]


@pytest.fixture
def author(tmp_path: Path) -> Project:
    """Give the author of the patches a clone of the old release."""
    return Project(tmp_path / "author", {"vllm/a.py": TEXT, "vllm/b.py": lines(100, 130)})


@pytest.fixture
def old(upstream: Upstream) -> Base:
    """Release what the author works on."""
    return upstream.release(OLD, {"vllm/a.py": TEXT, "vllm/b.py": lines(100, 130)})


def test_clean(upstream: Upstream, author: Project, old: Base) -> None:
    """A patch on its own base is clean, each hunk at its own lines."""

    patch = author.patch("two", {"vllm/a.py": lines(1, 60, l10="ten\nmore", l40="forty")})
    found = one(upstream, patch, old)

    assert found.verdict is Verdict.CLEAN
    assert [(h.old_start, h.new_start) for h in found.hunks] == [(7, 7), (37, 38)]


def test_offset(upstream: Upstream, author: Project, old: Base) -> None:
    """Hunks that fit unchanged at other lines are an offset, and say where they stand."""

    patch = author.patch("two", {"vllm/a.py": lines(1, 60, l10="ten", l40="forty")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l25="25\nand\nmore")})
    found = one(upstream, patch, new)

    assert found.verdict is Verdict.OFFSET
    assert verdicts(found) == ["clean", "offset"]
    assert starts(found) == [7, 39]


def test_merged(upstream: Upstream, author: Project, old: Base) -> None:
    """A changed context line does not stop a patch that merges through its own base."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l8="eight")})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.MERGED
    assert starts(found.results[0]) == [10]
    assert OLD in found.results[0].cause
    assert found.ok


def test_no_fuzz(upstream: Upstream, author: Project, old: Base) -> None:
    """Without its own base, the same patch has no place: context is never ignored."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l8="eight")})
    del upstream.bases[OLD]
    found = one(upstream, patch, new, home=None)

    assert found.verdict is Verdict.CONFLICT
    assert "not at hand" in found.cause


def test_merged_by_index_lines(upstream: Upstream, author: Project, old: Base) -> None:
    """A series that names no base is merged through the release that its blob ids name."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l8="eight")})
    found = one(upstream, patch, new, home=None)

    assert found.verdict is Verdict.MERGED
    assert OLD in found.cause


def test_landed(upstream: Upstream, author: Project, old: Base) -> None:
    """What the base has line for line has landed, and nothing is committed for it."""

    changed = lines(1, 60, l10="ten", l40="forty")
    patch = author.patch("two", {"vllm/a.py": changed})
    new = upstream.release(NEW, {"vllm/a.py": "head\n" + changed})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.LANDED
    assert starts(found.results[0]) == [8, 38]
    assert found.commit == new.commit


def test_partial(upstream: Upstream, author: Project, old: Base) -> None:
    """Where one hunk has landed, the other is applied."""

    patch = author.patch("two", {"vllm/a.py": lines(1, 60, l10="ten", l40="forty")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="ten")})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.PARTIAL
    assert verdicts(found.results[0]) == ["landed", "clean"]
    assert found.commit != new.commit


def test_landed_in_other_context(upstream: Upstream, author: Project, old: Base) -> None:
    """A change that is there between other lines is recognised by the merge."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l8="eight", l10="ten")})
    found = one(upstream, patch, new)

    assert found.verdict is Verdict.LANDED
    assert "changes nothing" in found.cause


def test_landed_and_changed_since(upstream: Upstream, author: Project, old: Base) -> None:
    """A change that a release between had is landed, though its lines are gone by now."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="ten")})
    upstream.release("v0.18.0", {"vllm/a.py": lines(1, 60, l10="ten")})
    upstream.release("v0.19.0", {"vllm/a.py": lines(1, 60, l10="eleven")})
    last = upstream.release("v0.20.0", {"vllm/a.py": lines(1, 60, l10="twelve")})
    found = one(upstream, patch, last)

    assert found.verdict is Verdict.LANDED
    assert (found.landed_in, found.changed_since) == (NEW, "v0.19.0")


def test_reverted_upstream(upstream: Upstream, author: Project, old: Base) -> None:
    """A change that landed and was taken back is applied again."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="ten")})
    last = upstream.release("v0.18.0", {"vllm/a.py": TEXT})

    assert one(upstream, patch, last).verdict is Verdict.CLEAN


def test_conflict(upstream: Upstream, author: Project, old: Base) -> None:
    """A hunk whose lines upstream rewrote has no place, and the reason names it."""

    patch = author.patch("two", {"vllm/a.py": lines(1, 60, l10="ten", l40="forty")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="TEN")})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.CONFLICT
    assert verdicts(found.results[0]) == ["conflict", "clean"]
    assert "vllm/a.py: hunk 1 (line 7)" in found.results[0].cause
    assert not found.ok
    assert found.commit == new.commit


def test_one_failure_hides_no_other(upstream: Upstream, author: Project, old: Base) -> None:
    """The replay goes on behind a patch without a place, and one run reports all."""

    first = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    second = author.patch("b", {"vllm/b.py": lines(100, 130, l110="b")})
    third = author.patch("fifty", {"vllm/a.py": lines(1, 60, l10="ten", l50="fifty")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="X"), "vllm/b.py": "gone\n"})
    patches = {"1.patch": first, "2.patch": second, "3.patch": third}
    found = run(upstream, patches, new)

    assert [result.verdict.value for result in found.results] == [
        "conflict",
        "conflict",
        "clean",
    ]
    assert [result.needs for result in found.results] == [(), (), ()]


def test_needs(upstream: Upstream, author: Project, old: Base) -> None:
    """A patch that fails only because an earlier one did says which it needs."""

    first = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    second = author.patch("ten again", {"vllm/a.py": lines(1, 60, l10="ten ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="X")})
    found = run(upstream, {"1.patch": first, "2.patch": second}, new)

    assert [result.verdict.value for result in found.results] == ["conflict", "conflict"]
    assert found.results[1].needs == ("1.patch",)
    assert "needs 1.patch" in found.results[1].cause


def test_same_change_twice(upstream: Upstream, author: Project, old: Base) -> None:
    """What an earlier patch of the series did has not landed: the series holds it twice."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    found = run(upstream, {"1.patch": patch, "2.patch": patch}, old)

    assert found.results[1].verdict is Verdict.CONFLICT
    assert "1.patch makes the change" in found.results[1].cause


def test_text_that_stands_twice(upstream: Upstream, author: Project, tmp_path: Path) -> None:
    """A hunk that landed is not put a second time where the same text stands once more."""

    block = "def f():\n    a = 1\n    b = 2\n    c = 3\n    d = 4\n    return a\n"
    before = f"{lines(1, 20)}{block}{lines(21, 60)}{block}"
    after = f"{lines(1, 20)}{block.replace('b = 2', 'b = 9')}{lines(21, 60)}{block}"
    base = upstream.release(OLD, {"vllm/a.py": before})
    patch = Project(tmp_path / "other", {"vllm/a.py": before}).patch("b", {"vllm/a.py": after})
    new = upstream.release(NEW, {"vllm/a.py": after})

    assert one(upstream, patch, base).verdict is Verdict.CLEAN
    assert one(upstream, patch, new).verdict is Verdict.LANDED


def test_renamed_file_is_followed(upstream: Upstream, author: Project, old: Base) -> None:
    """A change follows its file to a new path, and says where it went."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/core/a.py": lines(1, 60, l50="fifty")})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.MERGED
    assert "vllm/core/a.py" in found.results[0].cause
    assert list(found.change) == ["vllm/core/a.py"]


def test_moved_content_is_named(upstream: Upstream, author: Project, old: Base) -> None:
    """A missing file whose lines are elsewhere is a conflict that says where, not landed."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="a long changed line")})
    text = lines(1, 60, l10="UPSTREAM'S OWN")
    new = upstream.release(NEW, {"vllm/core/a.py": text})
    found = one(upstream, patch, new)

    assert found.verdict is Verdict.CONFLICT
    assert "vllm/a.py is not in v0.17.0" in found.cause
    assert "vllm/core/a.py" in found.cause


def test_content_that_is_gone(upstream: Upstream, author: Project, old: Base) -> None:
    """A missing file whose lines are nowhere is a conflict, and that is said."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/c.py": "nothing of it\n"})
    found = one(upstream, patch, new)

    assert found.verdict is Verdict.CONFLICT
    assert "in no other file" in found.cause


def test_deletion_of_a_moved_file(upstream: Upstream, author: Project, old: Base) -> None:
    """A patch that deletes a file has not landed where the file only moved."""

    patch = author.patch("drop a", {"vllm/a.py": None})
    moved = upstream.release(NEW, {"vllm/core/a.py": TEXT})
    gone = upstream.release("v0.18.0", {"vllm/c.py": "c\n"})

    assert one(upstream, patch, old).verdict is Verdict.CLEAN
    assert one(upstream, patch, gone).verdict is Verdict.LANDED
    found = one(upstream, patch, moved)
    assert found.verdict is not Verdict.LANDED


def test_new_file(upstream: Upstream, author: Project, old: Base) -> None:
    """A new file is clean, landed where it is there, a conflict where another is."""

    patch = author.patch("new", {"vllm/n.py": lines(1, 5)})
    other = upstream.release(NEW, {"vllm/a.py": TEXT, "vllm/n.py": "another\n"})
    same = upstream.release("v0.18.0", {"vllm/a.py": TEXT, "vllm/n.py": lines(1, 5)})

    assert one(upstream, patch, old).verdict is Verdict.CLEAN
    assert one(upstream, patch, same).verdict is Verdict.LANDED
    found = one(upstream, patch, other, home=None)
    assert found.verdict is Verdict.CONFLICT
    assert "with other content" in found.cause


def test_rename_without_change(upstream: Upstream, author: Project, old: Base) -> None:
    """A pure rename is clean, then landed, then a conflict, as its file is there or not."""

    patch = author.patch("move", {"vllm/a.py": None, "vllm/z.py": TEXT})
    done = upstream.release(NEW, {"vllm/z.py": TEXT})
    gone = upstream.release("v0.18.0", {"vllm/c.py": "c\n"})
    taken = upstream.release("v0.19.0", {"vllm/a.py": TEXT, "vllm/z.py": "other\n"})

    assert one(upstream, patch, old).verdict is Verdict.CLEAN
    assert one(upstream, patch, done).verdict is Verdict.LANDED
    found = one(upstream, patch, gone)
    assert found.verdict is Verdict.CONFLICT
    assert found.cause == "vllm/a.py is not in v0.18.0"
    found = one(upstream, patch, taken)
    assert found.verdict is Verdict.CONFLICT
    assert found.cause == "vllm/a.py is to become vllm/z.py, which is there in v0.19.0"


def test_the_cause_is_another_file(upstream: Upstream, author: Project, old: Base) -> None:
    """Where a file is gone that it renames, that is the cause, and no hunk that has a place."""

    new = {"vllm/b.py": lines(100, 130, l105="five"), "vllm/new.py": "new\n"}
    patch = author.patch("move", {"vllm/a.py": None, "vllm/z.py": TEXT, **new})
    gone = upstream.release(NEW, {"vllm/b.py": lines(100, 130)})
    found = one(upstream, patch, gone)
    assert found.verdict is Verdict.CONFLICT
    assert found.cause == "vllm/a.py is not in v0.17.0"
    assert verdicts(found) == ["clean", "clean"]

    moved = upstream.release("v0.18.0", {"vllm/core/a.py": TEXT, "vllm/new.py": "other\n"})
    causes = one(upstream, patch, moved).cause.split("; ")
    where = "its content is in vllm/core/a.py, where the change has no place"
    assert causes == [
        "vllm/b.py is not in v0.18.0, and its lines are in no other file",
        f"vllm/a.py is not in v0.18.0: {where}",
        "vllm/new.py is to be new, and is there in v0.18.0 with other content",
    ]


def test_mode_change(upstream: Upstream, author: Project, old: Base) -> None:
    """A change of mode alone is put in, and is landed where it was made."""

    (author.folder / "vllm/a.py").chmod(0o755)
    patch = author.patch("mode", {})
    found = run(upstream, {"a.patch": patch}, old)
    entry = found.change["vllm/a.py"]

    assert found.results[0].verdict is Verdict.CLEAN
    assert entry is not None
    assert entry.mode == "100755"


FACTS = """
[[pr]]
number = 100
title = "A"
state = "merged"
as_of = 2026-11-24
landed_when = [{ path = "vllm/a.py", contains = "TEN AND" }]
"""


def test_landmark(upstream: Upstream, author: Project, old: Base) -> None:
    """Where upstream took a change in other words, the landmark is the evidence."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="TEN AND ONE")})
    found = one(upstream, patch, new, facts=read_facts(FACTS, where="facts"))

    assert found.verdict is Verdict.LANDED
    assert "vllm/a.py:10 has 'TEN AND'" in found.cause


def test_landmark_against_a_change_that_applies(
    upstream: Upstream, author: Project, old: Base
) -> None:
    """A landmark that holds while the change still applies is a contradiction, and said."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l50="TEN AND")})
    found = one(upstream, patch, new, facts=read_facts(FACTS, where="facts"))

    assert found.verdict is Verdict.CLEAN
    assert "contradiction" in found.cause


def test_landmarks_are_found_with_their_line(upstream: Upstream, old: Base) -> None:
    """A landmark tells at which line its text stands."""

    mark = Landmark("vllm/a.py", "line 7\n")
    request = next(iter(read_facts(FACTS, where="facts").values()))
    request = PullRequest(1, "t", "open", request.as_of, landed_when=(mark,))

    assert find_landmarks(upstream.repo, old, [request])[mark].line == 7


def test_behind_a_link(upstream: Upstream, tmp_path: Path) -> None:
    """A path that leads through a symbolic link of the base is refused, with both names."""

    author = Project(tmp_path / "author", {"vllm/sub/a.py": TEXT})
    patch = author.patch("ten", {"vllm/sub/a.py": lines(1, 60, l10="ten")})
    link = Project(tmp_path / "link", {"x": ""})
    (link.folder / "vllm").mkdir()
    (link.folder / "vllm/sub").symlink_to("/etc")
    commit = link.commit("link", {})
    upstream.repo.run("fetch", "-q", str(link.folder), f"{commit}:refs/vpatch/index/vllm/{NEW}")
    base = type(upstream.release(OLD, {"vllm/sub/a.py": TEXT}))(NEW, commit, "x")
    found = one(upstream, patch, base)

    assert found.verdict is Verdict.CONFLICT
    assert "vllm/sub, which is a symbolic link in the base" in found.cause


def test_lines_that_were_not_blank(upstream: Upstream, author: Project, old: Base) -> None:
    """A diff that lost lines at its end is taken only if these were blank."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    cut = patch[: patch.rindex(b" line 12")]
    with pytest.raises(FormatError, match="breaks off"):
        one(upstream, cut, old)


def test_patch_cannot_write_its_own_verdict(upstream: Upstream, tmp_path: Path) -> None:
    """Lines of a patch that look like git's words do not change what is read from git."""

    fake = "Hunk #1 succeeded at 5 (offset 2 lines).\nChecking patch x...\nline\n"
    before = f"{fake}one\n{fake}"
    author = Project(tmp_path / "author", {"vllm/a.py": before})
    upstream.release(OLD, {"vllm/a.py": before})
    patch = author.patch("x", {"vllm/a.py": before.replace("one", "two")})
    new = upstream.release(NEW, {"vllm/a.py": before.replace("one", "three")})
    found = one(upstream, patch, new)

    assert found.verdict is Verdict.CONFLICT
    assert verdicts(found) == ["conflict"]


def test_same_everywhere(tmp_path: Path) -> None:
    """The same series on the same base gives the same commits, on every machine."""

    commits: list[str] = []
    for name in ("one", "two"):
        upstream = Upstream.at(tmp_path / name / "store.git")
        base = upstream.release(OLD, {"vllm/a.py": TEXT})
        patch = (
            b"From: Ada <ada@example.org>\nDate: Thu, 29 Jan 2026 12:00:00 +0100\n"
            b"Subject: [PATCH] ten\n\nbody\n---\n"
            b"--- a/vllm/a.py\n+++ b/vllm/a.py\n@@ -10 +10 @@\n-line 10\n+ten\n"
        )
        patch = patch.replace(
            b"@@ -10 +10 @@\n-line 10\n+ten\n",
            b"@@ -9,3 +9,3 @@\n line 9\n-line 10\n+ten\n line 11\n",
        )
        commits.append(run(upstream, {"a.patch": patch}, base).commit)
        with upstream.repo.scratch() as repo:
            made = replay(Setting(repo, series_of(base, {"a.patch": patch}), base))
            shown = repo.run("cat-file", "commit", made.commit).out.decode()

    assert commits[0] == commits[1]
    assert "author Ada <ada@example.org> 1769684400 +0100" in shown
    assert "committer vpatch <vpatch@localhost> 1769684400 +0100" in shown
    assert shown.endswith("\n\nten\n\nbody\n")


def test_nothing_is_left_in_the_store(upstream: Upstream, author: Project, old: Base) -> None:
    """A replay leaves no ref and no object behind."""

    before = git(upstream.repo.git_dir, "count-objects", "-v")
    run(upstream, {"a.patch": author.patch("x", {"vllm/a.py": lines(2, 60)})}, old)

    assert git(upstream.repo.git_dir, "count-objects", "-v") == before
    assert "replay" not in git(upstream.repo.git_dir, "for-each-ref")


BLOCK = "    a = 1\n    b = 2\n    c = 3\n    bad = 4\n    d = 5\n    e = 6\n    f = 7\n"
FIXED = BLOCK.replace("bad", "good")


def twins(first: str, second: str, *, head: str = "", between: str = "") -> str:
    """Return two functions with the same text but for what is wrong in one of them."""
    return f"{head}def one():\n{first}\n{lines(1, 20)}{between}\ndef two():\n{second}"


def test_a_twin_that_had_it_proves_nothing(upstream: Upstream, tmp_path: Path) -> None:
    """What another place of the file had all along has not landed."""

    before = twins(FIXED, BLOCK)
    upstream.release(OLD, {"vllm/a.py": before})
    author = Project(tmp_path / "author", {"vllm/a.py": before})
    patch = author.patch("fix two", {"vllm/a.py": twins(FIXED, FIXED)})
    new = upstream.release(NEW, {"vllm/a.py": twins(FIXED, BLOCK, head="import x\n" * 30)})
    changed = BLOCK.replace("e = 6", "e = 60")
    other = upstream.release("v0.18.0", {"vllm/a.py": twins(FIXED, changed)})

    assert one(upstream, patch, new).verdict is Verdict.OFFSET
    assert one(upstream, patch, other).verdict is Verdict.MERGED


def test_not_into_a_twin(upstream: Upstream, tmp_path: Path) -> None:
    """A hunk does not move into another function that holds the same lines."""

    before = twins(BLOCK, BLOCK)
    upstream.release(OLD, {"vllm/a.py": before})
    author = Project(tmp_path / "author", {"vllm/a.py": before})
    patch = author.patch("fix two", {"vllm/a.py": twins(BLOCK, FIXED)})
    rewritten = BLOCK.replace("bad = 4", "bad = rewritten(4)")
    new = upstream.release(NEW, {"vllm/a.py": twins(BLOCK, rewritten)})
    found = run(upstream, {"a.patch": patch}, new)

    assert found.results[0].verdict is Verdict.CONFLICT
    assert not found.change


def test_entry_before_similar_ones(upstream: Upstream, tmp_path: Path) -> None:
    """What stands there is not put in again though its surroundings would take it."""

    row = '    "k": (\n        1,\n    ),\n'
    table = f"T = {{\n{row * 4}}}\n"
    upstream.release(OLD, {"vllm/a.py": table})
    author = Project(tmp_path / "author", {"vllm/a.py": table})
    added = f"T = {{\n{row}" + '    "new": (\n        2,\n    ),\n' + f"{row * 3}}}\n"
    patch = author.patch("new row", {"vllm/a.py": added})
    new = upstream.release(NEW, {"vllm/a.py": added})

    assert one(upstream, patch, new).verdict is Verdict.LANDED


def test_taken_back_between_other_lines(upstream: Upstream, author: Project, old: Base) -> None:
    """A change that landed and was taken back is put in again, also between other lines."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="ten")})
    last = upstream.release("v0.18.0", {"vllm/a.py": lines(1, 60, l8="eight")})

    assert one(upstream, patch, last).verdict is Verdict.MERGED


def test_a_series_that_landed_whole(upstream: Upstream, author: Project, old: Base) -> None:
    """Where a later patch changed the same lines again, both have landed."""

    first = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    second = author.patch("ten again", {"vllm/a.py": lines(1, 60, l10="ten again")})
    new = upstream.release(NEW, {"vllm/a.py": lines(1, 60, l10="ten again")})
    found = run(upstream, {"1.patch": first, "2.patch": second}, new)

    assert [result.verdict.value for result in found.results] == ["landed", "landed"]
    assert "beneath 2.patch" in found.results[0].cause


def test_what_has_no_hunk_is_not_lost(upstream: Upstream, author: Project, old: Base) -> None:
    """A new empty file or a mode beside a hunk that landed is still put in."""

    (author.folder / "vllm/a.py").chmod(0o755)
    changed = lines(1, 60, l10="ten")
    patch = author.patch("ten", {"vllm/a.py": changed, "vllm/new/__init__.py": ""})
    new = upstream.release(NEW, {"vllm/a.py": changed})
    found = run(upstream, {"a.patch": patch}, new)
    entry = found.change["vllm/a.py"]

    assert found.results[0].verdict is Verdict.PARTIAL
    assert set(found.change) == {"vllm/a.py", "vllm/new/__init__.py"}
    assert entry is not None
    assert entry.mode == "100755"


def test_mode_that_is_there(upstream: Upstream, author: Project, old: Base) -> None:
    """A mode that the base has already has landed."""

    (author.folder / "vllm/a.py").chmod(0o755)
    patch = author.patch("mode", {})
    with upstream.repo.scratch() as repo:
        home = replay(Setting(repo, series_of(old, {"a.patch": patch}), old))
        onto = type(old)(NEW, home.commit, "x")
        again = replay(Setting(repo, series_of(old, {"a.patch": patch}), onto))

    assert home.results[0].verdict is Verdict.CLEAN
    assert again.results[0].verdict is Verdict.LANDED


def test_unprefixed_patch_of_a_moved_file(
    upstream: Upstream, author: Project, old: Base
) -> None:
    """A patch without prefixes whose file moved is read by its own base, and hides no other."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    bare = patch.replace(b"a/vllm", b"vllm").replace(b"b/vllm", b"vllm")
    unknown = bare.replace(b"vllm/a.py", b"vllm/nowhere.py")
    new = upstream.release(NEW, {"vllm/core/a.py": TEXT})
    found = run(upstream, {"1.patch": unknown, "2.patch": bare}, new)

    assert [result.verdict.value for result in found.results] == ["conflict", "merged"]
    assert "vllm/nowhere.py" in found.results[0].cause


def test_zone_that_does_not_exist(upstream: Upstream, author: Project, old: Base) -> None:
    """A date with a zone beyond all zones keeps its instant."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    head, _, rest = patch.partition(b"Date: ")
    patch = head + b"Date: Thu, 29 Jan 2026 12:00:00 +1500\n" + rest.partition(b"\n")[2]
    with upstream.repo.scratch() as repo:
        made = replay(Setting(repo, series_of(old, {"a.patch": patch}), old))
        shown = repo.run("cat-file", "commit", made.commit).out.decode()

    assert "1769634000 +0000" in shown


def test_file_where_a_patch_made_a_folder(
    upstream: Upstream, author: Project, old: Base
) -> None:
    """A file does not take the place of a folder that an earlier patch made."""

    first = author.patch("folder", {"vllm/n/y.py": "y\n"})
    author.back("HEAD~1")
    second = author.patch("file", {"vllm/n": "n\n"})
    found = run(upstream, {"1.patch": first, "2.patch": second}, old)

    assert [result.verdict.value for result in found.results] == ["clean", "conflict"]
    assert set(found.change) == {"vllm/n/y.py"}


def test_submodule(upstream: Upstream, author: Project, old: Base) -> None:
    """A patch that adds a submodule is refused by name."""

    patch = (
        b"diff --git a/vllm/sub b/vllm/sub\nnew file mode 160000\nindex 0000000..1234567\n"
        b"--- /dev/null\n+++ b/vllm/sub\n@@ -0,0 +1 @@\n"
        b"+Subproject commit 1234567890123456789012345678901234567890\n"
    )

    assert "a submodule" in one(upstream, patch, old).cause


def test_landmark_of_a_renamed_file(upstream: Upstream, author: Project, old: Base) -> None:
    """A landmark may name the path that upstream moved the file to."""

    patch = author.patch("ten", {"vllm/a.py": lines(1, 60, l10="ten")})
    new = upstream.release(NEW, {"vllm/core/a.py": lines(1, 60, l10="TEN AND ONE")})
    facts = read_facts(FACTS.replace("vllm/a.py", "vllm/core/a.py"), where="facts")
    found = one(upstream, patch, new, facts=facts)

    assert found.verdict is Verdict.LANDED
    assert "vllm/core/a.py:10" in found.cause


def test_appended_by_both(upstream: Upstream, author: Project, old: Base) -> None:
    """What landed at the end of a file is found though upstream appended more behind it."""

    more = "def appended():\n    return 'as the patch does'\n"
    patch = author.patch("append", {"vllm/a.py": TEXT + more})
    new = upstream.release(NEW, {"vllm/a.py": f"{TEXT}{more}def later():\n    return 2\n"})

    assert one(upstream, patch, new).verdict is Verdict.LANDED
