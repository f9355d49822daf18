"""The project's own series comes to the next real release, and goes on from there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import git

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.index


def test_from_v0_16_0_to_v0_17_0(tmp_path: Path, real_store: Path) -> None:
    """Two patches are left out by hand, one landed; the rest is clean, and git am takes it."""

    shutil.copytree(ROOT / "patches", tmp_path / "patches")
    env = os.environ | {"VPATCH_CACHE_DIR": str(real_store)}

    def call(*args: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "vpatch", "-C", str(tmp_path), "--json", *args]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == status, ran.stderr
        return json.loads(ran.stdout)

    found = call("rebase", "--onto", "v0.17.0", status=1)
    for _ in range(2):
        assert found["stopped"]["name"][:6] in ("32232-", "35358-")
        tree = Path(found["stopped"]["tree"])
        path = "vllm/entrypoints/openai/chat_completion/serving.py"
        assert f"UU {path}" in git(tree, "status", "--porcelain").splitlines()
        assert "<<<<<<< v0.17.0 and the patches before\n" in (tree / path).read_text()
        found = call("rebase", "--skip", status=0 if "35358" in str(found["stopped"]) else 1)

    done = {one["name"][:5]: one["what"] for one in found["written"]}
    assert done == {
        "32232": "skipped",
        "33303": "kept",
        "34863": "rewritten",
        "35041": "rewritten",
        "35358": "skipped",
        "35442": "landed",
        "36013": "rewritten",
    }
    found = call("status", "--base", "v0.17.0")
    assert {patch["verdict"] for patch in found["patches"]} == {"clean"}
    assert found["series"] == "v0.17.0"

    found = call("apply", "--base", "v0.17.0")
    out = tmp_path / "out"
    call("export", "--base", "v0.17.0", "--format", "mbox", "--out", str(out))
    call("unapply", "--base", "v0.17.0")
    checkout = tmp_path / "build/vllm-v0.17.0"
    git(checkout, "am", "-q", str(out / "v0.17.0.mbox"))
    assert git(checkout, "rev-parse", "HEAD^{tree}") == found["tree"]
