"""Keep proofs: for `status`, as long as patch, test and base stay the same, and for CI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vpatch.doors import files
from vpatch.values.proof import Outcome, State, proof_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from vpatch.values.patch import Patch
    from vpatch.values.proof import Proof
    from vpatch.values.verdict import Replay

SCHEMA = 1
_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_STATES = {State.FAILED: "failure", State.ERROR: "error", State.SKIPPED: "skipped"}


def test_of(smoke: Path, patch: Patch) -> Path | None:
    """Return the test file of a patch, None where it has none."""
    path = smoke / f"test_pr{patch.pr}.py"
    return path if patch.pr and path.is_file() else None


def read_record(path: Path) -> dict[str, str]:
    """Return outcomes by the key that each holds for; nothing where none was kept."""
    try:
        kept = json.loads(path.read_bytes())
        return dict(kept["proofs"]) if kept["schema"] == SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def key_of(patch: Patch, replay: Replay, smoke: Path) -> str | None:
    """Return what a proof of a patch holds for: its diff, its test and the base.

    None where the patch has no test.
    """
    test = test_of(smoke, patch)
    if test is None:
        return None
    shared = smoke / "conftest.py"
    text = files.read(test) + (files.read(shared) if shared.is_file() else b"")
    return proof_key(patch.diff, text, replay.base.commit)


def record(
    old: Mapping[str, str], replay: Replay, proofs: Iterable[Proof], smoke: Path
) -> bytes:
    """Return the record with these proofs added, as a file's content."""
    patches = {patch.name: patch for patch in replay.series.patches}
    found = dict(old)
    for proof in proofs:
        if key := key_of(patches[proof.name], replay, smoke):
            found[key] = proof.outcome.value
    return (json.dumps({"schema": SCHEMA, "proofs": found}, indent=1) + "\n").encode()


def remembered(path: Path, replay: Replay, smoke: Path) -> list[str]:
    """Return for each patch what its last proof showed, if nothing that it is about changed.

    ``none`` stands for a patch without a test.
    """
    kept = read_record(path)
    keys = [key_of(result.patch, replay, smoke) for result in replay.results]
    return [kept.get(key, Outcome.NOT_RUN.value) if key else "none" for key in keys]


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
