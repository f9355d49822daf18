"""The lines of the README that patch an image, run in a root folder: no Docker is at hand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.shop import NAMES, SOURCE
from environments import environment_with

if TYPE_CHECKING:
    from cli.shop import Shop

README = Path(__file__).parent.parent.parent / "README.md"
STUB = '#!/bin/sh\necho "$0 $*" >> "$LOG"\n'


def block(language: str) -> str:
    """Return what stands in the README in a block of this language, the only one."""
    found = re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(found) == 1
    return str(found[0])


class Image:
    """A root folder in which the lines of a Dockerfile are run one after the other."""

    def __init__(self, root: Path, context: Path, path: str) -> None:
        self.root = root
        self.context = context
        (root / "usr/local/bin").mkdir(parents=True)
        self.env = os.environ | {"PATH": f"{root}/usr/local/bin:{path}", "LOG": f"{root}/log"}
        # These are the tester's, and no image has them.
        for name in ("VPATCH_CACHE_DIR", "VIRTUAL_ENV"):
            self.env.pop(name, None)

    def inside(self, line: str) -> str:
        """Return a line with its paths below the root folder."""
        return re.sub(r"(?<![\w.])/(opt|usr|var)/", rf"{self.root}/\1/", line)

    def build(self, dockerfile: str) -> None:
        """Run the instructions of a Dockerfile."""
        joined = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
        for line in filter(None, joined.splitlines()):
            word, _, rest = line.partition(" ")
            rest = self.inside(rest)
            match word:
                case "RUN":
                    self.run(rest)
                case "COPY":
                    self.copy(rest)
                case "ENV":
                    name, _, value = rest.partition("=")
                    self.env[name] = value
                case _:
                    assert word == "FROM"

    def run(self, command: str) -> str:
        """Run a command in a shell."""
        ran = subprocess.run(
            ["sh", "-c", command], env=self.env, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    def copy(self, words: str) -> None:
        """Copy files into a folder, or what is in a folder."""
        *sources, target = shlex.split(words)
        for source in sources:
            place = self.context / source
            if place.is_dir():
                shutil.copytree(place, target, dirs_exist_ok=True)
            else:
                Path(target).mkdir(parents=True, exist_ok=True)
                shutil.copy2(place, target)


@pytest.mark.index
def test_the_lines_for_a_container(shop: Shop, tmp_path: Path) -> None:
    """An image is built by them, holds the series, and says so to whom asks it."""
    context = tmp_path / "context"
    shutil.copytree(README.parent / "tools", context / "tools")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy2(README.parent / name, context)
    shutil.copytree(shop.desk.folder / "patches", context / "patches")
    env = environment_with(tmp_path / "env", SOURCE)
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("add-apt-repository", "apt-get"):
        (stubs / name).write_text(STUB)
        (stubs / name).chmod(0o755)
    path = f"{env.root}/bin:{stubs}:{os.environ['PATH']}"
    image = Image(tmp_path / "root", context, path)
    # The small release is in no index that pip knows.
    shop.near.run("bases", "--fetch", "v0.16.0")
    shutil.copytree(shop.desk.cache, image.root / "opt/vpatch/cache")

    image.build(block("dockerfile"))
    assert "ppa:git-core/ppa" in (image.root / "log").read_text()
    assert (env.site / "vllm/new/deep.py").exists()
    env.check_record()
    ask = block("sh").strip()
    assert ask.startswith("docker exec CONTAINER ")
    out = image.run(image.inside(ask.removeprefix("docker exec CONTAINER ")))
    rows = [line.split() for line in out.splitlines() if line.startswith("#")]
    assert [(row[0], row[-1]) for row in rows] == [
        (f"#{name.partition('-')[0]}", "yes") for name in NAMES
    ]
    assert "nothing differs" in out
