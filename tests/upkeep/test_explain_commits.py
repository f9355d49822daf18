"""Which commit broke a patch, with a git remote's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from git_servers import Daemon, Http, Origin
from index_servers import Told
from support import Project, git, lines, sdist, series_of
from vpatch.doors.git import drop_inherited_variables
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.upkeep.explain import explain
from vpatch.upkeep.explain import lines as told
from vpatch.upkeep.replays import opened
from vpatch.values.commit import Commit
from vpatch.values.config import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from git_servers import GitServer
    from support import IndexServer
    from vpatch.values.explanation import Explanation

PATH = "vllm/a.py"
START = {PATH: lines(1, 60), "docs/a.md": "a\n", "vllm/__init__.py": ""}


def grown(folder: Path, served: Path) -> Origin:
    """Make a project with 20 commits between two tags, each on a branch of its own.

    Line 31 changes by a merged topic, line 11 by a commit of main, line 51 on the branch.
    """
    origin = Origin(folder, served)
    origin.commit("start", START)
    main = origin.folder
    git(main, "checkout", "-q", "-b", "releases/v0.16")
    origin.commit("release notes", {"docs/notes.md": "0.16\n"})
    git(main, "tag", "v0.16.0")
    git(main, "checkout", "-q", "main")
    for number in range(7):
        origin.commit(f"Docs {number} (#20{number})", {"docs/a.md": f"{number}\n"})
    origin.commit("Add a first line (#207)", {PATH: lines(0, 60)})
    git(main, "checkout", "-q", "-b", "topic", "HEAD~3")
    origin.commit("topic: one", {PATH: lines(1, 60, l31="almost")})
    origin.commit("topic: two", {PATH: lines(1, 60, l31="merged")})
    git(main, "checkout", "-q", "main")
    git(main, "merge", "-q", "--no-ff", "topic", "-m", "Merge pull request #302 from ada/topic")
    for number in range(4):
        origin.commit(f"More {number} (#40{number})", {"docs/b.md": f"{number}\n"})
    origin.commit("[Core] Rename line 11 (#500)", {PATH: lines(0, 60, l31="merged", l11="XI")})
    for number in range(3):
        origin.commit(f"Last {number} (#60{number})", {"docs/b.md": f"last {number}\n"})
    git(main, "checkout", "-q", "-b", "releases/v0.17")
    picked = lines(0, 60, l31="merged", l11="XI", l51="picked")
    origin.commit("[Bugfix] Pick line 51 (#700)\n\nMore.", {PATH: picked})
    git(main, "tag", "v0.17.0")
    git(main, "checkout", "-q", "main")
    origin.commit(
        "On main: line 41 (#800)", {PATH: lines(0, 60, l31="merged", l11="XI", l41="m")}
    )
    origin.push()
    return origin


@dataclass
class Land:
    """A remote, a patch made on v0.16.0, and a cache."""

    cache: Path
    origin: Origin
    url: str
    author: Project
    index: IndexServer

    def bases(self, url: str | None = None) -> Bases:
        """Return the bases, with the remote or with another address."""
        address = f"{self.url}/vllm.git" if url is None else url

        def open_index() -> Index:
            return Index("vllm", {"index-url": self.index.url})

        return Bases(self.cache, Upstream(url=address), open_index, Told())

    def explain(self, base: str, patch: bytes, *, home: str = "v0.16.0") -> Explanation:
        """Explain a patch."""
        bases = self.bases()
        own, found = bases.get(home), bases.get(base)
        series = series_of(own, {"100-a.patch": patch})
        with opened(bases, {}, Told().say) as replays:
            return explain(replays, series, "100-a.patch", found, fetches=0)

    def patch(self, **changed: str) -> bytes:
        """Return a patch of some lines of v0.16.0."""
        return self.author.patch("change", {PATH: lines(1, 60, **changed)})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """Make the project once."""
    drop_inherited_variables()
    folder = tmp_path_factory.mktemp("project")
    return grown(folder / "origin", folder / "served/vllm.git")


@pytest.fixture(params=["daemon", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitServer]:
    """Serve a folder, by git's own protocol and by HTTP."""
    folder = tmp_path / "served"
    folder.mkdir()
    server: GitServer = Daemon(folder) if request.param == "daemon" else Http(folder)
    yield server
    server.close()


@pytest.fixture
def land(tmp_path: Path, project: Origin, server: GitServer, index: IndexServer) -> Land:
    """Copy the project and serve it; its releases are in the index as well."""
    origin = project.beside(tmp_path / "origin", tmp_path / "served/vllm.git")
    for name in ("v0.16.0", "v0.17.0"):
        text = git(origin.folder, "show", f"{name}:{PATH}") + "\n"
        index.add(name[1:], sdist(name[1:], START | {PATH: text}))
    author = Project(tmp_path / "author", START)
    return Land(tmp_path / "cache", origin, server.url, author, index)


def test_the_commit_is_named(land: Land) -> None:
    """Each hunk with its own commit: a merge, one of main, one of the release's branch."""
    patch = land.patch(l10="ten", l30="thirty", l50="fifty")

    found = land.explain("v0.17.0", patch)

    commits = [hunk.commit for hunk in found.hunks]
    assert [commit.subject for commit in commits if commit] == [
        "[Core] Rename line 11 (#500)",
        "Merge pull request #302 from ada/topic",
        "[Bugfix] Pick line 51 (#700)",
    ]
    assert [commit.pr for commit in commits if commit] == [500, 302, 700]
    merge = git(land.origin.folder, "log", "-1", "--format=%H", "--merges", "main")
    day = git(land.origin.folder, "log", "-1", "--format=%as", merge)
    assert commits[1] == Commit(merge, "Merge pull request #302 from ada/topic", day)
    text = "\n".join(told(found))
    assert f"    by {merge[:12]} of {day}\n    Merge pull request #302 from ada/topic" in text
    json = found.as_json()["hunks"][1]["commit"]
    assert json == {"commit": merge, "subject": commits[1].subject, "date": day, "pr": 302}


def test_with_the_releases_of_the_index(land: Land) -> None:
    """Releases from the index have no history: the remote's tags of their names have."""
    bases = land.bases(url="")
    for name in ("v0.16.0", "v0.17.0"):
        bases.get(name)

    found = land.explain("v0.17.0", land.patch(l30="thirty"))

    assert found.base.source == "vllm-0.17.0.tar.gz"
    (hunk,) = found.hunks
    assert hunk.commit is not None
    assert hunk.commit.pr == 302
    assert (hunk.broke.good, hunk.broke.bad) == ("v0.16.0", "v0.17.0")
    asked = [name for name, _ in found.asked]
    assert asked[0] == "v0.17.0"
    assert all(name.startswith("v0.16.0-") for name in asked[1:])


def test_few_commits_are_asked(land: Land) -> None:
    """Of 20, the four that touch the file are bisected."""
    found = land.explain("v0.17.0", land.patch(l10="ten"))
    assert len(found.asked) <= 1 + 2


def test_on_a_branch(land: Land) -> None:
    """What a branch has that no release has is found as well."""
    found = land.explain("main", land.patch(l40="forty"))
    (hunk,) = found.hunks
    assert (hunk.broke.good, hunk.broke.bad) == ("v0.16.0", "main")
    assert hunk.commit is not None
    assert hunk.commit.subject == "On main: line 41 (#800)"


def test_an_older_base(land: Land) -> None:
    """Downwards, it is the commit that brought the lines."""
    text = lines(0, 60, l31="merged", l11="XI", l51="picked")
    author = Project(land.origin.folder.parent / "newer", START | {PATH: text})
    patch = author.patch("change", {PATH: text.replace("line 32", "XXXII")})

    found = land.explain("v0.16.0", patch, home="v0.17.0")

    (hunk,) = found.hunks
    assert hunk.commit is not None
    assert hunk.commit.pr == 302
    assert "came with v0.17.0, not yet in v0.16.0" in "\n".join(told(found))


def test_a_file_that_a_commit_moved(land: Land) -> None:
    """The way is followed by both names of a file, though it is gone from its old path."""
    git(land.origin.folder, "checkout", "-q", "main")
    git(land.origin.folder, "mv", PATH, "vllm/moved.py")
    now = lines(0, 60, l31="merged", l11="XI", l41="m")
    land.origin.commit("[Refactor] Move a.py (#900)", {"vllm/moved.py": now})
    land.origin.commit("Nothing (#901)", {"docs/b.md": "no\n"})
    land.origin.commit("Line 21 (#902)", {"vllm/moved.py": now.replace("line 21", "XXI")})
    land.origin.push()

    found = land.explain("main", land.patch(l20="twenty"))

    (hunk,) = found.hunks
    assert hunk.moved_to == "vllm/moved.py"
    assert hunk.commit is not None
    assert hunk.commit.pr == 902


def test_what_only_the_older_branch_has(land: Land) -> None:
    """A patch on what was picked for a release: no commit broke it, and none is named."""
    folder = land.origin.folder
    git(folder, "checkout", "-q", "releases/v0.16")
    text = lines(1, 60, l21="only here")
    land.origin.commit("Only for 0.16", {PATH: text})
    git(folder, "tag", "v0.16.1")
    land.origin.push()
    author = Project(folder.parent / "newer", START | {PATH: text})
    patch = author.patch("change", {PATH: lines(1, 60, l21="only here", l20="twenty")})

    found = land.explain("v0.17.0", patch, home="v0.16.1")

    (hunk,) = found.hunks
    assert (hunk.broke.bad, hunk.commit) == ("v0.17.0", None)


def test_a_remote_without_the_tags(land: Land) -> None:
    """A fork without upstream's tags: the releases are named, and why no commit is."""
    bases = land.bases(url="")
    for name in ("v0.16.0", "v0.17.0"):
        bases.get(name)
    git(land.origin.folder, "tag", "-d", "v0.16.0")
    land.origin.push()

    found = land.explain("v0.17.0", land.patch(l30="thirty", l50="fifty"))

    assert [hunk.commit for hunk in found.hunks] == [None, None]
    assert found.hunks[0].broke.bad == "v0.17.0"
    assert found.notes[1].startswith("no such history: v0.16.0 to v0.17.0 of ")
    assert found.notes[1].endswith(": no commit can be named")
    assert len(found.notes) == 2
