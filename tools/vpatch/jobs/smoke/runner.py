"""Run test files over an overlay, in the environment that it is laid over."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vpatch.doors import python
from vpatch.values.proof import Case, State, TestRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.doors.python import Installed

_SHOWN = 300
"""Characters of a failing test's message that are kept."""
_NOISE = re.compile(
    r" at 0x[0-9a-f]+|Use -v to get more diff"
    r"|\[\+\d+ more lines?; full report in element text\]"
)
"""What is another in each run, and what is for the one who ran pytest."""


@dataclass(frozen=True)
class Runner:
    """Where tests run, and for how long."""

    found: Installed
    smoke: Path
    """The folder of the tests."""
    seconds: float
    """How long one test file may run on one tree."""
    over: Event = field(default_factory=Event)
    """Whether nobody waits for the tests any more."""

    def stop(self) -> None:
        """End the tests that run, in whichever thread, and those that would follow."""
        self.over.set()
        python.end_all()

    def run(self, tests: list[Path], tree: Path) -> TestRun:
        """Run test files over one overlay, in one process."""
        seconds = self.seconds * len(tests)
        with tempfile.TemporaryDirectory(prefix="run-", dir=tree.parent) as folder:
            report = Path(folder, "report.xml")
            command = [str(self.found.python), "-m", "pytest", "-q", "-rs", "--tb=short"]
            # The settings of the project around them are not for these tests.
            own = self.smoke / "pytest.ini"
            command += ["-c", str(own) if own.is_file() else os.devnull]
            command += [f"--rootdir={self.smoke}", "-p", "no:cacheprovider"]
            command += [f"--junitxml={report}", *map(str, tests)]
            env = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
            # Plugins that happen to be installed beside vLLM are no part of a proof.
            env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            ran = python.run(
                command, env=env, cwd=Path(folder), seconds=seconds, over=self.over
            )
            if ran.timed_out:
                broken = f"it did not end in {seconds:.0f} s and was killed"
                return TestRun((), ran.seconds, ran.output, broken)
            cases = tuple(self._cases(report, tree)) if report.is_file() else ()
            broken = "" if report.is_file() else _death(ran.status)
            return TestRun(cases, ran.seconds, ran.output, broken)

    def _cases(self, report: Path, tree: Path) -> Iterator[Case]:
        """Read pytest's JUnit report."""
        try:
            root = ET.parse(report).getroot()  # noqa: S314, pytest's own file
        except ET.ParseError:
            yield Case("report", State.ERROR, "the report is cut off")
            return
        states = {"failure": State.FAILED, "error": State.ERROR, "skipped": State.SKIPPED}
        for element in root.iter("testcase"):
            module = element.get("classname", "").split(".")[0]
            case = Case(element.get("name", ""), State.PASSED, module=module)
            for child in element:
                if child.tag in states:
                    message = self._plain(_why(child), tree)
                    case = replace(case, state=states[child.tag], message=message)
            yield case

    def _plain(self, message: str, tree: Path) -> str:
        """Return a message in one line, without where things lie here: others read it too."""
        places = {tree: "", self.found.where.parent: "", self.smoke: "patches/smoke/"}
        for place, instead in places.items():
            message = message.replace(f"{place}{os.sep}", instead)
        return " ".join(_NOISE.sub("", message).split())[:_SHOWN]


def _why(child: ET.Element) -> str:
    """Return what pytest says of a case; why a whole file was skipped, it says elsewhere."""
    message, text = child.get("message", ""), child.text or ""
    if message == "collection skipped" and "Skipped: " in text:
        return text.partition("Skipped: ")[2].rstrip("'\")")
    return message


def _death(status: int) -> str:
    if status < 0:
        return f"the interpreter died by {signal.Signals(-status).name}"
    return f"pytest left no report (exit status {status})"
