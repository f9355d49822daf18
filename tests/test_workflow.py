"""The workflow of the nightly job: well formed, pinned, harmless, in words that vpatch has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from vpatch.cli.main import cli

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github/workflows/nightly.yml"
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def jobs() -> dict[str, Any]:
    """Return the jobs of the workflow by name."""
    found: dict[str, Any] = YAML(typ="safe").load(WORKFLOW)["jobs"]
    return found


def scripts() -> list[str]:
    """Return the lines that the jobs run."""
    return [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]


def tool(name: str, *args: str) -> None:
    """Run a tool of the test environment; it finds nothing to complain of."""
    command = [str(Path(sys.executable).parent / name), *args, str(WORKFLOW)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_is_a_workflow() -> None:
    """By the schema that check-jsonschema brings along."""
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows")


def test_it_is_harmless() -> None:
    """By zizmor, which finds no injection, no credentials that stay, no right too many."""
    tool("zizmor", "--offline", "--no-config", "--persona=pedantic")


def test_each_action_is_pinned() -> None:
    """By its full commit, with the release that it is."""
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert len(used) > 5
    assert [one for one in used if not PINNED.fullmatch(one)] == []


def test_rights() -> None:
    """Only the night itself may write, and no job keeps the credentials of its checkout."""
    for name, job in jobs().items():
        rights = job["permissions"]
        assert ("write" in rights.values()) == (name == "night")
        checkouts = [s for s in job["steps"] if "actions/checkout" in s.get("uses", "")]
        assert [one["with"]["persist-credentials"] for one in checkouts] == [False]


@pytest.mark.parametrize("script", scripts())
def test_scripts(script: str) -> None:
    """They are shell, take no expression into it, and call vpatch by options that it has."""
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "${{" not in script
    with cli.make_context("vpatch", ["--version"], resilient_parsing=True) as context:
        for verb, rest in re.findall(r"vpatch (?:--upstream \S+ )?([a-z]+) ([^|>\n]*)", script):
            command = cli.get_command(context, verb)
            assert command is not None
            known = {name for option in command.params for name in option.opts}
            said = rest
            if "options[@]" in rest:
                said += " ".join(re.findall(r"options\+?=\((.*)\)", script))
            assert set(re.findall(r"--[a-z]+", said)) <= known
