"""Bases from a git remote: found by any name, fetched without history and files."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from git_servers import HOST, Daemon, GitServer, Http, Origin, free_port
from index_servers import Told
from silent_servers import Speaker, silent
from support import Desk, IndexServer, Project, git, lines, sdist, tree_of
from vpatch.doors.git import GitError, Patience, Repo, init
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.jobs.bases.remote import Remote
from vpatch.values.base import Base
from vpatch.values.config import Upstream
from vpatch.values.errors import BadInputError, DownError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t"  # noqa: S105, a test's


@dataclass
class Net:
    """Servers of one folder of repositories."""

    served: Path
    server: GitServer

    @property
    def url(self) -> str:
        """The address of vLLM."""
        return f"{self.server.url}/vllm.git"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Make a project of six commits with two tags and two branches."""
    origin = Origin(tmp_path / "origin", tmp_path / "served/vllm.git")
    origin.commit("engine", {"vllm/engine.py": lines(1, 30), "vllm/same.py": "same\n"})
    git(origin.folder, "tag", "v0.15.1")
    origin.commit("second", {"vllm/engine.py": lines(1, 31), "docs/a.md": "a\n"})
    git(origin.folder, "tag", "-a", "-m", "annotated", "v0.15.2")
    origin.commit("third", {"vllm/engine.py": lines(1, 32)})
    git(origin.folder, "branch", "releases/v0.15")
    origin.commit("fourth", {"vllm/engine.py": lines(1, 40)})
    origin.commit("fifth", {"vllm/other.py": "other\n"})
    origin.push()
    return origin


@pytest.fixture(params=["daemon", "http"])
def net(request: pytest.FixtureRequest, origin: Origin) -> Iterator[Net]:
    """Serve the project, by git's own protocol and by HTTP."""
    folder = origin.served.parent
    server: GitServer = Daemon(folder) if request.param == "daemon" else Http(folder)
    yield Net(folder, server)
    server.close()


@pytest.fixture
def http(origin: Origin) -> Iterator[Http]:
    """Serve the project by HTTP."""
    server = Http(origin.served.parent)
    yield server
    server.close()


def opened(
    cache: Path, url: str, index: IndexServer | None = None, told: Told | None = None
) -> Bases:
    """Return the bases of a cache, with a git remote and perhaps an index."""

    def open_index() -> Index:
        assert index is not None
        return Index("vllm", {"index-url": index.url})

    return Bases(cache, Upstream(url=url), open_index, told or Told())


def missing(repo: Repo, commit: str) -> int:
    """Count the objects of a commit that are not in a store."""
    command = ["rev-list", "--objects", "--missing=print", "--no-object-names", "-n1", commit]
    return repo.run(*command).out.count(b"?")


def rev(origin: Origin, revision: str) -> str:
    """Return the full id of a revision of the project."""
    return git(origin.folder, "rev-parse", f"{revision}^{{commit}}")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("v0.15.1", "v0.15.1"),
        ("0.15.1", "v0.15.1"),
        ("v0.15.2", "v0.15.2"),
        ("main", "main"),
        ("releases/v0.15", "releases/v0.15"),
        ("refs/heads/main", "refs/heads/main"),
        ("HEAD", "HEAD"),
    ],
)
def test_tag_and_branch(
    tmp_path: Path, origin: Origin, net: Net, name: str, label: str
) -> None:
    """A tag, an annotated tag and a branch are fetched by name: that commit and no history."""
    bases = opened(tmp_path / "cache", net.url)
    base = bases.get(name)
    revision = label if "/" not in label else label.removeprefix("refs/heads/")
    assert base == Base(label, rev(origin, revision), net.url)
    assert bases.at_hand() == [base]
    assert bases.store.run("rev-list", "--count", base.commit).out == b"1\n"


def test_files_come_when_they_are_needed(tmp_path: Path, net: Net) -> None:
    """No file is fetched with a base; all that are missing then come in one request."""
    bases = opened(tmp_path / "cache", net.url)
    base = bases.get("main")
    assert missing(bases.store, base.commit) == 5
    server = net.server
    if isinstance(server, Http):
        server.asked.clear()
    bases.complete(base)
    assert missing(bases.store, base.commit) == 0
    if isinstance(server, Http):
        assert sum("git-upload-pack" in a and a.startswith("POST") for a in server.asked) == 1
        server.asked.clear()
        bases.complete(base)
        assert server.asked == []


@pytest.mark.parametrize("kind", [Daemon, Http])
def test_server_without_filters(
    tmp_path: Path, kind: type[Daemon | Http], origin: Origin
) -> None:
    """A server that cannot leave files out sends them all, and that is as good."""
    git(origin.served, "config", "uploadpack.allowFilter", "false")
    server = kind(origin.served.parent)
    bases = opened(tmp_path / "cache", f"{server.url}/vllm.git")
    base = bases.get("v0.15.1")
    assert missing(bases.store, base.commit) == 0
    bases.complete(base)
    short = rev(origin, "main~1")[:8]
    assert bases.get(short).commit == rev(origin, "main~1")
    server.close()


def test_full_commit(tmp_path: Path, origin: Origin, net: Net) -> None:
    """A commit in the middle of history is fetched by its full id, alone."""
    bases = opened(tmp_path / "cache", net.url)
    commit = rev(origin, "main~1")
    base = bases.get(commit)
    assert base == Base(commit[:12], commit, net.url)
    assert bases.store.run("rev-list", "--count", commit).out == b"1\n"
    assert bases.find(commit[:9]) == base


def test_short_commit_of_a_tip(tmp_path: Path, origin: Origin, net: Net) -> None:
    """The tip of a branch is found by a few digits, without any history."""
    bases = opened(tmp_path / "cache", net.url)
    commit = rev(origin, "main")
    assert bases.get(commit[:7]).commit == commit
    assert bases.store.run("rev-list", "--count", commit).out == b"1\n"


@pytest.mark.parametrize("first", [None, "main", "v0.15.2"])
def test_short_commit_in_history(
    tmp_path: Path, origin: Origin, net: Net, first: str | None
) -> None:
    """A few digits of any commit do, on an empty store and on a shallow one.

    The history is fetched for that, which is said; the base's folders come along with it, so
    that only files are missing.
    """
    told = Told()
    bases = opened(tmp_path / "cache", net.url, told=told)
    if first:
        bases.get(first)
    commit = rev(origin, "main~1")
    base = bases.get(commit[:8])
    assert base == Base(commit[:12], commit, net.url)
    assert f"fetching the history of {net.url}, to find {commit[:8]}" in told.lines
    listed = bases.store.run(
        *("rev-list", "--objects", "--missing=print", "--no-object-names", "-n1", commit)
    ).out.decode()
    there = [line for line in listed.split() if not line.startswith("?")]
    assert git(origin.folder, "rev-parse", f"{commit}:vllm") in there
    bases.complete(base)
    assert missing(bases.store, commit) == 0
    later = rev(origin, "main~5")
    assert bases.get(later[:10]).commit == later


@pytest.mark.parametrize(
    "name", ["nosuch", "v9.9.9", "abcdef1", "1234567890" * 4, "-x", "main:vllm", "a b", "+main"]
)
def test_unknown_name(tmp_path: Path, index: IndexServer, net: Net, name: str) -> None:
    """What the remote does not have is said to be unknown there, not to be out of reach."""
    index.add("0.16.0", sdist("0.16.0", {}))
    bases = opened(tmp_path / "cache", net.url, index)
    with pytest.raises(BadInputError, match="no such"):
        bases.get(name)
    assert bases.at_hand() == []


def test_branch_that_moved(tmp_path: Path, origin: Origin, net: Net) -> None:
    """A branch is asked for anew each time; a force push is followed as well."""
    bases = opened(tmp_path / "cache", net.url)
    old = bases.get("main")
    new = origin.commit("sixth", {"vllm/engine.py": lines(1, 41)})
    origin.push()
    assert bases.get("main").commit == new
    git(origin.folder, "reset", "-q", "--hard", "HEAD~3")
    origin.push()
    assert bases.get("main").commit == rev(origin, "main") not in (old.commit, new)
    assert [base.name for base in bases.at_hand()] == ["main"]


def test_release_is_not_asked_for_again(tmp_path: Path, http: Http) -> None:
    """A release or a commit never changes: once at hand, the network is left alone."""
    bases = opened(tmp_path / "cache", f"{http.url}/vllm.git")
    base = bases.get("v0.15.1")
    http.asked.clear()
    assert bases.get("0.15.1") == base
    assert bases.get(base.commit) == base
    assert bases.get(base.commit[:10]) == base
    assert http.asked == []


def test_branch_that_did_not_move(tmp_path: Path, origin: Origin, http: Http) -> None:
    """It is asked for, and nothing of it is fetched again."""
    bases = opened(tmp_path / "cache", f"{http.url}/vllm.git")
    base = bases.get("main")
    http.asked.clear()
    assert bases.get("main") == base
    assert [one for one in http.asked if "upload-pack" in one and "POST" in one] == [
        "POST /vllm.git/git-upload-pack"
    ]
    origin.commit("sixth", {"vllm/engine.py": lines(1, 41)})
    origin.push()
    assert bases.get("main").commit == rev(origin, "main") != base.commit


def test_same_name_in_two_remotes(tmp_path: Path, origin: Origin, net: Net) -> None:
    """Each remote has its own main; one does not stand for the other."""
    fork = Origin(tmp_path / "fork", origin.served.parent / "fork.git")
    fork.commit("fork", {"vllm/engine.py": "forked\n"})
    fork.push()
    cache = tmp_path / "cache"
    one = opened(cache, net.url)
    two = opened(cache, f"{net.server.url}/fork.git")
    assert one.get("main").commit == rev(origin, "main")
    assert two.get("main").commit == rev(fork, "main")
    assert [base.commit for base in one.at_hand()] == [rev(origin, "main")]
    assert [base.commit for base in two.at_hand()] == [rev(fork, "main")]
    short = rev(fork, "main~1")
    assert two.get(short[:8]).commit == short
    for bases in (one, two):
        bases.complete(bases.get("main"))
        assert missing(bases.store, bases.get("main").commit) == 0


def test_tag_and_release_of_one_name(
    tmp_path: Path, origin: Origin, index: IndexServer, net: Net
) -> None:
    """What the remote calls v0.15.1 is v0.15.1; the index's copy serves where there is none."""
    index.add("0.15.1", sdist("0.15.1", {"vllm/engine.py": lines(1, 30)}))
    index.add("0.14.0", sdist("0.14.0", {"vllm/engine.py": lines(1, 29)}))
    cache = tmp_path / "cache"
    copy = opened(cache, "", index).get("v0.15.1")
    bases = opened(cache, net.url, index)
    assert bases.get("v0.15.1") == copy
    tagged = bases.get("v0.15.1", fresh=True)
    assert tagged.commit == rev(origin, "v0.15.1") != copy.commit
    assert bases.get("v0.15.1") == tagged
    assert bases.releases() == [copy]
    bases.complete(tagged)
    assert bases.releases() == [tagged]
    assert [base.source for base in bases.at_hand()] == ["vllm-0.15.1.tar.gz", net.url]
    assert bases.get("v0.14.0").source == "vllm-0.14.0.tar.gz"
    assert opened(cache, "", index).get("v0.15.1") == copy


def test_local_repository(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is a remote too, also one that is relative to where the user stands."""
    monkeypatch.chdir(tmp_path)
    for url in ("origin", "served/vllm.git", "./served/vllm.git", origin.served.as_uri()):
        bases = opened(tmp_path / "cache", url)
        assert bases.get("main").commit == rev(origin, "main")
        bases.complete(bases.get("main"))
    sources = {base.source for base in opened(tmp_path / "cache", "origin").at_hand()}
    assert sources == {str(origin.folder)}


def test_unreachable_remote(tmp_path: Path, origin: Origin, http: Http) -> None:
    """Without the network a branch is what was fetched last, and that is said."""
    url = f"{http.url}/vllm.git"
    base = opened(tmp_path / "cache", url).get("main")
    http.close()
    told = Told()
    bases = opened(tmp_path / "cache", url, told=told)
    assert bases.get("main") == base
    assert told.lines[-1] == (
        f"the git remote gave no answer: {url}; using main as it was fetched last"
    )
    with pytest.raises(VpatchError, match="gave no answer") as caught:
        bases.get("main", fresh=True)
    assert caught.value.status == 3
    with pytest.raises(VpatchError, match="gave no answer"):
        bases.get("releases/v0.15")
    with pytest.raises(VpatchError, match="gave no answer"):
        bases.complete(base)


@pytest.mark.parametrize("path", ["nosuch.git", "deep/er.git"])
def test_no_repository_there(tmp_path: Path, net: Net, path: str) -> None:
    """A wrong path on a server is no answer, with git's own words for -v."""
    with pytest.raises(VpatchError, match="gave no answer") as caught:
        opened(tmp_path / "cache", f"{net.server.url}/{path}").get("main")
    assert caught.value.detail


def test_option_as_an_address(tmp_path: Path) -> None:
    """An address that looks like an option of git's is an address, and starts nothing."""
    ran = tmp_path / "ran"
    for url in (f"--upload-pack=touch {ran}", f"ext::touch {ran}"):
        with pytest.raises(VpatchError):
            opened(tmp_path / "cache", url).get("main")
    assert not ran.exists()


def test_subject_of_odd_letters(tmp_path: Path, origin: Origin, net: Net) -> None:
    """What Unicode takes for the end of a line is none in a commit's subject."""
    origin.commit("one\u2028two\x0cthree\x85four", {"vllm/engine.py": "x\n"})
    origin.push()
    bases = opened(tmp_path / "cache", net.url)
    bases.get("main")
    assert [base.name for base in bases.at_hand()] == ["main"]


def test_login_is_not_shown(tmp_path: Path, desk: Desk, origin: Origin) -> None:
    """A password in the remote's address opens it, and no output holds it: good or bad."""
    http = Http(origin.served.parent, login=f"ada:{SECRET}")
    url = f"http://ada:{SECRET}@{http.url.removeprefix('http://')}/vllm.git"
    desk.write_series("v0.15.1", {})
    ran = desk.run("-v", "--upstream", url, "bases", "--fetch", "main")
    shown = [ran]
    shown.append(desk.run("--upstream", url, "bases", "--fetch", "v0.15.1", "--json"))
    assert f"{http.url}/vllm.git" in shown[-1].out
    shown.append(desk.run("--upstream", url, "status", "--base", "main", "--json", status=None))
    shown.append(desk.run("-v", "--upstream", url, "bases", "--fetch", "nosuch", status=2))
    wrong = url.replace(SECRET, f"{SECRET}@wrong")
    shown.append(desk.run("-v", "--upstream", wrong, "bases", "--fetch", "main", status=3))
    http.close()
    shown.append(desk.run("-v", "--upstream", url, "bases", "--fetch", "main", status=3))
    shown.append(desk.run("-v", "--upstream", url, "status", "--base", "main", status=None))
    shown.append(desk.run("-v", "--upstream", url, "apply", "--base", "main", status=None))
    shown.append(desk.run("-v", "--upstream", url, "bases", "--fetch", "other", status=3))
    for ran in shown:
        assert SECRET not in ran.out + ran.err
    assert "error" in shown[-1].err


def test_url_in_the_configuration(desk: Desk, origin: Origin, net: Net) -> None:
    """[upstream] url in vpatch.toml is the remote; --upstream overrides it for one call."""
    (desk.folder / "vpatch.toml").write_text(f'[upstream]\nurl = "{net.url}"\n')
    found = desk.json("bases", "--fetch", "main")["bases"]
    assert found == [{"name": "main", "commit": rev(origin, "main"), "source": net.url}]
    dead = f"git://{HOST}:{free_port()}/x.git"
    ran = desk.run("--upstream", dead, "bases", "--fetch", "main", status=3)
    assert f"error: the git remote gave no answer: {dead}" in ran.err


def test_replay_on_a_base_without_files(
    tmp_path: Path, desk: Desk, index: IndexServer, origin: Origin, http: Http
) -> None:
    """A series is replayed and applied on a base of which only the names were fetched."""
    patch = origin.patch("change", {"vllm/engine.py": lines(1, 40, l20="twenty")})
    desk.write_series("v0.15.1", {"1-change.patch": patch})
    call = ("--upstream", f"{http.url}/vllm.git")
    desk.run(*call, "bases", "--fetch", "v0.15.1")
    answer = desk.json(*call, "status", "--base", "v0.15.1")
    assert [p["verdict"] for p in answer["patches"]] == ["clean"]
    answer = desk.json(*call, "apply", "--base", "v0.15.1")
    made = desk.folder / "build/vllm-v0.15.1"
    assert "twenty" in (made / "vllm/engine.py").read_text()
    assert set(tree_of(made)) == set(
        git(origin.folder, "ls-tree", "-r", "--name-only", "v0.15.1").split("\n")
    )


def test_files_out_of_reach(desk: Desk, origin: Origin, http: Http) -> None:
    """Without the files of a base there is no answer, least of all a conflict."""
    patch = origin.patch("change", {"vllm/engine.py": lines(1, 40, l20="twenty")})
    desk.write_series("v0.15.1", {"1-change.patch": patch})
    call = ("--upstream", f"{http.url}/vllm.git")
    desk.run(*call, "bases", "--fetch", "v0.15.1")
    http.close()
    ran = desk.run(*call, "status", "--base", "v0.15.1", status=3)
    assert ran.out == ""
    assert "network" in ran.err


def test_no_file_comes_in_passing(tmp_path: Path, http: Http) -> None:
    """A command that meets a file left at the server fails, and does not wait for that."""
    bases = opened(tmp_path / "cache", f"{http.url}/vllm.git")
    base = bases.get("main")
    http.asked.clear()
    with pytest.raises(GitError) as caught:
        bases.store.run("cat-file", "-p", f"{base.commit}:vllm/engine.py")
    assert "still at its git remote" in caught.value.hint
    assert http.asked == []


def test_replay_with_settings_of_the_user(desk: Desk, origin: Origin, http: Http) -> None:
    """The user's git settings count for files too: here the address is one they rewrite."""
    patch = origin.patch("change", {"vllm/engine.py": lines(1, 30, l20="twenty")})
    desk.write_series("v0.15.1", {"1-change.patch": patch})
    (desk.home / ".gitconfig").write_text(f'[url "{http.url}/"]\n\tinsteadOf = work:\n')
    desk.json("--upstream", "work:vllm.git", "status", "--base", "v0.15.1")


def test_replay_again_without_the_network(desk: Desk, origin: Origin, http: Http) -> None:
    """What a replay needed once is kept: the next one needs no network."""
    patch = origin.patch("change", {"vllm/engine.py": lines(1, 40, l20="twenty")})
    desk.write_series("v0.15.1", {"1-change.patch": patch})
    call = ("--upstream", f"{http.url}/vllm.git", "status", "--base", "v0.15.1")
    first = desk.json(*call)
    http.close()
    assert desk.json(*call) == first


def test_releases_without_their_files_are_not_looked_into(
    desk: Desk, origin: Origin, http: Http
) -> None:
    """What was fetched by name alone is no place to look for a patch: offline is no error."""
    origin.commit("own", {"vllm/engine.py": lines(1, 40, l20="upstream's")})
    git(origin.folder, "tag", "v0.16.0")
    origin.push()
    git(origin.folder, "reset", "-q", "--hard", "v0.15.1")
    patch = origin.patch("change", {"vllm/engine.py": lines(1, 30, l20="twenty")})
    commit = rev(origin, "v0.15.1")
    desk.write_series("v0.15.1", {"1-change.patch": patch}, commit=commit)
    call = ("--upstream", f"{http.url}/vllm.git")
    bases = opened(desk.cache, call[1])
    for name in ("v0.15.1", "v0.16.0"):
        bases.complete(bases.get(name))
    bases.get("v0.15.2")
    http.close()
    answer = desk.json(*call, "status", "--base", "v0.16.0", status=1)
    assert [patch["verdict"] for patch in answer["patches"]] == ["conflict"]


def test_complete_releases_are_remembered(tmp_path: Path, http: Http) -> None:
    """A release counts once its files came, in a later run too, and is not scanned again."""
    bases = opened(tmp_path / "cache", f"{http.url}/vllm.git")
    older, newer = bases.get("v0.15.1"), bases.get("v0.15.2")
    assert bases.releases() == []
    bases.complete(newer)
    assert bases.releases() == [newer]
    again = opened(tmp_path / "cache", f"{http.url}/vllm.git")
    assert again.releases() == [newer]
    assert again.at_hand() == [older, newer]
    http.close()
    again.complete(newer)
    with pytest.raises(VpatchError):
        again.complete(older)
    assert again.releases() == [newer]


def test_silent_server(tmp_path: Path, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says nothing is given up, after 30 seconds by default."""
    assert Repo(tmp_path).run("config", "http.lowSpeedTime").out == b"30\n"
    monkeypatch.setenv("GIT_HTTP_LOW_SPEED_LIMIT", "1")
    monkeypatch.setenv("GIT_HTTP_LOW_SPEED_TIME", "1")
    held = threading.Event()
    http.hold = lambda _: held.wait(20)
    with pytest.raises(VpatchError, match="gave no answer"):
        opened(tmp_path / "cache", f"{http.url}/vllm.git").get("main")
    held.set()


def test_a_remote_that_nobody_hears(tmp_path: Path) -> None:
    """It is said where, without the password, and it is not asked again in a run."""
    init(tmp_path / "store.git", bare=True)
    store, told = Repo(tmp_path / "store.git"), Told()
    with Speaker(silent) as mute:
        url = f"http://ada:{SECRET}@{mute.place}/vllm.git"
        remote = Remote(store, url, told, Patience(answer=0.3, look=0.02))
        with pytest.raises(DownError) as caught:
            remote.fetch("main")
        what = "the git remote gave no answer: nothing was heard for 0 s"
        assert str(caught.value) == f"{what}: http://{mute.place}/vllm.git"
        assert "check the address and the network" in caught.value.hint
        mute.met.clear()
        with pytest.raises(DownError):
            remote.fetch("v0.15.1")
        assert not mute.met.is_set()


def test_a_remote_that_tells_how_far_it_is(
    tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git says on the way is passed on, for whoever looks at it."""
    hook = tmp_path / "hook"
    hook.write_text('#!/bin/sh\nprintf "Thinking: 1\\r" >&2\nsleep 0.5\nexec "$@"\n')
    hook.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[uploadpack]\n\tpackObjectsHook = {hook}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    init(tmp_path / "store.git", bare=True)
    told = Told()
    url = f"file://{origin.served}"
    remote = Remote(Repo(tmp_path / "store.git"), url, told, Patience(look=0.02))
    assert remote.fetch("main") == rev(origin, "main")
    assert "remote: Thinking: 1" in told.words


@pytest.mark.parametrize(
    "words", ["Host key verification failed.", "x: Permission denied (p)."]
)
def test_an_ssh_that_would_have_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Nobody sits there to be asked: the hint says what to do before."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nprintf "{words}\\r\\n" >&2\nexit 255\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    with pytest.raises(VpatchError, match="gave no answer") as caught:
        opened(tmp_path / "cache", "ssh://127.0.0.1/vllm.git").get("main")
    assert "ssh-add" in caught.value.hint
    assert words in caught.value.detail


def test_bare_project(tmp_path: Path) -> None:
    """A remote without a single commit has no base to offer."""
    empty = Project(tmp_path / "empty", {})
    git(empty.folder, "checkout", "-q", "--orphan", "none")
    git(empty.folder, "branch", "-D", "main")
    with pytest.raises(BadInputError, match="no such base: main"):
        opened(tmp_path / "cache", str(empty.folder)).get("main")
