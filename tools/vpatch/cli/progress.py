"""How far a job is, for people: a bar before their eyes, or a word now and then."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from vpatch.cli.pulse import PULSE
from vpatch.values.paths import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_MB = 10**6


class Bar:
    """The progress of one job, on a terminal."""

    def __init__(self, what: str, total: int | None) -> None:
        from rich.console import Console  # noqa: PLC0415, lazy
        from rich.progress import (  # noqa: PLC0415, lazy
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns: Sequence[object] = [TextColumn("{task.description}"), BarColumn()]
        if total:
            columns = [*columns, DownloadColumn(), TimeRemainingColumn()]
        # Of what has no known end, a clock shows that it goes on.
        columns = [*columns, TimeElapsedColumn()]
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)  # type: ignore[arg-type]
        self._what = what
        self._task = self._progress.add_task(printable(what), total=total)
        self._shown = ExitStack()

    def __enter__(self) -> Self:
        self._shown.enter_context(PULSE.hidden())
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        self._shown.close()

    def update(self, increment: int) -> None:
        """Count more bytes."""
        self._progress.advance(self._task, increment)

    def note(self, words: str) -> None:
        """Show how far it is."""
        what = printable(f"{self._what}: {words}")
        self._progress.update(self._task, description=what)


class Line:
    """The progress of one job where nobody looks at it grow: now and then a line."""

    def __init__(self, total: int | None) -> None:
        self._done, self._total = 0, total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def update(self, increment: int) -> None:
        """Count more bytes."""
        self._done += increment
        whole = f" of {self._total / _MB:.1f}" if self._total else ""
        self.note(f"{self._done / _MB:.1f}{whole} MB")

    def note(self, words: str) -> None:
        """Show how far it is."""
        PULSE.note(words)
