"""GitHub Actions on this machine, as far as the nightly workflow uses it.

Conditions, results and order are GitHub's (docs.github.com: "Workflow syntax for GitHub
Actions", "Evaluate expressions in workflows and actions"), and so are caches and artifacts:
a cache is found by its key, else by the newest that begins with one of the others, and what
was saved once is never changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from hub import Hub
from support import git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nights import Nights
    from support import Desk

WORKFLOW = Path(__file__).parent.parent / ".github/workflows/nightly.yml"
_COMPARED = re.compile(r"(\S+) (==|!=|>) (\S+)")
_SPOKEN = re.compile(r"\$\{\{ ([^ }]+) \}\}")
_STATUS = {
    "success()": {"success"},
    "failure()": {"failure"},
    "!cancelled()": {"success", "failure", "skipped"},
}
"""What became of all before, where a function is true."""
_ELSEWHERE = "pip install"
"""What a job runs that is done for all of them."""


@cache
def jobs() -> dict[str, Any]:
    """Return the jobs of the workflow by name."""
    found: dict[str, Any] = YAML(typ="safe").load(WORKFLOW)["jobs"]
    return found


def holds(condition: str, status: str, known: Mapping[str, str]) -> bool:
    """Evaluate the condition of a job or a step.

    Args:
        condition: What stands behind ``if:``; empty for nothing.
        status: What became of all before: "success", "failure", "skipped" where one was and
            none failed, or "cancelled".
        known: The contexts, by dotted name; what is not there is empty.
    """
    text = condition.strip().removeprefix("${{").removesuffix("}}").strip()
    if not any(name in text for name in _STATUS) and status != "success":
        # Where no function is named, success() is meant.
        return False
    return not text or any(
        all(_term(term.strip(), status, known) for term in part.split("&&"))
        for part in text.split("||")
    )


def _term(term: str, status: str, known: Mapping[str, str]) -> bool:
    if term in _STATUS:
        return status in _STATUS[term]
    found = _COMPARED.fullmatch(term)
    assert found, f"nobody here knows how to evaluate {term!r}"
    left, right = _value(found[1], known), _value(found[3], known)
    if found[2] == ">":
        return int(left or 0) > int(right)
    return (left == right) == (found[2] == "==")


def _value(text: str, known: Mapping[str, str]) -> str:
    return text.strip("'") if re.fullmatch(r"'.*'|\d+", text) else known.get(text, "")


def runs(name: str, results: Mapping[str, str], known: Mapping[str, str]) -> bool:
    """Return whether a job runs.

    Args:
        name: The job.
        results: What became of those before it: a function like ``success()`` asks all that
            it needs, and all that these need.
        known: The contexts, by dotted name.
    """
    there = jobs()
    found = {results[one] for one in _above(name)}
    status = next((one for one in ("failure", "skipped") if one in found), "success")
    told = {f"needs.{one}.result": results[one] for one in _needs(name)}
    return holds(there[name].get("if", ""), status, {**known, **told})


def _needs(name: str) -> list[str]:
    found = jobs()[name].get("needs", [])
    return [found] if isinstance(found, str) else list(found)


def _above(name: str) -> set[str]:
    return {one for direct in _needs(name) for one in {direct} | _above(direct)}


class Runner:
    """What runs the workflow, each job in a fresh clone.

    Args:
        desk: A user's place, with the package index.
        nights: The project.
        folder: Where all of it lies.
    """

    def __init__(self, desk: Desk, nights: Nights, folder: Path) -> None:
        self._folder = folder / "actions"
        self._folder.mkdir()
        self.remote = self._folder / "hub.git"
        git(folder, "clone", "-q", "--bare", str(nights.folder), str(self.remote))
        self.hub = Hub(self._folder)
        programs = (self.hub.bin, Path(sys.executable).parent, os.environ["PATH"])
        self._env = (
            desk.env
            | self.hub.env
            | {
                "RELEASES": "v0.16.1..",
                "UPSTREAM": nights.bureau.forge.url,
                "PROVE": "v0.16.1",
                "PATH": ":".join(map(str, programs)),
            }
        )
        self.known = {
            "github.event_name": "schedule",
            "github.ref_name": "main",
            "github.repository": "ada/patches",
            "github.run_id": "0",
            "github.server_url": "https://github.com",
            "env.PROVE": "v0.16.1",
        }
        self.caches: dict[str, Path] = {}
        """By key, the newest last."""
        self.breaks = ""
        """The name of a step that fails before it begins."""
        self.leaves_out: set[str] = set()
        """Names of jobs and steps that count as done."""
        self.outputs: dict[str, str] = {}
        """Those of all jobs of the last run, as other jobs name them."""

    def night(self) -> dict[str, str]:
        """Run all of it, and return what became of each job."""
        self.known["github.run_id"] = str(int(self.known["github.run_id"]) + 1)
        shutil.rmtree(self._folder / "artifacts", ignore_errors=True)
        (self._folder / "summary").write_text("")
        self.outputs = {}
        results: dict[str, str] = {}
        for name, job in jobs().items():
            if not runs(name, results, self.known | self.outputs):
                results[name] = "skipped"
                continue
            if name in self.leaves_out:
                results[name] = "success"
                continue
            told = {f"needs.{one}.result": results[one] for one in _needs(name)}
            parts = job.get("strategy", {}).get("matrix", {}).get("part", [""])
            ends = {self._job(name, {**told, "matrix.part": str(part)}) for part in parts}
            results[name] = "failure" if "failure" in ends else "success"
        return results

    def summary(self) -> str:
        """Return what the last run shows on its page."""
        return (self._folder / "summary").read_text()

    def _job(self, name: str, told: Mapping[str, str]) -> str:
        """Run the steps of a job, and return what became of it."""
        job, place, status = jobs()[name], self._clone(name), "success"
        known = {**self.known, **self.outputs, **told}
        for step in job["steps"]:
            if not holds(str(step.get("if", "")), status, known):
                continue
            outputs: dict[str, str] = {}
            ended = "success" if self._step(step, place, known, outputs) else "failure"
            mine = {"outcome": ended} | {
                f"outputs.{key}": said for key, said in outputs.items()
            }
            known |= {f"steps.{step.get('id')}.{key}": said for key, said in mine.items()}
            if ended == "failure" and not _forgiven(step, known):
                status = "failure"
        for key, value in job.get("outputs", {}).items():
            self.outputs[f"needs.{name}.outputs.{key}"] = _spoken(value, known)
        return status

    def _clone(self, name: str) -> Path:
        """Check the project out for a job, as deep as it asks for."""
        place = self._folder / name
        shutil.rmtree(place, ignore_errors=True)
        (checkout,) = (
            one for one in jobs()[name]["steps"] if "/checkout" in one.get("uses", "")
        )
        depth = [] if checkout["with"].get("fetch-depth") == 0 else ["--depth=1"]
        git(self._folder, "clone", "-q", *depth, self.remote.as_uri(), str(place))
        return place

    def _step(
        self, step: Any, place: Path, known: Mapping[str, str], outputs: dict[str, str]
    ) -> bool:
        """Run a step, note what it puts out, and return whether it went well."""
        if (name := step.get("name")) in {self.breaks, *self.leaves_out}:
            return bool(name != self.breaks)
        if "uses" in step:
            told = {
                key: _spoken(str(said), known) for key, said in step.get("with", {}).items()
            }
            action = re.fullmatch(r"actions/([a-z/-]+)@.*", step["uses"])
            assert action
            return self._use(action[1], told, place, outputs)
        if _ELSEWHERE in step["run"]:
            return True
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        env = self._env | {name: str(self._folder / file) for name, file in files.items()}
        env |= {
            "VPATCH_CACHE_DIR": str(place / ".vpatch"),
            "PART": known.get("matrix.part", ""),
        }
        env |= {name: _spoken(said, known) for name, said in step.get("env", {}).items()}
        (self._folder / "output").write_text("")
        # As GitHub does where the shell is named.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ran = subprocess.run(command, env=env, cwd=place, check=False)
        lines = (self._folder / "output").read_text().splitlines()
        outputs |= dict(line.split("=", 1) for line in lines)
        return ran.returncode == 0

    def _use(
        self, action: str, told: Mapping[str, str], place: Path, outputs: dict[str, str]
    ) -> bool:
        """Do what an action does, as far as files are to come and go."""
        if action.startswith("cache/"):
            if told["path"] == ".vpatch":
                self._cache(action, told, place / told["path"], outputs)
            return True
        if action not in ("upload-artifact", "download-artifact"):
            return True
        there, here = self._folder / "artifacts", place / told["path"]
        if action == "upload-artifact":
            if here.is_dir():
                shutil.copytree(here, there / told["name"])
            elif here.exists():
                (there / told["name"]).mkdir(parents=True)
                shutil.copy(here, there / told["name"])
            return True
        found = list(there.glob(told.get("name") or told["pattern"]))
        for one in found:
            shutil.copytree(one, here, dirs_exist_ok=True)
        return bool(found)

    def _cache(
        self, action: str, told: Mapping[str, str], here: Path, outputs: dict[str, str]
    ) -> None:
        key, others = told["key"], told.get("restore-keys", "").split()
        if action == "cache/save":
            if key not in self.caches and here.exists():
                self.caches[key] = self._folder / "caches" / key
                shutil.copytree(here, self.caches[key])
            return
        newest = list(self.caches)[::-1]
        found = [kept for kept in newest if kept == key]
        found += [kept for begin in others for kept in newest if kept.startswith(begin)]
        if found:
            shutil.copytree(self.caches[found[0]], here)
        outputs["cache-hit"] = str(key in self.caches).lower()


def _spoken(text: str, known: Mapping[str, str]) -> str:
    return _SPOKEN.sub(lambda found: known.get(found[1], ""), text)


def _forgiven(step: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    said = step.get("continue-on-error", False)
    return said if isinstance(said, bool) else holds(said, "success", known)
