"""The proofs, told with a small vLLM that is installed in an environment of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from support import PYPROJECT, Desk, Project, git, lines, sdist, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ADD = "def add(a, b):\n    return a - b\n"
MUL = "def mul(a, b):\n    return a + b\n"
RIGHT_ADD, RIGHT_MUL = ADD.replace("-", "+"), MUL.replace("+", "*")
FILES = {
    "pyproject.toml": PYPROJECT,
    "vllm/__init__.py": "",
    "vllm/math/__init__.py": "",
    "vllm/math/add.py": ADD,
    "vllm/math/mul.py": MUL,
    "vllm/other.py": lines(1, 9).replace("line", "LINE ="),
}
TEST = """
from vllm.math.{name} import {name}

def test_right():
    assert {name}(3, 2) == {right}

def test_control_of_zero():
    assert {name}(0, 0) == 0
"""


RECORD = "patches/smoke/proofs.json"


class Bench:
    """A project with two patches, their tests, and an environment with vllm 0.16.0."""

    def __init__(self, desk: Desk, tmp_path: Path, empty: Path) -> None:
        self.desk = desk
        self.env = tmp_path / "env"
        self.author = Project(tmp_path / "author", FILES)
        desk.index.add("0.16.0", sdist("0.16.0", FILES))
        self.patches = {
            "101-add.patch": self.author.patch(
                "add", {"vllm/math/add.py": ADD.replace("-", "+")}
            ),
            "102-mul.patch": self.author.patch(
                "mul", {"vllm/math/mul.py": MUL.replace("+", "*")}
            ),
        }
        desk.write_series("v0.16.0", self.patches)
        self.test(101, TEST.format(name="add", right=5))
        self.test(102, TEST.format(name="mul", right=6))
        self.install(empty, "0.16.0", FILES)

    def test(self, number: int, text: str) -> None:
        """Write the test of a patch."""
        path = self.desk.folder / f"patches/smoke/test_pr{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def install(self, empty: Path, version: str, files: Mapping[str, str]) -> Path:
        """Make the environment: pytest comes from this one, vllm is laid in as pip lays it."""
        shutil.copytree(empty, self.env, symlinks=True)
        paths = {"base": str(self.env), "platbase": str(self.env)}
        site = Path(sysconfig.get_path("purelib", vars=paths))
        (site / "tools.pth").write_text(sysconfig.get_path("purelib"))
        info = site / f"vllm-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n"
        )
        inside = [path for path in files if path.startswith("vllm/")]
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in inside))
        (info / "top_level.txt").write_text("vllm\n")
        for path in inside:
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(files[path])
        return site

    def record(self) -> dict[int, dict[str, object]]:
        """Return what the folder keeps of the proofs, by pull request."""
        found = json.loads((self.desk.folder / RECORD).read_text())["proofs"]
        return {entry["pr"]: entry for entry in found}

    def page(self) -> dict[int, str]:
        """Return what ``PATCHES.md`` says of each proof, by pull request."""
        text = (self.desk.folder / "PATCHES.md").read_text()
        told = re.findall(r"(?m)^Proof: `patches/smoke/test_pr(\d+)\.py`: (.*)$", text)
        return {int(number): line for number, line in told}

    def smoke(self, *args: str, status: int = 0) -> dict[int, dict[str, object]]:
        """Run the proofs and return them by pull request."""
        command = ("smoke", "--python", str(self.env), *args)
        found = self.desk.json(*command, status=status)
        return {proof["pr"]: proof for proof in found["proofs"]}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty environment once."""
    place = tmp_path_factory.mktemp("environment") / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    return place


@pytest.fixture
def bench(desk: Desk, tmp_path: Path, empty: Path) -> Bench:
    """Lay out the project and the environment."""
    return Bench(desk, tmp_path, empty)


def states(proof: dict[str, object]) -> list[object]:
    """Return the outcome and the state of each run."""
    runs = [proof[key] for key in ("red", "green", "whole")]
    return [proof["outcome"], *(run and run["state"] for run in runs)]  # type: ignore[index]


def test_red_then_green(bench: Bench) -> None:
    """Each patch is proven: its test fails without it and passes with it, and with all."""

    before = tree_of(bench.env)
    proofs = bench.smoke()

    assert states(proofs[101]) == ["proven", "failed", "passed", "passed"]
    assert states(proofs[102]) == ["proven", "failed", "passed", "passed"]
    assert "assert 1 == 5" in str(proofs[101]["cause"])
    assert tree_of(bench.env) == before


def test_status_remembers(bench: Bench) -> None:
    """Status shows the last proof, until the patch, the test or the base is another."""

    bench.smoke("101")
    shown = bench.desk.json("status")["patches"]
    assert [patch["proof"] for patch in shown] == ["proven", "not run"]

    bench.test(101, TEST.format(name="add", right=5) + "\n# changed\n")
    assert bench.desk.json("status")["patches"][0]["proof"] == "not run"


def test_the_folder_keeps_what_was_shown(bench: Bench) -> None:
    """An entry a line with all that PATCHES.md tells, which is written with it."""
    site = next(bench.env.glob("lib/*/site-packages"))
    (site / "torch-2.13.0.dist-info").mkdir()
    (site / "torch-2.13.0.dist-info/METADATA").write_text("Name: torch\nVersion: 2.13.0\n")
    bench.test(102, TEST.format(name="mul", right=7))
    ran = bench.desk.run("smoke", "--python", str(bench.env), status=1)

    assert ran.err.splitlines()[-1] != ""
    assert f"wrote {RECORD} and PATCHES.md\n" in ran.err
    text = (bench.desk.folder / RECORD).read_text()
    assert [line[:2] for line in text.splitlines()] == ['{"', '{"', '{"', "]}"]
    entry = bench.record()[101]
    python = ".".join(map(str, sys.version_info[:3]))
    assert entry["base"] == "v0.16.0"
    assert entry["patch"] == "101-add.patch"
    assert entry["outcome"] == "proven"
    assert (entry["with"], entry["torch"], entry["python"]) == ("vllm 0.16.0", "2.13.0", python)
    when = f"({entry['day']}, vllm beside torch 2.13.0, Python {python})"
    said = "red without the patch, green with it"
    failed = "with the patch, test_right: assert 6 == 7"
    told = bench.page()
    assert told[101] == f"{said} on v0.16.0 {when}."
    assert told[102].startswith(f"failed on v0.16.0 {when}: `{failed}")
    page = (bench.desk.folder / "PATCHES.md").read_bytes()
    bench.desk.run("check", "--fix", status=1)
    assert (bench.desk.folder / "PATCHES.md").read_bytes() == page


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    """Proofs that show what is known leave every file as it was, the first day in it."""
    bench.smoke()
    record = bench.desk.folder / RECORD
    record.write_text(re.sub(r'"day": "[^"]+"', '"day": "2026-01-02"', record.read_text()))
    bench.desk.run("check", "--fix", status=1)
    before = tree_of(bench.desk.folder / "patches"), bench.page()
    assert "2026-01-02" in before[1][101]
    ran = bench.desk.run("smoke", "--python", str(bench.env))
    assert "wrote" not in ran.err
    assert (tree_of(bench.desk.folder / "patches"), bench.page()) == before


def test_another_machine_knows_it(bench: Bench, tmp_path: Path) -> None:
    """Status tells it of a copy of the files alone: a release has one commit everywhere."""
    bench.smoke("101")
    folder = tmp_path / "elsewhere"
    shutil.copytree(bench.desk.folder / "patches", folder / "patches")
    there = replace(bench.desk, folder=folder, cache=tmp_path / "another-cache")
    shown = there.json("status", "--base", "v0.16.0")["patches"]
    assert [patch["proof"] for patch in shown] == ["proven", "not run"]


def test_what_could_not_be_run_takes_nothing_away(bench: Bench) -> None:
    """A test that is skipped here was shown elsewhere; where it was not, that is told."""
    skip = "\nimport os, pytest\nif 'NO_GPU' in os.environ:\n    pytest.skip('no GPU',"
    bench.test(101, TEST.format(name="add", right=5) + f"{skip} allow_module_level=True)\n")
    bench.desk.more = {"NO_GPU": "1"}
    bench.smoke("101", status=1)
    assert bench.record()[101]["outcome"] == "not run"
    assert "no GPU" in bench.page()[101]
    bench.desk.more = {}
    bench.smoke("101")
    before = bench.record()
    assert before[101]["outcome"] == "proven"
    bench.desk.more = {"NO_GPU": "1"}
    assert bench.smoke("101", status=1)[101]["outcome"] == "not run"
    assert bench.record() == before


def test_what_was_not_begun_is_not_kept(bench: Bench) -> None:
    """An environment without pytest shows nothing of a patch, and nothing is written."""
    (next(bench.env.glob("lib/*/site-packages")) / "tools.pth").unlink()
    ran = bench.desk.run("smoke", "--python", str(bench.env), status=1)
    assert "pytest is not installed" in ran.out
    assert not (bench.desk.folder / RECORD).exists()
    assert not (bench.desk.folder / "PATCHES.md").exists()


def test_what_holds_no_more_goes(bench: Bench) -> None:
    """What was shown of another test is told no more, and leaves the file with the next."""
    bench.smoke()
    bench.test(101, TEST.format(name="add", right=5) + "\n# changed\n")
    bench.desk.run("check", "--fix", status=1)
    assert bench.page()[101] == "not run on v0.16.0."
    assert set(bench.record()) == {101, 102}
    bench.desk.run("smoke", "102", "--python", str(bench.env))
    assert set(bench.record()) == {102}


def test_a_base_that_another_series_serves(bench: Bench, empty: Path) -> None:
    """What was shown there stays as long as that series has the patch."""
    bench.desk.index.add("0.17.0", sdist("0.17.0", FILES))
    first, bench.env = bench.env, bench.env.with_name("env-0.17.0")
    bench.install(empty, "0.17.0", FILES)
    bench.smoke("101")
    bench.env = first
    bench.smoke("102")
    assert [entry["base"] for entry in bench.record().values()] == ["v0.16.0", "v0.17.0"]
    assert " on v0.17.0 (" in bench.page()[101]
    assert bench.page()[101].endswith("; not run on v0.16.0.")
    shown = bench.desk.json("status", "--base", "v0.17.0")["patches"]
    assert [patch["proof"] for patch in shown] == ["proven", "not run"]


def test_a_damaged_record(bench: Bench) -> None:
    """It stops the proofs before any is run, with the way out; and so it does status."""
    (bench.desk.folder / RECORD).write_text('{"schema": 1, "proofs": [\n<<<<<<< HEAD\n]}\n')
    for command in (("smoke", "--python", str(bench.env)), ("status",)):
        ran = bench.desk.run(*command, status=3)
        assert f"{RECORD}" in ran.err
        assert "hint: bring it back from git, or delete it" in ran.err
        assert "proving" not in ran.err
    assert not (bench.desk.folder / "PATCHES.md").exists()


def test_what_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    """The answer is given all the same, that nothing is kept is said, and nothing is half."""
    smoke = bench.desk.folder / "patches/smoke"
    smoke.rename(tmp_path / "elsewhere")
    smoke.symlink_to(tmp_path / "elsewhere")
    ran = bench.desk.run("smoke", "101", "--python", str(bench.env))
    assert "#101  proven  failed   passed  passed" in ran.out
    assert "what the proofs showed is not kept: " in ran.err
    assert "symbolic link" in ran.err
    assert not (bench.desk.folder / RECORD).exists()
    assert not (bench.desk.folder / "PATCHES.md").exists()


def test_what_is_kept_names_no_place_of_this_machine(bench: Bench, tmp_path: Path) -> None:
    """A message may tell where something lies: others read it from the package on."""
    said = 'f"{vllm.__file__} is not {__file__}, {object()}"'
    bench.test(101, f"import vllm\n\ndef test_x():\n    assert False, {said}\n")
    bench.smoke("101", status=1)
    cause = str(bench.record()[101]["cause"])
    said = "vllm/__init__.py is not patches/smoke/test_pr101.py, <object object>"
    assert said in cause
    assert str(tmp_path) not in cause
    assert "/vpatch-smoke-" not in cause


def test_a_patch_that_does_nothing(bench: Bench) -> None:
    """A patch that does not mend the defect fails its proof, and the output is shown."""

    wrong = bench.patches["101-add.patch"].replace(b"+    return a + b", b"+    return b - a")
    bench.desk.write_series("v0.16.0", bench.patches | {"101-add.patch": wrong})
    ran = bench.desk.run("smoke", "101", "--python", str(bench.env), status=1)

    assert "failed" in ran.out
    assert "assert -1 == 5" in ran.err


def test_superseded(bench: Bench) -> None:
    """A patch whose test is green without it is not needed, and status proposes to drop it."""

    bench.test(101, "def test_x():\n    assert True\n")
    assert states(bench.smoke("101")[101])[0] == "not needed"
    assert "#101 is not needed on v0.16.0" in bench.desk.run("status").out


def test_import_error_is_no_red(bench: Bench) -> None:
    """A test that can't be imported proves nothing."""

    bench.test(101, "import nothing_of_that_name\n\ndef test_x():\n    assert True\n")
    proof = bench.smoke("101", status=1)[101]

    assert proof["outcome"] == "failed"
    assert "without the patch" in str(proof["cause"])


def test_a_control_that_fails(bench: Bench) -> None:
    """A control must hold without the patch as well."""

    bench.test(101, TEST.format(name="add", right=5).replace("== 0", "== 5 - add(3, 2)"))
    proof = bench.smoke("101", status=1)[101]

    assert "a control fails without the patch, test_control_of_zero" in str(proof["cause"])


def test_not_run_is_never_green(bench: Bench) -> None:
    """A test that can't run here is not run, and says why."""

    bench.test(101, "import pytest\n\ndef test_x():\n    pytest.skip('no GPU')\n")
    (bench.desk.folder / "patches/smoke/test_pr102.py").unlink()
    proofs = bench.smoke(status=1)

    assert (proofs[101]["outcome"], proofs[102]["outcome"]) == ("not run", "not run")
    assert "no GPU" in str(proofs[101]["cause"])
    assert "no test_pr102.py" in str(proofs[102]["cause"])


def test_a_test_that_hangs(bench: Bench, tmp_path: Path) -> None:
    """A test that hangs is killed with all that it started, and its shared memory goes too."""

    pids = tmp_path / "pids"
    bench.test(
        101,
        "import subprocess, sys, time\nfrom multiprocessing import shared_memory\n"
        "from pathlib import Path\n\ndef test_x():\n"
        "    m = shared_memory.SharedMemory(create=True, size=64)\n"
        "    code = 'import time; time.sleep(600)'\n"
        "    p = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"    with Path({str(pids)!r}).open('a') as f:\n"
        "        f.write(f'{p.pid} {m.name}\\n')\n"
        "    time.sleep(600)\n",
    )
    proof = bench.smoke("101", "--timeout", "3", status=1)[101]

    assert "did not end in 3 s" in str(proof["cause"])
    for line in pids.read_text().splitlines():
        pid, name = line.split()
        for _ in range(50):
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.1)
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"
        assert not Path("/dev/shm", name).exists()  # noqa: S108, read only


def test_a_test_that_crashes(bench: Bench) -> None:
    """A test that kills its interpreter is a failed proof that names the signal."""

    bench.test(101, "import os\n\ndef test_x():\n    os.kill(os.getpid(), 11)\n")
    assert "SIGSEGV" in str(bench.smoke("101", status=1)[101]["cause"])


def test_another_version(bench: Bench) -> None:
    """The installed version decides the base; another one named is refused."""

    ran = bench.desk.run("smoke", "--base", "v0.17.0", "--python", str(bench.env), status=2)
    assert "it holds v0.16.0, not v0.17.0" in ran.err


def test_no_vllm_there(bench: Bench, empty: Path) -> None:
    """An environment without vLLM, and a path without Python, are refused by name."""

    assert "no vllm in this" in bench.desk.run("smoke", "--python", str(empty), status=2).err
    assert "no Python there" in bench.desk.run("smoke", "--python", "/nowhere", status=2).err


def test_changed_installation(bench: Bench) -> None:
    """An installation proves nothing if a file of the series is not the release's there."""

    site = next(bench.env.glob("lib/*/site-packages/vllm"))
    (site / "other.py").write_text("x = 1\n")
    assert bench.smoke("101")[101]["outcome"] == "proven"

    (site / "math/add.py").write_text(ADD + "# mine\n")
    ran = bench.desk.run("smoke", "--python", str(bench.env), status=1)
    assert "vllm/math/add.py" in ran.err


def test_patched_installation(bench: Bench) -> None:
    """One that holds the series, as a patched wheel gives it, proves as much as the release."""

    patch = bench.author.patch("neg", {"vllm/math/neg.py": "def neg(a):\n    return -a\n"})
    bench.desk.write_series("v0.16.0", bench.patches | {"103-neg.patch": patch})
    text = "from importlib.util import find_spec\n\ndef test_right():\n    assert find_spec("
    bench.test(103, f"{text}'vllm.math.neg')\n")
    site = next(bench.env.glob("lib/*/site-packages/vllm"))
    (site / "math/add.py").write_text(RIGHT_ADD)
    (site / "math/mul.py").write_text(RIGHT_MUL)
    (site / "math/neg.py").write_text("def neg(a):\n    return -a\n")
    before = tree_of(bench.env)

    for proof in bench.smoke().values():
        assert states(proof) == ["proven", "failed", "passed", "passed"]
    assert tree_of(bench.env) == before
    found = bench.desk.json("smoke", "101", "--python", str(bench.env), "--each-hunk")["hunks"]
    assert [one["noticed"] for one in found] == [True]


def test_junit(bench: Bench, tmp_path: Path) -> None:
    """JUnit XML has a suite a patch; what is red without the patch is no failure there."""

    report = tmp_path / "proofs.xml"
    bench.smoke("--junit", str(report))
    suites = ET.parse(report).getroot().findall("testsuite")  # noqa: S314, our own

    assert [suite.get("name") for suite in suites] == ["101-add.patch", "102-mul.patch"]
    assert {suite.get("failures") for suite in suites} == {"0"}


def test_engine(bench: Bench) -> None:
    """Tests in the engine folder run on the whole series, and count."""

    folder = bench.desk.folder / "patches/smoke/engine"
    folder.mkdir()
    text = "from vllm.math.add import add\nfrom vllm.math.mul import mul\n\n"
    (folder / "test_all.py").write_text(
        f"{text}def test_all():\n    assert mul(add(1, 2), 3) == 9\n"
    )
    found = bench.desk.json("smoke", "101", "--python", str(bench.env), "--engine")
    assert found["engine"]["state"] == "passed"

    (folder / "test_all.py").write_text(
        f"{text}def test_all():\n    assert mul(add(1, 2), 3) == 8\n"
    )
    ran = bench.desk.run("smoke", "101", "--python", str(bench.env), "--engine", status=1)
    assert "engine: failed" in ran.out


def test_each_hunk(bench: Bench) -> None:
    """Hunks are taken out one at a time, and those whose loss no test sees are named."""

    other = lines(1, 9).replace("line", "LINE =")
    bench.author.back(git(bench.author.folder, "rev-list", "--max-parents=0", "HEAD"))
    both = bench.author.patch(
        "both", {"vllm/math/add.py": RIGHT_ADD, "vllm/other.py": f"{other}# more\n"}
    )
    bench.desk.write_series("v0.16.0", {"101-add.patch": both})
    found = bench.desk.json("smoke", "--python", str(bench.env), "--each-hunk")["hunks"]

    assert not (bench.desk.folder / RECORD).exists()
    assert [(one["path"], one["noticed"]) for one in found] == [
        ("vllm/math/add.py", True),
        ("vllm/other.py", False),
    ]
    assert "test_right" in found[0]["cause"]


def test_no_such_release(bench: Bench) -> None:
    """An installation of a version that the index does not know is refused by name."""

    (info,) = bench.env.glob("lib/*/site-packages/vllm-0.16.0.dist-info")
    head = "Metadata-Version: 2.1\nName: vllm\nVersion: 0.99.0\n"
    (info / "METADATA").write_text(head)
    ran = bench.desk.run("smoke", "--python", str(bench.env), status=2)

    assert "no such release in the index: v0.99.0" in ran.err


def test_overlay_is_small(bench: Bench) -> None:
    """An overlay holds links and the changed files alone."""

    seen = bench.desk.folder / "seen"
    text = (
        "import os, vllm\nfrom pathlib import Path\n"
        "def test_x():\n    root = Path(vllm.__file__).parent\n"
        f"    out = Path({str(seen)!r})\n"
        "    rows = [(p.is_symlink(), str(p.relative_to(root))) for p in root.rglob('*')]\n"
        "    out.write_text(repr(rows))\n    assert False\n"
    )
    bench.test(101, text)
    bench.smoke("101", status=1)
    rows = eval(seen.read_text())  # noqa: S307, written by the test itself
    plain = [path for link, path in rows if not link and path.endswith(".py")]

    assert sorted(plain) == ["math/add.py", "math/mul.py"]


def test_full_disk(bench: Bench, disk: Callable[[str], Path]) -> None:
    """An overlay that finds no room is one clear message, and leaves nothing behind."""

    small = disk("size=8k")
    big = f"{RIGHT_ADD}# {'x' * 40000}\n"
    bench.author.back("HEAD~2")
    patch = bench.author.patch("big", {"vllm/math/add.py": big})
    bench.desk.write_series("v0.16.0", {"101-add.patch": patch})
    bench.desk.more = {"TMPDIR": str(small)}
    ran = bench.desk.run("smoke", "101", "--python", str(bench.env), status=3)

    assert "cannot lay the overlay (No space left on device)" in ran.err
    assert "make room there" in ran.err
    assert list(small.iterdir()) == []


def test_a_night_runs_the_proofs(bench: Bench) -> None:
    """One that fails is told, once; what they showed is kept for status and the page."""
    settings = bench.desk.folder / "vpatch.toml"
    settings.write_text('[upstream]\napi = "http://127.0.0.1:9/repos/a/b"\n')
    bench.test(102, TEST.format(name="mul", right=7))
    found = bench.desk.json("nightly", "--python", str(bench.env), status=1)
    assert found["proofs"] is True
    (told,) = [one for one in found["news"] if one["kind"] == "unproven"]
    assert told["text"].startswith("the proof of #102 on v0.16.0: failed, ")
    status = bench.desk.json("status", "--base", "v0.16.0")["patches"]
    assert [patch["proof"] for patch in status] == ["proven", "failed"]
    assert bench.desk.json("nightly", "--python", str(bench.env), status=3)["news"] == []
    assert not list((bench.desk.folder / "patches").rglob("__pycache__"))


def test_a_night_commits_what_the_proofs_showed(bench: Bench) -> None:
    """It is on the branch, with the page that tells of it; the user's files stay."""
    folder = bench.desk.folder
    (folder / "vpatch.toml").write_text('[upstream]\napi = "http://127.0.0.1:9/repos/a/b"\n')
    (folder / ".gitignore").write_text("build/\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Patches")
    found = bench.desk.json("nightly", "--python", str(bench.env), status=3)
    assert git(folder, "status", "--porcelain") == ""
    assert not (folder / RECORD).exists()
    changed = git(folder, "diff", "--name-only", "HEAD", found["branch"]).splitlines()
    assert "PATCHES.md" in changed
    assert [path for path in changed if path.startswith("patches/smoke/")] == [RECORD]
    git(folder, "merge", "-q", found["branch"])
    assert {entry["outcome"] for entry in bench.record().values()} == {"proven"}
    assert bench.page()[102].startswith("red without the patch, green with it on v0.16.0 (")
    assert "proven" in (folder / "build/report.html").read_text()
    again = bench.desk.json("nightly", "--python", str(bench.env), status=3)
    assert again["branch"] is None
