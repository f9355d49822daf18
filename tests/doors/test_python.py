"""The door to another Python environment: what a program that runs there is told."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from vpatch.doors.python import run

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = "https://bot:SECRET@127.0.0.1/simple"


def told(folder: Path, **more: str) -> dict[str, str]:
    """Return the variables that a program gets."""
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    ran = run([sys.executable, "-c", code], env=more, cwd=folder, seconds=60)
    assert ran.status == 0
    found: dict[str, str] = json.loads(ran.output)
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", "SECRET"),
        ("GH_TOKEN", "SECRET"),
        ("HF_TOKEN", "SECRET"),
        ("GITHUB_ENV", "/home/runner/set_env"),
        ("ACTIONS_RUNTIME_URL", "http://127.0.0.1/"),
        ("AWS_SECRET_ACCESS_KEY", "SECRET"),
        ("CLIENT_SECRET", "SECRET"),
        ("Db_Password", "SECRET"),
        ("PIP_INDEX_URL", LOGIN),
        ("PIP_EXTRA_INDEX_URL", f"http://127.0.0.1/a {LOGIN}"),
        ("HTTPS_PROXY", "http://SECRET@127.0.0.1:3128"),
        ("PYTHONPATH", "/elsewhere"),
    ],
)
def test_what_is_not_for_a_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """In it runs what upstream wrote: it is told no secret, and where no modules are."""
    monkeypatch.setenv(name, value)
    assert name not in told(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VLLM_LOGGING_LEVEL", "DEBUG"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("HF_HOME", "/models"),
        ("PIP_INDEX_URL", "https://127.0.0.1/simple"),
        ("MAIL", "bot@127.0.0.1"),
    ],
)
def test_what_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """All the rest, and what vpatch itself sets, whatever its name."""
    monkeypatch.setenv(name, value)
    found = told(tmp_path, PYTHONPATH="/overlay")
    assert (found[name], found["PYTHONPATH"]) == (value, "/overlay")
