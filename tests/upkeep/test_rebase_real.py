"""The project's own series comes to the next real release, by what was solved before."""

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
    """Two conflicts, both solved in patches/resolutions, and the tree of the kept series."""

    kept, own = tmp_path / "kept", tmp_path / "own"
    env = os.environ | {"VPATCH_CACHE_DIR": str(real_store)}

    def call(folder: Path, *args: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "vpatch", "-C", str(folder), "--json", *args]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == status, ran.stderr
        return json.loads(ran.stdout)

    shutil.copytree(ROOT / "patches", kept / "patches")
    shutil.copytree(ROOT / "patches/v0.16.0", own / "patches/v0.16.0")
    shutil.copy(ROOT / "patches/upstream.toml", own / "patches")
    found = call(own, "rebase", "--onto", "v0.17.0", status=1)
    assert found["stopped"]["name"] == "32232-structural-tag-tool-calling.patch"
    path = "vllm/entrypoints/openai/chat_completion/serving.py"
    tree = Path(found["stopped"]["tree"])
    assert f"UU {path}" in git(tree, "status", "--porcelain").splitlines()
    assert "<<<<<<< v0.17.0 and the patches before\n" in (tree / path).read_text()
    page = Path(found["stopped"]["conflict"]).read_text()
    assert "first broken in v0.17.0, good in v0.16.0" in page
    call(own, "rebase", "--abort")

    shutil.copytree(ROOT / "patches/resolutions", own / "patches/resolutions")
    found = call(own, "rebase", "--onto", "v0.17.0")
    done = {one["name"][:5]: one["what"] for one in found["written"]}
    assert done == {
        "32232": "resolved",
        "33303": "kept",
        "34863": "rewritten",
        "35041": "rewritten",
        "35358": "resolved",
        "35442": "landed",
        "36013": "rewritten",
    }
    found = call(own, "status", "--base", "v0.17.0")
    assert {patch["verdict"] for patch in found["patches"]} == {"clean"}
    assert found["series"] == "v0.17.0"
    wanted = call(kept, "apply", "--base", "v0.17.0", "--dry-run")["tree"]
    assert call(own, "apply", "--base", "v0.17.0")["tree"] == wanted

    out = tmp_path / "out"
    call(own, "export", "--base", "v0.17.0", "--format", "mbox", "--out", str(out))
    call(own, "unapply", "--base", "v0.17.0")
    checkout = own / "build/vllm-v0.17.0"
    git(checkout, "am", "-q", str(out / "v0.17.0.mbox"))
    assert git(checkout, "rev-parse", "HEAD^{tree}") == wanted
