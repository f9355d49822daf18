"""Run the proofs of a series, in parallel, each on the trees that it is about."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.jobs.smoke.overlay import files_after, make_overlay
from vpatch.jobs.smoke.record import test_of
from vpatch.values.proof import Outcome, Proof, TestRun, judge
from vpatch.values.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from vpatch.doors.git import Repo
    from vpatch.jobs.smoke.runner import Runner
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay


@dataclass
class Prover:
    """What the proofs of one series need."""

    replay: Replay
    made: Repo
    """Where the replay's objects are."""
    runner: Runner
    package: str
    workers: int = os.cpu_count() or 1

    def prove(
        self,
        names: Iterable[str],
        begun: Callable[[Patch], None],
        done: Callable[[Proof], None],
    ) -> list[Proof]:
        """Prove some patches of the series.

        Args:
            names: File names of the patches.
            begun: Called with each patch as its proof begins.
            done: Called with each proof as it is ready.

        Returns:
            The proofs, in the order of the series.
        """
        wanted = set(names)
        with (
            tempfile.TemporaryDirectory(prefix="vpatch-smoke-") as folder,
            ThreadPoolExecutor(self.workers) as pool,
        ):
            trees = self._overlays(Path(folder), wanted)
            asked = [
                number
                for number, result in enumerate(self.replay.results)
                if result.patch.name in wanted
            ]
            # First in the queue, so that whoever waits for it waits for what has begun.
            together = pool.submit(self._together, asked, trees)

            def one(number: int) -> Proof:
                begun(self.replay.results[number].patch)
                proof = self._proof(number, trees, together)
                if not self.runner.over.is_set():
                    done(proof)
                return proof

            jobs = [pool.submit(one, number) for number in asked]
            try:
                return [job.result() for job in jobs]
            except BaseException:
                # Who gives up does not wait for tests that may take minutes.
                self.runner.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def engine(self, folder: Path) -> TestRun:
        """Run the tests of a folder on the whole series: what no patch's own test shows."""
        with tempfile.TemporaryDirectory(prefix="vpatch-smoke-") as place:
            tree = self._overlay(len(self.replay.results), Path(place, "tree"))
            return self.runner.run(sorted(folder.glob("test_*.py")), tree)

    def _overlays(self, folder: Path, wanted: set[str]) -> dict[int, Path]:
        """Lay an overlay for each tree that is asked for, by the number of patches in it."""
        steps = {len(self.replay.results)}
        for number, result in enumerate(self.replay.results):
            if result.patch.name in wanted:
                steps |= {number, number + 1}
        return {step: self._overlay(step, folder / str(step)) for step in sorted(steps)}

    def _overlay(self, step: int, place: Path) -> Path:
        """Lay the tree that the first patches of the series make, so many of them."""
        replay = self.replay
        changes = replay.changes[:step]
        files = files_after(self.made, replay.base, changes, replay.touched)
        return make_overlay(self.runner.found, self.package, files, place)

    def _together(self, asked: list[int], trees: dict[int, Path]) -> dict[Path, TestRun]:
        """Run every test on the whole series in one process: importing vLLM takes longest."""
        patches = [self.replay.results[number].patch for number in asked]
        tests = [test for patch in patches if (test := test_of(self.runner.smoke, patch))]
        if not tests or not self.runner.found.has_pytest:
            return {}
        run = self.runner.run(tests, trees[len(self.replay.results)])
        found: dict[Path, TestRun] = {}
        for test in tests:
            cases = tuple(case for case in run.cases if case.module == test.stem)
            found[test] = replace(run, cases=cases, seconds=run.seconds / len(tests))
        return found

    def _proof(
        self, number: int, trees: dict[int, Path], together: Future[dict[Path, TestRun]]
    ) -> Proof:
        result = self.replay.results[number]
        patch = result.patch
        test = test_of(self.runner.smoke, patch)
        why = ""
        if test is None:
            why = f"no test_pr{patch.pr or '<N>'}.py in patches/smoke"
        elif result.verdict is Verdict.CONFLICT:
            why = "the patch has no place on this base"
        elif not self.runner.found.has_pytest:
            found = self.runner.found
            why = f"pytest is not installed beside {found.name} {found.version}"
        if why or test is None:
            return Proof(patch.name, patch.pr, Outcome.NOT_RUN, why)
        red, green = (self.runner.run([test], trees[step]) for step in (number, number + 1))
        whole = together.result()[test]
        if whole.state != "passed":
            # Tests in one process can be in each other's way: this one is asked alone.
            whole = self.runner.run([test], trees[len(self.replay.results)])
        outcome, cause = judge(red, green, whole)
        return Proof(patch.name, patch.pr, outcome, cause, red, green, whole)
