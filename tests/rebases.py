"""A desk whose series meets later releases: there it moves, lands, and clashes."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cli.shop import NearDesk, nearer
from support import Desk, IndexServer, Project, git, lines, sdist, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = {f"vllm/{name}.py": lines(1, 40) for name in "abcde"}
TOP = "new 1\nnew 2\nnew 3\n"
NEXT = START | {
    "vllm/b.py": TOP + lines(1, 40),
    "vllm/c.py": lines(1, 40, l5="five"),
    "vllm/d.py": lines(1, 40, l5="five"),
}
"""Upstream moved b's lines, and took the change of c, and half of that of d."""
CLASH = NEXT | {"vllm/e.py": lines(1, 40, l15="upstream")}
"""And it changed a line that the series changes."""
RELEASES = {
    "v0.16.0": START,
    "v0.17.0": NEXT,
    "v0.18.0": CLASH,
    # The same conflict elsewhere, and among lines that the resolution of the other expects.
    "v0.19.0": CLASH | {"vllm/e.py": TOP + lines(1, 40, l15="upstream")},
    "v0.20.0": CLASH | {"vllm/e.py": lines(1, 40, l12="twelve", l15="upstream")},
}
URL = "Upstream-PR: https://github.com/vllm-project/vllm/pull/"
SOLVED = "upstream and mine"


def patches_of(author: Project) -> dict[str, bytes]:
    """Make the series: a stays, b moves, c lands, d lands in half, e clashes."""
    made = {"101-a.patch": author.patch(f"Edit a\n\n{URL}101", {"vllm/a.py": one(7)})}
    made["102-b.patch"] = author.patch(f"Edit b\n\nWhy.\n\n{URL}102", {"vllm/b.py": one(20)})
    made["103-c.patch"] = author.patch(
        f"Edit c\n\n{URL}103", {"vllm/c.py": lines(1, 40, l5="five")}
    )
    half = {"vllm/d.py": lines(1, 40, l5="five", l30="mine")}
    made["104-d.patch"] = author.patch(f"Edit d\n\n{URL}104", half)
    made["105-e.patch"] = author.patch(f"Edit e\n\n{URL}105", {"vllm/e.py": one(15)})
    again = {"vllm/e.py": lines(1, 40, l15="mine", l30="again")}
    made["106-e.patch"] = author.patch(f"Edit e again\n\n{URL}106", again)
    return made


def one(number: int) -> str:
    """Return the file with one line changed."""
    return lines(1, 40, **{f"l{number}": "mine"})


@contextmanager
def stocked(folder: Path) -> Iterator[Works]:
    """Make once what every desk begins with; tests take a copy."""
    for name in ("project", "home"):
        (folder / name).mkdir()
    index = IndexServer(folder / "index")
    desk = Desk(folder / "project", folder / "cache", folder / "home", index)
    yield Works.at(desk, folder / "author")
    index.close()


@dataclass(frozen=True)
class Works:
    """A desk with the series for v0.16.0, and the releases to be had."""

    near: NearDesk
    author: Project

    @classmethod
    def at(cls, desk: Desk, author: Path) -> Works:
        """Lay out the desk, the releases in its store."""
        project = Project(author, START)
        works = cls(nearer(desk), project)
        for name, content in RELEASES.items():
            desk.index.add(name[1:], sdist(name[1:], content))
            works.near.run("bases", "--fetch", name)
        commit = works.near.json("bases")["bases"][0]["commit"]
        desk.write_series("v0.16.0", patches_of(project), commit=commit)
        return works

    def beside(self, folder: Path, *, cache: bool) -> Works:
        """Return somebody else with the same patches, and the same cache if wanted."""
        (folder / "home").mkdir(parents=True)
        near = replace(
            self.near, folder=folder / "project", cache=folder / "cache", home=folder / "home"
        )
        shutil.copytree(self.near.folder / "patches", near.folder / "patches")
        if cache:
            shutil.copytree(self.near.cache, near.cache)
        shutil.copytree(self.author.folder, folder / "author", symlinks=True)
        return Works(near, Project.there(folder / "author"))

    @property
    def place(self) -> Path:
        """The folder of a rebase that stopped."""
        return self.near.folder / "build/rebase"

    @property
    def tree(self) -> Path:
        """The work tree to solve a conflict in."""
        return self.place / "tree"

    @property
    def resolutions(self) -> list[str]:
        """The names of the resolutions that are kept."""
        return sorted(
            path.name for path in (self.near.folder / "patches/resolutions").glob("*")
        )

    def series(self, name: str) -> Path:
        """Return the folder of a series."""
        return self.near.folder / "patches" / name

    def rows(self, name: str) -> list[str]:
        """Return the lines of a series file behind the first."""
        return (self.series(name) / "series").read_text().splitlines()[1:]

    def keep_later(self) -> None:
        """Keep a series for v0.18.0 too: of a as it is, of e anew, and of one more.

        It clashes on v0.20.0. It says why it leaves b and c out, but not of d and the last.
        """
        start = self.author.commit("v0.18.0", CLASH)
        more = f"Edit a once more\n\n{URL}107"
        anew = lines(1, 40, l12="mine", l15="mine")
        patches = {"101-a.patch": (self.series("v0.16.0") / "101-a.patch").read_bytes()}
        for name, subject, files in (
            ("105-e-anew.patch", f"Edit e\n\n{URL}105", {"vllm/e.py": anew}),
            ("107-a.patch", more, {"vllm/a.py": lines(1, 40, l30="more")}),
        ):
            patches[name] = self.author.patch(subject, files)
            self.author.back(start)
        bases = self.near.json("bases")["bases"]
        (commit,) = (base["commit"] for base in bases if base["name"] == "v0.18.0")
        folder = self.near.write_series("v0.18.0", patches, commit=commit)
        with (folder / "series").open("a") as file:
            file.write("# 102-b.patch (#102): dropped on 2026-01-02: nobody needs it.\n")
            file.write("# 103-c.patch: landed in v0.17.0\n")

    def rebase(self, *args: str, status: int = 0) -> Any:
        """Call rebase and return its answer."""
        return self.near.json("rebase", *args, status=status)

    def written(self, *args: str) -> dict[str, str]:
        """Call a rebase that comes to its end; return what was done with each patch."""
        found = self.rebase(*args)
        assert found["stopped"] is None
        assert found["ok"] is True
        assert not self.place.exists()
        return {one["name"]: one["what"] for one in found["written"]}

    def solve(self, text: str = SOLVED, path: str = "vllm/e.py") -> None:
        """Replace a conflict in the work tree by a line."""
        place = self.tree / path
        before, _, rest = place.read_text().partition("<<<<<<< ")
        after = rest.partition(">>>>>>> ")[2].partition("\n")[2]
        place.write_text(f"{before}{text}\n{after}")

    def is_clean(self, base: str) -> bool:
        """Whether a base's own series is clean there, by the check as well."""
        found = self.near.json("status", "--base", base, "--series", base)
        assert {patch["verdict"] for patch in found["patches"]} == {"clean"}
        problems = self.near.json("check", status=None)["problems"]
        places = (str(self.series(base)), str(self.near.folder / "patches/resolutions"))
        return not [
            problem
            for problem in problems
            if problem["path"].startswith(places) and "upstream.toml" not in problem["what"]
        ]

    def tree_id(self, base: str, series: str | None = None) -> str:
        """Return the tree that a series makes of a base."""
        args = ("--series", series) if series else ()
        found: str = self.near.json("apply", "--dry-run", "--base", base, *args)["tree"]
        return found


def state_of(folder: Path) -> dict[str, bytes]:
    """Return all that a user has there, but for what a rebase keeps of itself."""
    return {path: raw for path, raw in tree_of(folder).items() if not path.startswith("build/")}


def unmerged(tree: Path) -> dict[str, str]:
    """Return the stages of a work tree's conflicts: ``path number`` to content."""
    found = {}
    for line in git(tree, "ls-files", "-u").splitlines():
        words, _, path = line.partition("\t")
        _, oid, number = words.split()
        found[f"{path} {number}"] = git(tree, "cat-file", "blob", oid)
    return found
