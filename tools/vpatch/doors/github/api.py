"""Ask a GitHub server: conditionally, patiently, and with no word to anybody else.

Answers are kept with their ETag and asked for conditionally, which costs nothing of the rate
limit where nothing changed (docs.github.com, "Best practices for using the REST API").
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

from vpatch import __version__
from vpatch.doors.github.token import is_clean, origin
from vpatch.values.errors import BadInputError, DownError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PAGE = 100
"""Entries of a full page."""
_TIMEOUT = (10.0, 20.0)
"""Seconds to connect, and between two pieces of an answer."""
_WHOLE = 30.0
"""Seconds for a whole answer."""
_LARGEST = 32 * 2**20
_PATIENCE = 30
"""Seconds that are waited for a rate limit."""
_MINUTE, _DAY = 60.0, 86400.0
_PAUSES = (1.0, 3.0)
"""Seconds before a server that failed is asked again."""
_REDIRECTS = 3
_MOVED = (301, 302, 307, 308)
_LIMITED = (403, 429)
_NEEDLESS = "correct GITHUB_TOKEN or unset it: a public project needs none"
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": f"vpatch/{__version__}",
}


class RateLimitError(DownError):
    """GitHub answers no more for a while: whoever asks on has it last longer."""


class Api:
    """A GitHub server's REST API, as one project is seen by it.

    Args:
        address: The project's own, which questions are relative to.
        token: What to ask with, empty for nothing.
        cache: The folder that keeps answers.
        say: Told of what is waited for.
    """

    def __init__(
        self, address: str, token: str, cache: Path, say: Callable[[str], None]
    ) -> None:
        self.address = address.rstrip("/")
        self._origin = origin(self.address)
        self._token = token
        self._cache = cache
        self._say = say
        self._session = requests.Session()
        self._session.headers.update(_HEADERS)
        # With an own way to sign, no password of ~/.netrc gets into a request.
        self._session.auth = self._sign

    @property
    def host(self) -> str:
        """The server's name, for people."""
        return self._origin[1]

    def ask(self, question: str, what: str) -> Iterator[Any]:
        """Return the pages of an answer.

        Args:
            question: The path below the project's address.
            what: What it is about, for messages.

        Raises:
            BadInputError: There is nothing of that name, or it is not to be seen.
            DownError: No answer, and none to any other question.
            VpatchError: No answer, or none that can be read.
        """
        address, seen = self.address + question, set[str]()
        while address:
            if address in seen:
                raise self.no_github()
            seen.add(address)
            page, address = self._page(address, what)
            yield page

    def no_github(self) -> VpatchError:
        """Return what to raise where an answer has not the form of GitHub's."""
        hint = "name the project's address in GitHub's API: [upstream] api in vpatch.toml"
        return VpatchError("what answers is no GitHub API", where=self.host, hint=hint)

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token and origin(str(request.url)) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _page(self, address: str, what: str) -> tuple[Any, str]:
        """Return an answer, and the address of the next page."""
        kept = self._kept(address)
        old = _read(kept)
        condition = {"If-None-Match": old["etag"]} if old else {}
        reply, body = self._answered(address, condition, what)
        if reply.status_code == requests.codes.not_modified and old:
            return old["body"], old["next"]
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.no_github() from error
        following = urljoin(address, reply.links.get("next", {}).get("url", "")) or ""
        following = following if following != address else ""
        if following and origin(following) != self._origin:
            raise self.no_github()
        if etag := reply.headers.get("ETag"):
            _keep(kept, {"etag": etag, "body": found, "next": following})
        return found, following

    def _answered(
        self, address: str, condition: Mapping[str, str], what: str
    ) -> tuple[requests.Response, bytes]:
        """Ask until there is an answer that counts: past moves, pauses and limits."""
        pauses = list(_PAUSES)
        moves, limits = _REDIRECTS, 1
        while True:
            reply, body = self._once(address, condition)
            status = reply.status_code
            if status in (requests.codes.ok, requests.codes.not_modified):
                return reply, body
            if status in _MOVED and moves:
                moves -= 1
                address = urljoin(address, reply.headers.get("Location", ""))
                if origin(address) != self._origin:
                    raise self._moved(address)
            elif status >= requests.codes.server_error and pauses:
                self._say(f"{self.host} answered {status}: asking again")
                time.sleep(pauses.pop(0))
            elif status in _LIMITED and (until := _limited_until(reply, body)):
                left = until - time.time()
                if left > _PATIENCE or not limits:
                    raise self._limit(until)
                limits -= 1
                self._say(f"waiting {max(1, round(left))} s for the rate limit of {self.host}")
                time.sleep(max(1.0, left))
            else:
                raise self._refusal(status, body, what)

    def _once(
        self, address: str, condition: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        if not is_clean(self._token):
            # The library would put it, whole, into an error.
            raise DownError("this is no token", where="GITHUB_TOKEN", hint=_NEEDLESS)
        answer: Future[tuple[requests.Response, bytes]] = Future()

        def work() -> None:
            try:
                answer.set_result(self._read(address, condition))
            except Exception as error:  # noqa: BLE001, it is raised again below
                answer.set_exception(error)

        # A server that dribbles is never late with its next byte: who reads never sees the end.
        since = time.monotonic()
        Thread(target=work, daemon=True).start()
        try:
            return answer.result(_WHOLE)
        except (TimeoutError, requests.Timeout) as error:
            raise DownError(
                f"no answer within {time.monotonic() - since:.0f} s",
                where=self.host,
                hint="try again later; without it, vpatch knows what git tells",
            ) from error
        except requests.RequestException as error:
            raise DownError(
                f"GitHub cannot be reached ({type(error).__name__})",
                where=self.host,
                hint="check the network; without it, vpatch knows what git tells",
            ) from error

    def _read(
        self, address: str, condition: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        body = bytearray()
        with self._session.get(
            address,
            headers=dict(condition),
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as reply:
            for piece in reply.iter_content(2**16):
                body += piece
                if len(body) > _LARGEST:
                    raise self.no_github()
        return reply, bytes(body)

    def _kept(self, address: str) -> Path:
        digest = hashlib.sha256(address.encode()).hexdigest()[:32]
        return self._cache / f"{digest}.json"

    # What can be wrong

    def _refusal(self, status: int, body: bytes, what: str) -> VpatchError:
        words = body[:1000].decode("utf-8", "replace")
        if status == requests.codes.unauthorized:
            return DownError(
                "GitHub does not know this token",
                where=self.host,
                hint=_NEEDLESS,
                detail=words,
            )
        if status == requests.codes.forbidden and self._token:
            hint = "give GITHUB_TOKEN the right to read pull requests, or unset it"
            return DownError(
                "the token lacks the right to read this", where=what, hint=hint, detail=words
            )
        if status in (requests.codes.not_found, requests.codes.gone):
            hint = "look at the number"
            if not self._token:
                hint += "; a private project is seen with a GITHUB_TOKEN alone"
            return BadInputError(
                f"{self.host} knows no such pull request", where=what, hint=hint, detail=words
            )
        hint = "try again later; -v shows its words"
        return VpatchError(
            f"GitHub gave no answer (HTTP {status})", where=self.host, hint=hint, detail=words
        )

    def _limit(self, until: float) -> RateLimitError:
        clock = datetime.fromtimestamp(until, UTC).astimezone()
        hint = f"run again after {clock:%H:%M}"
        if not self._token:
            hint += ", or set GITHUB_TOKEN: with one, GitHub answers far more often"
        return RateLimitError(
            f"the rate limit is used up until {clock:%H:%M:%S}", where=self.host, hint=hint
        )

    def _moved(self, address: str) -> DownError:
        hint = "if that is right, name the project by its new address"
        where = urlsplit(address).hostname or ""
        return DownError("the project has moved to another server", where=where, hint=hint)


def _limited_until(reply: requests.Response, body: bytes) -> float | None:
    """Return when a rate limit ends (seconds since 1970), None where it is none.

    docs.github.com, "Rate limits for the REST API": ``retry-after``, else
    ``x-ratelimit-reset`` where nothing remains, else a minute for a secondary limit.
    """
    now = time.time()
    try:
        if after := reply.headers.get("Retry-After"):
            left = float(after)
        elif reply.headers.get("X-RateLimit-Remaining") == "0":
            left = float(reply.headers["X-RateLimit-Reset"]) - now
        elif b"rate limit" in body.lower():
            left = _MINUTE
        else:
            return None
    except (KeyError, ValueError):
        left = _MINUTE
    # What is no number, or in other units, says nothing of when.
    return now + (left if abs(left) <= _DAY else _MINUTE)


def _read(path: Path) -> dict[str, Any] | None:
    """Return an answer that was kept, None where it is not there or may not be whole."""
    try:
        found = json.loads(path.read_bytes())
        answer = {key: found[key] for key in ("etag", "body", "next")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    body = answer["body"]
    # Another page may be behind one that was full: it stays the same, and says nothing of that.
    ends_full = isinstance(body, list) and len(body) == PAGE and not answer["next"]
    return None if ends_full else answer


def _keep(path: Path, answer: dict[str, Any]) -> None:
    """Keep an answer where that is possible; without it, the next question costs more."""
    beside = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A token may have read what is not for everybody on this machine.
        path.parent.chmod(0o700)
        beside.write_text(json.dumps(answer), "utf-8")
        beside.replace(path)
