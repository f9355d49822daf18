"""``vpatch refresh`` where not all answer: what is new is told, and that it is not all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bureau import A, B, Bureau, edited, opened
from support import Desk, git, lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Ran


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    """Open a desk whose series carries two pull requests, of which the second was closed."""
    with opened(desk, tmp_path) as bureau:
        bureau.forge.open(40101, "Edit a", edited(A, l7="seven"))
        bureau.forge.open(40102, "Edit b", edited(B, l7="seven"))
        bureau.add("40101")
        bureau.add("40102")
        bureau.forge.api.shut(40102)
        bureau.forge.api.asked.clear()
        yield bureau


def refreshed(bureau: Bureau) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Refresh, which is not to succeed, and return what is said of each, and of the rest."""
    answer = bureau.near.json("refresh", status=3)
    assert answer["ok"] is False
    return answer["pulls"], answer["unread"]


def told_once(bureau: Bureau, words: str) -> Ran:
    """Refresh with a GitHub that answers nothing; git tells the heads, and why is said once."""
    ran = bureau.near.run("refresh", status=3)
    assert ran.err.count(words) == 1
    assert ran.err.count("nothing is known of #40101 and those after it") == 1
    assert "#40102  Edit b        open, as of " in ran.out
    return ran


def test_a_server_that_fails_of_one(bureau: Bureau) -> None:
    """It is asked three times; the other one is told, and that one has had no answer."""
    bureau.forge.api.refused = {40101: 503}
    (first, second), unread = refreshed(bureau)
    assert bureau.forge.api.statuses == [503, 503, 503, 200, 200]
    assert first["unanswered"].startswith("GitHub gave no answer (HTTP 503)")
    assert (first["state"], bool(first["head"])) == (None, True)
    assert (second["unanswered"], second["state"], unread) == (None, "closed", {})


def test_no_network(bureau: Bureau) -> None:
    """Nobody is asked a second time, neither of the next one nor for a thread."""
    bureau.forge.api.merge(40101, "a" * 40)
    bureau.near.run("refresh")
    bureau.forge.api.close()
    ran = bureau.near.run("refresh", status=3)
    assert ran.err.count("GitHub cannot be reached") == 1
    pulls, unread = refreshed(bureau)
    assert all("cannot be reached" in one["unanswered"] for one in pulls)
    assert list(unread) == ["#40101", "#40102"]


def test_a_limit(bureau: Bureau) -> None:
    """It is said until when it lasts, and nobody insists."""
    bureau.forge.api.remaining = 0
    ran = told_once(bureau, "the rate limit is used up until ")
    assert "(run again after " in ran.err
    assert bureau.forge.api.statuses == [403]


def test_a_wrong_token(bureau: Bureau) -> None:
    """It is as wrong for the next question."""
    bureau.forge.api.token = "right"  # noqa: S105, a test's
    api = bureau.forge.api.root
    bureau.near.more |= {"GITHUB_TOKEN": "wrong", "GITHUB_API_URL": api}
    told_once(bureau, "GitHub does not know this token")
    assert bureau.forge.api.statuses == [401]


def test_what_is_new_is_told_all_the_same(bureau: Bureau) -> None:
    """What was pushed is shown; the exit status is that of what could not be asked."""
    bureau.forge.push(40102, [("More", {B: lines(1, 40, l7="SEVEN")})])
    bureau.near.run("refresh", status=1)
    bureau.forge.api.refused = {40101: 451}
    ran = bureau.near.run("refresh", status=3)
    assert "#40101  Edit a        open, as of " in ran.out
    assert " no answer\n" in ran.out
    assert "-+seven\n" in ran.out
    assert "to take it: " in ran.out


def test_a_thread_that_is_not_read(bureau: Bureau) -> None:
    """What may follow one up is part of the answer."""
    bureau.near.run("refresh")
    bureau.forge.api.timelines.clear()
    pulls, unread = refreshed(bureau)
    assert [one["unanswered"] for one in pulls] == [None, None]
    assert unread["#40102"].startswith("its thread was not read: 127.0.0.1 knows no such")


def plain(bureau: Bureau, *, api: bool) -> str:
    """Have upstream be on a server that has branches and tags, and return its address."""
    served = bureau.forge.origin.served
    git(served.parent, "clone", "-q", "--bare", str(served), "plain.git")
    url = f"{bureau.forge.http.url}/plain.git"
    named = f'api = "{bureau.forge.api.url}"\n' if api else ""
    settings = f'base = "v0.16.0"\n[upstream]\nurl = "{url}"\n{named}'
    (bureau.near.folder / "vpatch.toml").write_text(settings)
    return url


@pytest.mark.parametrize("api", [False, True])
def test_a_server_without_pull_requests(bureau: Bureau, *, api: bool) -> None:
    """It is said that it has none, and what to do; nothing is written."""
    url = plain(bureau, api=api)
    bureau.forge.api.refused = {40101: 404, 40102: 404}
    before = bureau.state()
    ran = bureau.near.run("refresh", status=3)
    other = "127.0.0.1 knows none" if api else "no GitHub API is known"
    assert ran.err.endswith(
        f"error: the git remote has none of these pull requests, and {other}: {url}\n"
        "hint: name another [upstream] url, or its api, in vpatch.toml; vpatch add takes "
        "changes from files too\n"
    )
    pulls, _ = refreshed(bureau)
    why = "127.0.0.1 knows no such pull request: #4010" if api else f"{url} has no such pull"
    assert all(one["unanswered"].startswith(why) for one in pulls)
    assert bureau.state() == before


@pytest.mark.parametrize("api", [False, True])
def test_a_server_that_has_one_of_them(bureau: Bureau, *, api: bool) -> None:
    """The other one is named, and nobody is told to go elsewhere."""
    url = plain(bureau, api=api)
    bureau.forge.api.refused = {40101: 404, 40102: 404}
    tip = bureau.forge.rev("topic-40101")
    place = bureau.forge.origin.served.parent / "plain.git"
    git(place, "update-ref", "refs/pull/40101/head", tip)
    ran = bureau.near.run("refresh", status=3)
    assert "error: " not in ran.err
    (first, second), _ = refreshed(bureau)
    assert first["head"] == tip
    assert bool(first["unanswered"]) is api
    lacks = "127.0.0.1 knows no such pull request: #40102"
    assert second["unanswered"] == (lacks if api else f"{url} has no such pull request")


def test_a_server_that_fails_beside_a_plain_one(bureau: Bureau) -> None:
    """What may be otherwise tomorrow is told as it was, and nobody is told to go elsewhere."""
    plain(bureau, api=True)
    bureau.forge.api.refused = {40101: 404, 40102: 451}
    ran = bureau.near.run("refresh", status=3)
    assert "error: " not in ran.err
    assert "#40102: GitHub gave no answer (HTTP 451)" in ran.err
