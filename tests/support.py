"""A small vLLM with releases, served as the real one is: a package index, git remotes, patches.

Everything is real but for its size: archives are gzipped tars behind HTTP, repositories are
made by git, and vpatch runs as its own process where a scenario is told.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from vpatch.doors.git import Repo, init
from vpatch.values.base import Base
from vpatch.values.patch import read_patch
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYPROJECT = '[project]\nname = "vllm"\n'

Files = dict[str, str]
"""Path to content."""


def lines(first: int, last: int, **changed: str) -> str:
    """Return numbered lines, some of them replaced: ``lines(1, 30, l7="seven")``."""
    return "".join(f"{changed.get(f'l{n}', f'line {n}')}\n" for n in range(first, last + 1))


def git(folder: Path, *args: str, stdin: str | None = None) -> str:
    """Run git in a folder as a user would, with an identity, and return what it prints."""
    env = os.environ | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *args]
    # Not as text, for which Python would change the ends of lines.
    said = stdin.encode() if stdin else None
    ran = subprocess.run(command, env=env, input=said, capture_output=True, check=False)
    assert ran.returncode == 0, f"{args}: {ran.stderr.decode()}"
    return ran.stdout.decode().rstrip("\n")


class Project:
    """A git repository in which patches are made by committing, as their authors do it."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        git(folder, "init", "-q")
        self.commit("start", files)

    @classmethod
    def there(cls, folder: Path) -> Project:
        """Return a project that is there already, such as a copy of another."""
        project = cls.__new__(cls)
        project.folder = folder
        return project

    def commit(self, subject: str, files: Mapping[str, str | None]) -> str:
        """Write files (None deletes one), commit them, and return the commit's id."""
        for path, content in files.items():
            place = self.folder / path
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode())
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", subject)
        return git(self.folder, "rev-parse", "HEAD")

    def patch(self, subject: str, files: Mapping[str, str | None]) -> bytes:
        """Commit a change and return it as the mail that git format-patch writes."""
        self.commit(subject, files)
        command = ["format-patch", "-1", "--stdout", "--zero-commit", "--full-index"]
        command += ["--no-signature", "--no-stat", "--keep-subject", "-M"]
        return git(self.folder, *command).encode() + b"\n"

    def tried(self, *args: str) -> bool:
        """Run a git command that may fail, and return whether it did not."""
        try:
            git(self.folder, *args)
        except AssertionError:
            return False
        return True

    def back(self, commit: str) -> None:
        """Return to a commit, so that the next patch does not build on the last."""
        git(self.folder, "checkout", "-q", commit)


@dataclass
class Upstream:
    """A store with releases in it, for tests of the replay."""

    repo: Repo
    bases: dict[str, Base] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> Upstream:
        """Make an empty store."""
        init(folder, bare=True)
        return cls(Repo(folder))

    def release(self, name: str, files: Mapping[str, str]) -> Base:
        """Add a release with these files."""
        pack = [b"commit refs/vpatch/index/vllm/%s\n" % name.encode()]
        pack.append(b"committer vpatch <vpatch@localhost> 1700000000 +0000\ndata 1\nx\n")
        pack.append(b"deleteall\n")
        for path, content in files.items():
            raw = content.encode()
            pack.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (path.encode(), len(raw), raw))
        self.repo.run("fast-import", "--quiet", "--force", stdin=b"".join(pack))
        commit = self.repo.resolve(f"refs/vpatch/index/vllm/{name}")
        assert commit is not None
        base = Base(name, commit, f"vllm-{name[1:]}.tar.gz")
        self.bases[name] = base
        return base


def series_of(base: Base | None, patches: Mapping[str, bytes]) -> Series:
    """Return a series of patches given by name."""
    return Series(base, tuple(read_patch(name, raw) for name, raw in patches.items()))


def sdist(version: str, files: Mapping[str, str]) -> bytes:
    """Return a source distribution as setuptools makes it, generated files included."""
    whole = {"pyproject.toml": PYPROJECT, "vllm/__init__.py": ""} | dict(files)
    whole |= {
        "PKG-INFO": f"Metadata-Version: 2.4\nName: vllm\nVersion: {version}\n",
        "vllm.egg-info/PKG-INFO": "",
        "setup.cfg": "[egg_info]\ntag_build = \ntag_date = 0\n\n",
        "vllm/_version.py": f"# file generated by setuptools-scm\n__version__ = {version!r}\n",
    }
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for path, content in whole.items():
            member = tarfile.TarInfo(f"vllm-{version}/{path}")
            raw = content.encode()
            member.size, member.mode, member.mtime = len(raw), 0o664, 1_700_000_000
            tar.addfile(member, io.BytesIO(raw))
    return target.getvalue()


class IndexServer:
    """A package index on loopback, in the form of PEP 691, over real HTTP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        """Every path that was asked for."""
        self._files: dict[str, list[dict[str, Any]]] = {}
        (folder / "simple").mkdir(parents=True)
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, directory=str(folder), **kwargs)

            def do_GET(self) -> None:
                server.asked.append(self.path)
                super().do_GET()

            def guess_type(self, path: Any) -> str:
                json_type = "application/vnd.pypi.simple.v1+json"
                return json_type if str(path).endswith("index.html") else "application/gzip"

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The index's address, as pip takes it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/simple/"

    def add(self, version: str, archive: bytes, *, sha256: str | None = None) -> None:
        """Publish a source distribution, with its own digest or another."""
        name = f"vllm-{version}.tar.gz"
        (self.folder / name).write_bytes(archive)
        digest = sha256 or hashlib.sha256(archive).hexdigest()
        self.publish({"filename": name, "url": f"../../{name}", "hashes": {"sha256": digest}})

    def publish(self, entry: dict[str, Any], *, project: str = "vllm") -> None:
        """Publish any file by its PEP 691 entry."""
        files = self._files.setdefault(project, [])
        files.append({"requires-python": None, "yanked": False} | entry)
        page = {"meta": {"api-version": "1.0"}, "name": project, "files": files}
        place = self.folder / "simple" / project / "index.html"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(page))

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@dataclass
class Desk:
    """A user's place: a project's folder, a cache, an index, and the command."""

    folder: Path
    cache: Path
    home: Path
    index: IndexServer
    more: dict[str, str] = field(default_factory=dict)
    """Variables on top of the rest."""

    @property
    def env(self) -> dict[str, str]:
        """The user's environment, with nothing of this machine's in it."""
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        return kept | {
            "VPATCH_CACHE_DIR": str(self.cache),
            "PIP_INDEX_URL": self.index.url,
            "PIP_CONFIG_FILE": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.more,
        }

    def command(self, *args: str) -> list[str]:
        """Return the command line of a call in the project's folder."""
        return [sys.executable, "-m", "vpatch", "-C", str(self.folder), *args]

    def run(self, *args: str, status: int | None = 0) -> Ran:
        """Run vpatch to its end; its status must be the given one, if one is."""
        ran = subprocess.run(
            self.command(*args), env=self.env, capture_output=True, text=True, check=False
        )
        found = Ran(ran.returncode, ran.stdout, ran.stderr)
        assert status is None or ran.returncode == status, f"{args}: {found}"
        return found

    def inside(self, *args: str, status: int = 0) -> Ran:
        """Run vpatch as most do: in the project's folder, without naming it."""
        ran = subprocess.run(
            [sys.executable, "-m", "vpatch", *args],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == status, f"{args}: {ran}"
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def at_once(self, *calls: Sequence[str]) -> list[Ran]:
        """Start several runs together; each must end well."""
        runs = [
            subprocess.Popen(
                self.command(*call),
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for call in calls
        ]
        said = [run.communicate() for run in runs]
        assert [run.returncode for run in runs] == [0] * len(runs), said
        return [Ran(0, out, err) for out, err in said]

    def json(self, *args: str, status: int | None = 0) -> Any:
        """Run a verb with --json and return its answer."""
        return json.loads(self.run(*args, "--json", status=status).out)

    def write_series(
        self, name: str, patches: Mapping[str, bytes], *, commit: str = "0" * 40
    ) -> Path:
        """Write a series folder and return it."""
        folder = self.folder / "patches" / name
        folder.mkdir(parents=True, exist_ok=True)
        head = [f"# This series applies on vLLM {name} ({commit})"]
        (folder / "series").write_text("\n".join([*head, *patches]) + "\n")
        for patch, raw in patches.items():
            (folder / patch).write_bytes(raw)
        return folder


@dataclass(frozen=True)
class Ran:
    """What a run of vpatch left."""

    status: int
    out: str
    err: str


def tree_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder but git's own, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
