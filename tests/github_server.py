"""GitHub's REST API on loopback, as far as vpatch asks it, with its good and its bad days.

Paths, fields, headers and messages are GitHub's (docs.github.com: "REST API endpoints for pull
requests", "... for timeline events", "Rate limits for the REST API", "Troubleshooting").
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
_DOCS = "https://docs.github.com/rest"
_PULL = re.compile(r"/pulls/([0-9]+)")
_NUMBER = re.compile(r"/(?:pulls|issues)/([0-9]+)")
_TIMELINE = re.compile(r"/issues/([0-9]+)/timeline")
_SECOND = "You have exceeded a secondary rate limit. Please wait a few minutes before you try."


@dataclass(frozen=True)
class Asked:
    """A request, and how it was answered."""

    path: str
    authorization: str
    condition: str
    """The ``If-None-Match`` header."""
    status: int


@dataclass
class _Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class GitHubServer:
    """The API of one project.

    Args:
        project: ``owner/name``.
    """

    def __init__(self, project: str = "vllm-project/vllm") -> None:
        self.project = project
        self.asked: list[Asked] = []
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        """The date that what happens next has."""
        # Its good days
        self.pulls: dict[int, dict[str, Any]] = {}
        self.timelines: dict[int, list[dict[str, Any]]] = {}
        # Its bad days
        self.token = ""
        """The one token that is known; requests without any are answered too."""
        self.private = False
        """Whether the project is shown to that token alone."""
        self.rights = True
        """Whether that token may read pull requests."""
        self.remaining = 5000
        """Requests that are answered until `reset`."""
        self.reset = time.time() + 3600
        self.secondary = 0
        """Answer this many requests with a secondary limit."""
        self.refused: dict[int, int] = {}
        """HTTP statuses that pull requests get, always."""
        self.retry_after = "1"
        """What a secondary limit says of its end."""
        self.stumbles: list[int] = []
        """HTTP statuses that the next requests get."""
        self.silent = False
        """Keep silent until `close`."""
        self.dribbles = False
        """Answer a byte now and then, for some seconds."""
        self.dribbled = False
        """Whether somebody waited for the last of them."""
        self.page: bytes | None = None
        """Answer everything with this web page."""
        self.circles = False
        """Call the first page the one behind the last."""
        self.moved_to = ""
        """Send everything to the same path below this address."""
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._serve(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                """Say nothing of clients that went away."""

        self._http = Server((HOST, 0), Handler)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def root(self) -> str:
        """Address of the API, as ``GITHUB_API_URL`` has it."""
        return f"http://{HOST}:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """Address of the project in the API."""
        return f"{self.root}/repos/{self.project}"

    @property
    def statuses(self) -> list[int]:
        """How each request was answered."""
        return [one.status for one in self.asked]

    def close(self) -> None:
        """Stop serving."""
        self._closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # What happens in the project

    def open(
        self, number: int, title: str, head: str, *, body: str = "", target: str = "main"
    ) -> None:
        """Somebody opens a pull request."""
        page = f"https://github.com/{self.project}"
        self.pulls[number] = {
            "url": f"{self.url}/pulls/{number}",
            "id": 10**9 + number,
            "node_id": f"PR_{number}",
            "html_url": f"{page}/pull/{number}",
            "diff_url": f"{page}/pull/{number}.diff",
            "patch_url": f"{page}/pull/{number}.patch",
            "number": number,
            "state": "open",
            "locked": False,
            "title": title,
            "user": {"login": "ada", "id": 1, "type": "User"},
            "body": body,
            "created_at": self._stamp(),
            "updated_at": self._stamp(),
            "closed_at": None,
            "merged_at": None,
            # Of an open one, that of a trial merge.
            "merge_commit_sha": "e" * 40,
            "draft": False,
            "head": {"label": "ada:topic", "ref": "topic", "sha": head, "repo": None},
            "base": {"label": f"vllm-project:{target}", "ref": target, "sha": "b" * 40},
            "merged": False,
            "mergeable": None,
            "comments": 0,
            "commits": 1,
        }
        self.timelines[number] = [{"event": "committed", "sha": head, "message": title}]
        self._refer(number, f"{title}\n{body}")

    def push(self, number: int, head: str, *, force: bool = False) -> None:
        """Its author pushes."""
        self.pulls[number]["head"]["sha"] = head
        kind = "head_ref_force_pushed" if force else "committed"
        self._happen(number, {"event": kind, "sha": head})

    def retitle(self, number: int, title: str) -> None:
        """Somebody changes its title."""
        self.pulls[number]["title"] = title
        self._happen(number, {"event": "renamed", "rename": {"to": title}})

    def merge(self, number: int, commit: str) -> None:
        """It is merged, by a commit."""
        self.pulls[number] |= {
            "state": "closed",
            "merged": True,
            "merged_at": self._stamp(),
            "closed_at": self._stamp(),
            "merge_commit_sha": commit,
        }
        self._happen(number, {"event": "merged", "commit_id": commit})
        self._happen(number, {"event": "closed", "commit_id": None})

    def shut(self, number: int) -> None:
        """It is closed and not merged."""
        self.pulls[number] |= {"state": "closed", "closed_at": self._stamp()}
        self._happen(number, {"event": "closed", "commit_id": None})

    def comment(self, number: int, text: str) -> None:
        """Somebody writes in its thread."""
        self.pulls[number]["comments"] += 1
        self._happen(number, {"event": "commented", "body": text, "user": {"login": "bob"}})

    def _refer(self, by: int, text: str) -> None:
        """Note in the threads of others that a description names them."""
        for found in {int(number) for number in re.findall(r"#([0-9]+)", text)}:
            if found in self.timelines and found != by:
                event = {"event": "cross-referenced", "actor": {"login": "ada"}, "by": by}
                self._happen(found, event)

    def _happen(self, number: int, event: dict[str, Any]) -> None:
        self.pulls[number]["updated_at"] = self._stamp()
        self.timelines[number].append(event | {"created_at": self._stamp()})

    def _stamp(self) -> str:
        return f"{self.now:%Y-%m-%dT%H:%M:%SZ}"

    def _issue(self, number: int) -> dict[str, Any]:
        """Return a pull request as the issue that it is as well."""
        pull = self.pulls[number]
        kept = ("number", "title", "state", "body", "user", "html_url", "created_at")
        return {key: pull[key] for key in kept} | {
            "pull_request": {"url": pull["url"], "merged_at": pull["merged_at"]},
            "repository": {"full_name": self.project},
        }

    # Answering

    def _serve(self, request: Any) -> None:
        headers: Mapping[str, str] = request.headers
        if self.silent:
            self._closed.wait(60)
            return
        if self.dribbles:
            self._dribble(request)
            return
        answer = self._answer(request.path, headers)
        condition = headers.get("If-None-Match", "")
        raw = b"" if answer.body is None else _raw(answer.body)
        if answer.status == 200:
            tag = f'W/"{hashlib.sha256(raw).hexdigest()}"'
            answer.headers["ETag"] = tag
            if condition == tag:
                answer.status, raw = 304, b""
            elif self.page is None:
                self.remaining -= 1
        said = headers.get("Authorization", "")
        self.asked.append(Asked(request.path, said, condition, answer.status))
        request.send_response(answer.status)
        kind = "text/html" if self.page is not None else "application/json; charset=utf-8"
        limits = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(int(self.reset)),
            "X-RateLimit-Resource": "core",
            "Content-Type": kind,
            "Content-Length": str(len(raw)),
        }
        for name, value in (limits | answer.headers).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(raw)

    def _dribble(self, request: Any) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b" ")
            request.wfile.flush()
            self._closed.wait(0.05)
        self.dribbled = True

    def _answer(self, path: str, headers: Mapping[str, str]) -> _Answer:
        place = path.replace(
            f"/repos/{self.project}", self.moved_to or f"/repos/{self.project}"
        )
        if place != path:
            return _Answer(301, {"message": "Moved Permanently"}, {"Location": place})
        if self.stumbles:
            return _Answer(self.stumbles.pop(0), {"message": "Server Error"})
        if self.page is not None:
            return _Answer(200, self.page)
        said = headers.get("Authorization", "")
        return self._limited(said) or self._forbidden(said) or self._content(path)

    def _limited(self, said: str) -> _Answer | None:
        if time.time() >= self.reset:
            self.remaining, self.reset = 5000, time.time() + 3600
        if self.secondary:
            self.secondary -= 1
            return _refused(403, _SECOND, {"Retry-After": self.retry_after})
        if self.remaining <= 0:
            return _refused(403, f"API rate limit exceeded for {(said and 'user') or HOST}.")
        return None

    def _forbidden(self, said: str) -> _Answer | None:
        known = said == f"Bearer {self.token}" and bool(self.token)
        if said and not known:
            return _refused(401, "Bad credentials")
        if said and not self.rights:
            return _refused(403, "Resource not accessible by personal access token")
        return _refused(404, "Not Found") if self.private and not known else None

    def _content(self, path: str) -> _Answer:
        parts = urlsplit(path)
        homes = (f"/repos/{self.project}", self.moved_to or "/repos/ ")
        home = next((home for home in homes if parts.path.startswith(home)), None)
        rest = parts.path.removeprefix(home) if home else ""
        if (found := _NUMBER.match(rest)) and int(found[1]) in self.refused:
            return _refused(self.refused[int(found[1])], "Unavailable")
        if (found := _PULL.fullmatch(rest)) and int(found[1]) in self.pulls:
            return _Answer(200, self.pulls[int(found[1])])
        if (found := _TIMELINE.fullmatch(rest)) and int(found[1]) in self.timelines:
            return self._paged(parts.path, parse_qs(parts.query), int(found[1]))
        return _refused(404, "Not Found")

    def _paged(self, path: str, query: dict[str, list[str]], number: int) -> _Answer:
        size, page = (
            int(query.get(key, [d])[0]) for key, d in (("per_page", "30"), ("page", "1"))
        )
        events = [
            event | {"source": {"type": "issue", "issue": self._issue(event["by"])}}
            if "by" in event
            else event
            for event in self.timelines[number]
        ]
        end = page * size
        headers = {}
        if end < len(events):
            address = f"{self.root}{path}?per_page={size}&page="
            last = -(-len(events) // size)
            headers["Link"] = (
                f'<{address}{page + 1}>; rel="next", <{address}{last}>; rel="last"'
            )
        elif self.circles:
            headers["Link"] = f'<{self.root}{path}?per_page={size}&page=1>; rel="next"'
        return _Answer(200, events[end - size : end], headers)


def _raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> _Answer:
    body = {"message": message, "documentation_url": _DOCS, "status": str(status)}
    return _Answer(status, body, headers or {})
