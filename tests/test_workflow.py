"""The workflow of the nightly job: well formed, pinned, harmless, in words that vpatch has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actions import WORKFLOW, Runner, jobs, runs
from hub import Hub
from nights import BRANCH, C, begun
from support import git, lines, sdist
from vpatch.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nights import Nights
    from support import Desk

PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


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
        for verb, rest in re.findall(
            r"vpatch (?:--upstream \S+ |-C \S+ )*([a-z]+) ([^|>\n]*)", script
        ):
            command = cli.get_command(context, verb)
            assert command is not None
            known = {name for option in command.params for name in option.opts}
            said = rest
            if "options[@]" in rest:
                said += " ".join(re.findall(r"options\+?=\((.*)\)", script))
            assert set(re.findall(r"--[a-z]+", said)) <= known


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
    hub = Hub(tmp_path)
    for one in there:
        hub.add("pulls", **one)
    (tmp_path / "build/night").mkdir(parents=True)
    command = ["bash", "-eo", "pipefail", "-c", step["run"]]
    env = hub.env | {"COMMIT": "abc", "INTO": "main"}
    subprocess.run(command, env=env, cwd=tmp_path, check=True)
    assert [call for call in hub.calls() if call != "pr view"] == ["pr list", then]


@pytest.mark.parametrize(
    ("results", "then"),
    [
        ({"plan": "success", "matrix": "success", "night": "success"}, {"night", "tell"}),
        ({"plan": "success", "matrix": "failure", "night": "success"}, {"night", "tell"}),
        ({"plan": "failure", "matrix": "skipped", "night": "success"}, {"night", "tell"}),
        ({"plan": "success", "matrix": "success", "night": "failure"}, {"night", "tell"}),
        # As where its time was up.
        ({"plan": "success", "matrix": "success", "night": "cancelled"}, {"night", "tell"}),
        ({"plan": "skipped", "matrix": "skipped", "night": "skipped"}, set()),
    ],
)
def test_what_runs_behind_what(results: dict[str, str], then: set[str]) -> None:
    """A job that failed keeps neither the night back nor what it tells."""
    assert {name for name in ("night", "tell") if runs(name, results, {})} == then
    assert runs("matrix", results, {}) == (results["plan"] == "success")


@pytest.mark.parametrize(
    ("event", "branch", "then"),
    [
        ("workflow_dispatch", "main", True),
        ("workflow_dispatch", "topic", False),
        ("workflow_dispatch", BRANCH, False),
        ("schedule", "main", True),
    ],
)
def test_where_it_runs(event: str, branch: str, then: bool) -> None:  # noqa: FBT001, a table
    """On the default branch alone, whose name GitHub tells of a start by hand only."""
    known = {"github.event_name": event, "github.ref_name": branch}
    if event != "schedule":
        known["github.event.repository.default_branch"] = "main"
    assert runs("plan", {}, known) == then


def test_without_an_environment_for_the_proofs() -> None:
    """There is a night all the same."""
    (environment,) = (
        one for one in jobs()["night"]["steps"] if "environment.py" in one.get("run", "")
    )
    assert environment["continue-on-error"] is True


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Make a project whose first pull request was closed."""
    with begun(desk, tmp_path) as found:
        found.bureau.forge.api.shut(40101)
        yield found


@pytest.fixture
def runner(desk: Desk, nights: Nights, tmp_path: Path) -> Runner:
    """Make what runs the workflow."""
    return Runner(desk, nights, tmp_path)


@pytest.fixture
def teller(runner: Runner) -> Runner:
    """Make what runs only as much of it as a night's news need."""
    runner.leaves_out = {"plan", "matrix", "Ask upstream"}
    return runner


CLOSED = "(Edit {}) was closed, and not merged`"
ALL = dict.fromkeys(("plan", "matrix", "night", "tell"), "success")


def test_a_run(nights: Nights, runner: Runner) -> None:
    """It ends with an issue, a pushed branch and a pull request.

    The environment of the proofs could not be made, and that is told too. The next night
    knows by the branch what was told.
    """
    assert runner.night() == ALL
    tip = git(runner.remote, "rev-parse", BRANCH)
    assert git(runner.remote, "rev-parse", "refs/vpatch/told/nightly") == tip
    assert runner.outputs == {
        "needs.night.outputs.before": "",
        "needs.night.outputs.commit": tip,
        "needs.night.outputs.files": "6",
        "needs.night.outputs.wanted": "2",
    }
    assert git(runner.remote, "rev-parse", f"{BRANCH}^") == nights.rev("HEAD")
    assert "### Wants a person" in runner.summary()
    assert "could not look at the proofs" in runner.summary()
    told = ["label create", "issue list", "issue create", "auth setup-git"]
    assert runner.hub.calls() == [*told, "pr list", "pr create"]
    (issue,), (pull,) = runner.hub.issues, runner.hub.pulls
    assert CLOSED.format("a") in issue[0]
    assert pull == f"{issue[0]}<!-- vpatch-news: {tip} -->\n"
    # The night behind it has nothing to tell, and pushes what is there.
    assert runner.night() == ALL
    assert runner.outputs == {
        "needs.night.outputs.before": tip,
        "needs.night.outputs.commit": tip,
        "needs.night.outputs.files": "6",
        "needs.night.outputs.wanted": "0",
    }
    assert runner.hub.calls() == ["pr list", "pr view"]
    nights.bureau.forge.api.shut(40102)
    assert runner.night() == ALL
    ((_, comment),) = runner.hub.issues
    assert CLOSED.format("b") in comment
    assert CLOSED.format("a") in comment.partition("### Told before")[2]
    assert runner.hub.pulls[0].startswith(comment)
    assert git(runner.remote, "rev-parse", BRANCH) != tip


def test_what_could_not_be_told(nights: Nights, teller: Runner) -> None:
    """The next night tells it, and whatever came meanwhile."""
    assert teller.night() == ALL
    tip = git(teller.remote, "rev-parse", BRANCH)
    nights.bureau.forge.api.shut(40102)
    teller.hub.fail("issue comment")
    assert teller.night() == ALL | {"tell": "failure"}
    assert git(teller.remote, "rev-parse", BRANCH) == tip
    nights.bureau.forge.api.shut(40103)
    assert teller.night() == ALL
    ((_, comment),) = teller.hub.issues
    new = comment.partition("### Told before")[0]
    assert CLOSED.format("b") in new
    assert CLOSED.format("c") in new
    assert teller.night() == ALL
    assert len(teller.hub.issues[0]) == 2


def test_what_was_told_and_not_pushed(nights: Nights, teller: Runner) -> None:
    """The next night tells what came meanwhile, and none of it twice."""
    teller.hub.fail("auth setup-git")
    assert teller.night() == ALL | {"tell": "failure"}
    teller.hub.fail("auth setup-git")
    assert teller.night() == ALL | {"tell": "failure"}
    assert len(teller.hub.issues[0]) == 1
    nights.bureau.forge.api.shut(40102)
    # That a stranger says it is no reason to keep silent.
    first = teller.hub.issues[0][0]
    teller.hub.comment(first.replace("(Edit a)", "(Edit b)"))
    assert teller.night() == ALL
    ((_, _, comment),) = teller.hub.issues
    assert CLOSED.format("b") in comment
    assert CLOSED.format("a") not in comment
    # What is on the branch, the pull request says whole.
    assert all(CLOSED.format(one) in teller.hub.pulls[0] for one in "ab")


def test_a_pull_request_that_could_not_be_edited(nights: Nights, teller: Runner) -> None:
    """The next night does it, though it has nothing new."""
    teller.night()
    nights.bureau.forge.api.shut(40102)
    teller.hub.fail("pr edit")
    assert teller.night() == ALL | {"tell": "failure"}
    assert CLOSED.format("b") not in teller.hub.pulls[0]
    assert teller.night() == ALL
    assert CLOSED.format("b") in teller.hub.pulls[0]


def test_a_night_that_refuses(teller: Runner, nights: Nights, tmp_path: Path) -> None:
    """The issue has its reason and a link, once, and the branch stays as it is."""
    teller.night()
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "-q", "-b", BRANCH, str(teller.remote), str(mine))
    git(mine, "commit", "-q", "--allow-empty", "-m", "Thank @all for #7")
    git(mine, "push", "-q", "origin", BRANCH)
    tip = git(mine, "rev-parse", "HEAD")
    teller.hub.calls()
    for _ in range(2):
        assert teller.night() == ALL | {"night": "failure"}
    ((_, comment),) = teller.hub.issues
    assert "### The night failed" in comment
    said = f"somebody committed to {BRANCH}, and a night would undo it: {tip[:7]}"
    assert f"\n\n    error: {said} Thank @all for #7\n\n" in comment
    assert "https://github.com/ada/patches/actions/runs/2\n" in comment
    assert git(teller.remote, "rev-parse", BRANCH) == tip
    assert [call for call in teller.hub.calls() if call.startswith(("pr", "auth"))] == []


def test_a_job_that_breaks_down(teller: Runner) -> None:
    """Where the night had no word, the issue has the link, once; nothing counts as told."""
    for _ in range(2):
        teller.breaks = "Bring what was told"
        assert teller.night() == ALL | {"night": "failure"}
    ((failed,),) = teller.hub.issues
    assert "### The night failed" in failed
    assert "https://github.com/ada/patches/actions/runs/1\n" in failed
    assert teller.hub.pulls == []
    teller.breaks = ""
    assert teller.night() == ALL
    ((_, comment),) = teller.hub.issues
    assert CLOSED.format("a") in comment
    teller.breaks = "Bring what was told"
    assert teller.night() == ALL | {"night": "failure"}
    assert "### The night failed" in teller.hub.issues[0][2]


def test_a_release_that_cannot_be_had(nights: Nights, runner: Runner) -> None:
    """No store without it is taken for whole; the night tells, and the run is red."""
    archive = sdist("0.17.0", {})
    nights.bureau.near.index.add("0.17.0", archive, sha256="0" * 64)
    results = {"plan": "failure", "matrix": "skipped"}
    assert runner.night() == ALL | results
    assert list(runner.caches) == ["vpatch-night-1"]
    ((issue,),) = runner.hub.issues
    assert "could not look at v0.17.0" in issue


def test_what_the_next_night_has(nights: Nights, runner: Runner) -> None:
    """All that was fetched: no release comes twice, and GitHub says that nothing changed."""
    runner.night()
    assert list(runner.caches) == ["vpatch-store-1", "vpatch-night-1"]
    index, api = nights.bureau.near.index, nights.bureau.forge.api
    index.asked.clear()
    api.asked.clear()
    runner.night()
    assert list(runner.caches)[2:] == ["vpatch-store-2", "vpatch-night-2"]
    assert [path for path in index.asked if path.endswith(".tar.gz")] == []
    assert set(api.statuses) == {304}
    # Of pull requests, and of the way to them.
    assert (runner.caches["vpatch-store-2"] / "pulls.git").is_dir()


def test_what_was_seen_alone(nights: Nights, teller: Runner) -> None:
    """It is pushed with what was told, and no pull request asks anybody to merge it."""
    assert teller.night() == ALL
    git(nights.folder, "fetch", "-q", str(teller.remote), BRANCH)
    git(nights.folder, "merge", "-q", "FETCH_HEAD")
    git(nights.folder, "push", "-q", str(teller.remote), "main")
    teller.hub.merge()
    nights.bureau.forge.push(40103, [("More", {C: lines(1, 40, l7="mine c", l30="more")})])
    assert teller.night() == ALL
    assert "was pushed to" in teller.hub.issues[0][-1]
    assert teller.outputs["needs.night.outputs.files"] == "0"
    assert (
        git(teller.remote, "rev-parse", BRANCH) == teller.outputs["needs.night.outputs.commit"]
    )
    assert teller.hub.pulls == []
