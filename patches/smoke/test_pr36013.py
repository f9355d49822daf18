"""Proof of #36013: a step waits for the counts of accepted tokens before it reads them.

A real model runner, built on the CPU, ends one step of speculative decoding and begins the
next. The copy of the counts to the host is a stand-in that arrives when an event recorded after
it is waited for, and not before, so the race of #35442 is lost each time. Without the patch the
next step reads what was there before. The controls hold on both sides: counts that did arrive
are read, and a first step, with no copy before it, does not hang.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from conftest import Copies, hybrid_runner

if TYPE_CHECKING:
    from pathlib import Path

SAMPLED = [[11, 12, -1], [13, -1, -1], [14, 15, 16]]  # -1: the draft was not accepted
COUNTS = [2, 1, 3]


class Read(Exception):  # noqa: N818
    """The next step has read its counts: no need to go on."""


def end_step(runner: Any, copies: Copies) -> None:
    batch = runner.input_batch
    real = batch.num_accepted_tokens_cpu_tensor
    batch.num_accepted_tokens_cpu_tensor = copies.host_tensor(real)
    runner._update_states_after_model_execute(torch.tensor(SAMPLED), None)


def begin_step(runner: Any) -> list[int]:
    """The counts that the next step goes on with."""

    def copy_to_gpu(*_: Any) -> None:
        raise Read

    runner.kv_cache_config = SimpleNamespace(kv_cache_groups=[None])
    runner.num_accepted_tokens.copy_to_gpu = copy_to_gpu
    with pytest.raises(Read):
        runner._build_attention_metadata(
            num_tokens=3, num_reqs=3, max_query_len=1, use_spec_decode=True
        )
    return runner.num_accepted_tokens.np[:4].tolist()


def test_a_step_waits_for_the_counts(minimax_folder: Path) -> None:
    copies = Copies()
    with hybrid_runner(minimax_folder, copies) as runner:
        end_step(runner, copies)
        assert len(copies.pending) == 1
        assert begin_step(runner) == [*COUNTS, 1]


def test_control_counts_that_arrived_are_read(minimax_folder: Path) -> None:
    copies = Copies()
    with hybrid_runner(minimax_folder, copies) as runner:
        end_step(runner, copies)
        for target, source in copies.pending:
            target.copy_(source)
        assert begin_step(runner) == [*COUNTS, 1]


def test_control_a_first_step_has_nothing_to_wait_for(minimax_folder: Path) -> None:
    with hybrid_runner(minimax_folder, Copies()) as runner:
        assert begin_step(runner) == [1, 1, 1, 1]


def test_control_nor_does_a_runner_without_drafts(minimax_folder: Path) -> None:
    with hybrid_runner(minimax_folder, Copies(), drafts=0) as runner:
        assert begin_step(runner) == [1, 1, 1, 1]
