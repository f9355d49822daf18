"""What levers bring, against cases computed by hand."""

from __future__ import annotations

import pytest
from small_model import SMALL

from analysis.levers import (
    busiest,
    even_split,
    expected_tokens,
    expert_parallel,
    mtp_draft_bytes,
    pipeline,
    speculate,
    step_seconds,
    tokens_per_second,
)
from analysis.model import Setup, read_model, read_per_step


def test_the_ceiling_is_bandwidth_over_bytes() -> None:
    """One GB at 100 GB/s takes ten milliseconds; a batch shares the weights."""
    assert step_seconds(1e9, 100) == pytest.approx(0.01)
    model = read_model(SMALL)
    one, two = (tokens_per_second(model, Setup(batch=n), 1e-3) for n in (1, 2))
    assert one == pytest.approx(1e6 / read_per_step(model, Setup()).total)
    assert one < two < 2 * one


def test_tokens_of_a_step_with_drafts() -> None:
    """Nothing accepted gives one token, all accepted gives all, one half gives 1.75 of 3."""
    assert expected_tokens(0, 3) == 1
    assert expected_tokens(1, 3) == 4
    assert expected_tokens(0.5, 2) == 1.75
    # Leviathan and others, equation 1, in closed form.
    assert expected_tokens(0.8, 4) == pytest.approx((1 - 0.8**5) / (1 - 0.8))


def test_drafts_cost_reading_and_verifying_costs_experts() -> None:
    """A model of four experts, two of them active: two tokens read three in the mean."""
    model = read_model(SMALL)
    one = read_per_step(model, Setup())
    told = speculate(model, Setup(), 1e-3, acceptance=1, drafts=1)
    expert = 3 * 48 * 32 * 2
    # One expert more in each of two layers, and one more row of the embedding.
    assert told.verify_bytes == one.total + 2 * expert + 64
    layer = (one.attention + one.experts + one.router) / 2 + 2 * 32 * 2
    assert told.draft_bytes == layer + 32 * 64 * 2 + one.head
    assert told.draft_bytes == mtp_draft_bytes(model, Setup())
    assert told.tokens_per_second == pytest.approx(
        2 * 1e6 / (told.verify_bytes + told.draft_bytes)
    )


def test_verifying_reads_the_cache_once() -> None:
    """The drafts of a request share its context."""
    model = read_model(SMALL)
    cache = read_per_step(model, Setup(context=100)).kv_cache
    far, near = (
        speculate(model, Setup(context=n), 1, acceptance=0.5, drafts=3) for n in (100, 0)
    )
    assert far.verify_bytes - near.verify_bytes == cache


def test_layers_are_split_as_vllm_does() -> None:
    """What is left over goes before the last machine."""
    assert even_split(62, 2) == (31, 31)
    assert even_split(62, 4) == (15, 16, 16, 15)
    assert even_split(7, 3) == (2, 3, 2)


def test_a_pipeline_shortens_nothing_for_one_request() -> None:
    """Its latency is that of one machine and the hops; full, it follows its slowest stage."""
    model = read_model(SMALL)
    whole = read_per_step(model, Setup()).total
    told = pipeline(model, Setup(), 1e-3, split=(1, 1), hop_s=0)
    assert sum(told.stage_bytes) == pytest.approx(whole)
    assert told.latency_s == pytest.approx(whole / 1e6)
    assert told.single_tokens_per_second == pytest.approx(
        tokens_per_second(model, Setup(), 1e-3)
    )
    assert told.full_tokens_per_second == pytest.approx(1e6 / max(told.stage_bytes))
    slow = pipeline(model, Setup(), 1e-3, split=(1, 1), hop_s=1)
    assert slow.latency_s == pytest.approx(told.latency_s + 2)
    # The way around is now longer than any stage.
    assert slow.full_tokens_per_second == pytest.approx(2 / slow.latency_s)


def test_the_busiest_machine() -> None:
    """Two of four over two machines: both on one in 2 of 6 draws, else one each."""
    assert busiest(4, 2, 1) == 2
    assert busiest(4, 2, 2) == pytest.approx((2 * 2 + 4 * 1) / 6)
    # Two of three over three machines can never meet.
    assert busiest(3, 2, 3) == 1
    with pytest.raises(ValueError, match="no equal shares"):
        busiest(154, 8, 4)


def test_expert_parallel_reads_the_busiest_share() -> None:
    """All but the experts is read by every machine, and a layer has two exchanges."""
    model = read_model(SMALL)
    read = read_per_step(model, Setup())
    told = expert_parallel(model, Setup(), 1e-3, machines=2, exchange_s=0)
    assert told.bytes_at_most == pytest.approx(read.total - read.experts * (1 - (8 / 6) / 2))
    assert told.tokens_per_second == pytest.approx(1e6 / told.bytes_at_most)
    far = expert_parallel(model, Setup(), 1e-3, machines=2, exchange_s=0.5)
    assert 1 / far.tokens_per_second == pytest.approx(1 / told.tokens_per_second + 2)
