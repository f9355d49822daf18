"""``vpatch unapply``, and what apply and unapply refuse."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cli.shop import SOURCE, Shop, state_of
from support import git, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Ran


def refused(shop: Shop, clone: Path, *args: str, status: int = 1) -> Ran:
    """Run a verb that must refuse: one error, one hint, nothing changed."""
    before = state_of(clone)
    ran = shop.near.run(*args, "--checkout", str(clone), status=status)
    assert ran.out == ""
    assert "\nerror: " in f"\n{ran.err}"
    assert ran.err.count("error: ") == ran.err.count("hint: ") == 1
    assert "Traceback" not in ran.err
    assert state_of(clone) == before
    return ran


# Back


def test_a_detached_head_comes_back_detached(shop: Shop, clone: Path) -> None:
    """A clone on the tag itself is there again after unapply."""
    git(clone, "checkout", "-q", "v0.16.0")
    before = state_of(clone)
    shop.desk.run("apply", "--checkout", str(clone))
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == before


def test_a_second_unapply_has_nothing_to_do(shop: Shop, clone: Path) -> None:
    """Twice is once; a clone that never was patched is left alone too."""
    before = state_of(clone)
    ran = shop.desk.run("unapply", "--checkout", str(clone))
    assert "nothing is applied" in ran.out
    assert shop.desk.json("unapply", "--checkout", str(clone))["changed"] is False
    assert state_of(clone) == before


def test_a_branch_that_moved_meanwhile_is_where_the_user_put_it(
    shop: Shop, clone: Path
) -> None:
    """The user moved main while the series was applied: unapply goes to main as it is."""
    shop.desk.run("apply", "--checkout", str(clone))
    newer = git(clone, "commit-tree", "main^{tree}", "-p", "main", "-m", "newer")
    git(clone, "update-ref", "refs/heads/main", newer)
    shop.desk.run("unapply", "--checkout", str(clone))
    assert git(clone, "rev-parse", "HEAD") == newer
    assert git(clone, "status", "--porcelain") == ""


def test_the_managed_checkout_is_taken_back_by_any_name_of_its_base(shop: Shop) -> None:
    """A base named by its commit finds the same checkout as by its release."""
    commit = shop.desk.json("apply")["base"]["commit"]
    assert shop.desk.json("unapply", "--base", commit)["changed"] is True
    ran = shop.desk.run("unapply", "--base", "v0.15.0", status=2)
    assert "no checkout there" in ran.err


def test_commits_on_top_are_not_lost(shop: Shop, clone: Path) -> None:
    """The user committed on the series' branch: apply and unapply name it and refuse."""
    shop.desk.run("apply", "--checkout", str(clone))
    ours = git(clone, "rev-parse", "HEAD")
    git(clone, "commit", "-q", "--allow-empty", "-m", "my own")
    for verb in ("apply", "unapply"):
        ran = refused(shop, clone, verb)
        assert "vpatch/v0.16.0 has commits that vpatch did not make" in ran.err
        assert f"git reset --keep {ours[:12]}" in ran.err

    # The way out that the hint names.
    git(clone, "branch", "my-work")
    git(clone, "reset", "-q", "--keep", ours)
    shop.desk.run("unapply", "--checkout", str(clone))
    assert git(clone, "symbolic-ref", "HEAD") == "refs/heads/main"


# Work of the user's in the way


def _staged(clone: Path) -> None:
    (clone / "vllm/a.py").write_text("mine\n")
    git(clone, "add", "vllm/a.py")


def _staged_and_undone(clone: Path) -> None:
    _staged(clone)
    (clone / "vllm/a.py").write_text(SOURCE["vllm/a.py"])


def _unstaged(clone: Path) -> None:
    (clone / "vllm/old.py").write_text("mine\n")


def _deleted(clone: Path) -> None:
    (clone / "vllm/gone.py").unlink()


def _mode(clone: Path) -> None:
    (clone / "vllm/old.py").chmod(0o755)


def _link(clone: Path) -> None:
    (clone / "vllm/a.py").unlink()
    (clone / "vllm/a.py").symlink_to("b.py")


def _untracked(clone: Path) -> None:
    (clone / "vllm/moved.py").write_text("mine\n")


def _untracked_link(clone: Path) -> None:
    (clone / "vllm/moved.py").symlink_to("/nowhere")


def _ignored(clone: Path) -> None:
    (clone / ".git/info/exclude").write_text("deep.py\n")
    (clone / "vllm/new").mkdir()
    (clone / "vllm/new/deep.py").write_text("mine\n")


def _untracked_folder(clone: Path) -> None:
    (clone / "vllm/moved.py").mkdir()
    (clone / "vllm/moved.py/mine.txt").write_text("mine\n")


def _file_for_folder(clone: Path) -> None:
    (clone / "vllm/new").write_text("mine\n")


def _assumed(clone: Path) -> None:
    git(clone, "update-index", "--assume-unchanged", "vllm/a.py")
    (clone / "vllm/a.py").write_text("mine\n")


def _skipped(clone: Path) -> None:
    git(clone, "update-index", "--skip-worktree", "vllm/a.py")
    (clone / "vllm/a.py").write_text("mine\n")


def _link_for_folder(clone: Path) -> None:
    (clone / "elsewhere").mkdir()
    (clone / "vllm/new").symlink_to(clone / "elsewhere")


def _link_for_known_folder(clone: Path) -> None:
    (clone / "vllm").rename(clone / "real")
    (clone / "vllm").symlink_to("real")


@pytest.mark.parametrize(
    ("mess", "named"),
    [
        (_staged, "vllm/a.py"),
        (_staged_and_undone, "vllm/a.py"),
        (_unstaged, "vllm/old.py"),
        (_deleted, "vllm/gone.py"),
        (_mode, "vllm/old.py"),
        (_link, "vllm/a.py"),
        (_untracked, "vllm/moved.py"),
        (_untracked_link, "vllm/moved.py"),
        (_ignored, "vllm/new/deep.py"),
        (_untracked_folder, "vllm/moved.py"),
        (_file_for_folder, "a file is in the way of vllm/new/deep.py"),
        (_assumed, "vllm/a.py"),
        (_skipped, "vllm/a.py"),
        (_link_for_folder, "lies behind a symbolic link"),
        (_link_for_known_folder, "lies behind a symbolic link"),
    ],
)
def test_work_in_the_way_is_refused_by_name(
    shop: Shop, clone: Path, mess: Callable[[Path], None], named: str
) -> None:
    """Whatever the user left where the series writes: it is named, and left as it is."""
    mess(clone)
    assert named in refused(shop, clone, "apply").err


def test_folders_in_folders_are_named(shop: Shop, clone: Path) -> None:
    """An empty folder deeper down is the user's: git would not bring it back."""
    (clone / "vllm/moved.py/inner").mkdir(parents=True)
    assert "vllm/moved.py" in refused(shop, clone, "apply").err


def test_an_empty_folder_in_the_way_is_no_work(shop: Shop, clone: Path) -> None:
    """An empty folder where a file is to come holds nothing that could be lost."""
    (clone / "vllm/moved.py").mkdir()
    shop.desk.run("apply", "--checkout", str(clone))
    assert (clone / "vllm/moved.py").is_file()


@pytest.mark.parametrize("mess", [_staged, _untracked, _skipped])
def test_unapply_and_a_second_apply_keep_later_edits(
    shop: Shop, clone: Path, mess: Callable[[Path], None]
) -> None:
    """A patched file that the user edited since is refused by both verbs."""
    shop.desk.run("apply", "--checkout", str(clone))
    mess(clone)
    for verb in ("apply", "unapply"):
        assert "changes of your own" in refused(shop, clone, verb).err


def test_many_files_in_the_way_are_counted(shop: Shop, clone: Path) -> None:
    """A message names a few files and counts the others."""
    for name in ("a", "gone", "old"):
        (clone / f"vllm/{name}.py").write_text("mine\n")
    for path in ("moved.py", "new/deep.py"):
        (clone / "vllm" / path).parent.mkdir(exist_ok=True)
        (clone / "vllm" / path).write_text("mine\n")
    (clone / "vllm/tool.sh").write_text("mine\n")
    assert "and 1 more" in refused(shop, clone, "apply").err


# A checkout in a state that forbids it


def _conflict(clone: Path, command: str) -> None:
    git(clone, "checkout", "-q", "-b", "side")
    (clone / "docs/guide.md").write_text("side\n")
    git(clone, "commit", "-q", "-am", "side")
    git(clone, "format-patch", "-q", "-1", "-o", str(clone.parent / "mails"))
    git(clone, "checkout", "-q", "main")
    (clone / "docs/guide.md").write_text("main\n")
    git(clone, "commit", "-q", "-am", "main")
    mail = str(next((clone.parent / "mails").iterdir()))
    with pytest.raises(AssertionError):
        git(clone, *command.replace("MAIL", mail).split())


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("merge side", "merge"),
        ("rebase side", "rebase"),
        ("cherry-pick side", "cherry-pick"),
        ("am MAIL", "rebase or am"),
        ("revert --no-edit side", "revert"),
    ],
)
def test_git_half_way_through_something_is_let_end_first(
    shop: Shop, clone: Path, command: str, named: str
) -> None:
    """In the middle of a merge, rebase, cherry-pick, am or revert nothing is touched."""
    _conflict(clone, command)
    for verb in ("apply", "unapply"):
        ran = refused(shop, clone, verb)
        assert f"in the middle of a {named}" in ran.err
        assert "end it or abort it" in ran.err


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/vpatch/v0.16.0.lock"])
def test_a_lock_of_gits_is_respected(shop: Shop, clone: Path, lock: str) -> None:
    """Another git at work, or the rest of one that died: named, with the way out."""
    place = clone / ".git" / lock
    place.parent.mkdir(exist_ok=True)
    before = git(clone, "rev-parse", "HEAD")
    place.touch()
    ran = shop.desk.run("apply", "--checkout", str(clone), status=1)
    assert lock.rpartition("/")[2] in ran.err
    assert ran.err.count("error: ") == ran.err.count("hint: ") == 1
    place.unlink()
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "status", "--porcelain") == ""
    shop.desk.run("apply", "--checkout", str(clone))


def test_a_branch_whose_name_is_in_the_way(shop: Shop, clone: Path) -> None:
    """A branch "vpatch" leaves no room for "vpatch/v0.16.0": refused before anything moves."""
    git(clone, "branch", "vpatch")
    ran = refused(shop, clone, "apply")
    assert "git cannot move the branch vpatch/v0.16.0" in ran.err
    assert "'refs/heads/vpatch' exists" in ran.err


def test_a_branch_of_that_name_by_somebody_else(shop: Shop, clone: Path) -> None:
    """The user has a branch vpatch/v0.16.0 of his own: it is not moved."""
    git(clone, "checkout", "-q", "-b", "vpatch/v0.16.0")
    git(clone, "commit", "-q", "--allow-empty", "-m", "mine")
    git(clone, "checkout", "-q", "main")
    ran = refused(shop, clone, "apply")
    assert "the branch vpatch/v0.16.0 is not of vpatch's making" in ran.err


def test_a_branch_left_by_an_earlier_apply_is_used_again(shop: Shop, clone: Path) -> None:
    """The user went back to main by git: the next apply takes the old branch over."""
    shop.desk.run("apply", "--checkout", str(clone))
    git(clone, "checkout", "-q", "main")
    patches = shop.desk.json("status", "--checkout", str(clone))["patches"]
    assert {patch["applied"] for patch in patches} == {"no"}
    shop.desk.run("apply", "--checkout", str(clone), "--upto", "101")
    assert git(clone, "log", "--format=%s", "main..") == "Edit a"


def test_another_base_than_the_clones(shop: Shop, clone: Path) -> None:
    """--base that contradicts the clone's HEAD is wrong usage."""
    (clone / "docs/guide.md").write_text("# Another\n")
    git(clone, "commit", "-q", "-am", "another")
    ran = shop.desk.run("apply", "--checkout", str(clone), "--base", "v0.16.0", status=2)
    assert "the checkout is on v0.16.0-1-g" in ran.err
    assert "not on v0.16.0" in ran.err
    assert "leave --base out" in ran.err
    assert not (clone / ".git/vpatch/applied.json").exists()


def test_no_checkout_of_vllm(shop: Shop, clone: Path, tmp_path: Path) -> None:
    """A folder without git, another project's clone, an empty clone, no folder at all."""
    plain = tmp_path / "plain"
    shutil.copytree(clone, plain, ignore=shutil.ignore_patterns(".git"))
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    (other / "pyproject.toml").write_text('[project]\nname = "sglang"\n')
    broken = tmp_path / "broken"
    shutil.copytree(clone, broken)
    (broken / "pyproject.toml").write_bytes(b"\xff[")
    said = {
        plain: "no git checkout",
        clone / "vllm": "no git checkout",
        other: "this is no checkout of vllm",
        broken: "this is no checkout of vllm",
    }
    for place, words in said.items():
        for verb in ("apply", "unapply", "verify", "status"):
            ran = shop.near.run(verb, "--checkout", str(place), status=2)
            assert words in ran.err, place
            assert str(place) in ran.err
            assert "hint: name" in ran.err
    ran = shop.desk.run("apply", "--checkout", str(tmp_path / "none"), status=2)
    assert "does not exist" in ran.err


def test_a_clone_without_a_commit(shop: Shop, tmp_path: Path) -> None:
    """A repository in which nothing was committed yet has no base."""
    place = tmp_path / "empty"
    (place / "vllm").mkdir(parents=True)
    (place / "pyproject.toml").write_text('[project]\nname = "vllm"\n')
    git(place, "init", "-q")
    ran = shop.desk.run("apply", "--checkout", str(place), status=1)
    assert "the checkout has no commit" in ran.err


def test_a_broken_note_of_what_was_applied(shop: Shop, clone: Path) -> None:
    """The note was damaged: said with the way out, which works."""
    shop.desk.run("apply", "--checkout", str(clone))
    note = clone / ".git/vpatch/applied.json"
    for raw in (b"{", b"[]", b"{}", b'{"original": 1}'):
        note.write_bytes(raw)
        ran = refused(shop, clone, "unapply", status=3)
        assert "the note of what was applied is broken" in ran.err
        assert str(note) in ran.err
    note.unlink()
    shop.desk.run("unapply", "--checkout", str(clone))


def test_a_managed_checkout_on_another_commit(shop: Shop) -> None:
    """The user moved the managed checkout elsewhere by git: refused, with both commits."""
    shop.desk.run("apply")
    git(shop.managed, "checkout", "-q", "-b", "mine", "v0.16.0")
    git(shop.managed, "commit", "-q", "--allow-empty", "-m", "mine")
    ran = shop.desk.run("apply", status=1)
    assert "this checkout is on" in ran.err
    assert (shop.managed / "vllm/a.py").read_text() == lines(1, 30)
