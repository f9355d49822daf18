"""Proof of #34863: compressed-tensors FP8 weights in blocks, and KV scales for FlashInfer.

The real quantization configuration reads what a checkpoint says of itself, builds its layers on
the CPU and finishes them after loading, as vLLM does. Without the patch a weight-only FP8 block
checkpoint fails an assertion, and the float twins of the KV scales, which FlashInfer reads,
stay at 1.0. The controls hold on both sides: other weight-only FP8 checkpoints pass, a static
input scale with block weights is still refused, and the scales as tensors are right.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import torch
from conftest import bfloat16, one_process
from vllm.config import CacheConfig, VllmConfig
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.linear import ReplicatedLinear
from vllm.model_executor.layers.quantization.compressed_tensors.compressed_tensors import (
    CompressedTensorsConfig,
)
from vllm.model_executor.layers.quantization.compressed_tensors.schemes import (
    compressed_tensors_w8a16_fp8,
)
from vllm.v1.attention.backends import cpu_attn

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 128


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Marlin's kernels need a GPU: what they would be given is all that counts here.
    scheme = compressed_tensors_w8a16_fp8
    if hasattr(scheme, "prepare_fp8_layer_for_marlin"):
        monkeypatch.setattr(scheme, "prepare_fp8_layer_for_marlin", lambda *_, **__: None)
    else:  # since v0.20.0 each layer has a kernel
        monkeypatch.setattr(scheme, "init_wfp8_a16_linear_kernel", mock.Mock())
    # Later releases ask there for the type of a model, which there is none of.
    config = SimpleNamespace(
        model_config=SimpleNamespace(dtype=torch.bfloat16),
        cache_config=CacheConfig(block_size=16),
    )
    for module in (scheme, cpu_attn):
        monkeypatch.setattr(module, "get_current_vllm_config", lambda: config, raising=False)
    # The CPU's attention takes no FP8 cache; the layer around it is the same for all.
    monkeypatch.setattr(cpu_attn, "is_quantized_kv_cache", lambda _: False)
    monkeypatch.setattr(
        cpu_attn.CPUAttentionBackendImpl, "supports_per_head_quant_scales", True, raising=False
    )
    with one_process(VllmConfig()), bfloat16():
        yield


def checkpoint(weights: dict[str, Any], kv_cache: dict[str, Any] | None = None) -> Any:
    """The configuration of a checkpoint with FP8 weights and 16-bit activations."""
    fp8 = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False}
    config = CompressedTensorsConfig.from_config(
        {
            "format": "float-quantized",
            "ignore": [],
            "config_groups": {
                "group_0": {"targets": ["Linear"], "weights": fp8 | weights},
            },
            "kv_cache_scheme": fp8 | kv_cache if kv_cache else None,
        }
    )
    config.total_num_heads, config.total_num_kv_heads = 4, 2
    return config


def loaded_linear(config: Any) -> ReplicatedLinear:
    """A linear layer with the weights of such a checkpoint, as it is after loading."""
    layer = ReplicatedLinear(SIZE, SIZE, bias=False, quant_config=config, prefix="proj")
    for name, param in layer.named_parameters():
        param.weight_loader(param, torch.full_like(param, 2 if "scale" in name else 1))
    layer.quant_method.process_weights_after_loading(layer)
    return layer


def loaded_attention(config: Any, **scales: torch.Tensor) -> Attention:
    """An attention layer with a calibrated FP8 KV cache, as it is after loading."""
    layer = Attention(
        4,
        32,
        1.0,
        num_kv_heads=2,
        cache_config=CacheConfig(block_size=16),
        quant_config=config,
        prefix=config.kv_cache_scheme["strategy"],
    )
    for name, scale in scales.items():
        param = getattr(layer, name)
        loader = getattr(param, "weight_loader", lambda param, scale: param.data.copy_(scale))
        loader(param, scale)
    layer.quant_method.process_weights_after_loading(layer)
    return layer


def floats(layer: Attention) -> list[float]:
    return [layer._k_scale_float, layer._v_scale_float, layer._q_scale_float]


def tensors(layer: Attention) -> list[list[float]]:
    return [s.flatten().tolist() for s in (layer._k_scale, layer._v_scale, layer._q_scale)]


ONE = {
    "k_scale": torch.tensor([0.5]),
    "v_scale": torch.tensor([0.25]),
    "q_scale": torch.tensor([4.0]),
}
EACH_HEAD = {
    "k_scale": torch.tensor([0.5, 0.75]),
    "v_scale": torch.tensor([0.25, 0.125]),
    "q_scale": torch.tensor([1.0, 1.0, 2.0, 1.0]),
}


def test_block_weights_without_input_scales_finish_loading() -> None:
    layer = loaded_linear(checkpoint({"strategy": "block", "block_structure": [64, 64]}))
    assert layer.weight.shape == (SIZE, SIZE)
    # Named weight_scale_inv for the kernels of later releases.
    (scale,) = (p for name, p in layer.named_parameters() if name.startswith("weight_scale"))
    assert scale.tolist() == [[2, 2], [2, 2]]


def test_float_scales_follow_the_checkpoint() -> None:
    kv_cache = {"strategy": "tensor"}
    layer = loaded_attention(checkpoint({"strategy": "channel"}, kv_cache), **ONE)
    assert floats(layer) == [0.5, 0.25, 4.0]


def test_float_scales_of_several_heads_are_their_maximum() -> None:
    kv_cache = {"strategy": "attn_head"}
    layer = loaded_attention(checkpoint({"strategy": "channel"}, kv_cache), **EACH_HEAD)
    assert floats(layer) == [0.75, 0.25, 2.0]


@pytest.mark.parametrize("strategy", ["tensor", "channel"])
def test_control_other_weights_finish_loading(strategy: str) -> None:
    layer = loaded_linear(checkpoint({"strategy": strategy}))
    assert layer.weight_scale.unique().tolist() == [2]


def test_control_a_static_input_scale_with_blocks_is_refused() -> None:
    config = checkpoint({"strategy": "block", "block_structure": [64, 64]})
    layer = ReplicatedLinear(SIZE, SIZE, bias=False, quant_config=config, prefix="proj")
    layer.scheme.is_static_input_scheme = True
    with pytest.raises(AssertionError):
        layer.scheme.process_weights_after_loading(layer)


def test_control_scales_as_tensors_follow_the_checkpoint() -> None:
    one = checkpoint({"strategy": "channel"}, {"strategy": "tensor"})
    assert tensors(loaded_attention(one, **ONE)) == [[0.5], [0.25], [4.0]]
    each = checkpoint({"strategy": "channel"}, {"strategy": "attn_head"})
    expected = [[0.5, 0.75], [0.25, 0.125], [1.0, 2.0]]
    assert tensors(loaded_attention(each, **EACH_HEAD)) == expected
