"""``vpatch apply``: into the managed checkout, and into a user's clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.shop import NAMES, SOURCE, Shop, state_of
from support import Project, git, lines

if TYPE_CHECKING:
    from pathlib import Path


def subjects(checkout: Path, *limits: str) -> list[str]:
    """Return the subjects of commits, oldest first."""
    return git(checkout, "log", "--reverse", "--format=%s", *limits).splitlines()


# The managed checkout


def test_the_series_becomes_one_commit_a_patch(shop: Shop) -> None:
    """Apply makes the checkout and puts each patch in as a commit of its author."""
    answer = shop.desk.json("apply", "--base", "0.16.0")

    place = shop.managed
    assert git(place, "symbolic-ref", "HEAD") == "refs/heads/vpatch/v0.16.0"
    assert git(place, "rev-parse", "HEAD", "HEAD^{tree}").split() == [
        answer["commit"],
        answer["tree"],
    ]
    assert git(place, "rev-parse", "v0.16.0^{commit}") == answer["base"]["commit"]
    assert subjects(place, "v0.16.0..") == [
        "Edit a",
        "Add one file, delete another",
        "Rename old to moved, make tool a program",
        "Edit a again",
    ]
    people = git(place, "log", "--format=%an <%ae> %cn <%ce>", "v0.16.0..")
    ada = "Ada <ada@example.org> vpatch <vpatch@localhost>"
    assert set(people.splitlines()) == {ada}
    dates = git(place, "log", "--reverse", "--format=%ad|%cd", "v0.16.0..").splitlines()
    authored = git(shop.stock.author.folder, "log", "--reverse", "-4", "--format=%ad|%ad")
    assert dates == authored.splitlines()
    assert git(place, "status", "--porcelain") == ""
    assert (place / "vllm/a.py").read_text() == lines(1, 30, l7="seven", l20="twenty")
    assert (place / "vllm/new/deep.py").read_text() == "deep = 1\n"
    assert (place / "vllm/moved.py").read_text() == lines(1, 40, l9="nine")
    assert os.access(place / "vllm/tool.sh", os.X_OK)
    assert not (place / "vllm/gone.py").exists()
    assert not (place / "vllm/old.py").exists()


def test_a_branch_with_a_slash_in_its_name(shop: Shop, clone: Path) -> None:
    """Its checkout is one folder, which later calls find without --base."""
    git(clone, "branch", "feature/x")
    call = ("--upstream", str(clone))
    answer = shop.desk.json(*call, "apply", "--base", "feature/x")
    place = shop.desk.folder / "build/vllm-feature-x"
    assert answer["target"] == str(place)
    assert git(place, "symbolic-ref", "HEAD") == "refs/heads/vpatch/feature/x"
    status = shop.desk.json(*call, "status")
    assert status["base"]["name"] == "feature/x"
    assert {patch["applied"] for patch in status["patches"]} == {"yes"}
    shop.desk.run(*call, "verify")
    assert shop.desk.json("unapply")["target"] == str(place)
    assert subjects(place) == ["start"]


def test_the_answer_for_programs_has_the_agreed_form(shop: Shop) -> None:
    """The JSON of apply holds what the design says, in the types that it says."""
    answer = shop.desk.json("apply")
    assert answer["schema"] == 1
    assert answer["base"]["name"] == "v0.16.0"
    assert set(answer["base"]) == {"name", "commit", "source"}
    assert answer["ok"] is True
    assert answer["changed"] is True
    assert [patch["name"] for patch in answer["patches"]] == list(NAMES)
    first = answer["patches"][0]
    hunk = {"path": "vllm/a.py", "old_start": 4, "new_start": 4, "verdict": "clean"}
    assert first == {
        "name": "101-edit-a.patch",
        "pr": 101,
        "subject": "Edit a",
        "verdict": "clean",
        "hunks": [hunk],
        "needs": [],
        "cause": "",
    }


def test_a_second_apply_has_nothing_to_do(shop: Shop) -> None:
    """Applying what is applied changes nothing, and says so."""
    shop.desk.run("apply")
    before = state_of(shop.managed)

    assert "already applied" in shop.desk.run("apply").out
    assert shop.desk.json("apply")["changed"] is False
    assert state_of(shop.managed) == before


def test_every_machine_makes_the_same_commit(shop: Shop, tmp_path: Path) -> None:
    """Another folder, another cache, another user, another time zone: the same commit id."""
    first = shop.desk.json("apply")
    folder = tmp_path / "elsewhere"
    shutil.copytree(shop.desk.folder / "patches", folder / "patches")
    env = shop.desk.env | {
        "VPATCH_CACHE_DIR": str(tmp_path / "another cache"),
        "TZ": "Asia/Tokyo",
        "GIT_COMMITTER_NAME": "Somebody",
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00",
    }
    command = shop.desk.command("-C", str(folder), "apply", "--json")
    ran = subprocess.run(command, env=env, capture_output=True, check=True, cwd=tmp_path)

    second = json.loads(ran.stdout)
    assert second["commit"] == first["commit"]
    assert second["tree"] == first["tree"]


def test_the_checkout_lives_without_the_cache(shop: Shop) -> None:
    """With the cache deleted, the checkout is whole, and can be taken back."""
    shop.desk.run("apply")
    shutil.rmtree(shop.desk.cache)

    git(shop.managed, "fsck", "--no-progress")
    git(shop.managed, "checkout", "-q", "-f", "v0.16.0")
    assert (shop.managed / "vllm/a.py").read_text() == SOURCE["vllm/a.py"]
    git(shop.managed, "checkout", "-q", "vpatch/v0.16.0")
    shop.desk.run("unapply")
    assert (shop.managed / "vllm/a.py").read_text() == SOURCE["vllm/a.py"]


def test_what_was_applied_last(shop: Shop) -> None:
    """Its base counts where none is named, also where it had been applied before."""
    shop.desk.run("--upstream", str(shop.stock.folder / "origin"), "apply", "--base", "main")
    shop.desk.run("apply", "--base", "v0.16.0")
    assert shop.desk.json("status")["base"]["name"] == "v0.16.0"
    shop.desk.run("--upstream", str(shop.stock.folder / "origin"), "apply", "--base", "main")
    call = ("--upstream", str(shop.stock.folder / "origin"), "status")
    assert shop.desk.json(*call)["base"]["name"] == "main"


def test_a_part_of_the_series_and_then_the_rest(shop: Shop) -> None:
    """--upto stops after a patch; a later apply brings the others on top."""
    shop.desk.run("apply", "--upto", "#102")
    ran = shop.desk.run("verify")
    assert " holds v0.16.0 up to 102-files.patch on v0.16.0, nothing differs\n" in ran.out
    assert subjects(shop.managed, "v0.16.0..") == ["Edit a", "Add one file, delete another"]
    states = [patch["applied"] for patch in shop.desk.json("status")["patches"]]
    assert states == ["yes", "yes", "no", "no"]
    assert shop.desk.json("verify")["drift"] == []

    shop.desk.run("apply")
    assert len(subjects(shop.managed, "v0.16.0..")) == 4
    shop.desk.run("apply", "--upto", "https://github.com/vllm-project/vllm/pull/101")
    assert subjects(shop.managed, "v0.16.0..") == ["Edit a"]
    assert git(shop.managed, "status", "--porcelain") == ""


def test_a_dry_run_writes_nothing(shop: Shop, clone: Path) -> None:
    """--dry-run tells the verdicts and leaves project and clone alone."""
    before = state_of(clone)
    ran = shop.desk.run("apply", "--dry-run")
    assert "nothing was written" in ran.out
    assert not (shop.desk.folder / "build").exists()

    answer = shop.desk.json("apply", "--dry-run", "--checkout", str(clone))
    assert answer["ok"] is True
    assert answer["changed"] is False
    assert state_of(clone) == before
    assert not (clone / ".git/vpatch").exists()


def test_another_series_on_the_base(shop: Shop) -> None:
    """--series takes a series by name, though the base has one of its own."""
    two = {name: shop.patches[name] for name in NAMES[:1]}
    shop.desk.write_series("other", two)
    shop.desk.run("apply", "--base", "v0.16.0", "--series", "other")
    assert subjects(shop.managed, "v0.16.0..") == ["Edit a"]
    # What was applied is what later calls are about.
    assert shop.desk.json("status", "--base", "v0.16.0")["series"] == "other"
    assert shop.desk.json("verify", "--base", "v0.16.0")["ok"] is True


def test_a_conflict_writes_nothing_and_hides_no_other_result(shop: Shop, clone: Path) -> None:
    """One patch has no place: every verdict is shown, nothing is made, exit status 1."""
    other = Project(shop.desk.folder.parent / "other", {"vllm/b.py": lines(100, 130)})
    lost = other.patch("Edit b", {"vllm/b.py": lines(100, 130, l110="x")})
    first, *rest = shop.patches.items()
    shop.desk.write_series("v0.16.0", dict([first, ("200-lost.patch", lost), *rest]))
    before = state_of(clone)

    ran = shop.desk.run("apply", status=1)
    assert "1 of 5 patches have no place on v0.16.0: nothing was written" in ran.out
    assert not (shop.desk.folder / "build").exists()
    answer = shop.desk.json("apply", "--checkout", str(clone), status=1)
    verdicts = [patch["verdict"] for patch in answer["patches"]]
    assert verdicts == ["clean", "conflict", "clean", "clean", "clean"]
    assert answer["ok"] is False
    assert state_of(clone) == before


def test_an_edited_series_is_applied_anew(shop: Shop) -> None:
    """A patch changed, one removed, two reordered: apply brings the checkout there."""
    shop.desk.run("apply")
    place = shop.managed
    patches = dict(shop.patches)
    patches[NAMES[1]] = patches[NAMES[1]].replace(b"deep = 1", b"deep = 2")
    patches.pop(NAMES[2])
    order = [NAMES[1], NAMES[0], NAMES[3]]
    shop.desk.write_series("v0.16.0", {name: patches[name] for name in order})
    drifted = {one["path"] for one in shop.desk.json("verify", status=1)["drift"]}
    assert drifted == {"vllm/new/deep.py", "vllm/moved.py", "vllm/old.py", "vllm/tool.sh"}

    shop.desk.run("apply")
    assert subjects(place, "v0.16.0..") == [
        "Add one file, delete another",
        "Edit a",
        "Edit a again",
    ]
    assert (place / "vllm/new/deep.py").read_text() == "deep = 2\n"
    assert (place / "vllm/old.py").read_text() == SOURCE["vllm/old.py"]
    assert not (place / "vllm/moved.py").exists()
    assert not os.access(place / "vllm/tool.sh", os.X_OK)
    assert git(place, "status", "--porcelain") == ""
    assert shop.desk.json("verify")["ok"] is True
    shop.desk.run("unapply")
    assert git(place, "rev-parse", "HEAD") == git(place, "rev-parse", "v0.16.0")
    assert git(place, "status", "--porcelain") == ""


def test_an_empty_series_is_applied_too(shop: Shop) -> None:
    """A series without a patch gives the base itself, and takes out what was in."""
    shop.desk.run("apply")
    shop.desk.write_series("v0.16.0", {})
    answer = shop.desk.json("apply")
    assert answer["commit"] == answer["base"]["commit"]
    assert git(shop.managed, "status", "--porcelain") == ""
    shop.desk.run("verify")
    shop.desk.run("unapply")


# A user's clone


def test_head_decides_the_base_of_a_clone(shop: Shop, clone: Path) -> None:
    """The series stands on the commit that the user is on, and unapply leads back to it."""
    before = state_of(clone)
    head = git(clone, "rev-parse", "HEAD")
    answer = shop.desk.json("apply", "--checkout", str(clone))

    assert (answer["base"]["name"], answer["base"]["commit"]) == ("v0.16.0", head)
    assert git(clone, "rev-parse", "HEAD~4") == head
    assert git(clone, "rev-parse", "main") == head
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == before


def test_a_commit_after_a_release_is_a_base(shop: Shop, clone: Path) -> None:
    """A clone five commits after v0.16.0 is patched there, with the series of v0.16.0."""
    for number in range(5):
        (clone / "docs/guide.md").write_text(f"# Guide {number}\n")
        git(clone, "commit", "-q", "-a", "-m", f"upstream {number}")
    short = git(clone, "rev-parse", "--short", "HEAD")
    answer = shop.desk.json("apply", "--checkout", str(clone))

    assert answer["series"] == "v0.16.0"
    assert answer["base"]["name"] == f"v0.16.0-5-g{short}"
    branch = git(clone, "symbolic-ref", "--short", "HEAD")
    assert branch == f"vpatch/v0.16.0-5-g{short}"
    shop.desk.run("verify", "--checkout", str(clone))


def test_a_base_by_any_of_its_names_is_taken_for_what_head_is(shop: Shop, clone: Path) -> None:
    """--base may repeat what HEAD is: by tag, bare version, or commit, without the network."""
    head = git(clone, "rev-parse", "HEAD")
    for name in ("v0.16.0", "0.16.0", head, head[:10]):
        shop.desk.run("apply", "--checkout", str(clone), "--base", name)
    assert shop.desk.index.asked == []


def test_everything_else_of_the_users_is_left_alone(shop: Shop, clone: Path) -> None:
    """Other branches, staged, unstaged and untracked changes survive apply and unapply."""
    git(clone, "branch", "topic")
    (clone / "docs/guide.md").write_text("# My guide\n")
    (clone / "vllm/b.py").write_text("staged\n")
    git(clone, "add", "vllm/b.py")
    (clone / "vllm/b.py").write_text("staged, and then more\n")
    (clone / "notes.txt").write_text("mine\n")
    (clone / "vllm/scratch.py").write_text("mine\n")
    (clone / "vllm/intent.py").write_text("mine\n")
    git(clone, "add", "-N", "vllm/intent.py")
    before = state_of(clone)

    shop.desk.run("apply", "--checkout", str(clone))
    now = git(clone, "status", "--porcelain").splitlines()
    assert now == [
        " M docs/guide.md",
        "MM vllm/b.py",
        " A vllm/intent.py",
        "?? notes.txt",
        "?? vllm/scratch.py",
    ]
    assert git(clone, "rev-parse", "topic") == git(clone, "rev-parse", "main")
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == before


def test_a_linked_work_tree(shop: Shop, clone: Path, tmp_path: Path) -> None:
    """A work tree of a clone is patched without its main one taking note."""
    linked = tmp_path / "linked"
    git(clone, "worktree", "add", "-q", "-b", "side", str(linked))
    before, own = state_of(linked), state_of(clone)
    shop.desk.run("apply", "--checkout", str(linked))
    shop.desk.run("verify", "--checkout", str(linked))
    assert (clone / "vllm/a.py").read_text() == SOURCE["vllm/a.py"]

    # The branch is taken: the main work tree must not move it under the linked one's feet.
    ran = shop.desk.run("apply", "--checkout", str(clone), status=1)
    assert "vpatch/v0.16.0 is checked out in another work tree" in ran.err
    assert str(linked) in ran.err
    shop.desk.run("unapply", "--checkout", str(linked))
    assert state_of(linked) == before
    assert state_of(clone) == own


def test_a_clone_with_other_line_endings(shop: Shop, tmp_path: Path) -> None:
    """With autocrlf and eol: files get the clone's endings, commits the upstream's."""
    clone = shop.clone(tmp_path / "crlf", "-c", "core.autocrlf=true")
    (clone / ".gitattributes").write_text("*.sh eol=lf\nvllm/moved.py eol=lf\n")
    git(clone, "add", ".gitattributes")
    git(clone, "commit", "-q", "-m", "attributes")
    (clone / "vllm/tool.sh").unlink()
    git(clone, "checkout", "-q", "vllm/tool.sh")
    before = state_of(clone)

    shop.desk.run("apply", "--checkout", str(clone))
    assert b"seven\r\n" in (clone / "vllm/a.py").read_bytes()
    assert b"\r" not in (clone / "vllm/moved.py").read_bytes()
    assert "\r" not in git(clone, "show", "HEAD:vllm/a.py")
    assert git(clone, "status", "--porcelain") == ""
    shop.desk.run("verify", "--checkout", str(clone))
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == before


def test_a_shallow_clone(shop: Shop, tmp_path: Path) -> None:
    """A clone of depth 1 without any tag is a base like another; its commit is the name."""
    options = ("--depth=1", "--no-tags", "--single-branch")
    clone = shop.clone(tmp_path / "shallow", *options)
    head = git(clone, "rev-parse", "HEAD")
    answer = shop.desk.json("apply", "--checkout", str(clone))
    assert answer["base"]["name"] == head[:12]
    assert answer["series"] == "v0.16.0"
    shop.desk.run("unapply", "--checkout", str(clone))
    assert git(clone, "rev-parse", "HEAD") == head


@pytest.fixture
def hostile_home(shop: Shop) -> None:
    """Give the user a configuration in which much is set that could change an answer."""
    home = shop.desk.home
    templates = home / "templates/hooks"
    templates.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "pre-commit", "post-index-change"):
        hook = templates / name
        hook.write_text(f"#!/bin/sh\ntouch {home}/hook-ran\nexit 1\n")
        hook.chmod(0o755)
    (home / "attributes").write_text("* text eol=crlf\n")
    (home / ".gitconfig").write_text(
        f"""[init]
  templateDir = {home}/templates
  defaultBranch = trunk
[core]
  hooksPath = {templates}
  quotePath = true
  attributesFile = {home}/attributes
  abbrev = 4
[apply]
  whitespace = fix
  ignoreWhitespace = change
[diff]
  noprefix = true
  renames = copies
  external = false
  orderFile = {home}/none
[color]
  ui = always
[commit]
  gpgSign = true
[tag]
  gpgSign = true
[log]
  showSignature = true
  date = relative
[status]
  short = true
[submodule]
  recurse = true
[user]
  useConfigOnly = true
"""
    )


@pytest.mark.usefixtures("hostile_home")
def test_the_users_git_configuration_has_no_effect(
    shop: Shop, clone: Path, tmp_path: Path
) -> None:
    """Hooks that fail, templates, whitespace rules, signing, colours: the same commits."""
    plain = shop.clone(tmp_path / "plain")
    env = shop.desk.env | {"GIT_CONFIG_GLOBAL": os.devnull}
    command = shop.desk.command("apply", "--json", "--checkout", str(plain))
    ran = subprocess.run(command, env=env, capture_output=True, check=True)
    expected = json.loads(ran.stdout)["tree"]

    before = state_of(clone)
    hooks = clone / ".git/hooks"
    shutil.copytree(shop.desk.home / "templates/hooks", hooks, dirs_exist_ok=True)
    answer = shop.desk.json("apply", "--checkout", str(clone))
    assert answer["tree"] == expected
    for verb in ("verify", "status", "unapply"):
        shop.desk.run(verb, "--checkout", str(clone))
    managed = shop.desk.json("apply", "--base", "v0.16.0")
    shop.desk.run("verify", "--base", "v0.16.0")
    assert managed["ok"] is True
    assert not (shop.managed / ".git/hooks").exists()
    assert not (shop.desk.home / "hook-ran").exists()
    shutil.rmtree(hooks)
    assert state_of(clone) == before


def test_inherited_variables_lead_nowhere_else(shop: Shop, clone: Path, tmp_path: Path) -> None:
    """Called from a git hook, which sets GIT_DIR and more, vpatch works where it is told."""
    other = Project(tmp_path / "other", {"x": "x\n"})
    before = git(other.folder, "rev-parse", "HEAD"), git(other.folder, "status", "--porcelain")
    env = shop.desk.env | {
        "GIT_DIR": str(other.folder / ".git"),
        "GIT_WORK_TREE": str(other.folder),
        "GIT_INDEX_FILE": str(other.folder / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other.folder / ".git/objects"),
        "GIT_PREFIX": "vllm/",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
    }
    for verb in ("apply", "verify", "status", "unapply"):
        command = shop.desk.command(verb, "--checkout", str(clone))
        subprocess.run(command, env=env, capture_output=True, check=True)
    assert git(other.folder, "rev-parse", "HEAD") == before[0]
    assert git(other.folder, "status", "--porcelain") == before[1]
    assert git(clone, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_file_gives_way_to_a_folder(shop: Shop, clone: Path) -> None:
    """One patch deletes a file, the next puts a folder there: both ways it comes out right."""
    author = Project(shop.desk.folder.parent / "folder", {"vllm/b.py": SOURCE["vllm/b.py"]})
    first = author.patch("Delete b", {"vllm/b.py": None})
    second = author.patch("Make b a package", {"vllm/b.py/inner.py": "inner = 1\n"})
    shop.desk.write_series("v0.16.0", {"1-a.patch": first, "2-b.patch": second})
    before = state_of(clone)

    shop.desk.run("apply", "--checkout", str(clone))
    assert (clone / "vllm/b.py/inner.py").read_text() == "inner = 1\n"
    assert git(clone, "status", "--porcelain") == ""
    shop.desk.run("unapply", "--checkout", str(clone))
    assert state_of(clone) == before
