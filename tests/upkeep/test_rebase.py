"""``vpatch rebase``: a series comes to another base, through conflicts or without."""

from __future__ import annotations

import gzip

import pytest

from rebases import NEXT, START, Works, state_of
from support import lines, sdist

# To the next release


def test_each_patch_gets_what_it_needs(works: Works) -> None:
    """Landed ones go, half landed ones keep the rest, moved ones are rewritten, others kept."""
    wanted = works.tree_id("v0.17.0", "v0.16.0")

    assert works.written("--onto", "v0.17.0") == {
        "101-a.patch": "kept",
        "102-b.patch": "rewritten",
        "103-c.patch": "landed",
        "104-d.patch": "rewritten",
        "105-e.patch": "kept",
        "106-e.patch": "kept",
    }
    old, new = works.series("v0.16.0"), works.series("v0.17.0")
    for name in ("101-a.patch", "105-e.patch", "106-e.patch"):
        assert (new / name).read_bytes() == (old / name).read_bytes()
    moved = (new / "102-b.patch").read_text()
    assert moved.startswith((old / "102-b.patch").read_text().partition("\ndiff ")[0].rstrip())
    assert "\n@@ -20,7 +20,7 @@ line 16\n" in moved
    assert moved.partition("\n\ndiff ")[0].endswith("/102\nRebased-From: v0.16.0")
    left = (new / "104-d.patch").read_text()
    assert left.count("\n@@ ") == 1
    assert "-line 30\n+mine\n" in left
    assert works.rows("v0.17.0") == [
        "101-a.patch",
        "102-b.patch",
        "# 103-c.patch: in v0.17.0 already (the base has every line of it)",
        "104-d.patch",
        "105-e.patch",
        "106-e.patch",
    ]
    assert works.is_clean("v0.17.0")
    assert works.tree_id("v0.17.0") == wanted


def test_the_answer_for_programs_and_for_people(works: Works) -> None:
    """Results, what was written, and where it stopped: the agreed form, and a line each."""
    dry = works.near.run("rebase", "--onto", "v0.17.0", "--dry-run")
    assert "would write patches/v0.17.0: 5 patches, 1 landed" in dry.out
    assert works.rebase("--onto", "v0.17.0", "--dry-run")["written"] == []
    found = works.rebase("--onto", "v0.17.0")
    wanted = {"schema", "base", "series", "patches", "written", "stopped", "ok"}
    assert set(found) == wanted
    assert found["base"]["name"] == "v0.17.0"
    assert found["series"] == "v0.16.0"
    verdicts = [patch["verdict"] for patch in found["patches"]]
    assert verdicts == ["clean", "offset", "landed", "partial", "clean", "clean"]

    (works.near.folder / "PATCHES.md").write_text("old\n")
    ran = works.near.run("rebase", "--onto", "v0.18.0", "--series", "v0.16.0", status=1)
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["#105", "Edit", "e", "conflict", "stopped"] in rows
    assert f"solve it in    {works.tree}" in ran.out
    assert f"then           vpatch -C {works.near.folder} rebase --continue" in ran.out
    works.solve()
    ran = works.near.run("rebase", "--continue")
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["#102", "Edit", "b", "offset", "rewritten"] in rows
    assert ["#105", "Edit", "e", "merged", "resolved"] in rows
    assert ran.out.splitlines()[-2:] == [
        "wrote patches/v0.18.0: 5 patches, 1 landed",
        "PATCHES.md does not know it yet: vpatch check --fix",
    ]


def test_a_dry_run_writes_nothing(works: Works) -> None:
    """With a conflict as well: what would happen, and nothing on the disk."""
    before = state_of(works.near.folder)
    found = works.rebase("--onto", "v0.18.0", "--dry-run", status=1)
    assert found["ok"] is False
    assert found["stopped"] is None
    ran = works.near.run("rebase", "--onto", "v0.18.0", "--dry-run", status=1)
    assert "1 of 6 patches have no place on v0.18.0: there a rebase would stop" in ran.out
    assert state_of(works.near.folder) == before
    assert not works.place.exists()


def test_what_applies_to_other_blobs_gets_their_ids(works: Works) -> None:
    """A patch whose file changed elsewhere names the new blobs, and is else what it was."""
    works.near.index.add("0.16.1", sdist("0.16.1", START | {"vllm/a.py": lines(1, 41)}))
    assert works.written("--onto", "v0.16.1")["101-a.patch"] == "rewritten"
    old, new = (works.series(base) / "101-a.patch" for base in ("v0.16.0", "v0.16.1"))
    was, now = old.read_text().splitlines(), new.read_text().splitlines()
    assert "Rebased-From: v0.16.0" in now
    assert {line.split()[0] for line in now if line not in was} == {"Rebased-From:", "index"}
    assert works.is_clean("v0.16.1")


def test_the_next_series_carries_the_history_on(works: Works) -> None:
    """Comments stay at their places, those on what was left out as well; one trailer only."""
    series = works.series("v0.16.0") / "series"
    rows = series.read_text().splitlines()
    rows[1:1] = ["#", "# Why this order.", ""]
    series.write_text("\n".join([*rows, "# The end."]) + "\n")
    works.written("--onto", "v0.17.0")
    works.near.index.add(
        "0.17.1", sdist("0.17.1", NEXT | {"vllm/b.py": lines(1, 40, l20="mine")})
    )
    assert works.written("--onto", "v0.17.1")["102-b.patch"] == "landed"
    assert works.rows("v0.17.1") == [
        "#",
        "# Why this order.",
        "",
        "101-a.patch",
        "# 102-b.patch: in v0.17.1 already (the base has every line of it)",
        "# 103-c.patch: in v0.17.0 already (the base has every line of it)",
        "104-d.patch",
        "105-e.patch",
        "106-e.patch",
        "# The end.",
    ]
    works.near.index.add(
        "0.17.2", sdist("0.17.2", NEXT | {"vllm/d.py": "top\n" + NEXT["vllm/d.py"]})
    )
    works.written("--onto", "v0.17.2")
    text = (works.series("v0.17.2") / "104-d.patch").read_text()
    assert [line for line in text.splitlines() if "Rebased-From" in line] == [
        "Rebased-From: v0.17.1"
    ]


def test_the_release_that_took_it_is_named(works: Works) -> None:
    """By the releases at hand where its lines are gone since, else by upstream.toml."""
    later = NEXT | {"vllm/c.py": lines(1, 40, l5="five and more")}
    works.near.index.add("0.17.5", sdist("0.17.5", later))
    works.near.run("bases", "--fetch", "v0.17.0")
    works.written("--onto", "v0.17.5")
    said = "landed in v0.17.0, changed since in v0.17.5"
    assert f"# 103-c.patch: {said}" in works.rows("v0.17.5")

    facts = 'title = "c"\nstate = "merged"\nas_of = 2026-01-02\nmerged_in = "v0.17.0"\n'
    (works.near.folder / "patches/upstream.toml").write_text(f"[[pr]]\nnumber = 103\n{facts}")
    works.written("--onto", "v0.17.0", "--series", "v0.16.0")
    said = "landed in v0.17.0 (seen on v0.17.0: the base has every line of it)"
    assert f"# 103-c.patch: {said}" in works.rows("v0.17.0")


def test_evidence_is_told_of_the_base_where_it_was_seen(works: Works) -> None:
    """By what stands there, not where: later series copy the comment."""
    held = '[[pr.landed_when]]\npath = "vllm/c.py"\ncontains = "five in words"\n'
    facts = 'title = "c"\nstate = "merged"\nas_of = 2026-01-02\nmerged_in = "v0.17.0"\n'
    said = f"[[pr]]\nnumber = 103\n{facts}{held}"
    (works.near.folder / "patches/upstream.toml").write_text(said)
    for version, text in (("0.17.6", "five in words"), ("0.17.7", "1\nfive in words")):
        later = NEXT | {"vllm/c.py": lines(1, 40, l5=text)}
        works.near.index.add(version, sdist(version, later))
        works.written("--onto", f"v{version}")
        assert (
            "# 103-c.patch: landed in v0.17.0, changed since in v0.17.6 "
            "(seen on v0.17.6: vllm/c.py has 'five in words')" in works.rows(f"v{version}")
        )


def test_patches_as_they_are_met_in_the_wild(works: Works) -> None:
    """A bare diff stays one, a packed patch is unpacked, an installed one gets git's paths."""
    author = works.author
    bare = author.patch("Bare", {"vllm/b.py": lines(1, 40, l20="mine", l30="bare")})
    packed = author.patch("Packed", {"vllm/b.py": lines(1, 40, l20="mine", l30="bare", l8="x")})
    plain = author.patch("Installed", {"vllm/a.py": lines(1, 40, l7="mine", l30="installed")})
    for side in (b"a/vllm/", b"b/vllm/"):
        plain = plain.replace(side, b"lib/python3.12/dist-packages/vllm/")
    folder = works.series("v0.16.0")
    (folder / "bare.diff").write_bytes(b"# a note\n" + bare[bare.index(b"diff --git") :])
    (folder / "packed.patch.gz").write_bytes(gzip.compress(packed))
    (folder / "installed.patch").write_bytes(plain)
    with (folder / "series").open("a") as file:
        file.write("bare.diff\npacked.patch.gz # a note\ninstalled.patch\n")
    wanted = works.tree_id("v0.17.0", "v0.16.0")

    done = works.written("--onto", "v0.17.0")
    assert done["bare.diff"] == done["packed.patch.gz"] == "rewritten"
    assert done["installed.patch"] == "kept"
    assert works.rows("v0.17.0")[-3:] == ["bare.diff", "packed.patch", "installed.patch"]
    text = (works.series("v0.17.0") / "bare.diff").read_text()
    assert text.startswith("# a note\ndiff --git a/vllm/b.py b/vllm/b.py\n")
    assert b"Rebased-From" in (works.series("v0.17.0") / "packed.patch").read_bytes()
    assert works.tree_id("v0.17.0") == wanted


def test_renames_and_modes(works: Works) -> None:
    """A patch that renames stays one that renames; where upstream moved a file, it follows."""
    author = works.author
    rename = {"vllm/a.py": None, "vllm/moved.py": lines(1, 40, l7="mine", l9="nine")}
    more = {"107-rename.patch": author.patch("Rename a", rename)}
    author.folder.joinpath("vllm/c.py").chmod(0o755)
    more["108-mode.patch"] = author.patch("Make c a program", {})
    folder = works.series("v0.16.0")
    for name, raw in more.items():
        (folder / name).write_bytes(raw)
    with (folder / "series").open("a") as file:
        file.write("\n".join(more) + "\n")
    later = {path.replace("b.py", "new/b.py"): text for path, text in NEXT.items()}
    later["vllm/a.py"] = "top\n" + lines(1, 40)
    works.near.index.add("0.17.3", sdist("0.17.3", later))
    wanted = works.tree_id("v0.17.3", "v0.16.0")
    works.written("--onto", "v0.17.3")
    text = (works.series("v0.17.3") / "107-rename.patch").read_text()
    assert "rename from vllm/a.py\nrename to vllm/moved.py\n" in text
    assert (works.series("v0.17.3") / "108-mode.patch").read_bytes() == more["108-mode.patch"]
    assert "+++ b/vllm/new/b.py\n" in (works.series("v0.17.3") / "102-b.patch").read_text()
    assert works.tree_id("v0.17.3") == wanted


# Which series


def test_a_hash_in_a_name(works: Works) -> None:
    """Only one behind white space begins a note: what landed leaves no line behind."""
    source = works.series("v0.16.0")
    (source / "103-c.patch").rename(source / "c#1.patch")
    (source / "series").write_text("101-a.patch # a#b\nc#1.patch -p1 # note\n")
    assert works.written("--onto", "v0.17.0") == {"101-a.patch": "kept", "c#1.patch": "landed"}
    assert works.rows("v0.17.0") == [
        "101-a.patch # a#b",
        "# c#1.patch: in v0.17.0 already (the base has every line of it)",
    ]
    assert works.is_clean("v0.17.0")


def test_a_base_with_its_own_series_has_nothing_to_do(works: Works) -> None:
    """A second call says so; another series on top is refused, with the way out."""
    works.written("--onto", "v0.17.0")
    before = state_of(works.near.folder)
    ran = works.near.run("rebase", "--onto", "0.17.0")
    assert ran.out.startswith("patches/v0.17.0 is for v0.17.0 (")
    assert ran.out.endswith("): nothing to do\n")
    assert works.written("--onto", "v0.17.0") == {}
    ran = works.near.run("rebase", "--onto", "v0.17.0", "--series", "v0.16.0", status=1)
    assert "error: there is a series for v0.17.0 already: " in ran.err
    assert "hint: move that folder away first; without --series" in ran.err
    assert state_of(works.near.folder) == before


def test_the_nearest_lower_series_is_taken(works: Works) -> None:
    """From v0.17.0 on, not from v0.16.0, where both are below."""
    works.written("--onto", "v0.17.0")
    assert works.rebase("--onto", "v0.18.0", status=1)["series"] == "v0.17.0"


def test_going_back(works: Works) -> None:
    """Onto an older release only with --series; what that means is said in a line."""
    works.written("--onto", "v0.17.0")
    works.near.index.add("0.15.0", sdist("0.15.0", START))
    ran = works.near.run("rebase", "--onto", "v0.15.0", status=2)
    assert "--series NAME takes one for any base" in ran.err
    ran = works.near.run("rebase", "--onto", "v0.15.0", "--series", "v0.17.0")
    assert "going back from v0.17.0 to v0.15.0: what upstream took before v0.17.0" in ran.err
    assert "104-d.patch" in works.rows("v0.15.0")
    assert "103-c.patch" not in works.rows("v0.15.0")
    assert works.is_clean("v0.15.0")


def test_something_in_the_place_of_the_new_series_is_left_alone(works: Works) -> None:
    """A folder that is no series, before or during: refused, nothing overwritten."""
    place = works.series("v0.17.0")
    place.mkdir()
    (place / "102-b.patch").write_text("mine")
    ran = works.near.run("rebase", "--onto", "v0.17.0", status=1)
    assert f"error: there is something in the place of the new series: {place}" in ran.err
    works.rebase("--onto", "v0.18.0", status=1)
    works.solve()
    works.series("v0.18.0").mkdir()
    (works.series("v0.18.0") / "mine").write_text("mine")
    works.near.run("rebase", "--continue", status=1)
    assert [path.name for path in works.series("v0.18.0").iterdir()] == ["mine"]
    (works.series("v0.18.0") / "mine").unlink()
    assert works.written("--continue")["105-e.patch"] == "resolved"


@pytest.mark.parametrize("base", ["nonsense", "v0.16.9"])
def test_an_unknown_base(works: Works, base: str) -> None:
    """Wrong usage, and nothing begun."""
    ran = works.near.run("rebase", "--onto", base, status=2)
    assert "error: no such " in ran.err
    assert not works.place.exists()
