"""What a run of tests says."""

from __future__ import annotations

from vpatch.values.proof import Case, State, TestRun


def test_what_was_skipped_is_told_in_short() -> None:
    """Each test once and the reasons once; the values too where only some were skipped."""
    skipped, passed = State.SKIPPED, State.PASSED
    cases = (
        Case("test_a[1]", skipped, "no GPU"),
        Case("test_a[2]", skipped, "no GPU"),
        Case("test_b[1]", passed),
        Case("test_b[2]", skipped, "no GPU"),
        Case("test_c", skipped, "too old"),
        Case("test_d", passed),
    )
    run = TestRun(cases, 1.0, "")
    assert run.skipped == "test_a, test_b[2] (no GPU); test_c (too old)"
    assert TestRun(cases[-1:], 1.0, "").skipped == ""
