"""The door to GitHub, against a server that answers as GitHub does, on good and bad days."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from github_server import GitHubServer
from vpatch.doors.github import Api, GitHub, RateLimitError, token_for
from vpatch.doors.github import api as door
from vpatch.values.errors import BadInputError, DownError, VpatchError
from vpatch.values.pull import PullState, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD, MERGE = "1" * 40, "2" * 40
SECRET = "ghs_s3cr3t"  # noqa: S105, a test's


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    """Serve a project with one open pull request."""
    server = GitHubServer()
    server.open(101, "Edit a", HEAD)
    yield server
    server.close()


class Client:
    """A way to ask the server, and what people were told meanwhile."""

    def __init__(self, server: GitHubServer, cache: Path, token: str = "") -> None:
        self.told: list[str] = []
        self.ask = GitHub(Api(server.url, token, cache, self.told.append))


@pytest.fixture
def client(server: GitHubServer, tmp_path: Path) -> Client:
    """Ask it without a token."""
    return Client(server, tmp_path / "github")


def test_states(server: GitHubServer, client: Client) -> None:
    """Open, closed, merged: the commit of a merge is told where there was one."""
    state = PullState(101, "Edit a", "open", HEAD, "main", "ada", server.now)
    assert client.ask.pull(101) == state
    server.open(102, "Edit b", HEAD, target="releases/v0.16.0")
    server.shut(102)
    found = client.ask.pull(102)
    assert (found.state, found.target, found.merged_as) == ("closed", "releases/v0.16.0", "")
    server.merge(101, MERGE)
    assert client.ask.pull(101) == replace(state, state="merged", merged_as=MERGE)


def test_what_did_not_change_costs_nothing(server: GitHubServer, client: Client) -> None:
    """A second question is conditional; its answer is the first one's, and free."""
    first = client.ask.pull(101)
    left = server.remaining
    assert client.ask.pull(101) == first
    assert server.statuses == [200, 304]
    assert server.remaining == left
    server.retitle(101, "Edit a well")
    assert client.ask.pull(101).title == "Edit a well"
    assert server.statuses == [200, 304, 200]


def test_a_kept_answer_that_is_damaged_is_asked_anew(
    server: GitHubServer, client: Client, tmp_path: Path
) -> None:
    """What a full disk left of the cache is no answer."""
    client.ask.pull(101)
    for kept in (tmp_path / "github").iterdir():
        kept.write_bytes(kept.read_bytes()[:20])
    assert client.ask.pull(101).title == "Edit a"
    assert server.statuses == [200, 200]


def test_the_thread_over_several_pages(server: GitHubServer, client: Client) -> None:
    """Comments, and other requests that name this one; the second time, all pages are free."""
    for number in range(120):
        server.comment(101, f"comment {number}")
    server.open(103, "Fix a", HEAD, body="Fixes #101")
    server.merge(103, MERGE)
    found = client.ask.thread(101)
    assert [one.text for one in found[:120]] == [f"comment {number}" for number in range(120)]
    assert found[120:] == [Remark(103, "Fix a", "Fixes #101", merged=True)]
    assert client.ask.thread(101) == found
    assert server.statuses == [200, 200, 304, 304]


def test_pages_without_an_end(server: GitHubServer, client: Client) -> None:
    """A server whose pages lead back to the first is no GitHub, and not asked for ever."""
    for number in range(250):
        server.comment(101, f"comment {number}")
    server.circles = True
    with pytest.raises(VpatchError, match="answers is no GitHub API"):
        client.ask.thread(101)
    assert len(server.asked) <= 4


def test_a_page_that_comes_behind_a_full_one(server: GitHubServer, client: Client) -> None:
    """The full one is what it was, and by its ETag nobody could see the new one."""
    for number in range(99):
        server.comment(101, f"comment {number}")
    assert len(client.ask.thread(101)) == 99
    server.comment(101, "Replaced by #77")
    assert client.ask.thread(101)[-1].text == "Replaced by #77"


def test_a_reference_from_a_fork_does_not_count(server: GitHubServer, client: Client) -> None:
    """A fork numbers its pull requests anew."""
    server.open(104, "Try a", HEAD, body="As #101")
    issue = server._issue(104) | {"repository": {"full_name": "bob/vllm"}}  # noqa: SLF001
    server.timelines[101][-1] = {"event": "cross-referenced", "source": {"issue": issue}}
    assert client.ask.thread(101) == []


def test_an_account_that_is_gone(server: GitHubServer, client: Client) -> None:
    """GitHub then names nobody."""
    server.pulls[101]["user"] = None
    assert client.ask.pull(101).author == ""


def test_no_such_pull_request(client: Client) -> None:
    """A number that does not exist is wrong usage, with the way out."""
    with pytest.raises(BadInputError, match="knows no such pull request: #999") as caught:
        client.ask.pull(999)
    assert "a private project is seen with a GITHUB_TOKEN alone" in caught.value.hint


def test_a_token_is_sent(server: GitHubServer, tmp_path: Path) -> None:
    """A private project is seen with the token, and not without."""
    server.token, server.private = SECRET, True
    assert Client(server, tmp_path / "a", SECRET).ask.pull(101).title == "Edit a"
    assert server.asked[-1].authorization == f"Bearer {SECRET}"
    with pytest.raises(BadInputError):
        Client(server, tmp_path / "b").ask.pull(101)
    assert server.asked[-1].authorization == ""


def test_a_wrong_token(server: GitHubServer, tmp_path: Path) -> None:
    """It is said that the token is wrong, and never which one it is."""
    server.token = "another"  # noqa: S105, a test's
    client = Client(server, tmp_path, SECRET)
    with pytest.raises(VpatchError, match="GitHub does not know this token") as caught:
        client.ask.pull(101)
    assert "unset it" in caught.value.hint
    assert SECRET not in repr((client.told, vars(caught.value)))


def test_a_token_without_rights(server: GitHubServer, tmp_path: Path) -> None:
    """That is another thing than a limit, and nothing to wait for."""
    server.token, server.rights = SECRET, False
    client = Client(server, tmp_path, SECRET)
    with pytest.raises(VpatchError, match="the token lacks the right to read this: #101"):
        client.ask.pull(101)
    assert server.statuses == [403]


def test_a_short_limit_is_waited_for(server: GitHubServer, client: Client) -> None:
    """A limit that ends soon is waited for, and said."""
    server.remaining, server.reset = 0, time.time() + 1
    assert client.ask.pull(101).title == "Edit a"
    assert [line.partition(" s for ")[0] for line in client.told] == ["waiting 1"]
    assert server.statuses == [403, 200]


def test_a_secondary_limit(server: GitHubServer, client: Client) -> None:
    """GitHub says how long; who is refused again does not insist."""
    server.secondary = 1
    assert client.ask.pull(101).title == "Edit a"
    server.retitle(101, "Edit a well")
    server.secondary = 2
    with pytest.raises(RateLimitError):
        client.ask.pull(101)
    assert server.statuses == [403, 200, 403, 403]


def test_a_long_limit_is_told_with_its_end(server: GitHubServer, client: Client) -> None:
    """Nobody waits for an hour in silence; a token is proposed to who has none."""
    server.remaining = 0
    end = time.strftime("%H:%M", time.localtime(server.reset))
    with pytest.raises(RateLimitError, match=f"used up until {end}") as caught:
        client.ask.pull(101)
    assert "set GITHUB_TOKEN" in caught.value.hint
    assert client.told == []


@pytest.mark.parametrize("after", ["inf", "-inf", "nan", "1e30", "86400000", "soon"])
def test_a_limit_that_makes_no_sense(server: GitHubServer, client: Client, after: str) -> None:
    """It is a limit all the same, for a minute."""
    server.secondary, server.retry_after = 1, after
    start = time.time()
    with pytest.raises(RateLimitError) as caught:
        client.ask.pull(101)
    ends = [time.strftime("%H:%M:%S", time.localtime(start + n)) for n in range(59, 75)]
    assert str(caught.value).partition(" until ")[2].partition(": ")[0] in ends


def test_a_limit_in_milliseconds(server: GitHubServer, client: Client) -> None:
    """No clock shows that year."""
    server.remaining, server.reset = 0, 1.8e12
    with pytest.raises(RateLimitError, match=r"used up until [0-9:]{8}: 127"):
        client.ask.pull(101)


def test_a_server_that_stumbles_is_asked_again(
    server: GitHubServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, and each time it is said; a third failure is one."""
    monkeypatch.setattr(door, "_PAUSES", (0.0, 0.0))
    server.stumbles = [502, 503]
    assert client.ask.pull(101).title == "Edit a"
    assert client.told == [
        f"127.0.0.1 answered {status}: asking again" for status in (502, 503)
    ]
    server.stumbles = [500, 500, 500]
    with pytest.raises(VpatchError, match=r"no answer \(HTTP 500\): 127.0.0.1"):
        client.ask.pull(101)


def test_a_server_that_says_nothing(
    server: GitHubServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up after a while that is told."""
    monkeypatch.setattr(door, "_TIMEOUT", (1.0, 0.2))
    server.silent = True
    with pytest.raises(VpatchError, match=r"no answer within 0 s: 127\.0"):
        client.ask.pull(101)


@pytest.mark.parametrize("token", [f"{SECRET}\nSECOND", f"a {SECRET}", f"{SECRET}\u20ac"])
def test_a_token_that_is_none(server: GitHubServer, tmp_path: Path, token: str) -> None:
    """It is refused before anybody is asked, and not shown."""
    client = Client(server, tmp_path, token)
    with pytest.raises(DownError, match="this is no token: GITHUB_TOKEN") as caught:
        client.ask.pull(101)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert not server.asked


def test_a_server_that_dribbles(
    server: GitHubServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never silent for long, and given up all the same."""
    monkeypatch.setattr(door, "_WHOLE", 0.3)
    server.dribbles = True
    with pytest.raises(VpatchError, match="no answer within"):
        client.ask.pull(101)
    assert not server.dribbled


def test_nobody_there(server: GitHubServer, client: Client) -> None:
    """Without a network, that is said in a word."""
    server.close()
    with pytest.raises(VpatchError, match=r"cannot be reached \(ConnectionError\)"):
        client.ask.pull(101)


@pytest.mark.parametrize("name", ["ma\x1b[31min\nEVIL", "a b", "../main", ""])
def test_a_branch_of_no_name_that_git_allows(
    server: GitHubServer, client: Client, name: str
) -> None:
    """It would reach terminals, files and git: no server that means well says that."""
    server.pulls[101]["base"]["ref"] = name
    with pytest.raises(VpatchError, match="answers is no GitHub API") as caught:
        client.ask.pull(101)
    assert name not in str(caught.value) or not name


@pytest.mark.parametrize(
    "page", [b"<html>Sign in</html>", b"[]", b'{"number": "x"}', b"null", b"[" * 200000]
)
def test_something_else_that_answers(server: GitHubServer, client: Client, page: bytes) -> None:
    """A web page or another server's answer is no answer of GitHub's."""
    server.page = page
    with pytest.raises(VpatchError, match=r"answers is no GitHub API: 127\.0") as caught:
        client.ask.pull(101)
    assert "[upstream] api" in caught.value.hint


def test_a_project_that_was_renamed(server: GitHubServer, tmp_path: Path) -> None:
    """GitHub sends to the new place on the same server, and the token goes along."""
    server.token, server.moved_to = SECRET, "/repositories/7"
    assert Client(server, tmp_path, SECRET).ask.pull(101).title == "Edit a"
    assert [one.path for one in server.asked] == [
        "/repos/vllm-project/vllm/pulls/101",
        "/repositories/7/pulls/101",
    ]
    assert server.asked[-1].authorization == f"Bearer {SECRET}"


def test_no_other_server_gets_the_token(server: GitHubServer, tmp_path: Path) -> None:
    """A move to another server is told and not followed."""
    other = GitHubServer()
    other.open(101, "Edit a", HEAD)
    server.token, server.moved_to = SECRET, other.url
    with pytest.raises(VpatchError, match=r"has moved to another server: 127\.0"):
        Client(server, tmp_path, SECRET).ask.pull(101)
    assert other.asked == []
    other.close()


def test_a_password_for_the_host_is_not_sent(
    server: GitHubServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``~/.netrc`` holds for a host is none of GitHub's tokens."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password s3cr3t\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client.ask.pull(101)
    assert server.asked[-1].authorization == ""


@pytest.mark.parametrize(
    ("address", "meant", "sent"),
    [
        ("https://api.github.com/repos/a/b", "", True),
        ("https://API.github.com:443/repos/a/b", "", True),
        ("https://ghes.example.org/api/v3/repos/a/b", "", False),
        ("https://ghes.example.org/api/v3/repos/a/b", "https://ghes.example.org/api/v3", True),
        ("https://api.github.com/repos/a/b", "https://ghes.example.org/api/v3", False),
        ("https://api.github.com.example.org/repos/a/b", "", False),
        ("http://api.github.com/repos/a/b", "", False),
        ("http://ghes.example.org/repos/a/b", "http://ghes.example.org", False),
        ("http://127.0.0.1:80/repos/a/b", "http://127.0.0.1", True),
        ("http://x:y/", "", False),
    ],
)
def test_who_a_token_is_for(address: str, meant: str, *, sent: bool) -> None:
    """For GitHub, or the server that the user's environment names; never in clear text."""
    environ = {"GITHUB_TOKEN": SECRET} | ({"GITHUB_API_URL": meant} if meant else {})
    assert token_for(address, environ) == (SECRET if sent else "")
