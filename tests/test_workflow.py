"""The workflow of the nightly job: well formed, pinned, harmless, in words that vpatch has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from nights import BRANCH, begun
from support import git
from vpatch.cli.main import cli

if TYPE_CHECKING:
    from support import Desk

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


def stand_in(folder: Path) -> Path:
    """Make a gh that notes how it is called, and knows the pull requests of $OPEN."""
    gh = folder / "bin/gh"
    gh.parent.mkdir()
    gh.write_text(
        """#!/bin/bash
echo "$1 $2" >>"$CALLS"
while [ $# -gt 1 ]; do
  if [ "$1" = --jq ]; then jq -r "$2" <<<"${OPEN:-[]}"; fi
  shift
done
"""
    )
    gh.chmod(0o755)
    return gh


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ([], "pr create"),
        ([{"number": 7, "isCrossRepository": True}], "pr create"),
        ([{"number": n, "isCrossRepository": n == 7} for n in (7, 8)], "pr edit"),
    ],
)
def test_a_fork_with_a_branch_of_that_name(
    tmp_path: Path, there: list[dict[str, Any]], then: str
) -> None:
    """A stranger's pull request is not taken for the night's own."""
    (step,) = (one for one in jobs()["night"]["steps"] if "gh pr list" in one.get("run", ""))
    path = f"{stand_in(tmp_path).parent}:{os.environ['PATH']}"
    calls = tmp_path / "calls"
    told = {"OPEN": json.dumps(there), "CALLS": str(calls), "INTO": "main", "NEWS": "1"}
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=os.environ | told | {"PATH": path}, cwd=tmp_path, check=True)
    assert calls.read_text().splitlines() == ["pr list", then]


def test_nothing_that_fails_hides_the_news() -> None:
    """It is told once: neither the page's way out nor the pull request may keep it back."""
    steps = jobs()["night"]["steps"]
    names = [step.get("name", step.get("uses", "")) for step in steps]
    issue = names.index("Open the issue, or add to it")
    assert issue == names.index("Look at upstream") + 1
    assert all("!cancelled()" in step["if"] for step in steps if "gh pr" in step.get("run", ""))


def test_a_run(desk: Desk, tmp_path: Path) -> None:
    """Its scripts, in order, end with a pushed branch, a pull request and an issue."""
    with begun(desk, tmp_path) as nights:
        hub, place = tmp_path / "hub.git", nights.folder
        git(tmp_path, "clone", "-q", "--bare", str(place), str(hub))
        git(place, "remote", "add", "origin", str(hub))
        nights.bureau.forge.api.shut(40101)
        gh = stand_in(tmp_path)
        told = {"RELEASES": "v0.16.1..", "UPSTREAM": nights.bureau.forge.url}
        files = ("CALLS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        told |= {name: str(tmp_path / name) for name in files}
        told["PATH"] = f"{gh.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"

        def run(job: str, **more: str) -> None:
            for step in jobs()[job]["steps"]:
                if "run" in step and "pip install" not in step["run"]:
                    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
                    subprocess.run(command, env=desk.env | told | more, cwd=place, check=True)

        run("plan")
        for part in jobs()["matrix"]["strategy"]["matrix"]["part"]:
            run("matrix", PART=str(part))
        (place / "build/parts").mkdir(parents=True, exist_ok=True)
        for made in place.glob("part-*.json"):
            made.rename(place / "build/parts" / made.name)
        run("night", INTO="main", NEWS="1")
        outputs = (tmp_path / "GITHUB_OUTPUT").read_text().splitlines()
        assert outputs == [
            "release=v0.16.1",
            f"commit={nights.rev(BRANCH)}",
            "news=2",
            "wanted=1",
        ]
        assert "### Wants a person" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
        assert (tmp_path / "CALLS").read_text().splitlines() == [
            "auth setup-git",
            "label create",
            "issue list",
            "issue create",
            "pr list",
            "pr create",
        ]
        assert git(hub, "rev-parse", BRANCH) == nights.rev(BRANCH)
