"""Servers that keep people waiting: they take no connection, say nothing, or say it slowly."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from git_servers import HOST

if TYPE_CHECKING:
    from collections.abc import Callable


class _Server:
    """A socket that somebody waits at, closed at the end of its context."""

    def __init__(self, backlog: int) -> None:
        self.socket = socket.socket()
        self.socket.bind((HOST, 0))
        self.socket.listen(backlog)

    @property
    def place(self) -> str:
        """Its host and port."""
        return f"{HOST}:{self.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


class Hole(_Server):
    """Takes no connection, as a firewall that drops whatever comes."""

    def __init__(self) -> None:
        super().__init__(0)
        self._waiting = [socket.socket() for _ in range(4)]
        for one in self._waiting:
            one.settimeout(0)
            with suppress(BlockingIOError):
                one.connect(self.socket.getsockname())

    def __exit__(self, *error: object) -> None:
        for one in self._waiting:
            one.close()
        super().__exit__()


class Speaker(_Server):
    """Takes every connection and does one thing with it, until it is closed.

    Args:
        serve: Given a connection, and what tells that all is over.
    """

    def __init__(self, serve: Callable[[socket.socket, threading.Event], None]) -> None:
        super().__init__(20)
        self.over = threading.Event()
        self.met = threading.Event()
        """Whether somebody has come."""
        self._serve = serve
        self._threads: list[threading.Thread] = []
        self._take = threading.Thread(target=self._taken, daemon=True)
        self._take.start()

    def _taken(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self.socket.accept()
                self.met.set()
                thread = threading.Thread(target=self._served, args=(one,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _served(self, one: socket.socket) -> None:
        with one, suppress(OSError):
            self._serve(one, self.over)

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        super().__exit__()
        for thread in (self._take, *self._threads):
            thread.join()


def silent(_one: socket.socket, over: threading.Event) -> None:
    """Say nothing."""
    over.wait()


def dribbling(head: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Return what answers HTTP bit by bit, and never with all of it.

    Args:
        head: More of the answer's head.
    """

    def serve(one: socket.socket, over: threading.Event) -> None:
        one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n%s\r\n\r\n" % head)
        while not over.wait(0.01):
            one.sendall(b" " * 2000)

    return serve


def alive(words: str) -> list[str]:
    """Return the command lines of this machine's processes in which words are."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line:
            found.append(line)
    return found
