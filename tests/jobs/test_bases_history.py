"""The commits between two releases, from a git remote: no more of it than is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from git_servers import Daemon, Http, Origin
from index_servers import Told
from support import git, lines, sdist
from vpatch.doors.git import drop_inherited_variables
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.values.base import Base, version_of
from vpatch.values.config import Upstream
from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from git_servers import GitServer
    from support import IndexServer

A, B = "vllm/a.py", "vllm/b.py"


def grown(folder: Path, served: Path) -> Origin:
    """Make a project as vLLM is: releases on branches of their own, main goes on.

    Between v0.16.0 and v0.17.0 stand 20 commits, three of which touch a.py: one on main, one
    by a merge, and one picked on the release's branch.
    """
    origin = Origin(folder, served)
    start = {A: lines(1, 30), B: "b\n"}
    for number in range(5):
        origin.commit(f"before {number}", start | {"docs/a.md": f"{number}\n"})
    main = origin.folder
    git(main, "checkout", "-q", "-b", "releases/v0.16")
    origin.commit("picked for 0.16", {A: lines(1, 30, l1="picked")})
    git(main, "tag", "v0.16.0")
    git(main, "checkout", "-q", "main")
    for number in range(6):
        origin.commit(f"docs {number} (#20{number})", {"docs/a.md": f"after {number}\n"})
    origin.commit("[Core] Change line 5 (#301)", {A: lines(1, 30, l5="five")})
    git(main, "checkout", "-q", "-b", "topic", "HEAD~3")
    origin.commit("topic: b", {B: "bb\n"})
    origin.commit("topic: line 20", {A: lines(1, 30, l20="twenty")})
    git(main, "checkout", "-q", "main")
    git(main, "merge", "-q", "--no-ff", "topic", "-m", "Merge pull request #302 from ada/topic")
    for number in range(8):
        origin.commit(f"more {number} (#40{number})", {"docs/b.md": f"{number}\n"})
    git(main, "checkout", "-q", "-b", "releases/v0.17")
    origin.commit("[Cherry-pick] Line 25 (#303)", {A: _now(origin).replace("line 25", "XXV")})
    git(main, "tag", "-a", "-m", "annotated", "v0.17.0")
    git(main, "checkout", "-q", "main")
    origin.commit("later", {B: "later\n"})
    origin.push()
    return origin


def _now(origin: Origin) -> str:
    return (origin.folder / A).read_text()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    """Make the project once."""
    drop_inherited_variables()
    folder = tmp_path_factory.mktemp("project")
    return grown(folder / "origin", folder / "served/vllm.git")


@pytest.fixture
def origin(tmp_path: Path, project: Origin) -> Origin:
    """Copy the project."""
    return project.beside(tmp_path / "origin", tmp_path / "served/vllm.git")


@pytest.fixture(params=["daemon", "http"])
def server(request: pytest.FixtureRequest, origin: Origin) -> Iterator[GitServer]:
    """Serve the project, by git's own protocol and by HTTP."""
    folder = origin.served.parent
    server: GitServer = Daemon(folder) if request.param == "daemon" else Http(folder)
    yield server
    server.close()


@pytest.fixture
def http(origin: Origin) -> Iterator[Http]:
    """Serve the project by HTTP."""
    server = Http(origin.served.parent)
    yield server
    server.close()


def opened(cache: Path, url: str) -> Bases:
    """Return the bases of a cache, with a git remote and without an index."""

    def no_index() -> Index:
        raise AssertionError("the git remote has it")

    return Bases(cache, Upstream(url=f"{url}/vllm.git"), no_index, Told())


def release(name: str) -> Base:
    """Return a release as the index has it: its commit is none of the remote's."""
    return Base(name, "0" * 40, f"vllm-{name[1:]}.tar.gz")


OLD, NEW = release("v0.16.0"), release("v0.17.0")


def told(bases: Bases, paths: Sequence[str], old: Base = OLD, new: Base = NEW) -> list[str]:
    """Return the subjects of the commits between."""
    found = bases.history(old, new, paths)
    assert found is not None
    return [commit.subject for commit, _ in found[1]]


WAY = [
    "[Core] Change line 5 (#301)",
    "Merge pull request #302 from ada/topic",
    "[Cherry-pick] Line 25 (#303)",
]


def test_commits_between_releases(tmp_path: Path, origin: Origin, server: GitServer) -> None:
    """Along first parents, oldest first; a merge is one step, with what it brought."""
    bases = opened(tmp_path / "cache", server.url)
    found = bases.history(OLD, NEW, [A])
    assert found is not None
    first, steps = found
    assert [commit.subject for commit, _ in steps] == WAY
    assert [commit.pr for commit, _ in steps] == [301, 302, 303]
    assert all(base.commit == commit.oid for commit, base in steps)
    start = git(origin.folder, "merge-base", "main", "v0.16.0")
    assert first.commit == start
    assert [version_of(base.name) for base in (first, steps[0][1])] == [
        version_of("v0.16.0")
    ] * 2
    assert told(bases, [B]) == [WAY[1]]
    assert told(bases, ["vllm/nosuch.py"]) == []
    day = git(origin.folder, "log", "-1", "--format=%as", steps[0][0].oid)
    assert steps[0][0].date == day


def test_no_more_than_needed_is_fetched(tmp_path: Path, origin: Origin, http: Http) -> None:
    """Commits and folders of the way alone; a state's files come when it is asked for."""
    bases = opened(tmp_path / "cache", http.url)
    found = bases.history(OLD, NEW, [A])
    assert found is not None
    way = bases.store.run("rev-list", "--all").out.decode().split()
    picked = git(origin.folder, "rev-parse", "v0.16.0")
    old = git(origin.folder, "rev-parse", "main~20")
    assert old not in way
    assert picked not in way
    command = ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]
    assert b"blob" not in bases.store.run(*command).out

    state = found[1][1][1]
    bases.complete(state)
    entry = bases.store.entries(state.commit, [A])[A]
    assert bases.store.blobs([entry.oid])[0].decode() == lines(1, 30, l5="five", l20="twenty")


def test_the_network_is_asked_once(tmp_path: Path, http: Http) -> None:
    """A way between two releases never changes: once here, the network is left alone."""
    bases = opened(tmp_path / "cache", http.url)
    told(bases, [A])
    http.asked.clear()
    assert told(opened(tmp_path / "cache", http.url), [A]) == WAY
    assert told(bases, [B]) == [WAY[1]]
    assert http.asked == []


def test_a_way_that_was_cut_off(tmp_path: Path, http: Http) -> None:
    """Fetching a release alone cuts its history off: the way is fetched once more."""
    bases = opened(tmp_path / "cache", http.url)
    told(bases, [A])
    for name in ("v0.17.0", "main"):
        bases.get(name, fresh=True)
        assert told(bases, [A]) == WAY
    assert bases.get("v0.17.0").name == "v0.17.0"


def test_a_store_that_has_all_history(tmp_path: Path, origin: Origin, http: Http) -> None:
    """Commits that came without their folders, to find a short id, do not count as a way."""
    bases = opened(tmp_path / "cache", http.url)
    short = git(origin.folder, "rev-parse", "main~3")[:9]
    bases.get(short)
    assert told(bases, [A]) == WAY
    assert told(bases, [A]) == WAY
    other = git(origin.folder, "rev-parse", "main~4")[:9]
    assert bases.get(other).commit.startswith(other)


def test_up_to_a_branch_or_a_commit(tmp_path: Path, origin: Origin, http: Http) -> None:
    """The newer end may be a branch, as it was fetched."""
    bases = opened(tmp_path / "cache", http.url)
    main = bases.get("main")
    assert told(bases, [B], OLD, main) == [WAY[1], "later"]
    origin.commit("later still", {B: "later still\n"})
    origin.push()
    assert told(bases, [B], OLD, main) == [WAY[1], "later"]
    assert told(bases, [B], OLD, bases.get("main", fresh=True))[-1] == "later still"


def test_the_first_commit_of_all(tmp_path: Path, http: Http, origin: Origin) -> None:
    """The first step after the parting may be the one; where it is not, it is left out."""
    git(origin.folder, "tag", "v0.15.0", "v0.16.0~1")
    origin.push()
    bases = opened(tmp_path / "cache", http.url)
    assert told(bases, [A], release("v0.15.0"), OLD) == ["picked for 0.16"]
    assert told(bases, [B], release("v0.15.0"), OLD) == []


def test_server_without_filters(tmp_path: Path, origin: Origin) -> None:
    """A server that cannot leave files out sends them, and that is as good."""
    git(origin.served, "config", "uploadpack.allowFilter", "false")
    server = Http(origin.served.parent)
    assert told(opened(tmp_path / "cache", server.url), [A]) == WAY
    server.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, release("v0.18.0")),
        (release("v0.15.9"), NEW),
        (release("main"), NEW),
        (release("-x"), NEW),
        (OLD, Base("abc", "1234567890" * 4, "")),
    ],
    ids=["no newer", "no older", "a branch below", "an option", "no such commit"],
)
def test_what_the_remote_does_not_have(
    tmp_path: Path, server: GitServer, old: Base, new: Base
) -> None:
    """It is said that there is no such history there."""
    with pytest.raises(BadInputError, match="no such history"):
        opened(tmp_path / "cache", server.url).history(old, new, [A])


def test_no_way_from_newer_to_older(tmp_path: Path, origin: Origin, server: GitServer) -> None:
    """Where the one release holds all of the other, no commit leads on, and git says so."""
    git(origin.folder, "tag", "v0.16.1", "v0.16.0~1")
    origin.push()
    with pytest.raises(VpatchError):
        opened(tmp_path / "cache", server.url).history(OLD, release("v0.16.1"), [A])


def test_without_a_remote(tmp_path: Path, index: IndexServer) -> None:
    """There is no history, and nobody is asked."""
    index.add("0.16.0", sdist("0.16.0", {}))
    bases = Bases(tmp_path, Upstream(), lambda: Index("vllm", {}), Told())
    assert bases.history(OLD, NEW, [A]) is None


def test_unreachable_remote(tmp_path: Path, http: Http) -> None:
    """Without the network there is no answer; with the way at hand, there is."""
    bases = opened(tmp_path / "one", http.url)
    told(bases, [A])
    http.close()
    assert told(bases, [A]) == WAY
    with pytest.raises(VpatchError, match="gave no answer"):
        told(opened(tmp_path / "two", http.url), [A])


def test_pathspecs_are_paths(tmp_path: Path, http: Http) -> None:
    """What git would take for a pattern is a path."""
    assert told(opened(tmp_path / "cache", http.url), ["vllm/*.py", ":(top)vllm"]) == []
