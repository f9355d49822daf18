"""A desk with an empty series for v0.16.0, and the upstream that it looks at."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.shop import NearDesk, nearer
from forge import Commits, Forge
from support import Desk, lines, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A, B = "vllm/a.py", "vllm/b.py"
START = {
    A: lines(1, 40),
    B: lines(1, 40),
    "tests/test_a.py": "a = 1\n",
    "README.md": "# vLLM\n",
}


def edited(path: str, **changed: str) -> Commits:
    """Return one commit that changes lines of a file."""
    return [(f"Edit {path}", {path: lines(1, 40, **changed)})]


@dataclass
class Bureau:
    """A user's desk, and the upstream that it looks at."""

    near: NearDesk
    forge: Forge

    @property
    def patches(self) -> Path:
        """The series' folder."""
        return self.near.folder / "patches/v0.16.0"

    @property
    def series(self) -> list[str]:
        """The names in the series file."""
        text = (self.patches / "series").read_text()
        return [line for line in text.splitlines() if not line.startswith("#")]

    @property
    def facts(self) -> str:
        """What is known of pull requests."""
        return (self.near.folder / "patches/upstream.toml").read_text()

    def text(self, name: str) -> str:
        """Return a patch."""
        return (self.patches / name).read_text()

    def add(self, *args: str, status: int = 0) -> Any:
        """Add something; afterwards, the folder is in order."""
        answer = self.near.json("add", *args, status=status)
        self.near.run("check")
        return answer

    def state(self) -> dict[str, bytes]:
        """Return every file of the project's."""
        found = tree_of(self.near.folder)
        return {path: raw for path, raw in found.items() if not path.startswith("build/")}


@contextmanager
def opened(desk: Desk, folder: Path) -> Iterator[Bureau]:
    """Make an upstream with a release, from which main has gone on, and an empty series."""
    forge = Forge(folder / "forge", START)
    forge.release("v0.16.0")
    forge.land("Go on", {"vllm/c.py": "c\n"})
    near = nearer(desk)
    (near.folder / "vpatch.toml").write_text('base = "v0.16.0"\n' + forge.settings)
    (near.folder / "patches").mkdir()
    yield Bureau(near, forge)
    forge.close()
