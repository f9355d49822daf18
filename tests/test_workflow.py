"""The workflow of the nightly job: well formed, pinned, harmless, in words that vpatch has."""

from __future__ import annotations

import json
import os
import re
import shutil
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
    from nights import Nights
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
    """Only a job without any package may write; none keeps its checkout's credentials."""
    for name, job in jobs().items():
        rights = job["permissions"]
        assert ("write" in rights.values()) == (name == "tell")
        said = " ".join(step.get("run", "") for step in job["steps"])
        assert bool(re.search(r"\b(pip|python|vpatch) ", said)) == (name != "tell")
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
    (step,) = (one for one in jobs()["tell"]["steps"] if "gh pr list" in one.get("run", ""))
    path = f"{stand_in(tmp_path).parent}:{os.environ['PATH']}"
    calls = tmp_path / "calls"
    told = {"OPEN": json.dumps(there), "CALLS": str(calls), "INTO": "main", "NEWS": "1"}
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=os.environ | told | {"PATH": path}, cwd=tmp_path, check=True)
    assert calls.read_text().splitlines() == ["pr list", then]


def test_nothing_that_fails_hides_the_news() -> None:
    """It is told once: neither a push that fails nor the pull request may keep it back."""
    told = [step for step in jobs()["tell"]["steps"] if "gh " in step.get("run", "")]
    _push, issue, pull = told
    assert "gh issue" in issue["run"]
    assert "gh pr" in pull["run"]
    assert all("!cancelled()" in step["if"] for step in (issue, pull))
    (environment,) = (
        one for one in jobs()["night"]["steps"] if "environment.py" in one.get("run", "")
    )
    assert environment["continue-on-error"] is True


class Runner:
    """What runs the jobs, each in a fresh clone, as far as their scripts go."""

    def __init__(self, desk: Desk, nights: Nights, folder: Path) -> None:
        self.folder = folder
        self.hub = folder / "hub.git"
        git(folder, "clone", "-q", "--bare", str(nights.folder), str(self.hub))
        gh = stand_in(folder)
        self.env = desk.env | {
            "RELEASES": "v0.16.1..",
            "UPSTREAM": nights.bureau.forge.url,
            "PROVE": "v0.16.1",
            "PATH": f"{gh.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.env |= {
            name: str(folder / name)
            for name in ("CALLS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }

    def clone(self, job: str) -> Path:
        """Check the project out for a job."""
        place = self.folder / job
        shutil.rmtree(place, ignore_errors=True)
        git(self.folder, "clone", "-q", str(self.hub), str(place))
        return place

    def run(self, job: str, place: Path, **more: str) -> None:
        """Run the scripts of a job."""
        for step in jobs()[job]["steps"]:
            if "run" in step and not re.search("pip install|environment.py", step["run"]):
                command = ["bash", "-eo", "pipefail", "-c", step["run"]]
                subprocess.run(command, env=self.env | more, cwd=place, check=True)

    def night(self, **more: str) -> dict[str, str]:
        """Run all of it, and return the outputs of the night."""
        (self.folder / "GITHUB_OUTPUT").write_text("")
        self.run("plan", self.clone("plan"))
        night = self.clone("night")
        (night / "build/parts").mkdir(parents=True)
        for part in jobs()["matrix"]["strategy"]["matrix"]["part"]:
            place = self.clone("matrix")
            self.run("matrix", place, PART=str(part))
            name = f"part-{part}.json"
            shutil.copy(place / name, night / "build/parts" / name)
        self.run("night", night)
        lines = (self.folder / "GITHUB_OUTPUT").read_text().splitlines()
        found = dict(line.split("=", 1) for line in lines)
        tell = self.clone("tell")
        shutil.copytree(night / "build/night", tell / "build/night")
        self.run("tell", tell, BEFORE=found["before"], NEWS=found["news"], INTO="main", **more)
        return found


def test_a_run(desk: Desk, tmp_path: Path) -> None:
    """Its scripts, in order, end with a pushed branch, a pull request and an issue.

    The environment of the proofs could not be made, and that is told too. The next night
    knows by the branch what was told.
    """
    with begun(desk, tmp_path) as nights:
        runner = Runner(desk, nights, tmp_path)
        nights.bureau.forge.api.shut(40101)
        found = runner.night()
        tip = git(runner.hub, "rev-parse", BRANCH)
        assert found == {
            "release": "v0.16.1",
            "before": "",
            "commit": tip,
            "news": "3",
            "wanted": "2",
        }
        assert git(runner.hub, "rev-parse", f"{BRANCH}^") == nights.rev("HEAD")
        summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
        assert "### Wants a person" in summary
        assert "could not look at the proofs" in summary
        assert (tmp_path / "CALLS").read_text().splitlines() == [
            "auth setup-git",
            "label create",
            "issue list",
            "issue create",
            "pr list",
            "pr create",
        ]
        # The night behind it has nothing to tell, and pushes what is there.
        found = runner.night()
        assert (found["before"], found["commit"]) == (tip, tip)
        assert (found["news"], found["wanted"]) == ("0", "0")
        nights.bureau.forge.api.shut(40102)
        found = runner.night()
        assert (found["before"], found["news"], found["wanted"]) == (tip, "1", "1")
        assert git(runner.hub, "rev-parse", BRANCH) == found["commit"] != tip
