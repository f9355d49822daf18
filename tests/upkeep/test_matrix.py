"""Which bases a text means, how they are brought, and a series on all of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from git_servers import HOST, free_port
from index_servers import Told
from support import IndexServer, Project, lines, sdist, series_of
from vpatch.doors.index import Index
from vpatch.jobs.bases import Bases
from vpatch.upkeep import workers
from vpatch.upkeep.matrix import bring, fill, named
from vpatch.upkeep.replays import Replays, opened
from vpatch.values import config
from vpatch.values.base import Base
from vpatch.values.errors import BadInputError
from vpatch.values.matrix import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Upstream
    from vpatch.values.matrix import Row

RELEASES = ("0.14.0", "0.16.0", "0.16.1rc1", "0.17.0", "0.18.0")
"""What the index has; of 0.15.0 it has a wheel alone."""
A = "vllm/a.py"


@pytest.fixture
def told() -> Told:
    """Take note of what people are told."""
    return Told()


@pytest.fixture
def bases(tmp_path: Path, index: IndexServer, told: Told) -> Bases:
    """Publish releases, of which none is at hand."""
    for version in RELEASES:
        index.add(version, sdist(version, {A: lines(1, 9)}))
    name = "vllm-0.15.0-cp38-abi3-manylinux1_x86_64.whl"
    index.publish({"filename": name, "url": f"../../{name}", "hashes": {}})
    return at(tmp_path, index.url, told)


def at(folder: Path, url: str, told: Told) -> Bases:
    """Return the bases of a user."""
    return Bases(folder, config.Upstream(), lambda: Index("vllm", {"index-url": url}), told)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("v0.16.0..v0.17.0", ["v0.16.0", "v0.17.0"]),
        ("0.14.0..0.16.5", ["v0.14.0", "v0.15.0", "v0.16.0"]),
        ("v0.17.0..", ["v0.17.0", "v0.18.0"]),
        ("v0.17..latest", ["v0.17.0", "v0.18.0"]),
        ("..v0.14.9", ["v0.14.0"]),
        ("..", ["v0.14.0", "v0.15.0", "v0.16.0", "v0.17.0", "v0.18.0"]),
        ("0.17.0, main,v9.9.9", ["main", "v0.17.0", "v9.9.9"]),
        ("v0.18.0..,v0.14.0..v0.14.5,", ["v0.14.0", "v0.18.0"]),
    ],
)
def test_what_a_text_means(bases: Bases, told: Told, text: str, meant: list[str]) -> None:
    """Ranges of final releases, open or not, and names, which need not exist."""
    assert sorted(named(bases, text, told.say)) == meant


def test_an_open_beginning_goes_back_to_what_is_at_hand(bases: Bases, told: Told) -> None:
    """An index has every release there ever was: nobody means to fetch them all."""
    bases.get("v0.16.0")
    assert sorted(named(bases, "..v0.17.0", told.say)) == ["v0.16.0", "v0.17.0"]
    assert sorted(named(bases, "v0.14.0..v0.14.9", told.say)) == ["v0.14.0"]


def test_a_name_counts_more_than_a_range(bases: Bases, told: Told) -> None:
    """What stands in a range alone may be a gap; what is named may not, in either order."""
    for text in ("v0.15.0,v0.14.0..v0.16.0", "v0.14.0..v0.16.0,0.15.0"):
        found = named(bases, text, told.say)
        assert found == {"v0.14.0": True, "v0.15.0": False, "v0.16.0": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("main..v0.17.0", "a range ends at releases: main..v0.17.0"),
        ("latest..", "a range ends at releases"),
        ("v0.16.0...v0.17.0", "a range ends at releases"),
        ("v0.17.0..v0.16.0", "no release is in the range: v0.17.0..v0.16.0"),
        ("v0.19.0..", "no release is in the range"),
        ("", "no base is named"),
        (" , ,", "no base is named"),
    ],
)
def test_a_text_without_sense(bases: Bases, told: Told, text: str, said: str) -> None:
    """It is said, with forms that have sense."""
    with pytest.raises(BadInputError, match=said) as caught:
        named(bases, text, told.say)
    assert "v0.16.0..v0.20.0" in caught.value.hint


def test_a_release_that_cannot_be_had_hides_no_other(bases: Bases, told: Told) -> None:
    """Each comes, in order; the one without a source distribution says why it does not."""
    names = named(bases, "v0.14.0..v0.16.0,nonsense,latest", told.say)
    found = bring(bases, names)

    assert list(found) == ["v0.14.0", "v0.15.0", "v0.16.0", "v0.18.0", "nonsense"]
    lost = [one for one in found.values() if isinstance(one, Missing)]
    reason = "the index has no source distribution of this release"
    assert [(one.base, one.reason, one.gap) for one in lost] == [
        ("v0.15.0", reason, True),
        ("nonsense", "no such base", False),
    ]
    assert all("--upstream URL" in one.hint for one in lost)
    at_hand = [base.name for base in bases.releases()]
    assert at_hand == ["v0.14.0", "v0.16.0", "v0.18.0"]
    assert list(named(bases, None, told.say)) == at_hand


def test_a_candidate_is_shown_where_it_is_at_hand(bases: Bases, told: Told) -> None:
    """Nobody asks for candidates by a range, but who fetched one wants to see it."""
    bases.get("v0.16.1rc1")
    assert list(named(bases, "v0.16.0..v0.17.0", told.say)) == [
        "v0.17.0",
        "v0.16.0",
        "v0.16.1rc1",
    ]


def test_without_the_index_those_at_hand_are_shown(
    bases: Bases, tmp_path: Path, told: Told
) -> None:
    """The network is down: that is said, and a range has what is there."""
    bring(bases, {"v0.14.0": False, "v0.17.0": False})
    offline = at(tmp_path, f"http://{HOST}:{free_port()}/simple/", told)
    names = named(offline, "v0.14.0..", told.say)

    assert list(names) == ["v0.14.0", "v0.17.0"]
    assert told.lines[-1].startswith("the package index cannot be reached (")
    assert told.lines[-1].endswith("; going on with the releases at hand")
    assert all(isinstance(base, Base) for base in bring(offline, names).values())


@pytest.mark.parametrize("cores", [1, 3])
def test_a_series_on_many_bases(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told, cores: int
) -> None:
    """On one core or on more: clean at home, moved, gone, landed; a broken base is told of."""
    monkeypatch.setattr(workers, "_cores", lambda: cores)
    author = Project(tmp_path / "author", {A: lines(1, 30)})
    patch = author.patch("Edit", {A: lines(1, 30, l20="twenty")})
    home = upstream.release("v0.16.0", {A: lines(1, 30)})
    upstream.release("v0.17.0", {A: "first\n" + lines(1, 30)})
    upstream.release("v0.18.0", {A: lines(1, 12)})
    upstream.release("v0.19.0", {A: lines(1, 30, l20="twenty")})
    broken = Base("v0.20.0", "1" * 40, "nowhere")
    bases = at(tmp_path, "http://unused/", told)
    rows: dict[str, Row | Missing] = {}
    fill(
        lambda: opened(bases, {}, told.say),
        series_of(home, {"1.patch": patch}),
        [*upstream.bases.values(), broken],
        rows.__setitem__,
    )

    lost = rows.pop("v0.20.0")
    assert isinstance(lost, Missing)
    assert not lost.gap
    assert "git" in lost.reason
    found = {
        base: row[0]["verdict"] for base, row in rows.items() if not isinstance(row, Missing)
    }
    assert found == {
        "v0.16.0": "clean",
        "v0.17.0": "offset",
        "v0.18.0": "conflict",
        "v0.19.0": "landed",
    }


def test_a_home_that_cannot_be_had_is_told_once(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    """The series' own base is nowhere: one line, not one for each base, and all go on."""
    monkeypatch.setattr(workers, "_cores", lambda: 2)
    author = Project(tmp_path / "author", {A: lines(1, 30)})
    patch = author.patch("Edit", {A: lines(1, 30, l20="twenty")})
    for number in range(7, 10):
        upstream.release(f"v0.1{number}.0", {A: f"{number}\n" + lines(1, 12)})
    bases = at(tmp_path, f"http://{HOST}:{free_port()}/simple/", told)
    rows: dict[str, Row | Missing] = {}
    asked = tmp_path / "asked"

    @contextmanager
    def counted() -> Iterator[Replays]:
        def say(line: str) -> None:
            # Other processes would speak as well.
            with asked.open("a") as stream:
                stream.write(f"{line}\n")

        with opened(bases, {}, say) as replays:
            yield replays

    series = series_of(Base("v0.16.0", "2" * 40, ""), {"1.patch": patch})
    fill(counted, series, list(upstream.bases.values()), rows.__setitem__)

    assert {row[0]["verdict"] for row in rows.values() if not isinstance(row, Missing)} == {
        "conflict"
    }
    assert len(rows) == 3
    (line,) = asked.read_text().splitlines()
    assert line.startswith("no three-way merge: the package index cannot be reached")
