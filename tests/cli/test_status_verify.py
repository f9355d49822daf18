"""``vpatch status`` and ``vpatch verify``: what a target holds, and how it differs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from cli.shop import NAMES, SOURCE, Shop, state_of
from support import Project, git, lines

if TYPE_CHECKING:
    from pathlib import Path

FACTS = """
[[pr]]
number = 101
title = "Edit a"
state = "merged"
as_of = 2026-01-02
merged_in = "v0.17.0"

[[pr]]
number = 900
title = "A watched change"
state = "open"
as_of = 2026-01-02
landed_when = [{ path = "vllm/b.py", contains = "line 3" }]

[[pr]]
number = 901
title = "Not there yet"
state = "open"
as_of = 2026-01-02
landed_when = [{ path = "vllm/b.py", contains = "no such line" }]

[[pr]]
number = 902
title = "Nobody knows"
state = "unknown"
as_of = 2026-01-02
"""


def drift(shop: Shop, clone: Path) -> dict[str, str]:
    """Return path and kind of all that verify names."""
    answer = shop.near.json("verify", "--checkout", str(clone), status=None)
    assert set(answer) >= {"schema", "base", "ok", "drift"}
    assert answer["ok"] is (not answer["drift"])
    return {one["path"]: one["kind"] for one in answer["drift"]}


def applied(shop: Shop, clone: Path) -> list[str]:
    """Return yes, no or drifted for each patch."""
    answer = shop.near.json("status", "--checkout", str(clone), status=None)
    return [patch["applied"] for patch in answer["patches"]]


# status


def test_the_status_for_programs_has_the_agreed_form(shop: Shop) -> None:
    """The JSON of status holds what the design says: results, applied, watched."""
    (shop.desk.folder / "patches/upstream.toml").write_text(FACTS)
    answer = shop.desk.json("status")
    assert answer["schema"] == 1
    assert set(answer["base"]) == {"name", "commit", "source"}
    assert answer["series"] == "v0.16.0"
    assert answer["ok"] is True
    assert answer["target"] is None
    assert [patch["name"] for patch in answer["patches"]] == list(NAMES)
    wanted = {"name", "pr", "subject", "verdict", "hunks", "needs", "cause", "applied"}
    assert set(answer["patches"][0]) >= wanted
    assert {patch["applied"] for patch in answer["patches"]} == {"no"}
    watched = {one["pr"]: (one["present"], one["evidence"]) for one in answer["watched"]}
    assert watched == {
        900: (True, "vllm/b.py:3 has 'line 3'"),
        901: (False, "vllm/b.py lacks 'no such line'"),
        902: (None, "no landed_when tells what to look for"),
    }


def test_the_status_for_people(shop: Shop) -> None:
    """One line a patch with upstream's state, verdict and target; then what is watched."""
    (shop.desk.folder / "patches/upstream.toml").write_text(FACTS)
    ran = shop.desk.run("status")
    assert "no checkout yet (vpatch apply makes one)" in ran.out
    shop.desk.run("apply")
    out = shop.desk.run("status").out.splitlines()
    assert out[0].startswith("series v0.16.0 on v0.16.0 (")
    assert str(shop.managed) in out[0]
    rows = [" ".join(line.split()) for line in out if line.startswith("#")]
    assert rows[0].startswith("#101 Edit a merged v0.17.0 clean yes")
    assert "not known clean yes" in rows[1]
    assert "watched, not carried:" in out
    assert rows[4] == "#900 A watched change open yes"
    assert "#900: vllm/b.py:3 has 'line 3'" in out


def test_each_patch_is_in_or_out_or_drifted(shop: Shop, clone: Path) -> None:
    """Told by content and by the right to run: before, after, undone in part, edited."""
    assert applied(shop, clone) == ["no"] * 4
    shop.desk.run("apply", "--checkout", str(clone))
    assert applied(shop, clone) == ["yes"] * 4

    (clone / "vllm/a.py").write_text(lines(1, 30, l7="seven"))
    assert applied(shop, clone) == ["yes", "yes", "yes", "no"]
    (clone / "vllm/a.py").write_text("mine\n")
    (clone / "vllm/new/deep.py").unlink()
    ran = shop.desk.run("status", "--checkout", str(clone), status=1)
    assert "drifted" in ran.out
    assert applied(shop, clone) == ["drifted", "drifted", "yes", "drifted"]
    (clone / "vllm/gone.py").write_text(SOURCE["vllm/gone.py"])
    assert applied(shop, clone)[1] == "no"
    (clone / "vllm/tool.sh").chmod(0o644)
    assert applied(shop, clone)[2] == "drifted"


def test_a_patch_of_nothing_but_a_mode(shop: Shop, clone: Path) -> None:
    """A patch that only makes a file a program is not in before it is applied."""
    author = Project(shop.desk.folder.parent / "mode", SOURCE)
    author.folder.joinpath("vllm/tool.sh").chmod(0o755)
    shop.desk.write_series("v0.16.0", {"7-mode.patch": author.patch("Mode", {})})
    assert applied(shop, clone) == ["no"]
    shop.desk.run("apply", "--checkout", str(clone))
    assert applied(shop, clone) == ["yes"]
    assert os.access(clone / "vllm/tool.sh", os.X_OK)
    # On a disk without that right, git is told not to look, and nor does vpatch.
    git(clone, "config", "core.fileMode", "false")
    (clone / "vllm/tool.sh").chmod(0o644)
    assert applied(shop, clone) == ["yes"]


def test_a_patch_that_landed_is_in(shop: Shop, clone: Path) -> None:
    """What the base holds already counts as applied, and adds no commit."""
    (clone / "vllm/a.py").write_text(lines(1, 30, l7="seven"))
    git(clone, "commit", "-q", "-am", "upstream took it")
    assert applied(shop, clone) == ["yes", "no", "no", "no"]
    answer = shop.desk.json("apply", "--checkout", str(clone))
    assert answer["patches"][0]["verdict"] == "landed"
    assert git(clone, "rev-list", "--count", "main..") == "3"
    assert applied(shop, clone) == ["yes"] * 4
    (clone / "vllm/a.py").write_text("mine\n")
    assert applied(shop, clone) == ["drifted", "yes", "yes", "drifted"]


def test_a_landed_patch_with_paths_of_its_own_is_in(shop: Shop, clone: Path) -> None:
    """What a patch is called in its own text does not matter: the base's paths count."""
    (clone / "vllm/a.py").write_text(lines(1, 40, l20="twenty"))
    git(clone, "commit", "-qam", "upstream took it")
    path = "lib/dist-packages/vllm/a.py"
    bare = (
        f"--- {path}\n+++ {path}\n@@ -17,7 +17,7 @@\n line 17\n line 18\n line 19\n"
        "-line 20\n+twenty\n line 21\n line 22\n line 23\n"
    )
    shop.desk.write_series("v0.16.0", {"bare.diff": bare.encode()})
    answer = shop.near.json("status", "--checkout", str(clone), "--series", "v0.16.0")
    assert [(p["verdict"], p["applied"]) for p in answer["patches"]] == [("landed", "yes")]


def test_a_conflict_is_a_bad_status(shop: Shop, clone: Path) -> None:
    """A patch without a place: exit status 1, and the reason under the table."""
    (clone / "vllm/a.py").write_text("rewritten\n")
    git(clone, "commit", "-q", "-am", "rewritten")
    ran = shop.desk.run("status", "--checkout", str(clone), status=1)
    assert "#101 conflict: " in ran.out
    answer = shop.desk.json("status", "--checkout", str(clone), status=1)
    verdicts = [patch["verdict"] for patch in answer["patches"]]
    assert verdicts == ["conflict", "clean", "clean", "conflict"]
    assert answer["ok"] is False


# verify


def test_every_kind_of_drift_is_named(shop: Shop, clone: Path) -> None:
    """Unpatched, modified, deleted, added, committed: each file by its kind."""
    touched = ["vllm/a.py", "vllm/gone.py", "vllm/moved.py", "vllm/new/deep.py"]
    touched += ["vllm/old.py", "vllm/tool.sh"]
    assert drift(shop, clone) == dict.fromkeys(touched, "unpatched")

    shop.desk.run("apply", "--checkout", str(clone))
    assert drift(shop, clone) == {}
    (clone / "vllm/a.py").write_text("mine\n")
    (clone / "docs/guide.md").unlink()
    (clone / "vllm/scratch.py").write_text("mine\n")
    (clone / "vllm/cached.pyc").write_text("no source\n")
    (clone / "outside.txt").write_text("not in the package\n")
    (clone / "vllm/tool.sh").chmod(0o644)
    assert drift(shop, clone) == {
        "docs/guide.md": "deleted",
        "vllm/a.py": "modified",
        "vllm/scratch.py": "added",
        "vllm/tool.sh": "modified",
    }
    ran = shop.desk.run("verify", "--checkout", str(clone), status=1)
    assert "modified    vllm/a.py" in ran.out
    assert "4 files differ from v0.16.0 on v0.16.0" in ran.out

    git(clone, "checkout", "-q", "--", ".")
    (clone / "vllm/scratch.py").unlink()
    (clone / "vllm/b.py").write_text("mine\n")
    git(clone, "commit", "-q", "-am", "mine")
    assert drift(shop, clone) == {"vllm/b.py": "committed"}
    ran = shop.desk.run("verify", "--checkout", str(clone), status=1)
    assert "1 file differs" in ran.out


def test_content_counts_and_not_size_or_time(shop: Shop, clone: Path) -> None:
    """A file of the same size and time with another content is drift."""
    shop.desk.run("apply", "--checkout", str(clone))
    place = clone / "vllm/a.py"
    before = place.stat()
    place.write_bytes(place.read_bytes().replace(b"seven", b"neves"))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_size == before.st_size
    assert drift(shop, clone) == {"vllm/a.py": "modified"}
    # Nor does what the user told his own index.
    git(clone, "update-index", "--assume-unchanged", "vllm/a.py")
    assert drift(shop, clone) == {"vllm/a.py": "modified"}


def test_what_a_sparse_checkout_leaves_out_is_no_drift(shop: Shop, clone: Path) -> None:
    """Files outside the cone are not deleted; the others are compared as ever."""
    shop.desk.run("apply", "--checkout", str(clone))
    git(clone, "sparse-checkout", "set", "vllm")
    assert not (clone / "docs").exists()
    assert drift(shop, clone) == {}
    (clone / "vllm/b.py").unlink()
    assert drift(shop, clone) == {"vllm/b.py": "deleted"}
    # A file that is there all the same counts.
    (clone / "docs").mkdir()
    (clone / "docs/guide.md").write_text("mine\n")
    assert drift(shop, clone) == {"vllm/b.py": "deleted", "docs/guide.md": "modified"}


def test_verify_needs_something_to_look_at(shop: Shop) -> None:
    """Without a checkout there is nothing to verify: wrong usage, with the way to one."""
    ran = shop.desk.run("verify", "--json", status=2)
    assert ran.out == ""
    assert "no checkout to verify" in ran.err
    assert "vpatch apply --base v0.16.0 makes one" in ran.err


def test_asking_changes_nothing(shop: Shop, clone: Path) -> None:
    """Status and verify write nothing into a clone, not even git's own notes."""

    def everything() -> dict[str, Any]:
        git_dir = {
            str(path.relative_to(clone)): path.read_bytes()
            for path in (clone / ".git").rglob("*")
            if path.is_file()
        }
        return state_of(clone) | git_dir

    os.utime(clone / "vllm/a.py")  # git would refresh its index for this
    git(clone, "status")
    before = everything()
    os.utime(clone / "vllm/b.py")
    index = (clone / ".git/index").read_bytes()
    for verb in ("status", "verify"):
        shop.desk.run(verb, "--checkout", str(clone), status=None)
    assert (clone / ".git/index").read_bytes() == index
    assert not (clone / ".git/vpatch").exists()
    git(clone, "status")
    after = everything()
    after.pop(".git/index")
    before.pop(".git/index")
    assert after == before


@pytest.mark.parametrize("verb", ["status", "verify"])
def test_names_of_files_obey_no_terminal(shop: Shop, clone: Path, verb: str) -> None:
    """A file name with escape codes, or that is no UTF-8, is shown without harm."""
    shop.desk.run("apply", "--checkout", str(clone))
    (clone / "vllm/evil\x1b[2Jname.py").write_text("x\n")
    (clone / os.fsdecode(b"vllm/latin-\xe9.py")).write_text("x\n")
    ran = shop.desk.run(verb, "--checkout", str(clone), status=None)
    assert ran.status in (0, 1)
    assert "\x1b" not in ran.out + ran.err
    if verb == "verify":
        assert r"added       vllm/evil\x1b[2Jname.py" in ran.out
        names = drift(shop, clone)
        assert "vllm/evil\x1b[2Jname.py" in names
