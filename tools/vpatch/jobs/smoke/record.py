"""Tell proofs to others: to those who read the patches folder, and to CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.proof import Outcome, State
from vpatch.values.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from vpatch.doors.python import Installed
    from vpatch.values.patch import Patch
    from vpatch.values.proof import Proof
    from vpatch.values.shown import Proofs
    from vpatch.values.verdict import Replay

_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_STATES = {State.FAILED: "failure", State.ERROR: "error", State.SKIPPED: "skipped"}


def test_of(smoke: Path, patch: Patch) -> Path | None:
    """Return the test file of a patch, None where it has none."""
    path = smoke / f"test_pr{patch.pr}.py"
    return path if patch.pr and path.is_file() else None


def shown_by(
    proofs: Iterable[Proof], replay: Replay, kept: Proofs, found: Installed, day: date
) -> Iterator[Shown]:
    """Yield what proofs showed, as the folder keeps it; what was not begun showed nothing.

    Args:
        proofs: The proofs.
        replay: The series on its base.
        kept: The folder's tests.
        found: What they ran in.
        day: Today.
    """
    patches = {patch.name: patch for patch in replay.series.patches}
    base = replay.base
    for proof in proofs:
        if proof.pr and proof.green:
            yield Shown(
                base.name,
                proof.name,
                proof.pr,
                proof.outcome,
                proof.cause,
                proof.green.skipped,
                day,
                f"{found.name} {found.version}",
                found.torch,
                found.language,
                base.commit,
                kept.key(patches[proof.name], base.commit),
            )


def junit_xml(proofs: Iterable[Proof]) -> bytes:
    """Return proofs as JUnit XML: a suite a patch, a case a test and tree."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415, lazy: status needs none of it

    root = ET.Element("testsuites", name="vpatch smoke")
    for proof in proofs:
        suite = ET.SubElement(root, "testsuite", name=proof.name)
        verdict = ET.SubElement(suite, "testcase", classname=proof.name, name="proof")
        if proof.outcome is Outcome.NOT_RUN:
            ET.SubElement(verdict, "skipped", message=proof.cause)
        elif not proof.outcome.good:
            ET.SubElement(verdict, "failure", message=proof.cause)
        # Without the patch the test is to fail: only the other runs are CI's affair.
        for tree, run in (("with", proof.green), ("whole", proof.whole)):
            for case in run.cases if run else ():
                name = f"{proof.name}.{tree}"
                element = ET.SubElement(suite, "testcase", classname=name, name=case.name)
                if case.state in _STATES:
                    ET.SubElement(element, _STATES[case.state], message=case.message)
        suite.set("tests", str(len(suite)))
        for attribute, kind in _COUNTS.items():
            suite.set(attribute, str(len(list(suite.iter(kind)))))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
