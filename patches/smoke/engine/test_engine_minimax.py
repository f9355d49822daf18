"""MiniMax-M2 in vLLM's own engine, on the CPU: two pipeline stages give one stage's tokens.

A tiny checkpoint with random weights is written as safetensors, expert by expert, and each run
loads it in a process of its own. This needs a vLLM whose compiled kernels load, such as the CPU
build of v0.32.0 beside the torch that it was built for; `pytest patches/smoke/test_pr*.py` does
not collect it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROMPTS = [[5, 17, 99], [3, 3, 8, 120, 64, 7], [42]]
TOKENS = 12
MARK = "tokens: "  # begins the line that answers, among all that the engine logs


def run(folder: Path, **options: Any) -> list[list[int]]:
    """What the engine generates with these options, in a process of its own."""
    task = json.dumps({"model": str(folder), **options})
    before = shared_memory()
    # One core a stage. A group of its own, so that nothing of it stays behind.
    child = subprocess.Popen(
        [sys.executable, __file__, task],
        env=os.environ | {"VLLM_CPU_OMP_THREADS_BIND": "0|1", "VLLM_CPU_KVCACHE_SPACE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        for left in shared_memory() - before:  # vLLM's CPU workers leave theirs
            left.unlink(missing_ok=True)
    assert child.returncode == 0, output[-6000:]
    (tokens,) = (line[len(MARK) :] for line in output.splitlines() if line.startswith(MARK))
    return json.loads(tokens)


def shared_memory() -> set[Path]:
    return set(Path("/dev/shm").glob("vllm_dist_*"))  # noqa: S108


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from conftest import TINY, minimax_weights
    from safetensors.torch import save_file

    kernels = pytest.importorskip("vllm._C", reason="vLLM's compiled kernels do not load")
    del kernels
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two stages need two cores")
    folder = tmp_path_factory.mktemp("minimax")
    (folder / "config.json").write_text(json.dumps(TINY))
    save_file(minimax_weights(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def one_stage(checkpoint: Path) -> list[list[int]]:
    return run(checkpoint)


def test_one_stage_generates(one_stage: list[list[int]]) -> None:
    assert [len(tokens) for tokens in one_stage] == [TOKENS] * len(PROMPTS)
    # Not the same token over and over, which any two runs would agree on.
    assert len({token for tokens in one_stage for token in tokens}) > TOKENS


def test_two_stages_generate_the_same(checkpoint: Path, one_stage: list[list[int]]) -> None:
    assert run(checkpoint, pipeline_parallel_size=2) == one_stage


@pytest.mark.skip(
    reason="vLLM's CPU kernels ignore the map of experts (v0.32.0, experts/cpu_moe.py): with "
    "expert parallelism a worker looks for experts that it does not have, and dies"
)
def test_expert_parallelism_generates_the_same(
    checkpoint: Path, one_stage: list[list[int]]
) -> None:
    options = {"tensor_parallel_size": 2, "enable_expert_parallel": True}
    assert run(checkpoint, **options) == one_stage


def test_the_weights_of_the_checkpoint_count(
    checkpoint: Path, one_stage: list[list[int]]
) -> None:
    assert run(checkpoint, load_format="dummy") != one_stage


def main(options: dict[str, Any]) -> None:
    from vllm import LLM, SamplingParams

    llm = LLM(
        skip_tokenizer_init=True,
        enforce_eager=False,
        max_model_len=64,
        max_num_seqs=4,
        disable_log_stats=True,
        **options,
    )
    params = SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True, detokenize=False)
    outputs = llm.generate([{"prompt_token_ids": ids} for ids in PROMPTS], params)
    tokens = [list(output.outputs[0].token_ids) for output in outputs]
    print(f"{MARK}{json.dumps(tokens)}")  # noqa: T201


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
