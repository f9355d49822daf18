"""Real git servers on loopback: git-daemon(1), and git-http-backend(1) behind HTTP."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import threading
import time
from copy import copy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

from support import Project, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "127.0.0.1"


class GitServer(Protocol):
    """Serves the repositories of a folder."""

    @property
    def url(self) -> str:
        """Address of the folder, without a slash at its end."""

    def close(self) -> None:
        """Stop serving."""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
    return port


class Daemon:
    """git's own protocol, by ``git daemon``."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        command = ["git", "daemon", "--export-all", "--reuseaddr", f"--base-path={folder}"]
        command += [f"--listen={HOST}", f"--port={self._port}", str(folder)]
        # A group of its own: it starts a process per connection, and all end with it.
        self._process = subprocess.Popen(command, process_group=0, stderr=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self._port)) == 0

    @property
    def url(self) -> str:
        """Address of the folder."""
        return f"git://{HOST}:{self._port}"

    def close(self) -> None:
        """Stop serving."""
        os.killpg(self._process.pid, 15)
        self._process.wait()


class Http:
    """Smart HTTP: ``git http-backend`` as CGI behind a small HTTP server.

    Args:
        folder: The folder of the repositories.
        login: ``user:password`` that is asked for; empty for none.
    """

    def __init__(self, folder: Path, login: str = "") -> None:
        self.asked: list[str] = []
        """Method and path of every request."""
        self.hold: Callable[[str], object] = str
        """Called before each answer; what it waits for, the client waits for."""
        self.half = 0.0
        """Send only this part of each pack, then keep silent until `close`."""
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(f"{self.command} {self.path}")
                wanted = "Basic " + base64.b64encode(login.encode()).decode()
                if login and self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.end_headers()
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.hold(self.path)
                answer = _cgi(folder, self, body)
                head, _, content = answer.partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(fields.pop("Status", "200").split()[0]))
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                if server.half and b"packfile" in content:
                    self.wfile.write(content[: int(len(content) * server.half)])
                    server.wait(30)
                else:
                    self.wfile.write(content)

            do_POST = do_GET  # noqa: N815, the standard library's name

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: object) -> None:
                """Say nothing of clients that were killed."""

        self.wait = self._closed.wait
        self._server = Server((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def packs(self) -> int:
        """How often objects or names were asked for, since the list was cleared."""
        return sum(line.startswith("POST") for line in self.asked)

    @property
    def url(self) -> str:
        """Address of the folder."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _cgi(folder: Path, request: Any, body: bytes) -> bytes:
    path, _, query = request.path.partition("?")
    env = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "REMOTE_ADDR": HOST,
    }
    env["CONTENT_LENGTH"] = str(len(body))
    command = ["git", "http-backend"]
    # It fails where it answers that something is not there; the answer is what counts.
    return subprocess.run(command, env=env, input=body, capture_output=True, check=False).stdout


class Origin(Project):
    """A project with a few commits, and the bare repository that servers show of it."""

    def __init__(self, folder: Path, served: Path, *, filters: bool = True) -> None:
        super().__init__(folder, {"pyproject.toml": '[project]\nname = "vllm"\n'})
        self.served = served
        git(folder, "clone", "-q", "--bare", str(folder), str(served))
        git(served, "config", "uploadpack.allowFilter", str(filters).lower())
        git(folder, "remote", "add", "origin", str(served))

    def beside(self, folder: Path, served: Path) -> Origin:
        """Return a copy of the project, and of what servers show of it."""
        found = copy(self)
        found.folder, found.served = folder, served
        shutil.copytree(self.folder, folder)
        shutil.copytree(self.served, served)
        git(folder, "remote", "set-url", "origin", str(served))
        return found

    def push(self) -> None:
        """Show the project's branches and tags to the world as they are now."""
        git(self.folder, "push", "-q", "--force", "--prune", "origin", "refs/*:refs/*")


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: It did not become so.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{true} stayed false for {seconds} s")
        time.sleep(0.01)
