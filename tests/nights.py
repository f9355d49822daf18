"""A project in a git repository, its upstream, and nights that look at it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bureau import Bureau, opened
from support import Desk, git, lines, sdist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BRANCH = "vpatch/nightly"
TOLD = "refs/vpatch/told/nightly"
C = "vllm/c.py"


@dataclass
class Nights:
    """A user's desk, in git, and the upstream that its nights look at."""

    bureau: Bureau

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.bureau.near.folder

    def release(self, tag: str) -> None:
        """Upstream releases what is on main: in git, and in the package index."""
        self.bureau.forge.release(tag)
        origin = self.bureau.forge.origin.folder
        files = {
            name: (origin / name).read_text()
            for name in git(origin, "ls-files", "vllm").splitlines()
        }
        self.bureau.near.index.add(tag[1:], sdist(tag[1:], files))

    def land(self, subject: str, files: Mapping[str, str | None]) -> None:
        """Somebody commits to upstream's main."""
        self.bureau.forge.land(subject, files)

    def commit(self, subject: str = "Work") -> str:
        """Commit everything of the project's."""
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", subject)
        return self.rev("HEAD")

    def rev(self, name: str) -> str:
        """Return the commit of the project's that a name means."""
        return git(self.folder, "rev-parse", name)

    def files(self, revision: str = BRANCH) -> list[str]:
        """Return the paths of a commit."""
        return git(
            self.folder, "ls-tree", "-r", "--full-tree", "--name-only", revision
        ).splitlines()

    def text(self, path: str, revision: str = BRANCH) -> str:
        """Return a file of a commit."""
        return git(self.folder, "show", f"{revision}:{path}")

    def night(self, *args: str, status: int | None = 0) -> Any:
        """Let a night pass, and return its answer."""
        return self.bureau.near.json("nightly", *args, status=status)

    def news(self, *args: str, status: int | None = 0) -> list[str]:
        """Let a night pass, and return what it told."""
        return [one["text"] for one in self.night(*args, status=status)["news"]]


@contextmanager
def begun(desk: Desk, folder: Path) -> Iterator[Nights]:
    """Make a project in git whose series for v0.16.0 carries three pull requests."""
    with opened(desk, folder) as bureau:
        nights = Nights(bureau)
        nights.land("Add c", {C: lines(1, 40)})
        nights.release("v0.16.1")
        (nights.folder / "vpatch.toml").write_text('base = "v0.16.1"\n' + bureau.forge.settings)
        for number, path in ((40101, "vllm/a.py"), (40102, "vllm/b.py"), (40103, C)):
            name = path[5]
            changed = lines(1, 40, l7=f"mine {name}")
            bureau.forge.open(number, f"Edit {name}", [(f"Edit {name}", {path: changed})])
            bureau.add(str(number))
        git(nights.folder, "init", "-q")
        (nights.folder / ".gitignore").write_text("build/\n")
        nights.commit("Begin")
        yield nights
