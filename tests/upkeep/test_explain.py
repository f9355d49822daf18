"""Why a patch has no place, told in small releases."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_servers import Told
from support import Project, Upstream, lines, sdist, series_of
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.upkeep.explain import explain
from vpatch.upkeep.explain import lines as told
from vpatch.upkeep.explain.run import relevant
from vpatch.upkeep.replays import opened
from vpatch.values.config import Upstream as Source
from vpatch.values.errors import VpatchError
from vpatch.values.explanation import Break, Line
from vpatch.values.patch import read_patch
from vpatch.values.resolution import Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support import Files, IndexServer
    from vpatch.values.base import Base
    from vpatch.values.explanation import Explanation, HunkExplanation

OLD = "v0.16.0"
PATH = "vllm/a.py"
TEXT = lines(1, 60)
MODEL = """class Model:
    def start(self):
        self.ready = prepare_everything()
        return self.ready

    def load(self, weights):
        for name, weight in weights:
            self.parameters[name] = weight
        return set(self.parameters)


def build(config):
    return Model()
"""


@dataclass
class Land:
    """A store with releases, and the patches of a series for the first."""

    cache: Path
    upstream: Upstream
    index: IndexServer | None = None
    told: Told = field(default_factory=Told)

    @property
    def bases(self) -> Bases:
        """The bases, with the index where there is one."""

        def open_index() -> Index:
            assert self.index is not None, "what is at hand needs no index"
            return Index("vllm", {"index-url": self.index.url})

        return Bases(self.cache, Source(), open_index, self.told)

    def explain(
        self,
        base: str,
        patches: Mapping[str, bytes],
        name: str = "100-a.patch",
        *,
        home: Base | None = None,
        fetches: int = 0,
    ) -> Explanation:
        """Explain a patch of a series that was made on the first release."""
        bases = self.bases
        own = home or self.upstream.bases[OLD]
        with opened(bases, {}, self.told.say) as replays:
            found = bases.get(base)
            return explain(replays, series_of(own, patches), name, found, fetches=fetches)

    def one(self, base: str, patch: bytes) -> HunkExplanation:
        """Explain a patch of which one hunk has no place."""
        found = self.explain(base, {"100-a.patch": patch})
        assert not found.ok
        assert len(found.hunks) == 1
        return found.hunks[0]


@pytest.fixture
def land(tmp_path: Path, upstream: Upstream) -> Land:
    """Make a store without releases."""
    return Land(tmp_path, upstream)


def marked(hunk: HunkExplanation) -> list[str]:
    """Return the changed lines of a hunk's comparison, with their numbers."""
    return [
        f"{line.mark}{line.old or line.new} {line.text}"
        for line in hunk.lines
        if line.mark != " "
    ]


def patched(folder: Path, before: Files, after: Mapping[str, str | None]) -> bytes:
    """Return a patch that somebody made."""
    return Project(folder, before).patch("change", after)


def test_lines_that_changed(land: Land, tmp_path: Path) -> None:
    """File, lines, what stands there now at which numbers, the release, and its change."""
    start = {PATH: TEXT}
    land.upstream.release(OLD, start)
    land.upstream.release("v0.17.0", {PATH: lines(-4, 60)})
    land.upstream.release("v0.18.0", {PATH: lines(-4, 60, l31="thirty-one")})
    land.upstream.release("v0.19.0", {PATH: lines(-9, 60, l31="XXXI")})
    patch = patched(tmp_path / "author", start, {PATH: lines(1, 60, l30="XXX")})

    hunk = land.one("v0.19.0", patch)

    assert (hunk.path, hunk.number, hunk.old_start) == (PATH, 1, 27)
    assert [line.text for line in hunk.expected] == [f"line {n}" for n in range(27, 34)]
    assert [line.old for line in hunk.expected] == list(range(27, 34))
    assert [line.new for line in hunk.found] == list(range(37, 44))
    assert marked(hunk) == ["-31 line 31", "+41 XXXI"]
    assert hunk.broke == Break("v0.17.0", "v0.18.0")
    assert (hunk.there, hunk.moved_to, hunk.commit) == (PATH, "", None)
    assert hunk.change.startswith(f"--- a/{PATH}\tv0.17.0\n+++ b/{PATH}\tv0.18.0\n@@ -")
    assert "-line 31\n+thirty-one\n" in hunk.change


def test_each_hunk_has_its_own_release(land: Land, tmp_path: Path) -> None:
    """A hunk that is still good where the patch as a whole breaks is looked for further on."""
    start = {PATH: lines(1, 90), "vllm/b.py": TEXT}
    land.upstream.release(OLD, start)
    changed: dict[str, str] = {}
    for number, line in enumerate((10, 40, 70), 17):
        changed[f"l{line}"] = f"new {line}"
        files = {PATH: lines(1, 90, **changed), "vllm/b.py": TEXT}
        land.upstream.release(f"v0.{number}.0", files)
    after = {
        PATH: lines(1, 90, l9="nine", l41="forty-one", l69="sixty-nine"),
        "vllm/b.py": lines(1, 60, l5="five"),
    }
    patch = patched(tmp_path / "author", start, after)

    found = land.explain("v0.19.0", {"100-a.patch": patch})

    assert found.broke == Break(OLD, "v0.17.0")
    assert [(h.path, h.number, h.old_start) for h in found.hunks] == [
        (PATH, 1, 6),
        (PATH, 2, 38),
        (PATH, 3, 66),
    ]
    assert [h.broke.bad for h in found.hunks] == ["v0.17.0", "v0.18.0", "v0.19.0"]
    assert [len(marked(h)) for h in found.hunks] == [2, 2, 2]


def test_a_file_that_moved(land: Land, tmp_path: Path) -> None:
    """Gone from its old path is never landed: the file is followed, and compared there."""
    start = {PATH: TEXT, "vllm/b.py": "b\n"}
    land.upstream.release(OLD, start)
    land.upstream.release(
        "v0.17.0", {"vllm/new/c.py": lines(1, 60, l50="L"), "vllm/b.py": "b\n"}
    )
    land.upstream.release(
        "v0.18.0", {"vllm/newer/d.py": lines(0, 60, l31="odd", l50="L"), "vllm/b.py": "b\n"}
    )
    patch = patched(tmp_path / "author", start, {PATH: lines(1, 60, l30="XXX")})

    hunk = land.one("v0.18.0", patch)

    assert hunk.path == PATH
    assert (hunk.moved_to, hunk.there) == ("vllm/newer/d.py", "vllm/newer/d.py")
    assert hunk.broke == Break("v0.17.0", "v0.18.0")
    assert marked(hunk) == ["-31 line 31", "+32 odd"]
    assert "--- a/vllm/new/c.py\tv0.17.0\n+++ b/vllm/newer/d.py\tv0.18.0\n" in hunk.change


def test_a_file_that_is_gone(land: Land, tmp_path: Path) -> None:
    """Where the lines are nowhere, that is what is said."""
    start = {PATH: TEXT, "vllm/b.py": "b\n"}
    land.upstream.release(OLD, start)
    land.upstream.release("v0.17.0", {"vllm/b.py": "b\n"})
    patch = patched(tmp_path / "author", start, {PATH: lines(1, 60, l30="XXX")})

    found = land.explain("v0.17.0", {"100-a.patch": patch})

    (hunk,) = found.hunks
    assert (hunk.there, hunk.moved_to, hunk.change) == ("", "", "")
    assert hunk.broke == Break(OLD, "v0.17.0")
    assert [line.mark for line in hunk.lines] == ["-"] * 7
    assert "the file is not in v0.17.0, and its lines are in no other" in "\n".join(told(found))


def test_code_that_moved_to_another_file(land: Land, tmp_path: Path) -> None:
    """The file stays and the function goes: by its lines, it is found in the other file."""
    start = {PATH: MODEL, "vllm/b.py": "import os\n"}
    land.upstream.release(OLD, start)
    head, _, tail = MODEL.partition("    def load")
    body = tail.partition("\n\n\ndef build")[0]
    moved = f"class Loader:\n    def load{body}\n".replace("weight in", "value in")
    after = {PATH: MODEL.replace(f"    def load{body}\n\n\n", "\n"), "vllm/loader.py": moved}
    assert "def load" not in after[PATH]
    land.upstream.release("v0.17.0", after | {"vllm/b.py": "import os\n"})
    change = MODEL.replace("return set(self.parameters)", "return {*self.parameters}")
    patch = patched(tmp_path / "author", start, {PATH: change})

    found = land.explain("v0.17.0", {"100-a.patch": patch})

    (hunk,) = found.hunks
    assert hunk.function == "Model.load"
    assert hunk.moved_to == hunk.there == "vllm/loader.py"
    assert hunk.function_now is not None
    assert (hunk.function_now.name, hunk.function_now.line) == ("Loader.load", 2)
    assert "+3         for name, value in weights:" in marked(hunk)
    text = "\n".join(told(found))
    assert "in Model.load, now Loader.load at line 2" in text
    assert "moved to vllm/loader.py" in text
    assert head


def test_lines_that_many_files_have_tell_nothing(land: Land, tmp_path: Path) -> None:
    """A new file with the same idiom is no place that the code moved to."""
    idiom = "for name, weight in weights:\n    load(name, weight)\n    count(name)\n"
    start = {PATH: f"first = 1\n{idiom}last = 1\n", "vllm/b.py": f"second = 1\n{idiom}"}
    land.upstream.release(OLD, start)
    now = {PATH: "first = 1\nlast = 1\n", "vllm/new.py": f"third = 1\n{idiom}"}
    land.upstream.release("v0.17.0", now | {"vllm/b.py": start["vllm/b.py"]})
    patch = patched(
        tmp_path / "author", start, {PATH: f"first = 1\n{idiom}check()\nlast = 1\n"}
    )

    hunk = land.one("v0.17.0", patch)

    assert (hunk.moved_to, hunk.there) == ("", PATH)


def test_function_at_home_and_now(land: Land, tmp_path: Path) -> None:
    """The function is named as it was, and the line at which it stands now."""
    start = {PATH: MODEL}
    land.upstream.release(OLD, start)
    now = "import os\n\n" + MODEL.replace("weight in weights", "weight in sorted(weights)")
    land.upstream.release("v0.17.0", {PATH: now})
    land.upstream.release("v0.18.0", {PATH: now.replace("def load", "def load_all")})
    change = MODEL.replace("for name, weight in weights", "for name, weight in list(weights)")
    patch = patched(tmp_path / "author", start, {PATH: change})

    hunk = land.one("v0.17.0", patch)
    assert hunk.function == "Model.load"
    assert hunk.function_now is not None
    assert (hunk.function_now.path, hunk.function_now.line) == (PATH, 8)

    hunk = land.one("v0.18.0", patch)
    assert (hunk.function, hunk.function_now) == ("Model.load", None)


@pytest.mark.parametrize("path", ["docs/a.md", "vllm/a.py"], ids=["a page", "a broken module"])
def test_what_is_no_python_has_no_functions(land: Land, tmp_path: Path, path: str) -> None:
    """The lines are told all the same."""
    land.upstream.release(OLD, {path: TEXT})
    land.upstream.release("v0.17.0", {path: lines(1, 60, l31="odd")})
    change = {path: lines(1, 60, l30="XXX")}
    hunk = land.one("v0.17.0", patched(tmp_path / "author", {path: TEXT}, change))
    assert (hunk.function, hunk.function_now) == ("", None)
    assert marked(hunk) == ["-31 line 31", "+31 odd"]


def test_a_hunk_on_top_of_an_earlier_patch(land: Land, tmp_path: Path) -> None:
    """What it expects is the file as the patches before it leave it."""
    land.upstream.release(OLD, {PATH: TEXT})
    land.upstream.release("v0.17.0", {PATH: lines(1, 60, l33="odd")})
    author = Project(tmp_path / "author", {PATH: TEXT})
    below = lines(0, 60, l10="ten")
    series = {"90-first.patch": author.patch("first", {PATH: below})}
    series["100-a.patch"] = author.patch("second", {PATH: below.replace("line 32", "XXXII")})

    found = land.explain("v0.17.0", series)

    (hunk,) = found.hunks
    assert [line.old for line in hunk.expected] == list(range(30, 37))
    assert hunk.expected[0].text == "line 29"
    assert marked(hunk) == ["-34 line 33", "+33 odd"]


def test_a_patch_that_needs_another(land: Land, tmp_path: Path) -> None:
    """It fails only because an earlier one does: that one is the root, however far back."""
    land.upstream.release(OLD, {PATH: TEXT, "vllm/b.py": TEXT})
    land.upstream.release("v0.17.0", {PATH: lines(1, 60, l31="odd"), "vllm/b.py": TEXT})
    author = Project(tmp_path / "author", {PATH: TEXT, "vllm/b.py": TEXT})
    texts = [lines(1, 60, l30="one"), lines(1, 60, l30="two"), lines(1, 60, l30="three")]
    names = ["7-root.patch", "9000-middle.patch", "100-a.patch"]
    series = {
        name: author.patch(name, {PATH: text}) for name, text in zip(names, texts, strict=True)
    }
    series["other.patch"] = author.patch("other", {"vllm/b.py": lines(1, 60, l3="three")})

    found = land.explain("v0.17.0", series)

    assert not found.ok
    assert [patch.name for patch in found.roots] == ["7-root.patch"]
    assert (found.hunks, found.broke) == ((), None)
    assert list(told(found)) == [
        "#100 has no place on v0.17.0 only because an earlier patch has none",
        "explain 7-root.patch first",
    ]
    assert land.explain("v0.17.0", series, "7-root.patch").hunks[0].broke.bad == "v0.17.0"


@pytest.mark.parametrize("base", ["v0.16.0", "v0.17.0"])
def test_a_patch_that_has_a_place(land: Land, tmp_path: Path, base: str) -> None:
    """It is said with its verdict, and the cause where there is one; one replay is enough."""
    land.upstream.release(OLD, {PATH: TEXT})
    land.upstream.release("v0.17.0", {PATH: lines(-3, 60)})
    patch = patched(tmp_path / "author", {PATH: TEXT}, {PATH: lines(1, 60, l30="XXX")})

    found = land.explain(base, {"100-a.patch": patch})

    assert found.ok
    word = {"v0.16.0": "clean", "v0.17.0": "offset"}[base]
    assert list(told(found)) == [f"#100 has a place on {base}: {word}"]
    assert [name for name, _ in found.asked] == [base]


@pytest.mark.parametrize("base", ["v0.16.0", "v0.17.0"])
def test_a_patch_that_fits_nowhere(land: Land, tmp_path: Path, base: str) -> None:
    """Where it does not fit its own base either, nothing that upstream did is to blame."""
    for name in (OLD, "v0.17.0"):
        land.upstream.release(name, {PATH: TEXT})
    strange = lines(101, 160)
    patch = patched(tmp_path / "author", {PATH: strange}, {PATH: lines(101, 160, l130="X")})

    found = land.explain(base, {"100-a.patch": patch})

    assert not found.ok
    assert not found.fits_home
    assert found.hunks == ()
    assert next(told(found)) == (
        "#100 does not fit v0.16.0, the base that it was made on: mend it first"
    )


def test_a_conflict_that_somebody_solved(land: Land, tmp_path: Path) -> None:
    """What upstream did is told all the same, with how it was solved; the answer is good."""
    land.upstream.release(OLD, {PATH: TEXT})
    odd = {PATH: lines(1, 60, l31="odd")}
    land.upstream.release("v0.17.0", odd)
    author = Project(tmp_path / "author", {PATH: TEXT})
    patch = author.patch("change", {PATH: lines(1, 60, l30="XXX")})
    author.commit("v0.17.0", odd)
    diff = author.patch("solved", {PATH: lines(1, 60, l30="XXX", l31="odd")})
    own, base = (land.bases.get(name) for name in (OLD, "v0.17.0"))
    series = series_of(own, {"100-a.patch": patch})
    with opened(land.bases, {}, land.told.say) as replays:
        clash = replays.replay(series, base, {}).results[0].clash
    assert clash is not None
    solution = Resolution(clash.key, base.name, read_patch("how.patch", diff))

    with opened(land.bases, {}, land.told.say, resolutions=lambda: [solution]) as replays:
        found = explain(replays, series, "100-a.patch", base, fetches=0)

    assert found.ok
    assert found.hunks[0].broke == Break(OLD, "v0.17.0")
    assert found.as_json()["verdict"] == "conflict"
    assert found.as_json()["solved"] == "resolved as patches/resolutions/how.patch"
    assert list(told(found))[-4:] == [
        "",
        "#100 is put in all the same: merged",
        "  resolved as patches/resolutions/how.patch",
        "note: only the releases at hand were asked",
    ]


def test_an_older_base(land: Land, tmp_path: Path) -> None:
    """Downwards, it is told with which release the lines came."""
    land.upstream.release("v0.13.0", {PATH: lines(1, 60, l31="old", l30="older")})
    land.upstream.release("v0.14.0", {PATH: lines(1, 60, l31="old")})
    land.upstream.release("v0.15.0", {PATH: TEXT, "vllm/b.py": "b\n"})
    land.upstream.release(OLD, {PATH: lines(-2, 60)})
    start = {PATH: lines(-2, 60)}
    patch = patched(tmp_path / "author", start, {PATH: lines(-2, 60, l30="XXX")})

    found = land.explain("v0.13.0", {"100-a.patch": patch})

    (hunk,) = found.hunks
    assert hunk.broke == Break("v0.15.0", "v0.14.0")
    assert "came with v0.15.0, not yet in v0.14.0" in "\n".join(told(found))
    assert f"--- a/{PATH}\tv0.14.0\n+++ b/{PATH}\tv0.15.0\n" in hunk.change
    assert "-old\n+line 31\n" in hunk.change


def test_a_new_file_that_upstream_has_by_now(land: Land, tmp_path: Path) -> None:
    """Nothing is expected, and all that stands there is upstream's."""
    land.upstream.release(OLD, {PATH: TEXT})
    land.upstream.release("v0.17.0", {PATH: TEXT, "vllm/new.py": "import theirs\n"})
    patch = patched(tmp_path / "author", {PATH: TEXT}, {"vllm/new.py": "import ours\n"})

    hunk = land.one("v0.17.0", patch)

    assert hunk.lines == (Line("+", None, 1, "import theirs"),)
    assert (hunk.there, hunk.moved_to, hunk.function) == ("vllm/new.py", "", "")
    assert hunk.broke == Break(OLD, "v0.17.0")


def test_a_conflict_without_hunks(land: Land, tmp_path: Path) -> None:
    """A rename to a name that upstream has taken: the reason stands in hunks' stead."""
    land.upstream.release(OLD, {PATH: TEXT})
    land.upstream.release("v0.17.0", {PATH: TEXT})
    land.upstream.release("v0.18.0", {PATH: TEXT, "vllm/c.py/deep.py": "deep\n"})
    patch = patched(tmp_path / "author", {PATH: TEXT}, {PATH: None, "vllm/c.py": TEXT})
    assert b"rename to vllm/c.py" in patch

    found = land.explain("v0.18.0", {"100-a.patch": patch})

    assert found.hunks == ()
    assert found.broke == Break("v0.17.0", "v0.18.0")
    text = "\n".join(told(found))
    assert "first broken in v0.18.0, good in v0.17.0" in text
    assert "vllm/c.py is a folder in the base" in text


# How often is asked


@pytest.mark.parametrize("broke", [0, 1, 9, 12, 23, 24])
def test_at_most_six_replays_over_24_releases(land: Land, tmp_path: Path, broke: int) -> None:
    """Bisection: with 24 releases between, wherever it broke, six replays name it."""
    names = [OLD, *(f"v0.{minor}.0" for minor in range(17, 42))]
    for number, name in enumerate(names):
        odd = {"l50": "odd"} if number > broke else {}
        land.upstream.release(name, {PATH: lines(1, 60, l1=name, **odd)})
    start = {PATH: lines(1, 60, l1=OLD)}
    patch = patched(tmp_path / "author", start, {PATH: lines(1, 60, l1=OLD, l49="new")})

    found = land.explain(names[-1], {"100-a.patch": patch})

    assert len(names[1:-1]) == 24
    assert found.hunks[0].broke == Break(names[broke], names[broke + 1])
    assert len(found.asked) <= 6
    assert found.as_json()["replays"] == len(found.asked)


def test_releases_that_change_nothing_are_not_asked(land: Land, tmp_path: Path) -> None:
    """A release in which the files are as they were before can have broken nothing."""
    names = [OLD, *(f"v0.{minor}.0" for minor in range(17, 42))]
    for number, name in enumerate(names):
        text = lines(1, 60, l31="odd") if number > 20 else TEXT
        land.upstream.release(name, {PATH: text, "vllm/b.py": name})
    patch = patched(tmp_path / "author", {PATH: TEXT}, {PATH: lines(1, 60, l30="XXX")})

    found = land.explain(names[-1], {"100-a.patch": patch})

    assert found.hunks[0].broke == Break(names[20], names[21])
    assert [name for name, _ in found.asked] == [names[-1], names[21]]


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_named_is_a_release_that_broke_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever upstream does to two hunks, in whatever order, mending included.

    The one release has a place for the hunk, the next has none; and where it broke but once,
    that is what a walk from release to release finds.
    """
    folder = tmp_path_factory.mktemp("land")
    land = Land(folder, Upstream.at(folder / "store.git"))
    names = [f"v0.{minor}.0" for minor in range(16, 23)]
    between = st.lists(st.booleans(), min_size=len(names) - 2, max_size=len(names) - 2)
    broken = [[False, *data.draw(between), True] for _ in range(2)]
    for at, name in enumerate(names):
        changed = {f"l{10 + 40 * n}": "odd" for n, pattern in enumerate(broken) if pattern[at]}
        if data.draw(st.booleans()):
            changed["l30"] = name
        land.upstream.release(name, {PATH: lines(1, 60, **changed), "README.md": name})
    start = land.upstream.repo.run("show", f"{land.upstream.bases[OLD].commit}:{PATH}").out
    after = start.decode().replace("line 11\n", "XI\n").replace("line 51\n", "LI\n")
    patch = patched(folder / "author", {PATH: start.decode()}, {PATH: after})

    found = land.explain(names[-1], {"100-a.patch": patch})

    for hunk, pattern in zip(found.hunks, broken, strict=True):
        states = dict(zip(names, pattern, strict=True))
        assert (hunk.broke.good, hunk.broke.bad) in list(pairwise(names))
        assert not states[hunk.broke.good]
        assert states[hunk.broke.bad]
    assert len(found.asked) == len({name for name, _ in found.asked})


def test_patches_that_cannot_matter_are_left_out(tmp_path: Path) -> None:
    """What matters shares files with it, or with what does; later ones may hide it."""
    author = Project(tmp_path / "author", {f"{name}.txt": TEXT for name in "abcde"})

    def patch(name: str, *paths: str) -> bytes:
        new = {f"{path}.txt": lines(1, 60, l9=name) for path in paths}
        return author.patch(name, new)

    series = series_of(
        None,
        {
            "far": patch("far", "c", "d"),
            "none": patch("none", "e"),
            "near": patch("near", "b", "c"),
            "asked": patch("asked", "a", "b"),
            "behind": patch("behind", "a"),
            "wider": patch("wider", "a", "e"),
        },
    )
    kept = [found.name for found in relevant(series, "asked").patches]
    assert kept == ["far", "near", "asked", "behind"]
    assert [found.name for found in relevant(series, "none").patches] == ["none"]


# What is not at hand


@pytest.fixture
def shelf(land: Land, tmp_path: Path, index: IndexServer) -> bytes:
    """Publish releases of which only the first is at hand; return a patch that breaks."""
    land.upstream.release(OLD, {PATH: TEXT, "pyproject.toml": "", "vllm/__init__.py": ""})
    land.index = index
    for minor in range(17, 25):
        changed = {"l1": f"{minor}"} | ({"l31": "odd"} if minor >= 20 else {})
        index.add(f"0.{minor}.0", sdist(f"0.{minor}.0", {PATH: lines(1, 60, **changed)}))
    entry = {"filename": "vllm-0.19.1-py3-none-any.whl", "url": "x", "hashes": {}}
    index.publish(entry)
    index.add("0.20.0rc1", sdist("0.20.0rc1", {PATH: TEXT}))
    return patched(tmp_path / "author", {PATH: TEXT}, {PATH: lines(1, 60, l30="XXX")})


def test_releases_are_fetched_as_they_are_needed(land: Land, shelf: bytes) -> None:
    """Of eight, three are brought; one without a source distribution is named as not asked."""
    found = land.explain("v0.24.0", {"100-a.patch": shelf}, fetches=5)

    (hunk,) = found.hunks
    assert hunk.broke == Break("v0.19.0", "v0.20.0", ("v0.19.1",))
    assert sum(line.startswith("download") for line in land.told.lines) <= 5
    text = "\n".join(told(found))
    assert "first broken in v0.20.0, good in v0.19.0 (not asked: v0.19.1)" in text
    assert "note: the index has no source distribution of this release: v0.19.1" in text


def test_no_more_than_a_few_are_fetched(land: Land, shelf: bytes) -> None:
    """Where that is not enough, the answer is two releases and what was not asked between."""
    found = land.explain("v0.24.0", {"100-a.patch": shelf}, fetches=1)

    (hunk,) = found.hunks
    assert hunk.broke.good == OLD
    assert hunk.broke.bad == "v0.20.0"
    assert hunk.broke.untried == ("v0.17.0", "v0.18.0", "v0.19.0", "v0.19.1")
    text = "\n".join(told(found))
    assert "vpatch bases --fetch NAME brings it" in text


def test_without_the_index(land: Land, shelf: bytes) -> None:
    """Offline, the releases at hand are asked, and that is said."""
    for name in ("v0.18.0", "v0.22.0", "v0.24.0"):
        land.bases.get(name)
    assert land.index is not None
    land.index.close()

    found = land.explain("v0.24.0", {"100-a.patch": shelf}, fetches=5)

    assert found.hunks[0].broke == Break("v0.18.0", "v0.22.0")
    assert len(found.notes) == 1
    assert "the package index cannot be reached" in found.notes[0]
    assert found.notes[0].endswith("only the releases at hand were asked")


def test_a_download_that_fails_on_the_way(land: Land, shelf: bytes) -> None:
    """A broken archive ends the fetching, not the answer."""
    assert land.index is not None
    for path in land.index.folder.glob("vllm-0.*.tar.gz"):
        if "0.24.0" not in path.name:
            path.write_bytes(b"no archive")

    found = land.explain("v0.24.0", {"100-a.patch": shelf}, fetches=5)

    assert found.hunks[0].broke.bad == "v0.24.0"
    assert found.hunks[0].broke.good == OLD
    assert "sha256" in found.notes[0]


def test_without_the_base_that_it_was_made_on(
    land: Land, tmp_path: Path, index: IndexServer
) -> None:
    """Nobody can tell what the lines looked like: no answer."""
    land.index = index
    index.add("0.15.0", sdist("0.15.0", {PATH: TEXT}))
    own = land.upstream.release(OLD, {PATH: TEXT})
    land.upstream.release("v0.17.0", {PATH: lines(1, 60, l31="odd")})
    land.upstream.repo.run("update-ref", "-d", f"refs/vpatch/index/vllm/{OLD}")
    patch = patched(tmp_path / "author", {PATH: TEXT}, {PATH: lines(1, 60, l30="XXX")})
    with pytest.raises(VpatchError, match="is not to be had") as caught:
        land.explain("v0.17.0", {"100-a.patch": patch}, home=own)
    assert caught.value.status == 3


# What people read


HOSTILE = "\x1b[31m red \x1b]0;title\x07 \u202e right to left"


def test_upstreams_text_is_made_harmless(land: Land, tmp_path: Path) -> None:
    """No line of upstream's, and no path of a patch, reaches the terminal as a code."""
    start = {PATH: TEXT}
    land.upstream.release(OLD, start)
    land.upstream.release("v0.17.0", {PATH: lines(1, 60, l31=HOSTILE)})
    land.upstream.release("v0.18.0", {PATH: lines(0, 60, l31=HOSTILE)})
    patch = patched(tmp_path / "author", start, {PATH: lines(1, 60, l30="XXX")})
    found = land.explain("v0.18.0", {"100-a.patch": patch})
    text = "\n".join(told(found))
    assert "red" in text
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert HOSTILE in [line.text for line in found.hunks[0].found]


@pytest.mark.parametrize("width", [80, 100])
def test_long_lines_and_long_hunks(land: Land, tmp_path: Path, width: int) -> None:
    """Code is cut at the terminal's edge, its indentation first; runs are shortened."""
    deep = [f"{' ' * 60}line {n} of a deep function, told at length" for n in range(1, 121)]
    start = {PATH: "\n".join(deep) + "\n"}
    land.upstream.release(OLD, start)
    now = [*deep[:20], *(f"{' ' * 60}other {n}" for n in range(50)), *deep[100:]]
    land.upstream.release("v0.17.0", {PATH: "\n".join(now) + "\n"})
    after = [*deep[:10], "changed", *deep[110:]]
    patch = patched(tmp_path / "author", start, {PATH: "\n".join(after) + "\n"})

    found = land.explain("v0.17.0", {"100-a.patch": patch})
    text = list(told(found, width))

    assert max(map(len, text)) <= width
    assert len(found.hunks[0].lines) == 156
    assert "  … 68 more lines …" in text
    assert "  … 38 more lines …" in text
    assert "     21       - line 21 of a deep function, told at length" in text
    assert len(text) < 50


def test_json_holds_it_all(land: Land, tmp_path: Path) -> None:
    """Every field of a hunk, lines with their numbers, nothing cut."""
    start = {PATH: MODEL}
    land.upstream.release(OLD, start)
    now = MODEL.replace("weight in weights", "weight in sorted(weights)")
    land.upstream.release("v0.17.0", {PATH: f"import os\n{now}"})
    change = MODEL.replace("for name, weight in weights", "for name, weight in list(weights)")
    patch = patched(tmp_path / "author", start, {PATH: change})

    found = land.explain("v0.17.0", {"100-a.patch": patch}).as_json()

    (hunk,) = found.pop("hunks")
    cause = found.pop("cause")
    assert "found other lines in v0.17.0" in cause
    base = land.bases.get("v0.17.0")
    assert found == {
        "base": base.as_json(),
        "home": OLD,
        "name": "100-a.patch",
        "pr": 100,
        "verdict": "conflict",
        "solved": None,
        "needs": [],
        "fits_home": True,
        "good_in": OLD,
        "broke_in": "v0.17.0",
        "asked": [{"base": "v0.17.0", "verdict": "conflict"}],
        "replays": 1,
        "notes": ["only the releases at hand were asked"],
        "ok": False,
    }
    assert hunk.pop("change").count("\n") > 5
    texts = MODEL.split("\n")
    new = now.split("\n")
    assert hunk == {
        "path": PATH,
        "hunk": 1,
        "old_start": 4,
        "function": "Model.load",
        "expected": [{"line": n, "text": texts[n - 1]} for n in range(4, 11)],
        "there": {
            "path": PATH,
            "lines": [{"line": n + 1, "text": new[n - 1]} for n in range(4, 11)],
        },
        "moved_to": None,
        "function_now": {"path": PATH, "line": 7, "name": "Model.load"},
        "good_in": OLD,
        "broke_in": "v0.17.0",
        "untried": [],
        "commit": None,
    }
