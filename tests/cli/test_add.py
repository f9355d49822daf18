"""``vpatch add``: somebody's work comes into the series, whole or not at all."""

from __future__ import annotations

import hashlib
import tomllib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bureau import START, A, B, Bureau, edited, opened
from steps import KilledError, Steps, ended
from support import Desk, git, lines, sdist
from vpatch.doors.files import Transaction
from vpatch.values.patch import read_patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from forge import Commits


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk with an upstream."""
    with opened(desk, tmp_path) as bureau:
        yield bureau


def test_a_pull_request(bureau: Bureau) -> None:
    """It becomes a mail in the series' form, with what GitHub knows beside it."""
    head = bureau.forge.open(40101, "[Model] Edit a", edited(A, l7="seven"))
    answer = bureau.add("40101")
    assert answer["written"] == bureau.series == ["40101-edit-a.patch"]
    assert answer["patches"][0]["verdict"] == "clean"
    text = bureau.text("40101-edit-a.patch")
    assert text.startswith(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: Ada <ada@example.org>\n"
    )
    assert "\nSubject: [Model] Edit a\n" in text
    url = "https://github.com/vllm-project/vllm/pull/40101"
    assert f"\n\nUpstream-PR: {url}\nUpstream-Head: {head}\n\ndiff --git " in text
    assert "\n-line 7\n+seven\n" in text
    assert not text.endswith("-- \n")
    commit = bureau.forge.rev("v0.16.0")
    first = (bureau.patches / "series").read_text().splitlines()[0]
    assert first == f"# This series applies on vLLM v0.16.0 ({commit})"
    for line in ('title = "[Model] Edit a"', 'state = "open"', f'head = "{head}"'):
        assert line in bureau.facts
    assert "[#40101]" in (bureau.near.folder / "PATCHES.md").read_text()


def test_a_remote_with_a_password(bureau: Bureau) -> None:
    """It gets into no file that others read: no link, no trailer, nobody else's cache."""
    settings = bureau.near.folder / "vpatch.toml"
    settings.write_text(settings.read_text() + 'package = "vllm-ours"\n')
    bureau.forge.open(40101, "[Model] Edit a", edited(A, l7="seven"))
    login = bureau.forge.url.replace("://", "://bot:SECRET@")
    bureau.near.run("--upstream", login, "add", "40101", "--base", "v0.16.0")
    own = bureau.forge.url.removesuffix(".git")
    assert f"Upstream-PR: {own}/pull/40101" in bureau.text("40101-edit-a.patch")
    assert f"]({own}/pull/40101)" in (bureau.near.folder / "PATCHES.md").read_text()
    assert [path for path, raw in bureau.state().items() if b"SECRET" in raw] == []
    for store in ("pulls.git", "store.git"):
        config = bureau.near.cache / store / "config"
        assert "SECRET" in config.read_text()
        assert config.stat().st_mode & 0o077 == 0


def test_what_came_between_is_no_part_of_it(bureau: Bureau) -> None:
    """Made on a later main, it is written as it fits the release, with other lines' numbers."""
    bureau.forge.land("Top", {A: "top\n" + lines(1, 40), B: "b\n"})
    body = "Edit a\n\nBecause.\n\nSigned-off-by: Ada <ada@example.org>"
    change: Commits = [(body, {A: "top\n" + lines(1, 40, l20="twenty")})]
    head = bureau.forge.open(40101, "Edit a", change)
    answer = bureau.add("#40101")
    assert answer["patches"][0]["verdict"] == "offset"
    text = bureau.text("40101-edit-a.patch")
    assert "@@ -17,7 +17,7 @@ line 16" in text
    assert "top" not in text
    trailers = f"Upstream-Head: {head}\nRebased-From: {bureau.forge.rev('main')[:12]}\n\ndiff"
    assert "\nBecause.\n\nSigned-off-by: Ada" in text
    assert trailers in text


def test_the_whole_of_it_with_merges_in_between(bureau: Bureau) -> None:
    """Two commits and a merge of main become one patch, by the first one's author."""
    bureau.forge.open(40101, "Edit a and b", edited(A, l7="seven"))
    bureau.forge.land("Go further", {"vllm/c.py": "cc\n"})
    bureau.forge.catch_up(40101)
    head = bureau.forge.push(40101, [("More", {B: lines(1, 40, l2="two")})])
    bureau.add("40101")
    text = bureau.text("40101-edit-a-and-b.patch")
    assert text.count("diff --git") == 2
    assert "c.py" not in text
    assert f"Upstream-Head: {head}" in text
    before = bureau.state()
    ran = bureau.near.run("add", "40101", "--base", "v0.16.0", status=1)
    assert "#40101 is carried already: patches/v0.16.0/40101-edit-a-and-b.patch" in ran.err
    assert "hint: vpatch refresh 40101 shows" in ran.err
    assert bureau.state() == before


def test_whose_work_it_is(bureau: Bureau) -> None:
    """One patch of several commits names all who made and signed them, each once."""
    signed = "Signed-off-by: Ada <ada@example.org>"
    made = f"Co-authored-by: Bob <bob@example.org>\n{signed}"
    bureau.forge.open(40101, "Edit", [(f"Edit\n\nWhy.\n\n{made}", {A: lines(1, 40, l7="x")})])
    bureau.forge.push(40101, [(f"More\n\n{signed}", {A: lines(1, 40, l7="y")})])
    folder = bureau.forge.origin.folder
    git(folder, "checkout", "-q", "topic-40101")
    command = ["commit", "-q", "--allow-empty", "-m", "Help", "--author=Eve <eve@example.org>"]
    git(folder, *command)
    bureau.forge.push(40101, [])
    bureau.add("40101")
    text = bureau.text("40101-edit.patch")
    told = f"{made}\nCo-authored-by: Eve <eve@example.org>\nUpstream-PR: "
    assert f"Subject: Edit\n\n{told}" in text


def test_a_patch_of_each_commit(bureau: Bureau) -> None:
    """Each records its own commit; a merge among them is refused, with the way out."""
    first = bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    second = bureau.forge.push(40101, [("Also b\n\nWhy.", {B: lines(1, 40, l2="two")})])
    answer = bureau.add("40101", "--split-commits")
    assert answer["written"] == ["40101-01-edit-vllm-a-py.patch", "40101-02-also-b.patch"]
    assert f"Upstream-Head: {first}" in bureau.text(bureau.series[0])
    url = "https://github.com/vllm-project/vllm/pull/40101"
    trailers = f"\n\nWhy.\n\nUpstream-PR: {url}\nUpstream-Head: {second}\n"
    assert trailers in bureau.text(bureau.series[1])
    assert f'head = "{second}"' in bureau.facts
    bureau.forge.open(40102, "Edit", edited(A, l20="twenty"))
    bureau.forge.land("Go further", {"vllm/c.py": "cc\n"})
    bureau.forge.catch_up(40102)
    ran = bureau.near.run("add", "40102", "--split-commits", status=1)
    assert "#40102 has merges in it" in ran.err
    assert "hint: leave --split-commits out" in ran.err


def test_one_that_stands_on_another(bureau: Bureau) -> None:
    """Of one that was made on top of one that is carried, what it adds is taken."""
    head = bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    change: Commits = [
        ("Edit it again\n\nAs it should be.", {A: lines(1, 40, l7="7 and more")})
    ]
    bureau.forge.open(40102, "Edit it again", change, start="topic-40101")
    bureau.add("40101")
    ran = bureau.near.run("add", "40102")
    assert "#40102 stands on 40101-edit.patch, which the series has" in ran.err
    text = bureau.text("40102-edit-it-again.patch")
    assert "-seven\n+7 and more\n" in text
    assert "\n\nAs it should be.\n" in text, "it is one commit, which speaks for the whole"
    assert f"Rebased-From: {head[:12]}" not in text, "it fits as it is"
    bureau.near.run("check")


def test_one_that_stands_on_another_catches_up(bureau: Bureau) -> None:
    """With a merge behind the other one's commits, the whole of it is looked at."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    change: Commits = [("Edit b", {B: lines(1, 40, l7="b")})]
    bureau.forge.open(40102, "Edit b", change, start="topic-40101")
    bureau.forge.land("Go further", {"vllm/c.py": "cc\n"})
    bureau.forge.catch_up(40102)
    bureau.add("40101")
    bureau.add("40102")
    assert read_patch("x", bureau.text("40102-edit-b.patch").encode()).paths == {B}


def test_upstreams_tests_and_documents_stay_away(bureau: Bureau) -> None:
    """What is left out is told, and kept as globs; --all-files takes it."""
    change: Commits = [("Edit", {A: lines(1, 40, l7="x"), "tests/test_a.py": "a = 2\n"})]
    change.append(("Tell", {"README.md": "# New\n", "docs/a.md": "a\n"}))
    bureau.forge.open(40101, "Edit", change)
    ran = bureau.near.run("add", "40101")
    assert "left out: README.md, docs/a.md, tests/test_a.py (--all-files takes them)" in ran.out
    assert read_patch("x", bureau.text("40101-edit.patch").encode()).paths == {A}
    assert 'exclude = ["tests/*", "docs/*", "benchmarks/*"' in bureau.facts
    bureau.near.run("drop", "40101")
    answer = bureau.add("40101", "--all-files")
    assert answer["left_out"] == []
    assert bureau.text("40101-edit.patch").count("diff --git") == 4
    assert "exclude = []" in bureau.facts


def test_nothing_but_tests(bureau: Bureau) -> None:
    """One that touches only what is left out is told, and nothing is written."""
    bureau.forge.open(40101, "Test", [("Test", {"tests/test_a.py": "a = 2\n"})])
    before = bureau.state()
    ran = bureau.near.run("add", "40101", status=1)
    assert "error: it touches only files that are left out: tests/test_a.py" in ran.err
    assert bureau.state() == before


def test_globs_of_ones_own(bureau: Bureau) -> None:
    """What upstream.toml says of a watched request is what is left out."""
    facts = bureau.near.folder / "patches/upstream.toml"
    facts.write_text(
        '[[pr]]\n# Mine.\nnumber = 40101\ntitle = "As I call it"\nstate = "open"\n'
        'as_of = 2026-01-02\nexclude = ["vllm/b.py"]\n'
    )
    change: Commits = [("Edit", {A: lines(1, 40, l7="x"), B: "b\n", "tests/test_a.py": "a\n"})]
    bureau.forge.open(40101, "Edit", change)
    answer = bureau.add("40101")
    assert answer["left_out"] == [B]
    assert 'exclude = ["vllm/b.py"]' in bureau.facts
    assert bureau.facts.startswith("[[pr]]\n# Mine.\nnumber = 40101\n")


def test_behind_another_patch(bureau: Bureau) -> None:
    """What stands behind it is written anew where it must, and comments keep their places."""
    for number, line in ((40101, "l7"), (40102, "l20")):
        bureau.forge.open(number, f"Edit {line}", edited(A, **{line: "x"}))
        bureau.add(str(number))
    series = bureau.patches / "series"
    series.write_text(series.read_text().replace("\n40102", "\n# The second.\n40102"))
    bureau.forge.open(40103, "Edit the top", [("Top", {A: "top\n" + lines(1, 40)})])
    answer = bureau.add("40103", "--after", "40101")
    assert answer["rewritten"] == ["40102-edit-l20.patch"]
    assert series.read_text().splitlines()[1:] == [
        "40101-edit-l7.patch",
        "40103-edit-the-top.patch",
        "# The second.",
        "40102-edit-l20.patch",
    ]
    text = bureau.text("40102-edit-l20.patch")
    assert "@@ -18,7 +18,7 @@" in text
    assert "Rebased-From: v0.16.0" not in text
    ran = bureau.near.run("add", "40103", "--after", "40199", status=2)
    assert "no such patch: 40199" in ran.err


def test_what_the_base_has_already(bureau: Bureau) -> None:
    """It is said, with the evidence, and nothing is written."""
    start = bureau.forge.rev("v0.16.0")
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"), start=start)
    bureau.forge.merge(40101)
    bureau.forge.release("v0.17.0")
    ran = bureau.near.run("add", "40101", "--base", "v0.17.0", status=1)
    assert "#40101 landed" in ran.out
    assert "nothing to add: v0.17.0 has it" in ran.out
    assert not (bureau.near.folder / "patches/v0.17.0").exists()


def test_another_series_serves_the_base(bureau: Bureau) -> None:
    """A base with a series of its own would be served by no other any more: refused."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.add("40101")
    bureau.forge.release("v0.17.0")
    ran = bureau.near.run("add", "40102", "--base", "v0.17.0", status=1)
    assert "v0.17.0 has no series of its own, v0.16.0 serves it" in ran.err
    assert "hint: vpatch rebase --onto v0.17.0 makes one" in ran.err


def test_a_conflict_in_the_folder_itself(bureau: Bureau) -> None:
    """As most people type it: without -C, by relative paths."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.add("40101")
    bureau.forge.open(40102, "Edit too", edited(A, l7="7"))
    desk = bureau.near
    desk.inside("add", "40102", status=1)
    (bureau.near.folder / "build/add/tree" / A).write_text(lines(1, 40, l7="7 and seven"))
    assert "40102-edit-too.patch" in desk.inside("add", "--continue").out


def test_a_conflict_is_solved_and_taken(bureau: Bureau) -> None:
    """Nothing is written until it is solved, and the solution is kept for the next time."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.add("40101")
    bureau.forge.land("Rewrite", {A: lines(1, 40, l6="six", l8="eight")})
    bureau.forge.open(
        40102, "Edit too", [("x", {A: lines(1, 40, l6="six", l7="7", l8="eight")})]
    )
    before = bureau.state()
    answer = bureau.near.json("add", "40102", status=1)
    assert (answer["written"], answer["ok"]) == ([], False)
    assert bureau.state() == before
    tree = bureau.near.folder / "build/add/tree"
    assert answer["stopped"] == {"tree": str(tree)}
    assert "<<<<<<<" in (tree / A).read_text()
    ran = bureau.near.run("add", "--continue", status=1)
    assert "conflict markers are left" in ran.err
    assert "vpatch add --continue" in ran.err
    (tree / A).write_text(lines(1, 40, l7="7 and seven"))
    bureau.forge.push(40102, [("later", {B: "unseen\n"})])
    assert bureau.near.json("add", "--continue")["written"] == ["40102-edit-too.patch"]
    assert "-seven\n+7 and seven\n" in bureau.text("40102-edit-too.patch")
    assert "unseen" not in bureau.text("40102-edit-too.patch"), "what came since was not seen"
    assert not tree.exists()
    bureau.near.run("check")
    (kept,) = (bureau.near.folder / "patches/resolutions").iterdir()
    assert kept.name.startswith("40102-edit-too@v0.16.0-")
    ran = bureau.near.run("add", "--continue", status=2)
    assert "no addition waits to be solved" in ran.err


def test_a_conflict_is_given_up(bureau: Bureau) -> None:
    """Nothing is left of it."""
    bureau.forge.land("Rewrite", {A: lines(1, 40, l6="six", l8="eight")})
    bureau.forge.open(
        40102, "Edit too", [("x", {A: lines(1, 40, l6="six", l7="7", l8="eight")})]
    )
    ran = bureau.near.run("add", "40102", status=1)
    assert "has no place behind the series on v0.16.0" in ran.out
    assert "add --abort" in ran.out
    bureau.near.run("add", "--abort")
    ran = bureau.near.run("add", "--abort", status=2)
    assert "no addition waits to be solved" in ran.err
    assert not (bureau.near.folder / "build/add").exists()
    ran = bureau.near.run("add", status=2)
    assert "Name what to add" in ran.err


def test_a_conflict_that_waits_is_not_lost(bureau: Bureau) -> None:
    """Another addition would take the half-solved work tree away: it is refused till then."""
    bureau.forge.land("Rewrite", {A: lines(1, 40, l6="six", l8="eight")})
    bureau.forge.open(40102, "Edit", [("x", {A: lines(1, 40, l6="six", l7="7", l8="eight")})])
    bureau.forge.open(40103, "Edit b", [("x", {B: lines(1, 40, l7="seven")})])
    bureau.near.run("add", "40102", status=1)
    half = bureau.near.folder / "build/add/tree" / A
    half.write_text("half solved\n")
    ran = bureau.near.run("add", "40103", status=1)
    assert "error: 40102 waits to be solved:" in ran.err
    assert "add --continue goes on with it, --abort gives it up" in ran.err
    assert half.read_text() == "half solved\n"
    bureau.near.run("add", "--abort")
    bureau.add("40103")


def test_no_such_pull_request(bureau: Bureau) -> None:
    """Neither git nor GitHub knows it."""
    before = bureau.state()
    ran = bureau.near.run("add", "99999", status=2)
    assert f"error: no such pull request: #99999 of {bureau.forge.url}" in ran.err
    assert bureau.state() == before


def test_a_base_from_the_index(bureau: Bureau) -> None:
    """The base may be a release of the package index, the pull request another history's."""
    settings = bureau.near.folder / "vpatch.toml"
    configured = settings.read_text()
    settings.unlink()
    bureau.near.index.add("0.16.0", sdist("0.16.0", START))
    base = bureau.near.json("bases", "--fetch", "v0.16.0")["bases"][0]
    settings.write_text(configured)
    bureau.forge.land("Between", {A: lines(1, 40, l5="five")})
    bureau.forge.open(40101, "Edit", [("x", {A: lines(1, 40, l5="five", l7="seven")})])
    answer = bureau.add("40101")
    assert answer["base"] == base
    assert answer["patches"][0]["verdict"] == "merged"


def test_an_address(bureau: Bureau) -> None:
    """The project that it names must be the folder's."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.add("https://github.com/vllm-project/vllm/pull/40101/files")
    ran = bureau.near.run("add", "https://github.com/ada/vllm/pull/7", status=2)
    assert (
        "this is no https://github.com/vllm-project/vllm: https://github.com/ada/vllm"
        in ran.err
    )
    assert "--upstream https://github.com/ada/vllm" in ran.err
    (bureau.near.folder / "vpatch.toml").unlink()
    bureau.near.home.joinpath(".gitconfig").write_text(
        f'[url "{bureau.forge.http.url}/vllm"]\n\tinsteadOf = https://github.com/ada/vllm\n'
    )
    bureau.near.more |= {"HTTPS_PROXY": "http://127.0.0.1:9", "GIT_CONFIG_NOSYSTEM": "1"}
    bureau.forge.open(7, "Edit b", edited(B, l7="seven"))
    bureau.near.run("add", "https://github.com/ada/vllm/pull/7", "--base", "v0.16.0")
    assert "Upstream-PR: https://github.com/ada/vllm/pull/7\n" in bureau.text(
        "7-edit-vllm-b-py.patch"
    )


def test_no_git_remote(bureau: Bureau) -> None:
    """A number is vLLM's where none is named; in another project, it is said what leads on."""
    api = f'base = "v0.16.0"\n[upstream]\napi = "{bureau.forge.api.url}"\n'
    (bureau.near.folder / "vpatch.toml").write_text(api)
    bureau.near.home.joinpath(".gitconfig").write_text(
        f'[url "{bureau.forge.http.url}/vllm"]\n'
        "\tinsteadOf = https://github.com/vllm-project/vllm\n"
    )
    bureau.near.more |= {"HTTPS_PROXY": "http://127.0.0.1:9", "GIT_CONFIG_NOSYSTEM": "1"}
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    ran = bureau.near.run("add", "40101")
    assert "asking https://github.com/vllm-project/vllm for #40101" in ran.err

    (bureau.near.folder / "vpatch.toml").write_text(f'{api}package = "vllm-ada"\n')
    index, raw = bureau.near.index, sdist("0.16.0", START)
    index.add("0.16.0", raw)
    entry = {"filename": "vllm_ada-0.16.0.tar.gz", "url": "../../vllm-0.16.0.tar.gz"}
    digest = hashlib.sha256(raw).hexdigest()
    index.publish(entry | {"hashes": {"sha256": digest}}, project="vllm-ada")
    ran = bureau.near.run("add", "40102", status=2)
    assert "error: no git remote to take a pull request from" in ran.err
    assert "--upstream https://github.com/vllm-project/vllm" in ran.err


@pytest.mark.parametrize("how", ["down", "limited", "wrong token", "no api"])
def test_git_alone_will_do(bureau: Bureau, how: str) -> None:
    """Where GitHub does not answer, that is said, and what git knows is taken."""
    bureau.forge.open(40101, "Its title", [("Its subject", {A: lines(1, 40, l7="x")})])
    if how == "down":
        bureau.forge.api.stumbles = [500] * 3
    elif how == "limited":
        bureau.forge.api.remaining = 0
    elif how == "wrong token":
        bureau.near.more |= {
            "GITHUB_TOKEN": "ghs_s3cr3t",
            "GITHUB_API_URL": bureau.forge.api.root,
        }
    else:
        (bureau.near.folder / "vpatch.toml").write_text(
            f'base = "v0.16.0"\n[upstream]\nurl = "{bureau.forge.url}"\n'
        )
    ran = bureau.near.run("add", "40101")
    assert "title and state are what git knows" in ran.err
    assert "s3cr3t" not in ran.err + ran.out
    assert bureau.series == ["40101-its-subject.patch"]
    assert 'state = "unknown"' in bureau.facts
    bureau.near.run("check")


def test_a_title_that_is_known(bureau: Bureau) -> None:
    """Where GitHub does not answer, the title is that of upstream.toml, and no subject."""
    bureau.forge.open(40101, "Its title", [("Its subject", {A: lines(1, 40, l7="x")})])
    bureau.near.run("add", "40101")
    bureau.near.run("drop", "40101", "--why", "for now")
    bureau.forge.api.remaining = 0
    assert bureau.add("40101")["written"] == ["40101-its-title.patch"]
    assert "\nSubject: Its title\n" in bureau.text("40101-its-title.patch")
    assert 'state = "open"' in bureau.facts


def test_a_title_that_wants_harm(bureau: Bureau) -> None:
    """Markdown, HTML and escape codes are text, in files, on the page and the terminal."""
    title = "Fix\x1b[2J `x` <script>|**\n../../etc"
    head = bureau.forge.open(40101, "Fix", edited(A, l7="seven"))
    bureau.forge.api.retitle(40101, title)
    bureau.add("40101")
    assert bureau.series == ["40101-fix-x1b-2j-x-script-etc.patch"]
    text = bureau.text(bureau.series[0])
    assert "\x1b" not in text + bureau.facts
    assert "Subject: Fix\\x1b[2J `x` <script>|** ../../etc\n" in text
    page = (bureau.near.folder / "PATCHES.md").read_text()
    assert "\x1b" not in page
    assert "\\<script\\>\\|\\*\\*" in page
    assert "\x1b" not in bureau.near.run("status", "--base", "v0.16.0").out
    assert head in text


def test_a_message_that_wants_harm(bureau: Bureau) -> None:
    """What looks like a diff or a header in a commit's message changes nothing."""
    body = f"Edit\n\n---\ndiff --git a/{B} b/{B}\n--- a/{B}\n+++ b/{B}\n@@ -1 +1 @@"
    body += "\n-line 1\n+evil"
    body += "\n\nFrom: eve <eve@example.org>\nUpstream-PR: https://example.org/x/pull/1"
    bureau.forge.open(40101, "Edit", [(body, {A: lines(1, 40, l7="seven")})])
    bureau.add("40101")
    patch = read_patch("x.patch", bureau.text("40101-edit.patch").encode())
    assert patch.paths == {A}
    assert (patch.pr, patch.author[0]) == (40101, "Ada")
    clone = bureau.near.home / "clone"
    git(clone.parent, "clone", "-q", "-b", "v0.16.0", str(bureau.forge.origin.served), "clone")
    git(clone, "am", "-q", str(bureau.patches / "40101-edit.patch"))
    assert git(clone, "diff", "--name-only", "v0.16.0") == A


def test_five_hundred_files(bureau: Bureau) -> None:
    """Many files are one patch; of many that are left out, a few are named."""
    files: dict[str, str | None] = {f"vllm/new/m{n}.py": f"n = {n}\n" for n in range(400)}
    files |= {f"tests/test_{n}.py": f"n = {n}\n" for n in range(100)}
    bureau.forge.open(40101, "Many", [("Many", files)])
    ran = bureau.near.run("add", "40101")
    assert "tests/test_11.py, tests/test_12.py and 95 more" in " ".join(ran.out.split())
    assert bureau.text("40101-many.patch").count("diff --git") == 400
    bureau.near.run("check")


def test_a_file_in_the_way(bureau: Bureau) -> None:
    """What stands in no series is not written over."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.forge.open(40102, "Edit b", edited(B, l7="seven"))
    bureau.add("40101")
    (bureau.patches / "40102-edit-b.patch").write_text("mine\n")
    before = bureau.state()
    ran = bureau.near.run("add", "40102", status=1)
    assert "a file is in the way" in ran.err
    assert bureau.state() == before


def test_a_run_that_was_killed_is_ended_by_the_next(bureau: Bureau) -> None:
    """Whatever is called next finds the folder whole, and says what happened."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    steps = Steps(1, KilledError, for_good=True)
    run = partial(bureau.near.run, "add", "40101")
    assert ended(run, steps, [(Transaction, "carry_out")])
    assert not (bureau.patches / "series").exists()
    ran = bureau.near.run("check")
    assert "an earlier run was interrupted: wrote the rest of its change" in ran.err
    assert bureau.series == ["40101-edit.patch"]


# From files and clones


def diff_of(bureau: Bureau, number: int) -> str:
    """Return what GitHub gives below a pull request's address with .diff behind it."""
    return git(bureau.forge.origin.folder, "diff", "main", f"topic-{number}") + "\n"


def test_a_bare_diff_of_a_pull_request(bureau: Bureau, tmp_path: Path) -> None:
    """GitHub says whose it is; the mail around it is made."""
    change: Commits = [("Edit", {A: lines(1, 40, l7="seven"), "docs/a.md": "a\n"})]
    bureau.forge.open(40101, "[Model] Edit a", change)
    file = tmp_path / "40101.diff"
    file.write_text(diff_of(bureau, 40101))
    answer = bureau.add(str(file))
    assert answer["written"] == ["40101-edit-a.patch"]
    assert answer["left_out"] == ["docs/a.md"]
    text = bureau.text("40101-edit-a.patch")
    assert "From: ada <ada@users.noreply.github.com>\nDate: Sun, 01 Mar 2026" in text
    assert "Subject: [Model] Edit a\n\nUpstream-PR: https://github.com/vllm" in text
    assert 'state = "open"' in bureau.facts
    assert "head" not in bureau.facts


def test_a_diff_of_ones_own(bureau: Bureau, tmp_path: Path) -> None:
    """It is no pull request's: no facts, nothing left out, and a name that looks like none."""
    file = tmp_path / "fix-it.diff"
    file.write_text(
        "--- vllm/a.py\n+++ vllm/a.py\n@@ -6,3 +6,3 @@\n line 6\n-line 7\n+seven\n line 8\n"
    )
    before = len(bureau.forge.api.asked)
    assert bureau.add(str(file))["written"] == ["fix-it.patch"]
    text = bureau.text("fix-it.patch")
    assert "From: unknown <unknown@localhost>\n" in text
    assert "diff --git a/vllm/a.py b/vllm/a.py\nindex " in text
    assert not (bureau.near.folder / "patches/upstream.toml").exists()
    assert len(bureau.forge.api.asked) == before


def test_works_of_ones_own_that_are_called_alike(bureau: Bureau, tmp_path: Path) -> None:
    """None takes the place of another, neither of the series nor of the same mailbox."""
    clone, box = tmp_path / "clone", tmp_path / "own.mbox"
    git(tmp_path, "clone", "-q", "-b", "v0.16.0", str(bureau.forge.origin.served), "clone")
    for path in (A, B):
        (clone / path).write_text(lines(1, 40, l7="mine"))
        git(clone, "commit", "-q", "-a", "-m", "Mine")
    box.write_text(git(clone, "format-patch", "--stdout", "v0.16.0..") + "\n")
    assert bureau.add(str(box))["written"] == ["mine.patch", "mine-2.patch"]
    own = tmp_path / "mine.diff"
    own.write_text("--- vllm/a.py\n+++ vllm/a.py\n@@ -30,2 +30,3 @@\n line 30\n+x\n line 31\n")
    assert bureau.add(str(own))["written"] == ["mine-3.patch"]
    assert bureau.series == ["mine.patch", "mine-2.patch", "mine-3.patch"]
    paths = [read_patch("x", bureau.text(name).encode()).paths for name in bureau.series]
    assert paths == [{A}, {B}, {A}]


def test_a_mailbox_of_a_pull_request(bureau: Bureau, tmp_path: Path) -> None:
    """GitHub's .patch: each mail is a patch, and names the commit that it was."""
    first = bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    second = bureau.forge.push(40101, [("Edit again", {A: lines(1, 40, l7="7")})])
    file = tmp_path / "40101.patch"
    command = ["format-patch", "--stdout", "main..topic-40101"]
    file.write_text(git(bureau.forge.origin.folder, *command) + "\n")
    answer = bureau.add(str(file))
    assert answer["written"] == ["40101-01-edit-vllm-a-py.patch", "40101-02-edit-again.patch"]
    for name, head in zip(bureau.series, (first, second), strict=True):
        assert f"Upstream-Head: {head}" in bureau.text(name)
    assert f'head = "{second}"' in bureau.facts


def test_a_mailbox_with_a_mail_that_is_left_out(bureau: Bureau, tmp_path: Path) -> None:
    """The parts are numbered as they are carried, as --split-commits does it."""
    bureau.forge.open(40101, "Edit", [("Test", {"tests/test_a.py": "a = 2\n"})])
    bureau.forge.push(40101, [("Edit", {A: lines(1, 40, l7="7")})])
    bureau.forge.push(40101, [("Edit b", {B: lines(1, 40, l7="7")})])
    file = tmp_path / "40101.patch"
    command = ["format-patch", "--stdout", "main..topic-40101"]
    file.write_text(git(bureau.forge.origin.folder, *command) + "\n")
    names = ["40101-01-edit.patch", "40101-02-edit-b.patch"]
    assert bureau.add(str(file))["written"] == names
    bureau.near.run("drop", "40101")
    assert bureau.add("40101", "--split-commits")["written"] == names


def test_a_mailbox_of_several_pull_requests(bureau: Bureau, tmp_path: Path) -> None:
    """What export wrote of a series comes back as it was: each mail is of its own."""
    forge = bureau.forge
    forge.open(40101, "Edit a", edited(A, l7="seven"))
    forge.open(40102, "Parts of b", edited(B, l7="seven"))
    forge.push(40102, [("More of b", {B: lines(1, 40, l7="seven", l20="20")})])
    own = tmp_path / "fix-it.diff"
    own.write_text("--- vllm/a.py\n+++ vllm/a.py\n@@ -30,2 +30,3 @@\n line 30\n+x\n line 31\n")
    bureau.add("40102", "--split-commits")
    bureau.add(str(own))
    bureau.add("40101")
    before, series = bureau.state(), bureau.series
    forge.api.shut(40102)
    bureau.near.run("export", "--format", "mbox", "--out", str(tmp_path / "out"))
    box = str(tmp_path / "out/v0.16.0.mbox")
    ran = bureau.near.run("add", box, status=1)
    assert "#40102 is carried already" in ran.err
    bureau.near.run("drop", "40102", "fix-it.patch")
    ran = bureau.near.run("add", box, status=1)
    assert "#40101 is carried already" in ran.err
    bureau.near.run("drop", "40101")
    (bureau.near.folder / "patches/upstream.toml").unlink()
    answer = bureau.add(box)
    assert (answer["pr"], answer["written"]) == (None, series)
    assert {name: bureau.state()[f"patches/v0.16.0/{name}"] for name in series} == {
        name: before[f"patches/v0.16.0/{name}"] for name in series
    }
    facts = tomllib.loads(bureau.facts)["pr"]
    told = [(one["number"], one["title"], one["state"], one["head"]) for one in facts]
    assert told == [
        (40102, "Parts of b", "closed", forge.rev("topic-40102")),
        (40101, "Edit a", "open", forge.rev("topic-40101")),
    ]


def test_mails_that_do_not_say_what_they_were(bureau: Bureau, tmp_path: Path) -> None:
    """Parts of one pull request that nothing tells apart are refused."""
    bureau.forge.open(40101, "Edit", edited(A, l7="seven"))
    bureau.forge.push(40101, [("Edit again", {A: lines(1, 40, l7="7")})])
    file = tmp_path / "40101.patch"
    command = ["format-patch", "--stdout", "--zero-commit", "main..topic-40101"]
    file.write_text(git(bureau.forge.origin.folder, *command) + "\n")
    ran = bureau.near.run("add", str(file), status=1)
    assert "several mails of #40101, and not each has its commit's id: 40101.patch" in ran.err


@pytest.mark.parametrize(
    ("raw", "what"),
    [(b"", "the file is empty"), (b"<html>", "a web page"), (b"hello\n", "no diff in it")],
)
def test_a_file_that_is_no_patch(bureau: Bureau, tmp_path: Path, raw: bytes, what: str) -> None:
    """It is said what it is instead."""
    file = tmp_path / "x.diff"
    file.write_bytes(raw)
    assert what in bureau.near.run("add", str(file), status=3).err


def test_a_file_that_has_no_place(bureau: Bureau, tmp_path: Path) -> None:
    """Nothing tells what it was made on: no merge can be tried, and a way out is named."""
    file = tmp_path / "x.diff"
    file.write_text("--- a/vllm/a.py\n+++ b/vllm/a.py\n@@ -7 +7 @@\n-nothing\n+like it\n")
    before = bureau.state()
    ran = bureau.near.run("add", str(file), status=1)
    assert "no three-way merge could be tried, and nothing is written" in ran.out
    assert "vpatch add CLONE@COMMIT" in ran.out
    assert bureau.state() == before


def test_a_commit_of_a_clone(
    bureau: Bureau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of one's own, on whatever it was made; merged through its parent."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(bureau.forge.origin.served), "clone")
    (clone / A).write_text(lines(1, 40, l5="five"))
    git(clone, "commit", "-q", "-a", "-m", "Mine")
    (clone / A).write_text(lines(1, 40, l5="five", l7="mine"))
    (clone / "tests/test_a.py").write_text("mine\n")
    git(clone, "commit", "-q", "-a", "-m", "Mine too\n\nBecause.")
    refs = git(clone, "for-each-ref")
    monkeypatch.chdir(tmp_path)
    answer = bureau.add("clone@main~0")
    assert answer["patches"][0]["verdict"] == "merged"
    text = bureau.text("mine-too.patch")
    assert "\n-line 7\n+mine\n" in text
    assert "tests/test_a.py" in text
    assert "\n\nBecause.\n" in text
    assert git(clone, "for-each-ref") == refs
    ran = bureau.near.run("add", f"{clone}@nowhere", status=2)
    assert "no such commit" in ran.err
    assert "name a number (33303)" in bureau.near.run("add", "nowhere", status=2).err


def test_a_commit_of_a_pull_request_that_was_merged(bureau: Bureau, tmp_path: Path) -> None:
    """By its subject it is that one's, as if it were added by its number."""
    forge, clone = bureau.forge, tmp_path / "clone"
    change = {A: lines(1, 40, l7="seven"), "tests/test_a.py": "a = 2\n"}
    head = forge.open(40101, "[Model] Edit a", [("Edit", change)])
    forge.merge(40101)
    git(tmp_path, "clone", "-q", str(forge.origin.served), "clone")
    ran = bureau.near.run("add", f"{clone}@main")
    commit = forge.rev("main")[:12]
    assert f"{commit} is taken as #40101, which its subject names" in ran.err
    assert "left out: tests/test_a.py (--all-files takes them)" in ran.out
    assert bureau.series == ["40101-edit-a.patch"]
    text = bureau.text("40101-edit-a.patch")
    assert "\nSubject: [Model] Edit a\n" in text
    assert "\nUpstream-PR: https://github.com/vllm-project/vllm/pull/40101\n" in text
    for line in ('title = "[Model] Edit a"', 'state = "merged"', f'head = "{head}"'):
        assert line in bureau.facts
    bureau.near.run("check")
    bureau.near.run("refresh")


@pytest.fixture
def fork(bureau: Bureau, tmp_path: Path) -> Path:
    """A fork on v0.16.0, whose last commit is its own pull request, by GitHub's subject."""
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "-q", "-b", "v0.16.0", str(bureau.forge.origin.served), "fork")
    (fork / B).write_text(lines(1, 40, l9="mine"))
    (fork / "tests/test_a.py").write_text("mine\n")
    git(fork, "commit", "-q", "-a", "-m", "Speed up b (#52)\n\nBecause.")
    return fork


def stranger(bureau: Bureau) -> None:
    """Upstream's pull request of that number is open, and another."""
    bureau.forge.open(52, "Mend a", edited(A, l7="seven"))


def stranger_merged(bureau: Bureau) -> None:
    """Upstream merged it, as another commit."""
    stranger(bureau)
    bureau.forge.merge(52)


def same_title_open(bureau: Bureau) -> None:
    """Its title is the same, and it is not merged: it may change yet."""
    bureau.forge.open(52, "Speed up b", edited(B, l9="nine"))


def stranger_unheard(bureau: Bureau) -> None:
    """Upstream has one, and GitHub does not answer."""
    stranger_merged(bureau)
    bureau.forge.api.remaining = 0


def nobody(bureau: Bureau) -> None:
    """Neither GitHub nor the remote answers."""
    bureau.forge.open(40101, "Edit", edited(A, l9="nine"))
    bureau.add("40101")
    bureau.near.run("drop", "40101")
    stranger_unheard(bureau)
    bureau.forge.http.close()


@pytest.mark.parametrize(
    ("upstream", "told"),
    [
        (stranger, "which is 'Mend a' (open)"),
        (stranger_merged, "which is 'Mend a' (merged)"),
        (same_title_open, "which is 'Speed up b' (open)"),
        (stranger_unheard, "of which nobody tells"),
        (nobody, "of which nobody tells"),
    ],
)
def test_a_commit_of_a_fork_with_a_number_of_its_own(
    bureau: Bureau, fork: Path, upstream: Callable[[Bureau], None], told: str
) -> None:
    """A fork counts its own pull requests: nothing of upstream's is meant, unless proven."""
    upstream(bureau)
    ran = bureau.near.run("add", f"{fork}@HEAD")
    assert f"is taken as your own, whole: only its subject names #52, {told}" in ran.err
    assert "Upstream-PR: https://github.com/vllm-project/vllm/pull/52" in ran.err
    assert bureau.series == ["speed-up-b-52.patch"]
    text = bureau.text("speed-up-b-52.patch")
    assert "tests/test_a.py" in text
    assert "Upstream-PR" not in text
    assert all(b"number = 52" not in raw for raw in bureau.state().values())


def test_a_number_of_a_forks_that_a_trailer_makes_upstreams(bureau: Bureau, fork: Path) -> None:
    """The way that is told: with the trailer it is that one, and without tests of it."""
    stranger(bureau)
    ran = bureau.near.run("add", f"{fork}@HEAD")
    trailer = ran.err.partition("its trailer can say so, ")[2].splitlines()[0]
    git(fork, "commit", "-q", "--amend", "-m", f"Speed up b (#52)\n\n{trailer}")
    bureau.near.run("drop", "speed-up-b-52.patch")
    answer = bureau.add(f"{fork}@HEAD")
    assert (answer["pr"], answer["left_out"]) == (52, ["tests/test_a.py"])


def test_a_number_of_a_forks_that_is_carried(bureau: Bureau, fork: Path) -> None:
    """Upstream's of that number is in the series: one's own comes beside it."""
    stranger(bureau)
    bureau.add("52")
    assert bureau.add(f"{fork}@HEAD")["pr"] is None
    assert bureau.series == ["52-mend-a.patch", "speed-up-b-52.patch"]


def picked(bureau: Bureau, clone: Path) -> None:
    """It is on a branch of releases, as another commit of the same title."""
    git(clone, "checkout", "-q", "-b", "releases/v0.16", "v0.16.0")
    git(clone, "cherry-pick", "-x", "origin/main")
    assert bureau.forge.rev("main") != git(clone, "rev-parse", "HEAD")


def unheard_there(bureau: Bureau, clone: Path) -> None:
    """GitHub does not answer; the remote has the commit."""
    assert clone.is_dir()
    bureau.forge.api.remaining = 0


def unheard_picked(bureau: Bureau, clone: Path) -> None:
    """GitHub does not answer; upstream.toml says that it was merged, and its title."""
    picked(bureau, clone)
    bureau.add("40101")
    bureau.near.run("drop", "40101")
    bureau.forge.api.remaining = 0


@pytest.mark.parametrize("way", [picked, unheard_there, unheard_picked])
def test_a_commit_that_is_upstreams_for_other_reasons(
    bureau: Bureau, tmp_path: Path, way: Callable[[Bureau, Path], None]
) -> None:
    """It need not be the very commit that GitHub names."""
    forge, clone = bureau.forge, tmp_path / "clone"
    change = {A: lines(1, 40, l7="seven"), "tests/test_a.py": "a = 2\n"}
    forge.open(40101, "Edit a", [("Edit", change)])
    forge.merge(40101)
    git(tmp_path, "clone", "-q", str(forge.origin.served), "clone")
    way(bureau, clone)
    answer = bureau.add(f"{clone}@HEAD")
    assert (answer["pr"], answer["left_out"]) == (40101, ["tests/test_a.py"])
    assert bureau.series == ["40101-edit-a.patch"]


def test_a_commit_that_a_person_ported(bureau: Bureau, tmp_path: Path) -> None:
    """A commit whose trailers name a pull request is that one's, with its reviewed head."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-b", "v0.16.0", str(bureau.forge.origin.served), "clone")
    head = bureau.forge.open(40101, "Edit a", edited(A, l7="seven"))
    (clone / A).write_text(lines(1, 40, l7="ported"))
    url = "https://github.com/vllm-project/vllm/pull/40101"
    message = f"Edit a\n\nPorted.\n\nUpstream-PR: {url}\nUpstream-Head: {head}"
    git(clone, "commit", "-q", "-a", "-m", message)
    assert bureau.add(f"{clone}@HEAD")["written"] == ["40101-edit-a.patch"]
    assert f'head = "{head}"' in bureau.facts
    assert 'state = "open"' in bureau.facts
    git(clone, "checkout", "-q", "-b", "other", "HEAD~1")
    git(clone, "commit", "-q", "--allow-empty", "-m", "other")
    git(clone, "merge", "-q", "-m", "Merge", "-")
    assert "the commit is a merge" in bureau.near.run("add", f"{clone}@HEAD", status=1).err
