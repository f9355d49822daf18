"""Pull requests from a git remote: where they begin, what they hold, who speaks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forge import Forge
from index_servers import Told
from support import git, lines
from vpatch.doors.git import topic
from vpatch.jobs.bases.pulls import Pulls
from vpatch.values.errors import VpatchError
from vpatch.values.pull import Pull, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A = "vllm/a.py"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """Make a project of a few commits."""
    forge = Forge(tmp_path / "forge", {A: lines(1, 30), "vllm/b.py": lines(1, 30)})
    forge.land("second", {"vllm/c.py": "c\n"})
    yield forge
    forge.close()


@pytest.fixture
def pulls(forge: Forge, tmp_path: Path) -> Pulls:
    """Open an empty cache."""
    return Pulls(tmp_path / "cache", forge.url, Told())


def difference(pulls: Pulls, found: Pull) -> str:
    """Return what a pull request changes."""
    return pulls.repo.run("diff", found.base, found.head).out.decode()


def test_a_pull_request_that_is_behind(forge: Forge, pulls: Pulls) -> None:
    """It begins where it left main, however far main has come since."""
    start = forge.rev("main")
    body = "Edit a\n\nIts seventh line."
    first = forge.open(101, "Edit", [(body, {A: lines(1, 30, l7="seven")})])
    head = forge.push(101, [("Edit b", {"vllm/b.py": lines(1, 30, l2="two")})])
    forge.land("third", {"vllm/c.py": "cc\n"})
    found = pulls.fetch_pull(101)
    assert found is not None
    assert (found.head, found.base) == (head, start)
    assert [(one.oid, one.subject, one.body) for one in found.commits] == [
        (first, "Edit a", "Its seventh line."),
        (head, "Edit b", ""),
    ]
    assert found.commits[0].author == ("Ada", "ada@example.org")
    assert pulls.tips([101, 999]) == {101: head}
    assert pulls.fetch_pull(999) is None


def test_nothing_but_commits_comes_at_first(forge: Forge, pulls: Pulls) -> None:
    """Folders and files of what it changes follow when they are asked for, and no others."""
    forge.open(101, "Edit", [("Edit a", {A: lines(1, 30, l7="seven")})])
    found = pulls.fetch_pull(101)
    assert found is not None
    count = ["count-objects", "-v"]
    commits = int(git(forge.origin.folder, "rev-list", "--count", "topic-101"))
    assert f"in-pack: {commits}" in pulls.repo.run(*count).out.decode()
    pulls.bring(found)
    shown = difference(pulls, found)
    assert "-line 7\n+seven\n" in shown
    listed = pulls.repo.run(
        *("rev-list", "--objects", "--missing=print", "--no-object-names", "-n1", found.head)
    ).out.decode()
    assert listed.count("?") == 3, "pyproject.toml, __init__.py and c.py stay away"
    forge.http.asked.clear()
    pulls.bring(found)
    assert forge.http.asked == []


def test_a_pull_request_with_main_merged_into_it(forge: Forge, pulls: Pulls) -> None:
    """It begins at what was merged last; merges are among its commits, main's own are not."""
    forge.open(101, "Edit", [("Edit a", {A: lines(1, 30, l7="seven")})])
    later = forge.land("third", {"vllm/c.py": "cc\n"})
    forge.catch_up(101)
    forge.push(101, [("Edit b", {"vllm/b.py": lines(1, 30, l2="two")})])
    found = pulls.fetch_pull(101)
    assert found is not None
    assert found.base == later
    subjects = [one.subject for one in found.commits]
    assert subjects == ["Edit a", "Merge branch 'main'", "Edit b"]
    assert [one.subject for one in found.own] == ["Edit a", "Edit b"]
    pulls.bring(found)
    assert "cc" not in difference(pulls, found)


def test_merged_with_its_own_commits(forge: Forge, pulls: Pulls) -> None:
    """What is part of main by a merge is found again: it began on what main was before."""
    start = forge.rev("main")
    forge.open(101, "Edit", [("Edit a", {A: lines(1, 30, l7="seven")})])
    forge.land("third", {"vllm/c.py": "cc\n"})
    forge.merge(101, own_commits=True)
    forge.land("fourth", {"vllm/c.py": "ccc\n"})
    forge.release("v0.17.0")
    pulls.update()
    assert pulls.first_release(101) == "v0.17.0"
    found = pulls.fetch_pull(101)
    assert found is not None
    assert found.base == start
    assert [one.subject for one in found.commits] == ["Edit a"]


def test_a_pull_request_for_another_branch(forge: Forge, pulls: Pulls) -> None:
    """One for a release branch begins on that."""
    git(forge.origin.folder, "branch", "releases/v0.16", "main~1")
    forge.land("third", {"vllm/c.py": "cc\n"})
    forge.open(102, "Pick", [("Pick", {A: lines(1, 30, l7="seven")})], start="releases/v0.16")
    git(forge.origin.folder, "branch", "-f", "releases/v0.16", "topic-102~1")
    found = pulls.fetch_pull(102, "releases/v0.16")
    assert found is not None
    assert (found.base, found.branch) == (
        forge.rev("releases/v0.16"),
        "refs/heads/releases/v0.16",
    )
    found = pulls.fetch_pull(102, "gone")
    assert found is not None
    assert (found.base, found.branch) == (forge.rev("main~2"), "refs/heads/main")


def test_where_nothing_tells_the_beginning(forge: Forge, pulls: Pulls) -> None:
    """A history of its own is an error with a way out; commits of main's alone are none."""
    git(forge.origin.folder, "checkout", "-q", "--orphan", "topic-103")
    forge.titles[103] = "Other"
    forge._commit(103, [("Other", {A: "other\n"})])  # noqa: SLF001, no API is asked
    with pytest.raises(VpatchError, match="shares no commit with upstream") as caught:
        pulls.fetch_pull(103)
    assert "vpatch add CLONE@COMMIT" in caught.value.hint
    git(forge.origin.folder, "update-ref", "refs/pull/104/head", "main~1")
    forge.origin.push()
    found = pulls.fetch_pull(104)
    assert found is not None
    assert (found.head, found.commits) == (forge.rev("main~1"), ())
    pulls.bring(found)
    with pytest.raises(VpatchError, match="is part of upstream as it is"):
        pulls.reviewed(104, found.head, found.branch)


def test_a_head_that_was_replaced(forge: Forge, pulls: Pulls, tmp_path: Path) -> None:
    """A reviewed head is kept here; elsewhere it is had as long as the server has it."""
    old = forge.open(101, "Edit", [("Edit a", {A: lines(1, 30, l7="seven")})])
    pulls.fetch_pull(101)
    start = forge.land("third", {"vllm/c.py": "cc\n"})
    new = forge.force(101, [("Edit a", {A: lines(1, 30, l7="SEVEN")})])
    elsewhere = Pulls(tmp_path / "elsewhere", forge.url, Told())
    lost = Pulls(tmp_path / "lost", forge.url, Told())
    for place in (pulls, elsewhere):
        now, before = place.fetch_pull(101), place.reviewed(101, old, "HEAD")
        assert now is not None
        assert before is not None
        assert (now.base, now.head, before.head) == (start, new, old)
        place.bring(now)
        place.bring(before)
        shown, differs = topic.compare_changes(place.repo, (before.base, old), (now.base, new))
        assert differs
        assert "-+seven" in shown
        assert "++SEVEN" in shown
        assert topic.compare_changes(place.repo, (now.base, new), (now.base, new)) == (
            "",
            False,
        )
    forge.origin.push()  # what the author's clone remembers of it goes one push later
    git(forge.origin.served, "gc", "-q", "--prune=now")
    assert lost.fetch_pull(101) is not None
    assert lost.reviewed(101, old, "HEAD") is None


def test_who_speaks_of_it(forge: Forge, pulls: Pulls) -> None:
    """Commits of main that name it, with the pull request that they came by."""
    forge.open(101, "Edit a", [("Edit a", {A: lines(1, 30, l7="seven")})])
    merged = forge.merge(101)
    forge.land("Fix a (#105)\n\nFixes #101, not #1010", {A: lines(1, 30, l7="7")})
    forge.land("Fix b (#106)\n\nFixes #1010", {"vllm/b.py": "b\n"})
    forge.land("Tidy\n\nAfter #101", {"vllm/c.py": "cc\n"})
    pulls.update()
    found = pulls.mentions(["#101", merged])
    assert [one.by for one in found] == [105, 101]
    assert found[0] == Remark(
        105, "Fix a (#105)", "Fix a (#105)\n\nFixes #101, not #1010\n", merged=True
    )
    assert pulls.mentions([]) == []


def test_the_first_release(forge: Forge, pulls: Pulls) -> None:
    """By the commit, or by its subject on a release branch; a candidate is no release."""
    forge.open(101, "Edit a", [("Edit a", {A: lines(1, 30, l7="seven")})])
    forge.release("v0.16.0")
    merged = forge.merge(101)
    forge.release("v0.17.0rc1")
    pulls.update()
    assert pulls.first_release(101) == ""
    forge.land("later", {"vllm/c.py": "cc\n"})
    forge.release("v0.17.0")
    forge.release("v0.18.0")
    pulls.update()
    assert pulls.first_release(101) == "v0.17.0"
    assert pulls.first_release(999) == ""
    git(forge.origin.folder, "checkout", "-q", "-b", "releases/v0.16", "v0.16.0")
    git(forge.origin.folder, "cherry-pick", merged)
    git(forge.origin.folder, "tag", "v0.16.1")
    forge.origin.push()
    pulls.update()
    assert pulls.first_release(101) == "v0.16.1"


def test_a_server_without_filters(forge: Forge, pulls: Pulls) -> None:
    """It sends everything, and that is as good."""
    git(forge.origin.served, "config", "uploadpack.allowFilter", "false")
    forge.open(101, "Edit", [("Edit a", {A: lines(1, 30, l7="seven")})])
    found = pulls.fetch_pull(101)
    assert found is not None
    pulls.bring(found)
    assert "+seven" in difference(pulls, found)


def test_no_network(forge: Forge, pulls: Pulls) -> None:
    """It is said whom it was asked for."""
    forge.http.close()
    with pytest.raises(VpatchError, match="the git remote gave no answer: http://127"):
        pulls.fetch_pull(101)


def pick(forge: Forge, name: str, *, by: str = "Ada") -> None:
    """Somebody makes a branch of the first state, with a commit of its own."""
    git(forge.origin.folder, "checkout", "-q", "-b", name, "main~1")
    forge.origin.commit("Pick", {"vllm/b.py": lines(1, 30, l20=by)})
    author = f"--author={by} <{by.lower()}@example.org>"
    git(forge.origin.folder, "commit", "-q", "--amend", "--no-edit", author)
    forge.origin.push()


@pytest.mark.parametrize(
    ("branch", "by", "found"),
    [
        ("releases/v0.16.0", "Ada", "releases/v0.16.0"),
        ("development", "Bob", "development"),
        ("my-work", "Ada", "main"),
    ],
)
def test_a_branch_that_nobody_told(
    forge: Forge, pulls: Pulls, branch: str, by: str, found: str
) -> None:
    """The nearest one, so that nobody else's commits come along; not the work's own past."""
    pick(forge, branch, by=by)
    forge.open(105, "Fix", [("Fix", {A: lines(1, 30, l7="7")})], start=branch)
    forge.push(105, [("Fix more", {A: lines(1, 30, l7="7", l9="9")})])
    forge.open(106, "On it", [("On it", {A: lines(1, 30, l1="1")})], start="topic-105")
    pull = pulls.fetch_pull(105)
    assert pull is not None
    assert pull.branch == f"refs/heads/{found}"
    assert len(pull.commits) == (3 if found == "main" else 2)
    told = [f"{branch} (2 commits)", "main (3 commits)"]
    first, second = told[::-1] if found == "main" else told
    said = pulls._progress.lines  # type: ignore[attr-defined]  # noqa: SLF001, see Told
    assert said[-1] == (
        f"#105 is taken as for {first}: nobody told its branch; or it is for {second}, "
        "which is not certain"
    )
    pulls.bring(pull)
    assert pulls.reviewed(105, pull.head, pull.branch) == pull


def test_a_branch_that_only_main_can_be(forge: Forge, pulls: Pulls) -> None:
    """Branches beside it have nothing of it, but those that were made of it."""
    pick(forge, "releases/v0.16.0")
    forge.open(105, "Fix", [("Fix", {A: lines(1, 30, l7="7")})])
    forge.open(106, "On it", [("On it", {A: lines(1, 30, l1="1")})], start="topic-105")
    pull = pulls.fetch_pull(105, "gone")
    assert pull is not None
    assert (pull.branch, len(pull.commits)) == ("refs/heads/main", 1)
    said = pulls._progress.lines  # type: ignore[attr-defined]  # noqa: SLF001, see Told
    why = f"{forge.url} has no branch gone"
    assert said[-1] == f"#105 is taken as for main (1 commit): {why}"


def test_a_branch_where_a_folder_was(forge: Forge, pulls: Pulls) -> None:
    """What is gone at the remote stands in nobody's way."""
    pick(forge, "old")
    forge.open(105, "Fix", [("Fix", {A: lines(1, 30, l7="7")})])
    assert pulls.fetch_pull(105) is not None
    git(forge.origin.folder, "branch", "-m", "old", "old/v0.1")
    forge.origin.push()
    assert pulls.fetch_pull(105) is not None
