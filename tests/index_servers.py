"""A package index on a bad day: slow, broken, behind a login; and a desk that uses it."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import requests

from support import Desk, IndexServer

if TYPE_CHECKING:
    from vpatch.jobs.bases import Progress

HOST = "127.0.0.1"


class Gate:
    """Stands before an index and lets answers through, as a proxy does.

    Args:
        index: The index behind it.
        login: ``user:password`` that is asked for; empty for none.
    """

    def __init__(self, index: IndexServer, login: str = "") -> None:
        self.status = 0
        """Answer everything with this HTTP status, where it is not 0."""
        self.body: bytes | None = None
        """Answer everything with this, where it is not None."""
        self.kind = "text/plain"
        """Content type of `body`."""
        self.slow = ""
        """Of a path that holds this, send half and wait for `open`."""
        self.half_sent = threading.Event()
        self.open = threading.Event()
        self._login = login
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = "Basic " + base64.b64encode(login.encode()).decode()
                if login and self.headers.get("Authorization") != wanted:
                    self._answer(401, "text/plain", b"who is it?")
                elif gate.status:
                    self._answer(gate.status, "text/plain", b"no")
                elif gate.body is not None:
                    self._answer(200, gate.kind, gate.body)
                else:
                    self._pass(index.url.removesuffix("/simple/") + self.path)

            def _pass(self, address: str) -> None:
                reply = requests.get(address, timeout=30)
                kind = reply.headers["Content-Type"]
                self._answer(reply.status_code, kind, reply.content)

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if gate.slow and gate.slow in self.path:
                    half = len(body) // 2
                    self.wfile.write(body[:half])
                    gate.half_sent.set()
                    gate.open.wait(30)
                    body = body[half:]
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: object) -> None:
                """Say nothing of clients that were killed."""

        self._http = Server((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The index's address, as pip takes it, with the login in it."""
        login = f"{self._login}@" if self._login else ""
        return f"http://{login}{HOST}:{self._http.server_address[1]}/simple/"

    def close(self) -> None:
        """Stop serving."""
        self.open.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@dataclass
class DeskWith(Desk):
    """A desk whose user has set more variables."""

    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The user's environment."""
        return super().env | self.extra


def desk_with(desk: Desk, **extra: str) -> DeskWith:
    """Return a desk with more variables set."""
    return DeskWith(desk.folder, desk.cache, desk.home, desk.index, extra)


class Told:
    """Takes note of what people are told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        """How far a job was, each time that somebody told."""
        self.counted = 0

    def say(self, line: str) -> None:
        """Note a line."""
        self.lines.append(line)

    def track(self, what: str, total: int | None) -> Self:
        """Note the beginning of a job, and count its bytes."""
        self.lines.append(f"{what} ({total})")
        self.counted = 0
        return self

    def note(self, words: str) -> None:
        """Note how far a job is."""
        self.words.append(words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def update(self, increment: int) -> None:
        """Count bytes."""
        self.counted += increment


if TYPE_CHECKING:
    _IS_PROGRESS: Progress = Told()
