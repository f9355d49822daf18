"""``vpatch nightly``: what it keeps and where, what it refuses, and what it tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from nights import BRANCH, TOLD, C, Nights, begun
from steps import KilledError
from support import Desk, git, lines, tree_of
from vpatch.doors.files import lock
from vpatch.upkeep.nightly.branch import Branch
from vpatch.upkeep.nightly.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rebases import Works

TO_MAIN = "the series is brought to main: 3 patches"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def own(nights: Nights) -> dict[str, bytes]:
    """Return every file of the user's."""
    found = tree_of(nights.folder)
    return {path: raw for path, raw in found.items() if not path.startswith("build/")}


def test_a_first_night(nights: Nights) -> None:
    """The series is brought to main, on a branch; the user's files stay as they are."""
    before = own(nights)
    found = nights.night()
    assert [one["text"] for one in found["news"]] == [TO_MAIN]
    assert (found["ok"], found["branch"], found["failures"]) == (True, BRANCH, {})
    assert found["commit"] == nights.rev(BRANCH)
    assert nights.rev(f"{BRANCH}^") == nights.rev("HEAD")
    assert "patches/main/series" in nights.files()
    assert "## Where each stands" in nights.text("PATCHES.md")
    assert f"* {TO_MAIN}" in git(nights.folder, "log", "-1", "--format=%B", BRANCH)
    assert own(nights) == before
    assert git(nights.folder, "status", "--porcelain") == ""
    assert TO_MAIN in (nights.folder / "build/report.html").read_text()


def test_a_quiet_night(nights: Nights) -> None:
    """The commit stays what it was, and the page still has the news of that day."""
    commit = nights.night()["commit"]
    found = nights.night()
    assert (found["news"], found["commit"]) == ([], commit)
    assert TO_MAIN in (nights.folder / "build/report.html").read_text()
    ran = nights.bureau.near.run("nightly")
    assert ran.out.splitlines() == [
        "nothing new",
        "",
        f"{BRANCH} is at {commit[:12]}: git diff HEAD...{BRANCH}",
        f"the page is {nights.folder / 'build/report.html'}",
        "the proofs were not run: --python PY runs them",
    ]


def test_work_in_the_folder(nights: Nights) -> None:
    """What is not committed is said, left out of the night, and left alone."""
    series = nights.bureau.patches.parent / "v0.16.1/series"
    series.write_text(series.read_text() + "nowhere.patch\n")
    git(nights.folder, "add", "-A")
    before, index = own(nights), git(nights.folder, "diff", "--cached")
    ran = nights.bureau.near.run("nightly")
    assert "has changes that are not committed: the night leaves them out" in ran.err
    assert own(nights) == before
    assert git(nights.folder, "diff", "--cached") == index
    assert "nowhere" not in nights.text("patches/v0.16.1/series")


def test_the_branch_is_made_anew_on_what_is_committed(nights: Nights) -> None:
    """Work of the user's goes on beneath it; what was told stays told."""
    nights.night()
    (nights.folder / "notes.txt").write_text("mine\n")
    head = nights.commit()
    assert nights.news() == []
    assert nights.rev(f"{BRANCH}^") == head
    assert "notes.txt" in nights.files()


def test_a_branch_that_was_merged_and_deleted(nights: Nights) -> None:
    """What the last night saw is then known by what is committed; nothing is to be kept."""
    nights.night()
    git(nights.folder, "merge", "-q", "--squash", BRANCH)
    nights.commit("Merge the night")
    git(nights.folder, "branch", "-q", "-D", BRANCH)
    found = nights.night()
    assert (found["news"], found["commit"]) == ([], None)
    assert git(nights.folder, "branch", "--list", BRANCH) == ""


def test_somebody_committed_to_the_branch(nights: Nights) -> None:
    """His work is not undone: refused, with the way out."""
    nights.night()
    git(nights.folder, "switch", "-q", BRANCH)
    ran = nights.bureau.near.run("nightly", status=1)
    assert f"{BRANCH} is checked out: {nights.folder}" in ran.err
    theirs = nights.commit("Mend it")
    git(nights.folder, "switch", "-q", "main")
    ran = nights.bureau.near.run("nightly", status=1)
    assert f"somebody committed to {BRANCH}, and a night would undo it: {theirs[:7]}" in ran.err
    assert f"hint: merge it, or move it away: git branch -m {BRANCH} NAME" in ran.err
    assert nights.rev(BRANCH) == theirs
    git(nights.folder, "merge", "-q", BRANCH)
    assert nights.news() == []


def test_the_branch_moved_meanwhile(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of anybody's is lost, and the news waits for the next night."""
    real = Branch.keep

    def late(self: Branch, root: Path, *args: Any) -> str:
        git(nights.folder, "branch", BRANCH, "HEAD")
        return real(self, root, *args)

    with monkeypatch.context() as place:
        place.setattr(Branch, "keep", late)
        ran = nights.bureau.near.run("nightly", status=1)
    assert f"error: {BRANCH} moved meanwhile" in ran.err
    assert TO_MAIN not in ran.out
    assert nights.rev(BRANCH) == nights.rev("HEAD")
    assert nights.news() == [TO_MAIN]


def test_two_nights_at_once(nights: Nights) -> None:
    """The second says so at once, and does nothing: status 3."""
    with lock(nights.folder / "build/.nightly.lock", waiting=print):
        ran = nights.bureau.near.run("nightly", status=3)
    assert "error: another night is at work in this folder" in ran.err
    assert git(nights.folder, "branch", "--list", BRANCH) == ""


def test_a_night_that_is_killed(nights: Nights) -> None:
    """Wherever that is: the next one does all of it, and tells it once."""
    near = nights.bureau.near
    command = near.command("nightly")
    with subprocess.Popen(command, env=near.env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("bringing the series to main"):
                break
        process.kill()
    assert (nights.folder / "build/nightly/patches").is_dir()
    assert nights.news() == [TO_MAIN]
    assert not (nights.folder / "build/nightly").exists()
    assert nights.news() == []


def test_a_limit_in_the_middle(nights: Nights) -> None:
    """What was learned before counts; the rest is one failure until it is over.

    When it ends is told, and is no reason to write what is seen anew.
    """
    api = nights.bureau.forge.api

    def limit(remaining: int) -> None:
        shutil.rmtree(nights.bureau.near.cache / "github", ignore_errors=True)
        api.remaining, api.reset = remaining, api.reset + 61

    nights.night()
    limit(1)
    (told,) = nights.news(status=3)
    why = r"the rate limit is used up until \d\d:\d\d:\d\d: 127.0.0.1"
    assert re.fullmatch(f"could not look at #40102 and 1 more: {why}", told)
    tip, why = nights.rev(BRANCH), "the rate limit is used up: 127.0.0.1"
    for remaining in (0, 2):
        limit(remaining)
        found = nights.night(status=3)
        assert (found["news"], found["commit"]) == ([], tip)
        assert found["failures"] == {"all pull requests": why}
    api.shut(40101)
    limit(1)
    assert nights.news(status=1) == ["#40101 (Edit a) was closed, and not merged"]
    api.remaining = 5000
    assert nights.news() == ["could look at all pull requests again"]


def test_a_failure_that_goes_on(nights: Nights) -> None:
    """It is no news, and the answer still names it."""
    nights.bureau.forge.api.refused = {40102: 404}
    still = "could still not look at #40102"
    assert still not in nights.bureau.near.run("nightly", status=3).out
    ran = nights.bureau.near.run("nightly")
    assert ran.out.startswith(f"nothing new\n{still}\n\n")
    nights.bureau.forge.api.refused = {}
    assert still not in nights.bureau.near.run("nightly").out


def test_an_odd_pull_request_hides_no_other(nights: Nights) -> None:
    """One that begins nowhere, one that GitHub refuses: each is named, the rest is told."""
    forge = nights.bureau.forge
    nights.night()
    was = forge.rev("refs/pull/40101/head")
    now = forge.force(40101, [])
    forge.api.merge(40101, forge.rev("main"))
    forge.api.refused = {40102: 451}
    forge.api.shut(40103)
    found = nights.night(status=1)
    told = [one["text"] for one in found["news"]]
    assert told[0].startswith("could not look at #40101: #40101 is part of upstream as it is")
    assert told[1:] == [
        f"#40101 (Edit a) was merged, at {now[:12]}, and was at {was[:12]}",
        "could not look at #40102: GitHub gave no answer (HTTP 451): 127.0.0.1",
        "#40103 (Edit c) was closed, and not merged",
    ]
    assert found["failures"].keys() == {"#40101", "#40102"}
    forge.api.refused = {40103: 403}
    assert nights.news(status=3) == [
        "could look at #40102 again",
        "could not look at #40103: GitHub gave no answer (HTTP 403): 127.0.0.1",
    ]


def test_a_pull_request_of_which_nothing_is_left(nights: Nights) -> None:
    """A branch that was reset to upstream's own is empty: that is told once, and no failure."""
    nights.night()
    head = nights.bureau.forge.force(40101, [])
    told = f"#40101 (Edit a) is empty now, at {head[:12]}: nothing is left of it"
    assert nights.news(status=1) == [told]
    assert nights.news() == []


def test_a_pull_request_that_is_open_again(nights: Nights) -> None:
    """Its state goes to upstream.toml, with its date; the date alone is no reason to write."""
    nights.bureau.forge.api.shut(40101)
    assert "#40101 (Edit a) was closed, and not merged" in nights.news(status=1)
    assert 'state = "closed"' in nights.text("patches/upstream.toml")
    nights.bureau.forge.api.pulls[40101]["state"] = "open"
    assert nights.news() == ["#40101 (Edit a) is open again"]
    assert nights.text("patches/upstream.toml") == nights.text("patches/upstream.toml", "HEAD")


def test_a_state_that_nobody_knew(nights: Nights) -> None:
    """That a pull request is open is no news; it is noted all the same."""
    facts = nights.folder / "patches/upstream.toml"
    facts.write_text(facts.read_text().replace('state = "open"', 'state = "unknown"', 1))
    nights.commit()
    assert nights.news() == [TO_MAIN]
    assert "unknown" not in nights.text("patches/upstream.toml")


def test_no_series(nights: Nights) -> None:
    """There is nothing to look after: wrong usage."""
    shutil.rmtree(nights.folder / ".git")
    shutil.rmtree(nights.folder / "patches")
    ran = nights.bureau.near.run("nightly", status=2)
    assert "error: no patches folder" in ran.err


def test_without_a_repository(nights: Nights) -> None:
    """The files themselves are written, and build/nightly.json keeps what was seen."""
    shutil.rmtree(nights.folder / ".git")
    before = own(nights)
    found = nights.night()
    assert [one["text"] for one in found["news"]] == [TO_MAIN]
    assert found["commit"] is None
    new = own(nights).keys() - before.keys()
    assert "patches/main/series" in new
    assert {path.partition("/")[0] for path in new} == {"patches"}
    kept = json.loads((nights.folder / "build/nightly.json").read_text())
    assert kept["carried"] == ["v0.16.1", "main"]
    assert nights.news() == []


def test_a_project_below_the_top_of_its_repository(nights: Nights) -> None:
    """Its own folder alone is looked at, and written to."""
    below = nights.folder / "deep/er"
    below.mkdir(parents=True)
    git(nights.folder, "mv", "patches", "PATCHES.md", "vpatch.toml", "deep/er")
    nights.commit("Move")
    nights.bureau.near.folder = below
    assert nights.news() == [TO_MAIN]
    branch = f"{BRANCH}-deep-er"
    assert "deep/er/patches/main/series" in nights.files(branch)
    assert git(below, "diff", "--stat=200", f"HEAD..{branch}").count(" deep/er/") > 4
    assert nights.news() == []


def test_a_remote_where_no_disk_is_kept(nights: Nights, tmp_path: Path) -> None:
    """Pushed on request; a fresh clone knows by it what was told, and pushes on."""
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", str(hub))
    git(nights.folder, "remote", "add", "hub", str(hub))
    git(nights.folder, "push", "-q", "hub", "main")
    assert nights.night()["pushed"] is False
    assert git(hub, "branch", "--list", BRANCH) == ""
    found = nights.night("--push", "hub")
    assert (found["news"], found["pushed"]) == ([], True)
    fresh = tmp_path / "fresh"
    git(tmp_path, "clone", "-q", str(hub), str(fresh))
    nights.bureau.near.folder = fresh
    found = nights.night("--push", "origin")
    assert (found["news"], found["pushed"]) == ([], False)
    nights.bureau.forge.api.shut(40101)
    found = nights.night("--push", "origin", status=1)
    assert [one["text"] for one in found["news"]] == [
        "#40101 (Edit a) was closed, and not merged"
    ]
    assert git(hub, "rev-parse", BRANCH) == found["commit"]


def test_no_memory_but_the_branch(nights: Nights) -> None:
    """With nothing at hand and no git remote: states are told, and nothing twice behind it."""
    nights.night()
    shutil.rmtree(nights.bureau.near.cache)
    forge = nights.bureau.forge

    def refuse(path: str) -> None:
        raise ConnectionError(path)

    forge.http.hold = refuse
    forge.api.shut(40101)
    told = nights.news(status=1)
    assert "#40101 (Edit a) was closed, and not merged" in told
    assert (
        f"could not look at upstream's commits: the git remote gave no answer: {forge.url}"
        in told
    )
    forge.http.hold = str
    told = nights.news()
    assert "could look at upstream's commits again" in told
    assert TO_MAIN not in told


def test_a_thread_that_was_not_read(nights: Nights) -> None:
    """Who follows it up is then not known, which is a failure of the night."""
    nights.night()
    nights.bureau.forge.api.shut(40103)
    nights.bureau.forge.api.timelines.clear()
    found = nights.night(status=1)
    assert found["failures"].keys() == {"#40103"}
    assert found["failures"]["#40103"].startswith("its thread was not read: 127.0.0.1 knows no")


def test_a_push_before_the_first_night(nights: Nights) -> None:
    """Without a git remote too, it is told beside what was reviewed."""
    forge = nights.bureau.forge
    (nights.folder / "vpatch.toml").write_text(
        f'base = "v0.16.1"\n[upstream]\napi = "{forge.api.url}"\n'
    )
    nights.commit()
    was = forge.rev("topic-40103")[:12]
    now = forge.push(40103, [("More", {C: lines(1, 40, l30="more")})])[:12]
    told = nights.news(status=1)
    assert f"#40103 (Edit c) was pushed to: it was at {was} and is at {now}" in told


def test_releases(nights: Nights) -> None:
    """Each new one is told, and each that is withdrawn."""
    nights.night()
    nights.release("v0.17.0")
    nights.release("v0.16.2")
    told = nights.news()
    assert [line for line in told if line.endswith("is out")] == [
        "v0.16.2 is out",
        "v0.17.0 is out",
    ]
    page = nights.bureau.near.index.folder / "simple/vllm/index.html"
    listed = json.loads(page.read_text())
    listed["files"][-1]["yanked"] = True
    page.write_text(json.dumps(listed))
    assert "v0.16.2 was withdrawn: the index offers it no more" in nights.news()


def test_two_machines(nights: Nights, tmp_path: Path) -> None:
    """What either saw last counts for both."""
    hub, other = tmp_path / "hub.git", tmp_path / "other"
    git(tmp_path, "init", "-q", "--bare", str(hub))
    git(nights.folder, "remote", "add", "origin", str(hub))
    git(nights.folder, "push", "-q", "origin", "main")
    nights.night("--push", "origin")
    git(tmp_path, "clone", "-q", "-b", "main", str(hub), str(other))
    own = nights.folder
    nights.bureau.forge.api.shut(40101)
    nights.bureau.near.folder = other
    commit = nights.night("--push", "origin", status=1)["commit"]
    nights.bureau.near.folder = own
    found = nights.night("--push", "origin")
    assert (found["news"], found["commit"], found["pushed"]) == ([], commit, False)


def test_a_remote_that_moved_meanwhile(nights: Nights, tmp_path: Path) -> None:
    """It is not overwritten: the news is told, the branch stays here, and the status is 3."""
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", str(hub))
    git(nights.folder, "remote", "add", "hub", str(hub))
    git(nights.folder, "push", "-q", "hub", "main")
    theirs = nights.rev("HEAD")
    real = Branch.push

    def late(self: Branch) -> bool:
        git(hub, "update-ref", f"refs/heads/{BRANCH}", theirs)
        return real(self)

    with pytest.MonkeyPatch.context() as place:
        place.setattr(Branch, "push", late)
        ran = nights.bureau.near.run("nightly", "--push", "hub", status=3)
    assert TO_MAIN in ran.out
    assert f"error: {BRANCH} moved there meanwhile: hub" in ran.err
    assert git(hub, "rev-parse", BRANCH) == theirs


def test_a_remote_that_does_not_answer(nights: Nights) -> None:
    """Where nothing else knows what was told, there is no night; else only no push."""
    ran = nights.bureau.near.run("nightly", "--push", "nowhere", status=3)
    assert "error: the remote gave no answer: nowhere" in ran.err
    assert git(nights.folder, "branch", "--list", BRANCH) == ""
    nights.night()
    nights.bureau.forge.api.shut(40101)
    ran = nights.bureau.near.run("nightly", "--push", "nowhere", status=1)
    assert "#40101 (Edit a) was closed, and not merged" in ran.out
    assert "error: the remote gave no answer: nowhere" in ran.err


def test_a_remote_with_a_password(nights: Nights) -> None:
    """It is in no word of vpatch's, nor in those of git's."""
    nights.night()
    nights.bureau.forge.api.shut(40101)
    address = "http://bot:SECRET@127.0.0.1:9/x.git"
    ran = nights.bureau.near.run("-v", "nightly", "--push", address, status=1)
    assert "asking http://127.0.0.1:9/x.git for vpatch/nightly" in ran.err
    assert "error: the remote gave no answer: http://127.0.0.1:9/x.git" in ran.err
    assert "SECRET" not in ran.out + ran.err


@pytest.mark.parametrize("name", ["vpatch", f"{BRANCH}/mine"])
def test_a_name_in_the_way(nights: Nights, name: str) -> None:
    """A branch whose name leaves no room for the night's is named, before any work."""
    git(nights.folder, "branch", name)
    ran = nights.bureau.near.run("nightly", status=1)
    assert f"error: a branch is in the way of {BRANCH}: {name}" in ran.err
    assert f"hint: rename it: git branch -m {name} NAME" in ran.err
    assert "asking" not in ran.err


def test_settings_that_push_more(nights: Nights, tmp_path: Path) -> None:
    """The nights alone are shown to others, whatever the user's own pushes take along."""
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", str(hub))
    git(nights.folder, "config", "push.followTags", "true")
    git(nights.folder, "config", "push.gpgSign", "true")
    git(nights.folder, "tag", "-a", "-m", "Mine", "private")
    assert nights.night("--push", str(hub))["pushed"] is True
    shown = git(hub, "for-each-ref", "--format=%(refname)").splitlines()
    assert shown == [f"refs/heads/{BRANCH}", TOLD]


def test_a_link_in_the_place_of_its_tree(nights: Nights, tmp_path: Path) -> None:
    """The link goes; where it led to, nothing is written."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (nights.folder / "build").mkdir(exist_ok=True)
    (nights.folder / "build/nightly").symlink_to(elsewhere)
    seen: list[Path] = []
    real = Branch.keep

    def spied(self: Branch, root: Path, *args: Any) -> str:
        seen.extend(elsewhere.iterdir())
        return real(self, root, *args)

    with pytest.MonkeyPatch.context() as place:
        place.setattr(Branch, "keep", spied)
        assert nights.news() == [TO_MAIN]
    assert seen == list(elsewhere.iterdir()) == []
    assert not (nights.folder / "build/nightly").is_symlink()


def test_a_hostile_title(nights: Nights, tmp_path: Path) -> None:
    """What others wrote reaches neither the terminal nor Markdown as more than text."""
    title = "Edit \x1b[31ma](http://evil) <img src=x> @all `x"
    nights.bureau.forge.api.retitle(40101, title)
    nights.bureau.forge.api.shut(40101)
    news = tmp_path / "news.md"
    ran = nights.bureau.near.run("nightly", "--markdown", str(news), status=1)
    assert "\x1b" not in ran.out + ran.err + news.read_text()
    assert "### Wants a person" in news.read_text()
    link = "[#40101](https://redirect.github.com/vllm-project/vllm/pull/40101)"
    quoted = (
        r"`` (Edit \x1b[31ma](http://evil) <img src=x> @all `x) was closed, and not merged ``"
    )
    assert f"- {link} {quoted} <!-- vpatch-news: " in news.read_text()
    assert "\x1b" not in git(nights.folder, "log", "-1", "--format=%B", BRANCH)
    assert "<img" not in (nights.folder / "build/report.html").read_text()


def test_a_title_that_a_forge_would_obey(nights: Nights) -> None:
    """In the commit it closes no issue, calls nobody, and skips no checks."""
    title = "[Bugfix] Fixes #5, a/b#6, GH-7, https://github.com/a/b/issues/8 @all [skip ci]"
    nights.bureau.forge.api.retitle(40101, title)
    nights.bureau.forge.api.shut(40101)
    nights.night(status=1)
    quoted = "[Bugfix] Fixes PR 5, a/b PR 6, PR 7, github.com/a/b/issues/8 @ all [ skip ci]"
    message = git(nights.folder, "log", "-1", "--format=%B", BRANCH)
    assert f"* PR 40101 ({quoted}) was closed, and not merged" in message


def test_a_comment_that_names_hundreds(nights: Nights) -> None:
    """The five strongest are told, once, and the rest counted."""
    said = " ".join(f"Fixed by #{number}." for number in range(50001, 50301))
    nights.bureau.forge.api.shut(40101)
    nights.bureau.forge.api.comment(40101, said)
    told = [one for one in nights.news(status=1) if one.startswith("#40101: ")]
    assert told[0] == "#40101: #50001 fixes it, perhaps: 'Fixed by #50001.'"
    assert told[5:] == ["#40101: and 295 more, see vpatch refresh 40101 --json"]
    assert nights.news() == []


def test_more_news_than_an_issue_holds(nights: Nights, tmp_path: Path) -> None:
    """What has no room is counted."""
    news = tmp_path / "news.md"
    for number in (40101, 40102):
        nights.bureau.forge.api.retitle(number, "x" * 59_000)
        nights.bureau.forge.api.shut(number)
    nights.night("--markdown", str(news), status=1)
    assert len(news.read_text()) < 61_000
    assert news.read_text().endswith("\nAnd 1 more.\n")


def test_a_quiet_night_as_markdown(nights: Nights, tmp_path: Path) -> None:
    """There is a file all the same; what is on the branch is in it until it is merged."""
    nights.night()
    news = tmp_path / "news.md"
    nights.night("--markdown", str(news))
    before = f"### Told before, not merged yet\n\n- `{TO_MAIN}`\n"
    assert news.read_text() == f"Nothing new.\n\n{before}\n"
    git(nights.folder, "merge", "-q", BRANCH)
    nights.night("--markdown", str(news))
    assert news.read_text() == "Nothing new.\n\n"


def test_news_on_the_branch(nights: Nights) -> None:
    """Its message has those of all nights that are not merged, and the answer too."""
    nights.night()
    nights.bureau.forge.api.shut(40101)
    found = nights.night(status=1)
    closed = "#40101 (Edit a) was closed, and not merged"
    assert [one["text"] for one in found["news"]] == [closed]
    assert [one["text"] for one in found["before"]] == [TO_MAIN]
    message = git(nights.folder, "log", "-1", "--format=%b", BRANCH)
    assert message.splitlines() == [f"* {TO_MAIN}", f"* {closed}".replace("#", "PR ")]
    assert (found["commit"], nights.night()["commit"]) == (nights.rev(BRANCH),) * 2
    git(nights.folder, "merge", "-q", BRANCH)
    nights.bureau.forge.api.shut(40103)
    assert nights.night(status=1)["before"] == []
    message = git(nights.folder, "log", "-1", "--format=%b", BRANCH)
    assert message == "* PR 40103 (Edit c) was closed, and not merged"


def test_a_night_that_is_killed_before_it_tells(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is kept, and the next one tells it, once."""

    def killed(_self: Branch) -> bool:
        raise KilledError

    with monkeypatch.context() as place:
        place.setattr(Branch, "push", killed)
        with pytest.raises(KilledError):
            nights.night()
    assert "patches/main/series" in nights.files()
    nights.bureau.forge.api.shut(40101)
    assert nights.news(status=1) == [TO_MAIN, "#40101 (Edit a) was closed, and not merged"]
    assert nights.news() == []


def test_news_that_cannot_be_written(nights: Nights, tmp_path: Path) -> None:
    """The status is 3, and the next night tells them: whoever reads that file has none."""
    away, news = nights.folder / "vpatch.toml/news.md", tmp_path / "news.md"
    ran = nights.bureau.near.run("nightly", "--markdown", str(away), status=3)
    assert TO_MAIN in ran.out
    assert "error: cannot write it" in ran.err
    assert nights.news("--markdown", str(news)) == [TO_MAIN]
    assert f"### What else is new\n\n- `{TO_MAIN}`" in news.read_text()
    assert nights.news() == []


def test_bases_of_ones_own(nights: Nights) -> None:
    """Those that are named are looked at, and no others; one that is not there is news once."""
    nights.land("Theirs", {C: lines(1, 40, l7="theirs")})
    bases = "v0.16.1,v0.99.0"
    found = nights.night("--bases", bases, status=3)
    assert [one["text"] for one in found["news"]] == [
        "could not look at v0.99.0: no such release in the index: v0.99.0"
    ]
    assert nights.night("--bases", bases, status=3)["news"] == []
    assert nights.news("--bases", "v0.16.1") == []


def test_a_matrix_made_elsewhere(nights: Nights, tmp_path: Path) -> None:
    """The page takes it; what is no matrix is news, and hides nothing else."""
    whole = tmp_path / "matrix.json"
    whole.write_text(nights.bureau.near.run("matrix", "--bases", "v0.16.1", "--json").out)
    assert nights.news("--matrix", str(whole)) == [TO_MAIN]
    whole.write_text("{}")
    told = nights.news("--matrix", str(whole), status=3)
    assert told == [f"could not look at the page: it is no matrix of vpatch: {whole}"]


def test_a_page_that_cannot_be_written(nights: Nights) -> None:
    """No night says that the page is there which it did not write, though an old one is."""
    nights.night()
    elsewhere = ("--html", str(nights.folder / "vpatch.toml" / "page.html"))
    assert nights.night(*elsewhere, status=3)["page"] is None
    ran = nights.bureau.near.run("nightly", *elsewhere, status=3)
    assert "could still not look at the page\n" in ran.out
    assert "\nno page was written\n" in ran.out
    assert "the page is" not in ran.out
    assert nights.night()["page"] == str(nights.folder / "build/report.html")


def test_a_state_that_is_damaged(nights: Nights) -> None:
    """The night says so, and does not take it for a first one."""
    whole = Seen(verdicts={"v0.16.1": {"a.patch": "fine"}}).written().decode()
    for text in ('{"schema": 1}', "[]", "", whole):
        (nights.folder / "patches/nightly.json").write_text(text)
        nights.commit()
        ran = nights.bureau.near.run("nightly", status=3)
        assert "error: what the last night saw is damaged: nightly.json" in ran.err


def test_proofs_that_cannot_be_run(nights: Nights, tmp_path: Path) -> None:
    """An environment without vLLM is news, and hides nothing else."""
    nowhere = ("--python", str(tmp_path / "nowhere"))
    found = nights.night(*nowhere, status=3)
    told = [one["text"] for one in found["news"]]
    assert told[0] == TO_MAIN
    assert told[1].startswith("could not look at the proofs: ")
    assert found["proofs"] is False
    ran = nights.bureau.near.run("nightly", *nowhere, status=3)
    assert ran.out.splitlines()[-1] == "the proofs were not run"
    # A night that does not ask for them has nothing to say of it, and makes no news of it.
    ran = nights.bureau.near.run("nightly")
    assert ran.out.startswith("nothing new\n\n")
    found = nights.night()
    assert (found["failures"], found["ok"]) == ({}, True)
    assert nights.news(*nowhere, status=3) == []


def test_a_conflict_that_was_solved_before(works: Works) -> None:
    """Unsolved, it is news and nothing is written; by its resolution, the series goes on."""
    settings = works.near.folder / "vpatch.toml"
    settings.write_text('[upstream]\napi = "http://127.0.0.1:9/repos/a/b"\n')
    night = ("nightly", "--bases", "v0.18.0")
    told = [one["text"] for one in works.near.json(*night, status=1)["news"]]
    assert told[1:] == [
        "#103 (Edit c) is needed no more on v0.18.0: the base has every line of it",
        (
            "#105 (Edit e) has no place on v0.18.0: vllm/e.py: hunk 1 (line 12) found other "
            "lines in v0.18.0 (good in v0.17.0, not in v0.18.0)"
        ),
    ]
    assert not works.series("v0.18.0").exists()
    works.rebase("--onto", "v0.18.0", status=1)
    works.solve()
    works.rebase("--continue")
    shutil.rmtree(works.series("v0.18.0"))
    told = [one["text"] for one in works.near.json(*night, status=3)["news"]]
    assert told == [
        "#105 (Edit e) has a place on v0.18.0 again (merged)",
        "the series is brought to v0.18.0: 5 patches, 1 landed",
    ]
    assert works.is_clean("v0.18.0")
