"""Proof of #35442: counting accepted tokens no longer makes the CPU wait for the GPU.

A real model runner, built on the CPU, takes the sampled tokens of a step of speculative
decoding. Without the patch it fetches the counts at once, with a call that waits for the
device. With it they go into the device's buffer and from there to the host without waiting.
The controls hold on both sides: the right counts arrive, and where the mamba cache is aligned
they are there before it is asked to move its states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import torch
from conftest import Copies, hybrid_runner
from torch.overrides import TorchFunctionMode
from vllm.config import ModelConfig
from vllm.v1.worker import gpu_model_runner

if TYPE_CHECKING:
    from pathlib import Path

SAMPLED = [[11, 12, -1], [13, -1, -1], [14, 15, 16]]  # -1: the draft was not accepted
COUNTS = [2, 1, 3]


class Waits(TorchFunctionMode):
    """Notes each call that makes the CPU wait for what the device computes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in ("cpu", "numpy", "item", "tolist", "nonzero", "__bool__", "__int__"):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def test_the_counts_are_fetched_without_waiting(minimax_folder: Path) -> None:
    copies, waits = Copies(), Waits()
    with hybrid_runner(minimax_folder, copies) as runner:
        batch = runner.input_batch
        batch.num_accepted_tokens_cpu_tensor = copies.host_tensor(
            batch.num_accepted_tokens_cpu_tensor
        )
        with waits:
            runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)
        assert waits.seen == []
        assert [source.tolist() for _, source in copies.pending] == [COUNTS]


def test_the_counts_are_in_the_device_buffer(minimax_folder: Path) -> None:
    with hybrid_runner(minimax_folder, Copies()) as runner:
        runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)
        assert runner.num_accepted_tokens.gpu[:3].tolist() == COUNTS


def test_control_the_counts_arrive(minimax_folder: Path) -> None:
    with hybrid_runner(minimax_folder, Copies()) as runner:
        runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)
        assert runner.input_batch.num_accepted_tokens_cpu[:4].tolist() == [*COUNTS, 1]


def test_control_an_aligned_mamba_cache_finds_them_there(
    minimax_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def postprocess_mamba(_output: Any, _config: Any, batch: Any, *_: Any) -> None:
        found.append(batch.num_accepted_tokens_cpu[:4].tolist())

    monkeypatch.setattr(gpu_model_runner.mamba_utils, "postprocess_mamba", postprocess_mamba)
    copies = Copies()
    with hybrid_runner(minimax_folder, copies) as runner:
        batch = runner.input_batch
        batch.num_accepted_tokens_cpu_tensor = copies.host_tensor(
            batch.num_accepted_tokens_cpu_tensor
        )
        runner.cache_config.mamba_cache_mode = "align"
        runner.kv_cache_config = runner.model = mock.Mock()
        runner.mamba_state_idx = {}
        runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)
    assert found == [[*COUNTS, 1]]
    assert copies.pending == []


def test_control_other_models_do_not_count(minimax_folder: Path) -> None:
    with (
        hybrid_runner(minimax_folder, Copies()) as runner,
        mock.patch.object(ModelConfig, "is_hybrid", new=False),
    ):
        runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)
        assert runner.input_batch.num_accepted_tokens_cpu[:4].tolist() == [1, 1, 1, 1]
