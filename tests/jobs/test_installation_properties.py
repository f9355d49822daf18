"""Whatever two series do, what was installed comes back."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments import delivery, environment_with, opened, put
from support import PYPROJECT, Project, Upstream, lines, series_of
from vpatch.jobs.installation import compare, held_states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments import Environment
    from vpatch.values.base import Base
    from vpatch.values.series import Series

START = {
    "pyproject.toml": PYPROJECT,
    "vllm/__init__.py": "",
    "vllm/a.py": lines(1, 20).replace("line", "LINE ="),
    "vllm/b/c.py": lines(1, 20).replace("line", "LINE ="),
    "vllm/b/d.py": "d = 1\n",
    "docs/page.md": "page\n",
}
NEW = ("vllm/b/new.py", "vllm/e/f/new.py", "docs/new.md")
_EDIT = st.integers(1, 20)
_CHANGE = st.dictionaries(st.sampled_from([*START][2:]), _EDIT | st.none() | st.just("mode"))
_ADDED = st.sets(st.sampled_from(NEW))
_PATCHES = st.lists(st.tuples(_CHANGE, _ADDED), min_size=1, max_size=3)


class Bench:
    """An environment to copy, and authors that start anew for each series."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plain = environment_with(folder / "plain", START)
        self.upstream = Upstream.at(folder / "store.git")
        self.base: Base = self.upstream.release("v0.16.0", START)
        self.author = Project(folder / "author", START)
        self.start = self.author.commit("start again", {})
        self._names = itertools.count()

    def series(self, patches: list[tuple[dict[str, object], set[str]]]) -> Series:
        """Return a series of patches that build upon one another."""
        self.author.back(self.start)
        found: dict[str, bytes] = {}
        for changes, added in patches:
            change: dict[str, str | None] = {}
            for path, what in changes.items():
                place = self.author.folder / path
                if not place.exists():
                    continue
                text = place.read_text()
                if what == "mode":
                    place.chmod(place.stat().st_mode ^ 0o111)
                change[path] = text if isinstance(what, str) else None
                if isinstance(what, int):
                    change[path] = text + f"MORE = {what}\n"
            change |= {path: f"NEW = {len(found)}\n" for path in added}
            name = f"{next(self._names)}-x.patch"
            raw = self.author.patch("change", change)
            if b"diff --git" in raw:
                found[name] = raw
        return series_of(self.base, found)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Prepare what every case starts from."""
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(Path(folder))


@settings(max_examples=15, deadline=None)
@given(_PATCHES, _PATCHES)
def test_two_series_one_after_the_other_and_out_again(
    bench: Bench,
    one: list[tuple[dict[str, object], set[str]]],
    two: list[tuple[dict[str, object], set[str]]],
) -> None:
    """Each is whole by content, RECORD is right, and at the end all is as it was installed."""
    place = bench.plain.copy(bench.folder / "copy")
    before = state(place)
    with bench.upstream.repo.scratch() as made:
        for patches in (one, two):
            given_now = delivery(made, bench.series(patches))
            put(place, given_now)
            held = held_states(opened(place), given_now.replay, made)
            assert set(held) <= {"yes", "outside"}
            assert compare(opened(place), given_now.replay, made).drift == ()
            place.check_record()
            assert opened(place).plan(given_now) == {}
    opened(place).unapply()
    assert state(place) == before


def state(place: Environment) -> tuple[object, list[str]]:
    """Return all that lies there."""
    return place.state(), place.folders()
