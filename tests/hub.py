"""A project's place on a forge, and a gh that knows of no other."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_GH = '''#!{python}
"""A gh that keeps a forge's issues and pull requests in a file, and fails where it is told."""

import json, os, subprocess, sys
from pathlib import Path

place = Path(os.environ["FORGE"])
forge = json.loads(place.read_text())
args = sys.argv[1:]
call = " ".join(args[:2])
options = {{a: b for a, b in zip(args, args[1:]) if a.startswith("--")}}
named = args[2] if len(args) > 2 else ""
kind = "issues" if args[0] == "issue" else "pulls"
bot = {{"viewerDidAuthor": True}}
forge["calls"].append(call)
if failing := call in forge["failing"]:
    forge["failing"].remove(call)
elif args[1] in ("create", "comment", "edit") and "--body-file" in options:
    body = Path(options["--body-file"]).read_text()
    if args[1] == "create":
        new = {{"number": len(forge["issues"] + forge["pulls"]) + 1, "body": body}}
        forge[kind].append(new | {{"comments": [], "isCrossRepository": False}})
    for one in forge[kind]:
        if str(one["number"]) == named and args[1] == "comment":
            one["comments"].append({{"body": body}} | bot)
        elif str(one["number"]) == named:
            one["body"] = body
elif args[1] in ("list", "view"):
    found = forge[kind]
    if args[1] == "view":
        (found,) = (one for one in found if str(one["number"]) == named)
    jq = ["jq", "-r", options["--jq"]]
    subprocess.run(jq, input=json.dumps(found), text=True, check=True)
place.write_text(json.dumps(forge))
sys.exit(failing)
'''


class Hub:
    """A project's place on a forge, and the gh that its jobs have.

    Args:
        folder: Where all of it lies.
    """

    def __init__(self, folder: Path) -> None:
        self._state = folder / "forge.json"
        self._write({"issues": [], "pulls": [], "calls": [], "failing": []})
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "gh").write_text(_GH.format(python=sys.executable))
        (self.bin / "gh").chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """What a job that calls gh has in its environment."""
        return {"FORGE": str(self._state), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    @property
    def pulls(self) -> list[str]:
        """What stands in each pull request."""
        return [one["body"] for one in self._read()["pulls"]]

    @property
    def issues(self) -> list[list[str]]:
        """What stands in each issue, the comments behind it."""
        return [
            [issue["body"], *(one["body"] for one in issue["comments"])]
            for issue in self._read()["issues"]
        ]

    def calls(self) -> list[str]:
        """Return how gh was called since this was asked last."""
        found = self._read()
        self._write(found | {"calls": []})
        return [*found["calls"]]

    def fail(self, *calls: str) -> None:
        """Let calls of gh fail, each once."""
        self._write(self._read() | {"failing": calls})

    def add(self, kind: str, **fields: Any) -> None:
        """Have somebody open a pull request or an issue."""
        found = self._read()
        found[kind].append({"body": "", "comments": []} | fields)
        self._write(found)

    def merge(self) -> None:
        """Have somebody merge the pull requests."""
        self._write(self._read() | {"pulls": []})

    def comment(self, text: str) -> None:
        """Have a stranger say something in each issue."""
        found = self._read()
        for issue in found["issues"]:
            issue["comments"].append({"body": text})
        self._write(found)

    def _read(self) -> Any:
        return json.loads(self._state.read_text())

    def _write(self, state: Any) -> None:
        self._state.write_text(json.dumps(state))
