"""A step of a night that fails hides no other, whatever it fails by."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from bureau import A, B
from environments import Environment
from nights import BRANCH, C, Nights, begun
from support import Desk, git, lines
from vpatch.upkeep.nightly import night as steps
from vpatch.upkeep.nightly import verdicts
from vpatch.upkeep.rebase import run as rebases
from wheels import Archive

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSED = "#40101 (Edit a) was closed, and not merged"
TO_MAIN = "the series is brought to main: 3 patches"


@pytest.fixture
def nights(desk: Desk, tmp_path: Path) -> Iterator[Nights]:
    """Open a project in git, with three pull requests."""
    with begun(desk, tmp_path) as nights:
        yield nights


def boom(*_args: object, **_more: object) -> NoReturn:
    """Fail as a bug does."""
    raise RuntimeError("the series written for main is wrong")


def without_file(line: str) -> str:
    """Return one of the news without the name of a bug's file."""
    return re.sub(r"see vpatch-\w+\.txt$", "see FILE", line)


def test_a_bug_in_a_step(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, with its report's name; all other steps go on: status 4."""
    near, what = nights.bureau.near, "the series for main"
    nights.bureau.forge.api.shut(40101)
    bug = f"could not look at {what}: a bug in vpatch (RuntimeError), see FILE"
    with monkeypatch.context() as place:
        place.setattr(rebases, "prove", boom)
        ran = near.run("nightly", "--json", status=4)
        found = json.loads(ran.out)
        assert [without_file(one["text"]) for one in found["news"]] == [CLOSED, bug]
        assert found["failures"] == {what: "a bug in vpatch (RuntimeError)"}
        # What is told to others has no path of this machine's; standard error has it.
        named = re.search(r"see (vpatch-.*)$", found["news"][1]["text"])
        assert named
        report = near.cache / "logs" / named[1]
        assert f"hint: report it with the file {report}\n" in ran.err
        assert "RuntimeError: the series written for main is wrong" in report.read_text()
        assert 'state = "closed"' in nights.text("patches/upstream.toml")
        assert CLOSED in re.sub("<.*?>", "", (nights.folder / "build/report.html").read_text())
        ran = near.run("nightly", status=4)
        assert ran.out.startswith(f"nothing new\ncould still not look at {what}\n\n")
        assert nights.rev(BRANCH) == found["commit"]
    assert nights.news() == [TO_MAIN, f"could look at {what} again"]


@pytest.mark.parametrize(
    ("owner", "name", "what"),
    [
        (verdicts, "explain", "which release broke a patch"),
        (verdicts, "fill", "the series v0.16.1"),
        (verdicts, "_kind", "what is new on main"),
        (steps, "page", "PATCHES.md"),
    ],
)
def test_a_bug_elsewhere(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, what: str
) -> None:
    """Wherever it is: what the other steps find is told, and kept."""
    nights.night()
    nights.bureau.forge.api.shut(40101)
    nights.land("Theirs", {C: lines(1, 40, l7="theirs")})
    with monkeypatch.context() as place:
        place.setattr(owner, name, boom)
        found = nights.night(status=4)
    assert what in found["failures"]
    assert CLOSED in [one["text"] for one in found["news"]]
    assert nights.rev(BRANCH) == found["commit"]
    told = nights.news(status=None)
    assert f"could look at {what} again" in told
    assert CLOSED not in told


def test_an_interrupted_night(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no failure of a step: nothing is kept, and the next night tells all."""

    def interrupt(*_args: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as place:
        place.setattr(rebases, "prove", interrupt)
        ran = nights.bureau.near.run("nightly", status=130)
    assert ran.err.endswith("interrupted: nothing is half done, run again to go on\n")
    assert git(nights.folder, "branch", "--list", BRANCH) == ""
    assert nights.news() == [TO_MAIN]


def test_ones_own_bases_without_an_index(nights: Nights) -> None:
    """What a range holds is then not known; what else is named is looked at: status 3."""
    nights.night()
    shutil.rmtree(nights.bureau.near.cache)
    place = nights.bureau.near.index.folder
    (place / "simple").rename(place / "away")
    silent = "the index does not know it: vllm"
    asked = ("--bases", "v0.16.1..,main,")
    assert nights.news(*asked, status=3) == [
        f"could not look at the package index: {silent}",
        f"could not look at the bases v0.16.1..: {silent}",
    ]
    # By then the base of the kept series is at hand, from git.
    assert nights.news(*asked, status=3) == ["could look at the bases v0.16.1.. again"]
    (place / "away").rename(place / "simple")
    assert nights.news(*asked) == ["could look at the package index again"]


def test_a_range_without_a_release(nights: Nights) -> None:
    """It is news, as a base that is not there; with no base at all, it is wrong usage."""
    told = nights.news("--bases", "v0.99.0..,v0.16.1", status=3)
    assert told == [
        "could not look at the bases v0.99.0..: no release is in the range: v0.99.0.."
    ]
    ran = nights.bureau.near.run("nightly", "--bases", ",", status=2)
    assert "error: no base is named: ','" in ran.err


def test_news_for_a_person_beside_a_failure(nights: Nights) -> None:
    """A failure that goes on and on does not hide it from the exit status."""
    forge = nights.bureau.forge
    nights.night()
    forge.api.refused = {40101: 404}
    assert len(nights.news(status=3)) == 1
    forge.api.shut(40102)
    forge.api.refused[40103] = 404
    assert len(nights.news(status=1)) == 2
    assert nights.news() == []
    forge.api.refused = {}
    assert len(nights.news()) == 2


def test_proofs_without_pytest(nights: Nights, tmp_path: Path) -> None:
    """They are no alarm, all told at once, and no path of this machine's goes to others."""
    smoke = nights.folder / "patches/smoke"
    smoke.mkdir()
    for number in (40101, 40102):
        test = f"test_pr{number}.py"
        (smoke / test).write_text("def test_it():\n    import vllm\n    assert 1\n")
    nights.commit("Prove two")
    env = Environment.made(tmp_path / "env")
    env.install(Archive({path: lines(1, 40) for path in (A, B, C)}, version="0.16.1"))
    proofs = ("--python", str(env.root))
    without = "pytest is not installed beside vllm 0.16.1"
    missed = f"#40101, #40102 ({without}), #40103 (no test_pr40103.py in patches/smoke)"
    told = f"proofs that were not run on v0.16.1: {missed}"
    found = nights.night(*proofs)
    assert [one["text"] for one in found["news"]] == [TO_MAIN, told]
    assert found["news"][1]["wants_a_person"] is False
    page = (nights.folder / "build/report.html").read_text()
    assert ">proof not run<" in page
    message = git(nights.folder, "log", "-1", "--format=%B", BRANCH)
    assert str(tmp_path) not in page + message
    assert nights.news(*proofs) == []
    (env.site / "tools.pth").write_text(str(Path(pytest.__file__).parent.parent))
    assert nights.news(*proofs) == ["proofs that were run again on v0.16.1: #40101, #40102"]
