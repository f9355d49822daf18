"""Where nights are kept: their news is told again at worst, never lost, and not for ever."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from nights import BRANCH, TOLD, Nights, begun
from steps import KilledError, Steps, ended
from support import Desk, git
from vpatch.cli import show
from vpatch.doors.files import Transaction
from vpatch.jobs.changeset import Changeset
from vpatch.upkeep.nightly import plain as plainly
from vpatch.upkeep.nightly.branch import Branch
from vpatch.upkeep.nightly.names import Names
from vpatch.upkeep.nightly.there import There

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TO_MAIN = "the series is brought to main: 3 patches"
CLOSED = "#40101 (Edit a) was closed, and not merged"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


@pytest.fixture
def hub(nights: Nights, tmp_path: Path) -> Path:
    """Make a remote that has the project."""
    place = tmp_path / "hub.git"
    git(tmp_path, "clone", "-q", "--bare", str(nights.folder), str(place))
    git(nights.folder, "remote", "add", "hub", str(place))
    return place


def elsewhere(nights: Nights, hub: Path, name: str) -> None:
    """Let the next nights pass on a machine that knows only what the remote does."""
    place = hub.parent / name
    git(hub.parent, "clone", "-q", "-o", "hub", "-b", "main", str(hub), str(place))
    nights.bureau.near.folder = place


def killed(*_args: object, **_more: object) -> Any:
    """End the process."""
    raise KilledError


# A branch that was merged


@pytest.mark.parametrize("way", ["--squash", "--ff-only"])
def test_a_branch_that_was_merged_and_deleted_there(
    nights: Nights, hub: Path, way: str
) -> None:
    """It stays deleted there, and goes here; its news stays told."""
    nights.night("--push", "hub")
    git(nights.folder, "merge", "-q", way, BRANCH)
    nights.commit("Merge the night")
    git(nights.folder, "push", "-q", "hub", "main")
    git(hub, "branch", "-q", "-D", BRANCH)
    found = nights.night("--push", "hub")
    assert (found["news"], found["commit"], found["pushed"]) == ([], None, False)
    for place in (nights.folder, hub):
        assert git(place, "branch", "--list", BRANCH) == ""


def test_a_branch_of_before(nights: Nights, hub: Path) -> None:
    """Where work went on behind its merge, it stays here, and is not pushed again."""
    nights.night("--push", "hub")
    git(nights.folder, "merge", "-q", "--squash", BRANCH)
    (nights.folder / "patches/NOTES").write_text("mine\n")
    nights.commit("Merge the night, with notes")
    git(hub, "branch", "-q", "-D", BRANCH)
    found = nights.night("--push", "hub")
    assert (found["news"], found["commit"], found["pushed"]) == ([], None, False)
    assert git(nights.folder, "branch", "--list", BRANCH) != ""
    assert git(hub, "branch", "--list", BRANCH) == ""


def test_a_night_that_was_merged_before_it_was_told(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is merged says itself that the news is to be told."""
    with monkeypatch.context() as place:
        place.setattr(Branch, "told", killed)
        with pytest.raises(KilledError):
            nights.night()
    git(nights.folder, "merge", "-q", BRANCH)
    git(nights.folder, "branch", "-q", "-D", BRANCH)
    assert nights.news() == [TO_MAIN]
    assert nights.news() == []


# A branch that is gone


def test_a_branch_that_was_moved_away(nights: Nights) -> None:
    """The way out that a refusal names leads to no news a second time."""
    nights.night()
    git(nights.folder, "switch", "-q", BRANCH)
    nights.commit("Mend it")
    git(nights.folder, "switch", "-q", "main")
    assert "git branch -m" in nights.bureau.near.run("nightly", status=1).err
    git(nights.folder, "branch", "-q", "-m", BRANCH, "mine")
    found = nights.night()
    assert found["news"] == []
    assert [one["text"] for one in found["before"]] == [TO_MAIN]
    assert "patches/main/series" in nights.files()
    # git takes the branch for what its name means.
    ran = ("git", "-C", str(nights.folder), "rev-parse", BRANCH)
    said = subprocess.run(ran, capture_output=True, text=True, check=True)
    assert (said.stdout.strip(), said.stderr) == (found["commit"], "")


def test_a_pull_request_that_was_closed(nights: Nights, hub: Path) -> None:
    """The remote remembers what was told without the branch, where no disk is kept."""
    elsewhere(nights, hub, "one")
    commit = nights.night("--push", "hub")["commit"]
    assert git(hub, "rev-parse", TOLD) == commit
    git(hub, "branch", "-q", "-D", BRANCH)
    elsewhere(nights, hub, "two")
    found = nights.night("--push", "hub")
    assert (found["news"], found["commit"], found["pushed"]) == ([], commit, True)


def test_a_branch_that_is_gone_when_its_news_is_told(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was told is kept all the same."""
    real = Branch.told

    def late(self: Branch) -> None:
        git(nights.folder, "branch", "-q", "-D", BRANCH)
        real(self)

    with monkeypatch.context() as place:
        place.setattr(Branch, "told", late)
        assert nights.news() == [TO_MAIN]
    assert nights.news() == []


def test_a_server_that_takes_only_branches(nights: Nights, hub: Path) -> None:
    """It gets the branch; that it will not remember more is said where something is pushed."""
    git(hub, "config", "receive.hideRefs", "refs/vpatch")
    said = f"hub took no {TOLD}: there the branch alone keeps what was told"
    ran = nights.bureau.near.run("nightly", "--push", "hub")
    assert ran.err.count(said) == 1
    assert git(hub, "rev-parse", BRANCH) == nights.rev(BRANCH)
    assert said not in nights.bureau.near.run("nightly", "--push", "hub").err
    elsewhere(nights, hub, "one")
    assert nights.news("--push", "hub") == []


# Pushes and kills


def test_a_night_that_is_killed_anywhere(nights: Nights, hub: Path) -> None:
    """Where no disk is kept: whatever was pushed by then, the next night tells the news."""
    ways = [
        (Branch, "push"),
        (There, "_put"),
        (show, "print_json"),
        (Branch, "told"),
        (Branch, "push"),
        (There, "_put"),
    ]
    for end in range(1, len(ways) + 1):
        for ref in (f"refs/heads/{BRANCH}", TOLD):
            git(hub, "update-ref", "-d", ref)
        elsewhere(nights, hub, f"killed-{end}")
        steps = Steps(end, KilledError, for_good=True)
        assert ended(lambda: nights.night("--push", "hub"), steps, dict.fromkeys(ways))
        elsewhere(nights, hub, f"next-{end}")
        assert nights.news("--push", "hub") == [TO_MAIN], ways[end - 1]
    elsewhere(nights, hub, "last")
    assert nights.news("--push", "hub") == []


def test_a_push_that_fails_behind_the_news(
    nights: Nights, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night's work is there; that it was told is not, which is said: status 3."""
    real, hook = Branch.told, hub / "hooks/pre-receive"

    def late(self: Branch) -> None:
        real(self)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)

    with monkeypatch.context() as place:
        place.setattr(Branch, "told", late)
        ran = nights.bureau.near.run("nightly", "--push", "hub", "--json", status=3)
    found = json.loads(ran.out)
    assert ([one["text"] for one in found["news"]], found["pushed"]) == ([TO_MAIN], True)
    assert "error: the push failed: hub\nhint: the next night tries again; until" in ran.err
    assert "patches/main/series" in git(hub, "ls-tree", "-r", "--name-only", BRANCH)
    hook.unlink()
    elsewhere(nights, hub, "one")
    assert nights.news() == [TO_MAIN]
    nights.bureau.near.folder = hub.parent / "project"
    found = nights.night("--push", "hub")
    assert (found["news"], found["pushed"]) == ([], True)
    assert git(hub, "rev-parse", TOLD) == git(hub, "rev-parse", BRANCH) == found["commit"]


# Clocks, kinds and places


def test_a_clock_that_was_ahead(nights: Nights) -> None:
    """Later nights count as later, and tell their news once."""
    nights.night()
    git(nights.folder, "merge", "-q", BRANCH)
    path = nights.folder / "patches/nightly.json"
    seen = json.loads(path.read_text()) | {"since": "2231-01-01T00:00:00.000001+00:00"}
    path.write_text(json.dumps(seen))
    nights.commit("Keep a night of a machine whose clock is ahead")
    nights.bureau.forge.api.shut(40101)
    assert [nights.news(status=1), nights.news()] == [[CLOSED], []]
    nights.bureau.forge.api.shut(40102)
    assert len(nights.news(status=1)) == 1


def test_two_projects_in_one_repository(nights: Nights) -> None:
    """Each has a branch of its own, and neither tells anything twice."""
    top, near = nights.folder, nights.bureau.near
    for name in ("one", "two"):
        shutil.copytree(top / "patches", top / name / "patches")
        for path in ("PATCHES.md", "vpatch.toml"):
            shutil.copy(top / path, top / name)
    git(top, "rm", "-q", "-r", "patches", "PATCHES.md", "vpatch.toml")
    nights.commit("Make it two")
    for news in ([TO_MAIN], []):
        for name in ("one", "two"):
            near.folder = top / name
            found = nights.night()
            assert [one["text"] for one in found["news"]] == news
            assert found["branch"] == f"{BRANCH}-{name}"
            assert git(top, "rev-parse", found["branch"]) == found["commit"]
    assert f"{BRANCH}-two is at " in near.run("nightly").out


@pytest.mark.parametrize("prefix", ["", "deep/er/", "a b..c/@{x}~^:?*[/.y.lock/", "日本/"])
def test_names(nights: Nights, prefix: str) -> None:
    """Whatever a folder is called, git takes the names, and never one for the other."""
    names = Names.of(prefix)
    for ref in (names.ref, names.memory):
        git(nights.folder, "update-ref", ref, "HEAD")
    full = git(nights.folder, "rev-parse", "--symbolic-full-name", names.branch)
    assert full == names.ref


def test_a_repository_with_other_ids(nights: Nights) -> None:
    """One of SHA-256 is refused before any work."""
    shutil.rmtree(nights.folder / ".git")
    git(nights.folder, "init", "-q", "--object-format=sha256")
    nights.commit("Begin")
    ran = nights.bureau.near.run("nightly", status=1)
    assert "error: the repository names what it holds by sha256" in ran.err
    assert "hint: keep the project in one of git's usual kind: git init" in ran.err
    assert "asking" not in ran.err


def test_what_another_vpatch_kept(nights: Nights) -> None:
    """It is not read as if it were this one's."""
    nights.night()
    git(nights.folder, "merge", "-q", BRANCH)
    path = nights.folder / "patches/nightly.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 2}))
    nights.commit("Bring the patches up to date, elsewhere")
    ran = nights.bureau.near.run("nightly", status=3)
    assert "error: what the last night saw was kept by another vpatch: nightly.json" in ran.err
    assert f"-d refs/heads/{BRANCH} and git update-ref -d {TOLD}; the next" in ran.err


# Without a repository


class Short(Changeset):
    """One that ends the process behind its work."""

    def put(self, contents: Mapping[str, bytes | None]) -> None:
        """Write files, and no more."""
        super().put(contents)
        raise KilledError


@pytest.fixture
def plain(nights: Nights) -> Nights:
    """Take the repository away."""
    shutil.rmtree(nights.folder / ".git")
    return nights


def test_files_that_are_written_when_a_night_is_killed(
    plain: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen is there with them, and the next night tells it."""
    with monkeypatch.context() as place:
        place.setattr(plainly, "Changeset", Short)
        with pytest.raises(KilledError):
            plain.night()
    assert (plain.folder / "patches/main/series").exists()
    assert plain.news() == [TO_MAIN]
    assert plain.news() == []


def test_files_that_are_half_written_when_a_night_is_killed(
    plain: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next night writes the rest, before it looks at anything, and tells it."""
    real = Transaction.carry_out

    def short(self: Transaction) -> None:
        # In its own tree the night does all of its work.
        if self.root == plain.folder:
            raise KilledError
        real(self)

    with monkeypatch.context() as place:
        place.setattr(Transaction, "carry_out", short)
        with pytest.raises(KilledError):
            plain.night()
    assert not (plain.folder / "patches/main/series").exists()
    assert plain.news() == [TO_MAIN]
    assert (plain.folder / "patches/main/series").exists()
    assert plain.news() == []


def test_a_link_in_the_place_of_what_was_seen(plain: Nights, tmp_path: Path) -> None:
    """It cannot be kept together with the files, which is said before any work."""
    shutil.rmtree(plain.folder / "build", ignore_errors=True)
    (tmp_path / "away").mkdir()
    (plain.folder / "build").symlink_to(tmp_path / "away")
    ran = plain.bureau.near.run("nightly", status=1)
    assert "error: it is a symbolic link: " in ran.err
    assert "asking" not in ran.err


def test_somebody_committed_to_the_branch_there(
    nights: Nights, hub: Path, tmp_path: Path
) -> None:
    """The refusal says where his work lies, and how it is moved out of the way."""
    nights.night("--push", "hub")
    clone = tmp_path / "theirs"
    git(tmp_path, "clone", "-q", "-b", BRANCH, str(hub), str(clone))
    git(clone, "commit", "-q", "--allow-empty", "-m", "Mend it")
    git(clone, "push", "-q", "origin", BRANCH)
    theirs = git(clone, "rev-parse", "HEAD")
    ran = nights.bureau.near.run("nightly", "--push", "hub", status=1)
    assert f"somebody committed to {BRANCH}, and a night would undo it: {theirs[:7]}" in ran.err
    hint = "hint: it is on hub: merge it, or move it away there: "
    (said,) = (line for line in ran.err.splitlines() if line.startswith(hint))
    command = said.removeprefix(f"{hint}git ").replace("NAME", "theirs")
    git(nights.folder, *command.split())
    assert git(hub, "rev-parse", "theirs") == theirs
    assert nights.news("--push", "hub") == []
