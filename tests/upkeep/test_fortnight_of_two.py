"""Sixteen nights of two machines that share a remote, and what each of them is to tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from environments import Environment
from nights import BRANCH, C, Nights, begun
from support import Desk, git, lines
from wheels import Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

A, B = "vllm/a.py", "vllm/b.py"
PROOF = """
from pathlib import Path

import pytest

import vllm

def test_it():
    if "{text}" not in (Path(vllm.__file__).parent / "{name}").read_text():
        pytest.fail("no {text}")
"""


class Fortnight:
    """What happens by day, and the machines that look at it by night.

    Args:
        nights: A project, which is the first machine's clone.
        folder: Where the rest lies.
    """

    def __init__(self, nights: Nights, folder: Path) -> None:
        self.nights = nights
        self.forge = nights.bureau.forge
        self.hub = folder / "hub.git"
        self.machines = {"here": nights.folder, "there": folder / "there"}
        for number, name in ((40101, "a"), (40102, "b"), (40103, "c")):
            self._prove(number, f"mine {name}", f"{name}.py")
        nights.commit("Prove them")
        git(folder, "clone", "-q", "--bare", str(nights.folder), str(self.hub))
        git(nights.folder, "remote", "add", "origin", str(self.hub))
        git(folder, "clone", "-q", "-b", "main", str(self.hub), str(self.machines["there"]))
        self.env = Environment.made(folder / "env")
        files = {path: lines(1, 40) for path in (A, B, C)}
        self.env.install(Archive(files, version="0.16.1"))
        (self.env.site / "tools.pth").write_text(str(Path(pytest.__file__).parent.parent))

    def _prove(self, number: int, text: str, name: str) -> None:
        smoke = self.machines["here"] / "patches/smoke"
        smoke.mkdir(exist_ok=True)
        test = PROOF.format(text=text, name=name)
        (smoke / f"test_pr{number}.py").write_text(test)

    def night(self, machine: str, *, status: int) -> list[str]:
        """Let a night pass on a machine; the first has an environment for the proofs."""
        place = self.machines[machine]
        git(place, "pull", "-q", "--ff-only", "origin", "main")
        self.nights.bureau.near.folder = place
        proofs = ["--python", str(self.env.root)] if machine == "here" else []
        try:
            return self.nights.news("--push", "origin", *proofs, status=status)
        finally:
            self.nights.bureau.near.folder = self.machines["here"]

    def _share(self) -> None:
        git(self.machines["here"], "push", "-q", "origin", "main")

    # By day

    def nothing(self) -> None:
        """Nobody does anything."""

    def one_is_hidden(self) -> None:
        """GitHub shows b to nobody."""
        self.forge.api.refused = {40102: 404}

    def a_close(self) -> None:
        """The author of a gives up."""
        self.forge.api.shut(40101)

    def it_is_shown(self) -> None:
        """GitHub shows b again; meanwhile it was merged."""
        self.forge.merge(40102)
        self.forge.api.refused = {}

    def a_wrong_test(self) -> None:
        """Somebody mistakes the test of c."""
        self._prove(40103, "theirs c", "c.py")
        self.nights.commit("Mistake it")
        self._share()

    def a_right_test(self) -> None:
        """Somebody corrects it."""
        self._prove(40103, "mine c", "c.py")
        self.nights.commit("Correct it")
        self._share()

    def no_index(self) -> None:
        """The package index breaks, and git does not: upstream releases there."""
        place = self.nights.bureau.near.index.folder
        self.nights.release("v0.17.0")
        (place / "simple").rename(place / "away")

    def an_index(self) -> None:
        """It is back."""
        place = self.nights.bureau.near.index.folder
        (place / "away").rename(place / "simple")

    def no_environment(self) -> None:
        """Somebody moves the environment of the proofs away."""
        self.env.root.rename(self.env.root.with_name("elsewhere"))

    def an_environment(self) -> None:
        """It is back."""
        self.env.root.with_name("elsewhere").rename(self.env.root)

    def a_person(self) -> None:
        """Somebody reads what the nights made, on whatever machine, and merges it."""
        here = self.machines["here"]
        git(here, "fetch", "-q", "origin", BRANCH)
        git(here, "merge", "-q", "--no-edit", "FETCH_HEAD")
        self._share()


EVERY_LINE = "the base has every line of it"
WHY = "with the patch, test_it: Failed: no theirs c"
HIDDEN = "could not look at #40102: 127.0.0.1 knows no such pull request: #40102"
NIGHTS: list[tuple[Callable[[Fortnight], None], Literal["here", "there"], int, list[str]]] = [
    (Fortnight.nothing, "here", 0, ["the series is brought to main: 3 patches"]),
    (Fortnight.nothing, "there", 0, []),
    (Fortnight.one_is_hidden, "there", 3, [HIDDEN]),
    (Fortnight.a_close, "here", 1, ["#40101 (Edit a) was closed, and not merged"]),
    (
        Fortnight.it_is_shown,
        "there",
        0,
        [
            "could look at #40102 again",
            "#40102 (Edit b) was merged",
            f"#40102 (Edit b) is needed no more on main: {EVERY_LINE}",
        ],
    ),
    (Fortnight.a_wrong_test, "here", 1, [f"the proof of #40103 on v0.16.1: failed, {WHY}"]),
    (Fortnight.nothing, "there", 0, []),
    (
        Fortnight.no_index,
        "there",
        3,
        [
            "could not look at the package index: the index does not know it: vllm",
            "#40102 (Edit b) is in v0.17.0",
        ],
    ),
    (Fortnight.nothing, "here", 3, []),
    (
        Fortnight.an_index,
        "here",
        0,
        [
            "could look at the package index again",
            "v0.17.0 is out",
            f"#40102 (Edit b) is needed no more on v0.17.0: {EVERY_LINE}",
            "the series is brought to v0.17.0: 2 patches, 1 landed",
        ],
    ),
    (Fortnight.a_person, "there", 0, []),
    (Fortnight.a_right_test, "here", 0, ["#40103 is proven again on v0.16.1"]),
    (
        Fortnight.no_environment,
        "here",
        3,
        ["could not look at the proofs: no Python there: {env}"],
    ),
    (Fortnight.nothing, "there", 0, []),
    (Fortnight.an_environment, "here", 0, ["could look at the proofs again"]),
    (Fortnight.nothing, "there", 0, []),
]


@pytest.fixture
def fortnight(desk: Desk, tmp_path: Path) -> Iterator[Fortnight]:
    """Open a project in git on two machines, and prove its three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield Fortnight(nights, tmp_path)


def test_a_fortnight_of_two(fortnight: Fortnight) -> None:
    """Each night tells what is written down for it, whichever machine saw the one before."""
    env, tip = fortnight.env.root, ""
    for number, (happens, machine, status, expected) in enumerate(NIGHTS, 1):
        happens(fortnight)
        told = [line.format(env=env) for line in expected]
        assert sorted(fortnight.night(machine, status=status)) == sorted(told), (
            f"night {number}"
        )
        assert git(fortnight.machines[machine], "status", "--porcelain") == ""
        # What the proofs showed stays, whether this machine can run them or not.
        record = git(fortnight.hub, "show", f"{BRANCH}:patches/smoke/proofs.json")
        assert record.count('"outcome"') == 3
        if happens is Fortnight.nothing:
            assert git(fortnight.hub, "rev-parse", BRANCH) == tip or number == 1
        tip = git(fortnight.hub, "rev-parse", BRANCH)
    assert "patches/v0.17.0/series" in fortnight.nights.files("main")
