"""How fast decoding can be, and what speculative decoding and more machines can change.

Bandwidths are in GB/s (10**9 bytes a second), times in seconds, rates in tokens a second. All
are ceilings: memory is read at the given bandwidth without a pause, and nothing else takes
time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

from analysis.model import (
    GB,
    Model,
    Setup,
    expected_experts,
    head_bytes,
    layer_of,
    read_per_step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def step_seconds(size_bytes: float, bandwidth_gb_s: float) -> float:
    """Return the seconds in which so many bytes are read.

    Source: the memory side of the roofline model (Williams, Waterman and Patterson, 2009).
    """
    return size_bytes / (bandwidth_gb_s * GB)


def tokens_per_second(model: Model, setup: Setup, bandwidth_gb_s: float) -> float:
    """Return the ceiling of all requests of the batch together, in tokens a second."""
    return setup.batch / step_seconds(read_per_step(model, setup).total, bandwidth_gb_s)


# Speculative decoding


@dataclass(frozen=True)
class Speculation:
    """What drafting and verifying give."""

    tokens_per_step: float
    """Expected tokens that one step yields for a request."""
    draft_bytes: float
    """Read for all drafts of a step."""
    verify_bytes: float
    """Read to verify them, and to decode one token more."""
    tokens_per_second: float
    """Of all requests of the batch together."""


def expected_tokens(acceptance: float, drafts: int) -> float:
    """Return the tokens that a step yields: 1 + a + a**2 + ... + a**drafts.

    Source: Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative
    Decoding" (2023), equation 1; each draft is accepted with the same probability.
    """
    return sum(acceptance**number for number in range(drafts + 1))


def mtp_draft_bytes(model: Model, setup: Setup) -> float:
    """Return what one draft of an MTP module reads, in bytes.

    One layer like the model's own, the projection of twice the hidden size (`eh_proj`), and
    the head, for one token a request. Source: DeepSeek-V3 technical report (2024), section
    2.2, and vLLM v0.16.0, deepseek_mtp.py.
    """
    layer = layer_of(model, setup)
    different = expected_experts(model.experts, model.active, setup.batch)
    projection = model.quantization.of("model.layers.0.eh_proj")
    return (
        layer.attention
        + layer.experts * different
        + layer.router
        + layer.norms
        + projection.matrix_bytes(model.hidden, 2 * model.hidden, scales=setup.scales)
        + head_bytes(model, setup)
    )


def speculate(
    model: Model, setup: Setup, bandwidth_gb_s: float, *, acceptance: float, drafts: int
) -> Speculation:
    """Return the ceiling with MTP drafts.

    Verifying reads the weights once for drafts + 1 tokens of each request, but more experts:
    so many tokens are sent to more of them (`expected_experts`).
    """
    one = read_per_step(model, setup)
    more = read_per_step(model, replace(setup, batch=setup.batch * (drafts + 1)))
    # The cache of a request is read once for all its tokens.
    verify = more.weights + one.kv_cache
    draft = drafts * mtp_draft_bytes(model, setup)
    tokens = expected_tokens(acceptance, drafts)
    rate = setup.batch * tokens / step_seconds(verify + draft, bandwidth_gb_s)
    return Speculation(tokens, draft, verify, rate)


# A pipeline over machines


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline gives."""

    stage_bytes: tuple[float, ...]
    """Read by each machine for one step of one micro-batch."""
    latency_s: float
    """From one token of a request to its next."""
    single_tokens_per_second: float
    """Of one micro-batch alone in the pipeline."""
    full_tokens_per_second: float
    """Of one micro-batch in each stage."""


def even_split(layers: int, machines: int) -> tuple[int, ...]:
    """Return the layers of each machine as vLLM splits them by default.

    Source: vLLM v0.16.0, distributed/utils.py, `get_pp_indices`: what is left over goes to
    the machines before the last.
    """
    split = [layers // machines] * machines
    for number in range(2, layers % machines + 2):
        split[-number] += 1
    return tuple(split)


def pipeline(
    model: Model, setup: Setup, bandwidth_gb_s: float, *, split: Sequence[int], hop_s: float
) -> Pipeline:
    """Return the ceiling of a pipeline; `setup.batch` is the size of one micro-batch.

    A token goes through all stages one after another, so its latency is the sum of their
    times and of the hops, the last of which brings the token back to the first stage. With a
    micro-batch in each stage, the slowest stage sets the pace, or the way around does.
    Source: Huang et al., "GPipe" (2019), for stages in a line; there is no bubble at the end,
    since decoding goes on.
    """
    whole = read_per_step(model, setup)
    in_layers = whole.attention + whole.experts + whole.router + whole.kv_cache
    sizes = [in_layers * layers / model.layers for layers in split]
    sizes[0] += whole.embeddings
    sizes[-1] += whole.head + whole.norms  # all norms, 2 MB where this is GB
    times = [step_seconds(size, bandwidth_gb_s) for size in sizes]
    latency = sum(times) + len(split) * hop_s
    full = setup.batch * min(1 / max(times), len(split) / latency)
    return Pipeline(tuple(sizes), latency, setup.batch / latency, full)


# Experts spread over machines


@dataclass(frozen=True)
class Spread:
    """What expert parallelism gives one request."""

    experts_at_most: float
    """Expected experts that the busiest machine reads, in one layer."""
    bytes_at_most: float
    """Read by the busiest machine for one token."""
    tokens_per_second: float


def busiest(experts: int, active: int, machines: int) -> float:
    """Return how many of a token's experts the busiest machine has, in the mean.

    The token draws `active` of `experts` without bias, and each machine holds an equal share:
    a multivariate hypergeometric distribution, summed up in full.

    Raises:
        ValueError: The experts cannot be shared equally.
    """
    if experts % machines:
        raise ValueError(f"{experts} experts over {machines} machines: no equal shares")
    share = experts // machines
    total = comb(experts, active)
    mean = 0.0
    for drawn in _draws(active, machines, share):
        ways = 1
        for count in drawn:
            ways *= comb(share, count)
        mean += max(drawn) * ways / total
    return mean


def _draws(left: int, machines: int, share: int) -> Iterator[tuple[int, ...]]:
    if machines == 1:
        if left <= share:
            yield (left,)
        return
    for count in range(min(left, share) + 1):
        for rest in _draws(left - count, machines - 1, share):
            yield count, *rest


def expert_parallel(
    model: Model, setup: Setup, bandwidth_gb_s: float, *, machines: int, exchange_s: float
) -> Spread:
    """Return the ceiling for one request whose experts are spread over machines.

    Attention, router and head are on each machine; a layer ends when the busiest machine has
    read its experts, and with two exchanges, one to send tokens and one to bring results.
    Source: Lepikhin et al., "GShard" (2020): two all-to-all exchanges a layer.
    """
    whole = read_per_step(model, replace(setup, batch=1))
    most = busiest(model.experts, model.active, machines)
    size = whole.total - whole.experts * (1 - most / model.active)
    seconds = step_seconds(size, bandwidth_gb_s) + 2 * model.layers * exchange_s
    return Spread(most, size, 1 / seconds)
