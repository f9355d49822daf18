"""Take a patch's hunks out one at a time, and see whether its proof notices."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpatch.jobs.smoke.overlay import files_after, make_overlay
from vpatch.jobs.smoke.record import test_of
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vpatch.doors.git import Repo
    from vpatch.jobs.smoke.runner import Runner
    from vpatch.values.patch import Patch
    from vpatch.values.verdict import Replay


@dataclass(frozen=True, slots=True)
class Weight:
    """What a patch's proof says to the loss of one hunk."""

    name: str
    pr: int | None
    path: str
    old_start: int
    noticed: bool
    cause: str
    """The test that fails without the hunk; or what else happened."""

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``smoke --each-hunk``."""
        return {
            "name": self.name,
            "pr": self.pr,
            "path": self.path,
            "old_start": self.old_start,
            "noticed": self.noticed,
            "cause": self.cause,
        }


@dataclass
class Scale:
    """What weighing takes."""

    replay: Callable[[Series], Replay]
    """Puts a series onto the base that the tests run over."""
    made: Repo
    """Where its objects go."""
    runner: Runner
    package: str
    touched: set[str]
    """The files of the whole series."""
    workers: int

    def weigh(self, series: Series, name: str, done: Callable[[Weight], None]) -> list[Weight]:
        """Weigh every hunk of one patch on the series up to it.

        Args:
            series: The whole series.
            name: File name of the patch.
            done: Called with each weight as it is ready.
        """
        before = series.upto(name).patches[:-1]
        patch = next(patch for patch in series.patches if patch.name == name)
        with ThreadPoolExecutor(self.workers) as pool:
            jobs = []
            try:
                for variant, path, start in _variants(patch):
                    # A replay takes no time beside a test, which is what runs in parallel.
                    found = self.replay(Series(series.base, (*before, variant)))
                    jobs.append(pool.submit(self._one, found, patch, path, start, done))
                return [job.result() for job in jobs]
            except BaseException:
                self.runner.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(
        self, found: Replay, patch: Patch, path: str, start: int, done: Callable[[Weight], None]
    ) -> Weight:
        noticed, cause = self._noticed(found, patch)
        weight = Weight(patch.name, patch.pr, path, start, noticed, cause)
        if not self.runner.over.is_set():
            done(weight)
        return weight

    def _noticed(self, found: Replay, patch: Patch) -> tuple[bool, str]:
        test = test_of(self.runner.smoke, patch)
        if test is None:
            return False, "the patch has no test"
        if not found.ok:
            return True, f"the others have no place without it: {found.results[-1].cause}"
        touched = self.touched | found.touched
        files = files_after(self.made, found.base, found.changes, touched)
        with tempfile.TemporaryDirectory(prefix="vpatch-smoke-") as folder:
            tree = make_overlay(self.runner.found, self.package, files, Path(folder, "tree"))
            run = self.runner.run([test], tree)
        failed = [case for case in run.cases if case.state.value in ("failed", "error")]
        if run.broken or failed:
            return True, run.broken or f"{failed[0].name}: {failed[0].message}"
        return False, "every test passes without it"


def _variants(patch: Patch) -> Iterator[tuple[Patch, str, int]]:
    """Yield the patch without one hunk, for each hunk; a file without any is left out."""
    for at, file in enumerate(patch.files):
        for number, hunk in enumerate(file.hunks):
            rest = (*file.hunks[:number], *file.hunks[number + 1 :])
            kept = (replace(file, hunks=rest),) if rest else ()
            files = (*patch.files[:at], *kept, *patch.files[at + 1 :])
            yield replace(patch, files=files), file.path, hunk.old_start
