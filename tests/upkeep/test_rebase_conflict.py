"""A rebase that meets a conflict: the work tree, the resolution, and every way on."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from rebases import CLASH, SOLVED, START, URL, Works, one, state_of, unmerged
from support import git, lines, sdist

if TYPE_CHECKING:
    from pathlib import Path

    from support import Project

E = "vllm/e.py"


@pytest.fixture
def stopped(works: Works) -> Works:
    """Return a desk on which the rebase onto v0.18.0 has stopped."""
    works.rebase("--onto", "v0.18.0", status=1)
    return works


def solve(works: Works, text: str = SOLVED) -> None:
    """Replace the conflict in the work tree by a line."""
    works.solve(text, E)


# The work tree


def test_it_stops_with_all_that_is_needed(works: Works) -> None:
    """A checkout as git's own merge leaves one, a page, and where both are."""
    before = state_of(works.near.folder)
    found = works.rebase("--onto", "v0.18.0", status=1)
    assert found["ok"] is False
    assert found["written"] == []
    place = works.place
    assert found["stopped"] == {
        "name": "105-e.patch",
        "tree": str(place / "tree"),
        "conflict": str(place / "CONFLICT.md"),
    }
    assert sorted(path.name for path in place.iterdir()) == [
        "CONFLICT.md",
        "state.json",
        "tree",
    ]
    assert state_of(works.near.folder) == before

    tree = works.tree
    assert git(tree, "status", "--porcelain") == f"UU {E}"
    assert (tree / E).read_text() == lines(
        1,
        40,
        l15="<<<<<<< v0.18.0 and the patches before\nupstream\n"
        "||||||| v0.16.0 and the patches before\nline 15\n"
        "=======\nmine\n>>>>>>> 105-e.patch",
    )
    stages = {f"{E} 1": START[E], f"{E} 2": CLASH[E], f"{E} 3": one(15)}
    assert unmerged(tree) == {path: text.rstrip("\n") for path, text in stages.items()}
    assert git(tree, "show", f"HEAD:{E}") == CLASH[E].rstrip("\n")
    assert (tree / "vllm/a.py").read_text() == one(7), "the patches before are in it"
    git(tree, "checkout", "-q", "--theirs", E)
    assert (tree / E).read_text() == one(15)

    page = (place / "CONFLICT.md").read_text()
    assert page.startswith("# `105-e.patch` has no place on v0.18.0\n\nEdit e\n")
    assert "vllm/e.py: hunk 1 (line 12) found other lines in v0.18.0." in page
    assert f"    vpatch -C {works.near.folder} rebase --continue\n" in page
    assert "    -line 15\n    +mine\n" in page
    upstream = page.partition("## What upstream did\n")[2]
    assert "first broken in v0.18.0, good in v0.17.0" in upstream
    assert "+ upstream\n" in upstream


def test_in_the_folder_itself(works: Works) -> None:
    """From begin to end as most people type it: without -C, by relative paths."""
    ran = works.near.inside("rebase", "--onto", "v0.18.0", status=1)
    assert "solve it in    build/rebase/tree" in ran.out
    solve(works)
    assert "wrote patches/v0.18.0" in works.near.inside("rebase", "--continue").out


def test_a_mergetool_and_an_editor_may_leave_their_files(stopped: Works) -> None:
    """What git's mergetool keeps beside a file, and what .gitignore names, is no change."""
    solve(stopped)
    for name in ("vllm/e.py.orig", "vllm/.e.py.swp", "vllm/e.py~", "vllm/x.rej"):
        (stopped.tree / name).write_text("left")
    assert stopped.written("--continue")["105-e.patch"] == "resolved"
    text = (stopped.series("v0.18.0") / "105-e.patch").read_text()
    assert text.count("diff --git") == 1


def test_a_new_file_that_git_ignores_is_not_lost(works: Works) -> None:
    """It is refused by name until it is added by name, or gone; byte code does not matter."""
    ignoring = CLASH | {".gitignore": "lib/\n*.log\n__pycache__/\n"}
    works.near.index.add("0.18.1", sdist("0.18.1", ignoring))
    works.rebase("--onto", "v0.18.1", "--series", "v0.16.0", status=1)
    solve(works)
    lib = works.tree / "vllm/lib"
    (lib / "__pycache__").mkdir(parents=True)
    (lib / "__pycache__/fix.pyc").write_bytes(b"\0")
    (lib / "fix.py").write_text("fix = 1\n")
    (works.tree / "run.log").write_text("mine\n")
    before = state_of(works.near.folder)
    ran = works.near.run("rebase", "--continue", status=1)
    assert ran.err == (
        "error: ignored by git, so no part of the solution: "
        f"{works.tree}/run.log, {works.tree}/vllm/lib/fix.py\n"
        "hint: take it with git add -f there, or delete it\n"
    )
    assert state_of(works.near.folder) == before
    git(works.tree, "add", "-f", "vllm/lib/fix.py")
    (lib / "fix.py").write_text("fix = 2\n")
    (works.tree / "run.log").unlink()
    assert works.written("--continue")["105-e.patch"] == "resolved"
    files = _tree_of(works, "v0.18.1")
    assert files["vllm/lib/fix.py"] == b"fix = 2\n"
    assert not [path for path in files if path.endswith(".pyc")]


def test_a_new_file_that_only_the_user_ignores_is_taken(works: Works) -> None:
    """A user's own list, where git looks for one or where the configuration says."""
    config = works.near.home / ".config/git"
    config.mkdir(parents=True)
    (config / "ignore").write_text("new.py\n")
    (config / "mine").write_text("other.py\n")
    for named, name in ((False, "new.py"), (True, "other.py")):
        if named:
            mine = f"[core]\nexcludesFile = {config / 'mine'}\n"
            (works.near.home / ".gitconfig").write_text(mine)
        shutil.rmtree(works.series("v0.18.0"), ignore_errors=True)
        shutil.rmtree(works.near.folder / "patches/resolutions", ignore_errors=True)
        works.rebase("--onto", "v0.18.0", "--series", "v0.16.0", status=1)
        solve(works)
        (works.tree / "vllm" / name).write_text("new = 1\n")
        assert works.written("--continue")["105-e.patch"] == "resolved"
        assert f"+++ b/vllm/{name}\n" in (works.series("v0.18.0") / "105-e.patch").read_text()


@pytest.mark.parametrize("staged", [False, True], ids=["edited", "committed"])
def test_the_solution_is_what_lies_there(stopped: Works, *, staged: bool) -> None:
    """Edited, added or committed: the files count, new and deleted ones as well."""
    solve(stopped)
    (stopped.tree / "vllm/new.py").write_text("new = 1\n")
    (stopped.tree / "vllm/c.py").unlink()
    if staged:
        git(stopped.tree, "add", "-A")
        git(stopped.tree, "commit", "-q", "-m", "solved")
    assert stopped.written("--continue")["105-e.patch"] == "resolved"
    files = {path: raw.decode() for path, raw in _tree_of(stopped, "v0.18.0").items()}
    assert files["vllm/new.py"] == "new = 1\n"
    assert "vllm/c.py" not in files
    assert files[E] == lines(1, 40, l15=SOLVED, l30="again")
    assert stopped.is_clean("v0.18.0")


def _tree_of(works: Works, base: str) -> dict[str, bytes]:
    """Return the files that a base's own series makes of it."""
    works.near.run("apply", "--base", base)
    folder = works.near.folder / f"build/vllm-{base}"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.mark.parametrize("attributes", ["text", "ident", "working-tree-encoding=UTF-16"])
def test_line_endings_stay_as_they_are(works: Works, attributes: str) -> None:
    """Upstream's .gitattributes and the user's autocrlf change no byte, out or back in."""
    said = {".gitattributes": f"*.txt {attributes}\n"}
    start, theirs, mine, solved = (
        f"$Id: 1 $\n{lines(1, 30, l15=text)}".replace("\n", "\r\n")
        for text in ("line 15", "upstream", "mine", SOLVED)
    )
    for version, text in (("0.16.2", start), ("0.16.3", theirs)):
        works.near.index.add(version, sdist(version, START | said | {"vllm/a.txt": text}))
        works.near.run("bases", "--fetch", f"v{version}")
    works.author.commit("upstream's", {"vllm/a.txt": start})
    patched(works, "107-crlf.patch", works.author.patch("Mine", {"vllm/a.txt": mine}))
    (works.near.home / ".gitconfig").write_text("[core]\nautocrlf = true\n")
    works.rebase("--onto", "v0.16.3", "--series", "v0.16.0", status=1)
    place = works.tree / "vllm/a.txt"
    kept = place.read_bytes()
    assert kept.startswith(b"$Id: 1 $\r\nline 1\r\n")
    assert kept.endswith(b"line 29\r\nline 30\r\n")
    place.write_bytes(solved.encode())
    assert works.written("--continue") == {"107-crlf.patch": "resolved"}
    [name] = works.resolutions
    diff = (works.near.folder / "patches/resolutions" / name).read_bytes().decode()
    assert diff.endswith(
        "\n line 12\r\n line 13\r\n line 14\r\n"
        f"-upstream\r\n+{SOLVED}\r\n line 16\r\n line 17\r\n line 18\r\n"
    )


def test_what_is_not_solved_is_refused(stopped: Works) -> None:
    """Markers by file and line; nothing left of the patch: each with the way out."""
    before = state_of(stopped.near.folder)
    ran = stopped.near.run("rebase", "--continue", status=1)
    assert ran.err == (
        f"error: conflict markers are left: {stopped.tree}/{E}:15\n"
        "hint: solve them there, then run vpatch rebase --continue again\n"
    )
    text = (stopped.tree / E).read_text()
    for left in ("<<<<<<< v0.18.0", ">>>>>>> 105-e.patch", "||||||| mine"):
        (stopped.tree / E).write_text(lines(1, 40, l15=f"{SOLVED}\n{left}\n======="))
        ran = stopped.near.run("rebase", "--continue", status=1)
        assert f"conflict markers are left: {stopped.tree}/{E}:16" in ran.err
    (stopped.tree / E).write_text(CLASH[E])
    ran = stopped.near.run("rebase", "--continue", status=1)
    assert ran.err == (
        f"error: nothing is left of the patch: {stopped.tree}\n"
        "hint: vpatch rebase --skip leaves it out\n"
    )
    (stopped.tree / E).write_text(text)
    solve(stopped)
    assert state_of(stopped.near.folder) == before
    assert stopped.written("--continue")["105-e.patch"] == "resolved"


def test_lines_that_only_look_like_markers(works: Works) -> None:
    """A document may underline titles with seven signs, and show what a conflict is."""
    title = "Example\n=======\n"
    author = works.author
    start = title + lines(1, 20)
    author.commit("upstream's document", {"docs/a.rst": start})
    mine = author.patch("Mine", {"docs/a.rst": title + lines(1, 20, l9="Another\n=======")})
    (works.series("v0.16.0") / "107-rst.patch").write_bytes(mine)
    (works.series("v0.16.0") / "series").write_text("107-rst.patch\n")
    for version, text in (("0.16.2", start), ("0.16.3", title + lines(1, 20, l9="upstream"))):
        works.near.index.add(version, sdist(version, START | {"docs/a.rst": text}))
    works.written("--onto", "v0.16.2", "--series", "v0.16.0")
    works.rebase("--onto", "v0.16.3", status=1)
    place = works.tree / "docs/a.rst"
    solved = title + lines(1, 20, l9="upstream\nAnother\n=======\nMore\n=======")
    place.write_text(f"{solved}>>>>>>>\n")
    ran = works.near.run("rebase", "--continue", status=1)
    assert "conflict markers are left" in ran.err
    place.write_text(solved)
    assert works.written("--continue") == {"107-rst.patch": "resolved"}


def patched(works: Works, name: str, raw: bytes) -> None:
    """Let the series be one patch."""
    (works.series("v0.16.0") / name).write_bytes(raw)
    (works.series("v0.16.0") / "series").write_text(f"{name}\n")


def test_a_file_that_upstream_deleted(works: Works) -> None:
    """No markers can stand there: the user has to say whether it is to go or to stay."""
    later = {path: text for path, text in START.items() if path != E}
    works.near.index.add("0.16.4", sdist("0.16.4", later))
    patched(works, "105-e.patch", (works.series("v0.16.0") / "105-e.patch").read_bytes())
    found = works.rebase("--onto", "v0.16.4", status=1)
    assert "is not in v0.16.4" in found["patches"][0]["cause"]
    assert sorted(unmerged(works.tree)) == [f"{E} 1", f"{E} 3"]
    ran = works.near.run("rebase", "--continue", status=1)
    assert ran.err == (
        f"error: in conflict, and as the merge left it: {works.tree}/{E}\n"
        "hint: edit it, or say with git add or git rm that it is right, there\n"
    )
    git(works.tree, "add", E)
    assert works.written("--continue") == {"105-e.patch": "resolved"}
    text = (works.series("v0.16.4") / "105-e.patch").read_text()
    assert "new file mode 100644" in text

    shutil.rmtree(works.series("v0.16.4"))
    for path in (works.near.folder / "patches/resolutions").iterdir():
        path.unlink()
    works.rebase("--onto", "v0.16.4", status=1)
    git(works.tree, "rm", "-q", E)
    assert "nothing is left" in works.near.run("rebase", "--continue", status=1).err
    assert works.written("--skip") == {"105-e.patch": "skipped"}


def test_a_file_that_upstream_moved(works: Works) -> None:
    """The conflict stands where the file is now, and so does what is written."""
    later = {path: text for path, text in START.items() if path != E}
    later["vllm/new/e.py"] = lines(1, 40, l15="upstream")
    works.near.index.add("0.16.8", sdist("0.16.8", later))
    works.rebase("--onto", "v0.16.8", status=1)
    assert git(works.tree, "status", "--porcelain") == "UU vllm/new/e.py"
    works.solve(path="vllm/new/e.py")
    done = works.written("--continue")
    assert done["105-e.patch"] == "resolved"
    assert done["106-e.patch"] == "rewritten"
    for name in ("105-e.patch", "106-e.patch"):
        text = (works.series("v0.16.8") / name).read_text()
        assert "+++ b/vllm/new/e.py\n" in text
    assert works.is_clean("v0.16.8")


def test_a_file_that_upstream_made_as_well(works: Works) -> None:
    """Two files of one name: both are in the markers, and a solution is written as a change."""
    raw = works.author.patch("New", {"vllm/new.py": lines(1, 9, l5="mine")})
    patched(works, "107-new.patch", raw)
    later = START | {"vllm/new.py": lines(1, 9, l5="theirs")}
    works.near.index.add("0.16.5", sdist("0.16.5", later))
    works.rebase("--onto", "v0.16.5", status=1)
    (works.tree / "vllm/new.py").write_text(lines(1, 9, l5="both"))
    assert works.written("--continue") == {"107-new.patch": "resolved"}
    text = (works.series("v0.16.5") / "107-new.patch").read_text()
    assert "-theirs\n+both\n" in text


def test_a_function_that_the_change_was_not_made_for(works: Works) -> None:
    """A misplaced patch stops it as well; as it stands it may be right, and is then taken."""
    code = "".join(f"def {name}():\n    {name} = 1\n    common = 2\n\n\n" for name in "fgh")
    works.author.commit("upstream's code", {"vllm/f.py": code})
    mine = code.replace(
        "    f = 1\n    common = 2\n", "    f = 1\n    mine = 3\n    common = 2\n"
    )
    patched(works, "107-f.patch", works.author.patch(f"Mine\n\n{URL}107", {"vllm/f.py": mine}))
    later = code.replace("def f():", "def renamed():")
    for version, text in (("0.16.6", code), ("0.16.7", later)):
        works.near.index.add(version, sdist(version, START | {"vllm/f.py": text}))
    works.written("--onto", "v0.16.6", "--series", "v0.16.0")
    found = works.rebase("--onto", "v0.16.7", status=1)
    assert found["patches"][0]["verdict"] == "misplaced"
    assert "mine = 3" in (works.tree / "vllm/f.py").read_text()
    assert "whether it\nis right there" in (works.place / "CONFLICT.md").read_text()
    assert works.written("--continue") == {"107-f.patch": "resolved"}
    assert works.is_clean("v0.16.7")


def test_a_patch_that_nothing_can_merge(works: Works) -> None:
    """No work tree, since no merge could be tried; it can be left out, or all given up."""
    raw = (works.series("v0.16.0") / "105-e.patch").read_bytes()
    patched(
        works, "105-e.patch", raw.replace(b"-line 15", b"-other").replace(b" line 14", b" x")
    )
    found = works.rebase("--onto", "v0.18.0", status=1)
    assert found["stopped"]["tree"] is None
    assert not works.tree.exists()
    page = (works.place / "CONFLICT.md").read_text()
    assert "No three-way merge could be tried" in page
    assert "--continue" not in page
    ran = works.near.run("rebase", "--continue", status=1)
    assert "solve it in" not in ran.out
    assert works.written("--skip") == {"105-e.patch": "skipped"}


# The resolution


def test_it_is_kept_as_text_to_be_reviewed(stopped: Works) -> None:
    """What it solves, in a few lines, and the change; check reads it."""
    solve(stopped)
    done = stopped.written("--continue")
    assert done["105-e.patch"] == "resolved"
    assert done["106-e.patch"] == "rewritten"
    [name] = stopped.resolutions
    assert name.startswith("105-e@v0.18.0-")
    place = stopped.near.folder / "patches/resolutions" / name
    head, _, diff = place.read_text().partition("\n\ndiff --git ")
    assert "Patch: 105-e.patch\nSeries: v0.16.0\nOnto: v0.18.0 (" in head
    key = head.rpartition("Conflict: ")[2]
    assert len(key) == 64
    assert name == f"105-e@v0.18.0-{key[:6]}{key[-6:]}.patch"
    assert f"-upstream\n+{SOLVED}\n" in diff
    text = (stopped.series("v0.18.0") / "105-e.patch").read_text()
    assert text.endswith(diff)
    assert "Rebased-From: v0.16.0" in text
    assert stopped.is_clean("v0.18.0")

    place.write_text(place.read_text().replace("Conflict: ", "Conflict: x"))
    problems = stopped.near.json("check", status=1)["problems"]
    assert [p["path"] for p in problems if "Conflict" in p["what"]] == [str(place)]
    ran = stopped.near.run("rebase", "--onto", "v0.19.0", status=3)
    assert f"error: no line 'Conflict: <64 hex digits>': {place}" in ran.err
    assert "hint: bring it back from git, or delete it" in ran.err


def test_it_is_replayed_on_any_machine(stopped: Works, tmp_path: Path) -> None:
    """Somebody else with the same patches does not meet the conflict; nor does a later base."""
    solve(stopped)
    stopped.written("--continue")
    other = stopped.beside(tmp_path / "other", cache=False)
    shutil.rmtree(other.series("v0.18.0"))
    assert other.written("--onto", "v0.18.0")["105-e.patch"] == "resolved"
    assert state_of(other.near.folder) == state_of(stopped.near.folder)

    other.near.run("bases", "--fetch", "v0.19.0")
    assert (
        other.written("--onto", "v0.19.0", "--series", "v0.16.0")["105-e.patch"] == "resolved"
    )
    text = (other.series("v0.19.0") / "105-e.patch").read_text()
    assert (
        f"\n@@ -15,7 +15,7 @@ line 11\n line 12\n line 13\n line 14\n-upstream\n+{SOLVED}\n"
        in text
    )
    assert len(other.resolutions) == 1


def test_one_that_no_longer_fits_is_said_and_solved_again(stopped: Works) -> None:
    """The conflict comes back, with the reason; the new resolution stands beside the old."""
    solve(stopped)
    stopped.written("--continue")
    args = ("--onto", "v0.20.0", "--series", "v0.16.0")
    found = stopped.rebase(*args, status=1)
    [name] = stopped.resolutions
    cause = next(p["cause"] for p in found["patches"] if p["name"] == "105-e.patch")
    assert cause.endswith(f"the resolution {name} no longer fits")
    solve(stopped, "again solved")
    stopped.written("--continue")
    assert len(stopped.resolutions) == 2

    for base, text in (("v0.18.0", SOLVED), ("v0.20.0", "again solved")):
        shutil.rmtree(stopped.series(base))
        args = ("--onto", base, "--series", "v0.16.0")
        assert stopped.written(*args)["105-e.patch"] == "resolved"
        assert f"+{text}\n" in (stopped.series(base) / "105-e.patch").read_text()


def test_one_conflict_of_two_changes(works: Works) -> None:
    """Two forms of a patch clash in the same lines: how each was solved is kept."""
    start = git(works.author.folder, "rev-parse", "HEAD~6")
    for number, text in enumerate(("one", "two"), 1):
        works.author.back(start)
        change = {E: one(15), "vllm/new.py": f"{text}\n"}
        patched(works, "105-e.patch", works.author.patch("Edit e", change))
        shutil.rmtree(works.series("v0.18.0"), ignore_errors=True)
        works.rebase("--onto", "v0.18.0", "--series", "v0.16.0", status=1)
        solve(works)
        assert works.written("--continue") == {"105-e.patch": "resolved"}
        assert len(works.resolutions) == number


def test_no_resolution_is_written_over(stopped: Works) -> None:
    """A file of that name that solves another conflict is refused by its name, and stays."""
    solve(stopped)
    state = (stopped.place / "state.json").read_bytes()
    work = stopped.place.parent / "kept"
    shutil.copytree(stopped.place, work)
    stopped.written("--continue")
    [name] = stopped.resolutions
    place = stopped.near.folder / "patches/resolutions" / name
    head, _, key = place.read_text().partition("Conflict: ")
    place.write_text(f"{head}Conflict: {'0' * 64}{key[64:]}")
    kept = place.read_bytes()
    shutil.rmtree(stopped.series("v0.18.0"))
    work.rename(stopped.place)
    assert (stopped.place / "state.json").read_bytes() == state
    ran = stopped.near.run("rebase", "--continue", status=1)
    assert ran.err == (
        f"error: another conflict is solved there: {place}\n"
        "hint: give that file another name, then run vpatch rebase --continue again\n"
    )
    assert place.read_bytes() == kept


def test_a_change_that_no_patch_can_carry(stopped: Works) -> None:
    """A binary file in the solution is refused at once, and nothing is kept."""
    solve(stopped)
    (stopped.tree / "vllm/x.bin").write_bytes(bytes(range(256)))
    ran = stopped.near.run("rebase", "--continue", status=None)
    if ran.status == 0:
        assert stopped.is_clean("v0.18.0")
    else:
        assert ran.status == 3
        assert stopped.resolutions == []


def test_two_conflicts_one_after_the_other(works: Works) -> None:
    """Each is solved in its turn; what was solved stays solved when the second is given up."""
    later = CLASH | {E: lines(1, 40, l15="upstream", l30="upstream")}
    works.near.index.add("0.18.1", sdist("0.18.1", later))
    assert works.rebase("--onto", "v0.18.1", status=1)["stopped"]["name"] == "105-e.patch"
    solve(works)
    found = works.rebase("--continue", status=1)
    assert found["stopped"]["name"] == "106-e.patch"
    assert (
        next(p for p in found["patches"] if p["name"] == "105-e.patch")["verdict"] == "merged"
    )
    assert lines(1, 29, l15=SOLVED) in (works.tree / E).read_text()

    before = state_of(works.near.folder)
    ran = works.near.run("rebase", "--abort")
    [name] = works.resolutions
    kept = works.near.folder / "patches/resolutions" / name
    assert "gave the rebase up: no series was written" in ran.out
    assert str(kept) in ran.out.replace("\n  ", "")
    assert state_of(works.near.folder) == before
    assert not works.place.exists()

    assert works.rebase("--onto", "v0.18.1", status=1)["stopped"]["name"] == "106-e.patch"
    solve(works, "again and upstream")
    done = works.written("--continue")
    assert done["105-e.patch"] == done["106-e.patch"] == "resolved"
    assert len(works.resolutions) == 2


# The ways on


def test_a_patch_can_be_left_out(stopped: Works) -> None:
    """--skip: the series file says so, and what builds on it still finds its place."""
    done = stopped.written("--skip")
    assert done["105-e.patch"] == "skipped"
    assert done["106-e.patch"] == "rewritten"
    said = (
        "# 105-e.patch: left out by hand, "
        "it had no place on v0.18.0 and is not tried on later bases"
    )
    assert said in stopped.rows("v0.18.0")
    assert not (stopped.series("v0.18.0") / "105-e.patch").exists()
    assert stopped.resolutions == []
    assert stopped.is_clean("v0.18.0")


def test_only_one_at_a_time(stopped: Works) -> None:
    """A second start is refused with both ways out, and changes nothing."""
    before = state_of(stopped.place)
    ran = stopped.near.run("rebase", "--onto", "v0.17.0", status=1)
    assert f"error: a rebase onto v0.18.0 is in progress: {stopped.place}" in ran.err
    assert "rebase --continue goes on with it, --abort gives it up" in ran.err
    assert state_of(stopped.place) == before
    # To ask is not to begin.
    stopped.near.run("rebase", "--onto", "v0.17.0", "--dry-run")


@pytest.mark.parametrize("step", ["--continue", "--skip", "--abort"])
def test_without_a_rebase_there_is_nothing_to_go_on_with(works: Works, step: str) -> None:
    """Wrong usage, and how one is started."""
    ran = works.near.run("rebase", step, status=2)
    assert "error: no rebase is in progress" in ran.err
    assert "hint: vpatch rebase --onto BASE starts one" in ran.err


def test_an_edited_series_is_told_of(stopped: Works) -> None:
    """A patch or the order changed meanwhile: the files are named; given up, it starts anew."""
    solve(stopped)
    patch = stopped.series("v0.16.0") / "101-a.patch"
    was = patch.read_bytes()
    patch.write_bytes(was.replace(b"+mine", b"+edited"))
    for step in ("--continue", "--skip"):
        ran = stopped.near.run("rebase", step, status=1)
        assert f"error: the series was edited since the rebase began: {patch}" in ran.err
        assert "solved conflicts are kept" in ran.err
    patch.write_bytes(was)
    with (stopped.series("v0.16.0") / "series").open("a") as file:
        file.write("# a note\n")
    ran = stopped.near.run("rebase", "--continue", status=1)
    assert f"{stopped.series('v0.16.0') / 'series'}\n" in ran.err
    stopped.rebase("--abort")
    assert stopped.rebase("--onto", "v0.18.0", status=1)["stopped"]["name"] == "105-e.patch"


def test_a_work_tree_that_is_gone_is_made_again(stopped: Works) -> None:
    """Deleted as a whole: --continue makes it anew. Without its .git: the way out is named."""
    wanted = (stopped.tree / E).read_bytes()
    shutil.rmtree(stopped.tree)
    found = stopped.rebase("--continue", status=1)
    assert found["stopped"]["name"] == "105-e.patch"
    assert (stopped.tree / E).read_bytes() == wanted
    shutil.rmtree(stopped.tree / ".git")
    ran = stopped.near.run("rebase", "--continue", status=1)
    assert f"error: the work tree has lost its .git: {stopped.tree}" in ran.err
    assert "hint: delete that folder" in ran.err


def test_a_broken_note_can_be_given_up(stopped: Works) -> None:
    """No answer but the way out, and that one works."""
    (stopped.place / "state.json").write_text("{")
    for args in (("--continue",), ("--onto", "v0.18.0")):
        ran = stopped.near.run("rebase", *args, status=3)
        assert "error: the note of the rebase is broken" in ran.err
        assert "hint: give it up with vpatch rebase --abort" in ran.err
    stopped.near.run("rebase", "--abort")
    assert not stopped.place.exists()


def test_the_users_git_configuration_has_no_say(stopped: Works) -> None:
    """Other prefixes, no context, renames off, hooks: the same resolution and series."""
    home = stopped.near.home
    (home / ".gitconfig").write_text(
        "[diff]\nnoprefix = true\ncontext = 0\nalgorithm = histogram\nexternal = false\n"
        "suppressBlankEmpty = true\n[core]\nabbrev = 7\n[color]\nui = always\n"
        "[trailer]\nseparators = '='\n[core]\nautocrlf = true\n[merge]\nconflictStyle = merge\n"
    )
    shutil.rmtree(stopped.tree)
    stopped.rebase("--continue", status=1)
    assert "|||||||" in (stopped.tree / E).read_text()
    solve(stopped)
    stopped.written("--continue")
    text = (stopped.series("v0.18.0") / "105-e.patch").read_text()
    assert (
        f"@@ -12,7 +12,7 @@ line 11\n line 12\n line 13\n line 14\n-upstream\n+{SOLVED}\n"
        in text
    )
    assert stopped.is_clean("v0.18.0")


# Bases from a git remote


@pytest.fixture
def origin(works: Works) -> Project:
    """Return upstream's repository: v0.16.0 and, on branch main, what follows."""
    origin = works.author
    git(origin.folder, "checkout", "-q", "-b", "upstream", "HEAD~6")
    git(origin.folder, "tag", "v0.16.0")
    git(origin.folder, "branch", "-D", "-q", "main")
    git(origin.folder, "checkout", "-q", "-b", "main")
    (works.near.folder / "vpatch.toml").write_text(
        f'[upstream]\nurl = "file://{origin.folder}"\n'
    )
    return origin


def test_a_branch_that_moved(works: Works, origin: Project) -> None:
    """Its folder is its own source, and is brought to the new commit in place."""
    first = origin.commit("upstream", {"vllm/b.py": "top\n" + lines(1, 40)})
    assert works.written("--onto", "main")["102-b.patch"] == "rewritten"
    folder = works.series("main")
    assert first in (folder / "series").read_text()
    assert works.written("--onto", "main") == {}
    (folder / "README").write_text("mine\n")

    second = origin.commit(
        "took one, moved one",
        {"vllm/b.py": "top\n" + lines(1, 40, l20="mine"), "vllm/a.py": "top\n" + lines(1, 40)},
    )
    done = works.written("--onto", "main")
    assert done["101-a.patch"] == "rewritten"
    assert done["102-b.patch"] == "landed"
    assert done["103-c.patch"] == "kept"
    assert second in (folder / "series").read_text()
    assert f"Rebased-From: {first[:12]}" in (folder / "101-a.patch").read_text()
    left = sorted(path.name for path in folder.iterdir())
    assert "102-b.patch" not in left
    assert "README" in left
    assert "# 102-b.patch: in main already (the base has every line of it)" in works.rows(
        "main"
    )
    assert works.is_clean("main")


def test_a_change_that_landed_on_a_branch_is_not_made_twice(
    works: Works, origin: Project
) -> None:
    """Lines that were added upstream, and would go in once more, count as landed."""
    raw = works.author.patch("Add", {"vllm/a.py": lines(1, 40) + "added\n"})
    origin.back("main~1")
    git(origin.folder, "checkout", "-q", "-B", "main")
    patched(works, "107-add.patch", raw)
    works.written("--onto", "main")
    origin.commit("took it", {"vllm/a.py": lines(1, 40) + "added\n"})
    assert works.written("--onto", "main") == {"107-add.patch": "landed"}


@pytest.mark.parametrize("gone", [False, True], ids=["moved", "deleted"])
def test_a_base_that_is_gone_from_the_remote(
    works: Works, origin: Project, *, gone: bool
) -> None:
    """The rebase ends on the commit that it began on."""
    began = origin.commit("upstream", {E: lines(1, 40, l15="upstream")})
    works.rebase("--onto", "main", status=1)
    git(origin.folder, "checkout", "-q", "-b", "other", "v0.16.0")
    origin.commit("other", {E: lines(1, 40, l15="else")})
    git(origin.folder, "branch", "-D", "-q", "main")
    if not gone:
        git(origin.folder, "branch", "main", "other")
        works.near.run("bases", "--fetch", "main")
    git(origin.folder, "reflog", "expire", "--expire=all", "--all")
    git(origin.folder, "gc", "-q", "--prune=now")
    solve(works)
    assert works.written("--continue")["105-e.patch"] == "resolved"
    assert began in (works.series("main") / "series").read_text()


def test_a_branch_with_a_slash(works: Works, origin: Project) -> None:
    """No folder can have that name; the commit can be named instead."""
    git(origin.folder, "checkout", "-q", "-b", "releases/v1")
    tip = origin.commit("upstream", {"vllm/b.py": "top\n" + lines(1, 40)})
    ran = works.near.run("rebase", "--onto", "releases/v1", status=2)
    assert "error: a series has no slash in its name: releases/v1" in ran.err
    git(origin.folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    works.written("--onto", tip)
    assert works.is_clean(tip[:12])


def test_two_runs_at_once(works: Works) -> None:
    """One rebases, the other waits and finds nothing to do."""
    runs = works.near.at_once(*[("rebase", "--onto", "v0.17.0", "--json")] * 2)
    counts = sorted(len(json.loads(run.out)["written"]) for run in runs)
    assert counts == [0, 6]
    assert works.is_clean("v0.17.0")
