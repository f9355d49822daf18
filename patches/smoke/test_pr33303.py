"""Proof of #33303: MiniMax-M2's loader, quantized embeddings and head, pipeline stages.

A tiny MiniMaxM2ForCausalLM is built on the CPU and takes weights through load_weights. Without
the patch a checkpoint's KV scales raise KeyError, so do names that the model does not have,
experts of other ranks are reported as loaded, the quantization never reaches embed_tokens and
lm_head, and every pipeline stage holds a LogitsProcessor. The controls hold on both sides: a
plain checkpoint loads whole, and each pipeline stage loads its part.
"""

from __future__ import annotations

import inspect
import typing
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch
import vllm
from conftest import bfloat16, minimax_weights, one_process, pipeline_rank, vllm_log
from vllm.config import ModelConfig, VllmConfig
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.logits_processor import LogitsProcessor
from vllm.model_executor.layers.quantization.base_config import QuantizationConfig
from vllm.model_executor.layers.quantization.kv_cache import BaseKVCacheMethod
from vllm.model_executor.layers.vocab_parallel_embedding import (
    ParallelLMHead,
    UnquantizedEmbeddingMethod,
    VocabParallelEmbedding,
)
from vllm.model_executor.models import minimax_m2
from vllm.model_executor.models.utils import PPMissingLayer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Where it was replaced, unknown names raise, and there is nothing of it to prove.
own_loader = pytest.mark.skipif(
    tuple(int(part) for part in vllm.__version__.split(".")[:2]) >= (0, 25),
    reason="vLLM replaced this loader in v0.25.0",
)

ATTN = "model.layers.0.self_attn"
EXPERTS = "model.layers.0.block_sparse_moe.experts"


class EmbeddingMethod(UnquantizedEmbeddingMethod):
    """Stands for the quantization of an embedding or a head."""


class QuantConfig(QuantizationConfig):
    """Quantizes the embedding, the head and the KV cache, and goes by their names."""

    def get_name(self) -> str:
        return "stub"

    def get_supported_act_dtypes(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    @classmethod
    def get_min_capability(cls) -> int:
        return 0

    @staticmethod
    def get_config_filenames() -> list[str]:
        return []

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantConfig:
        return cls()

    def get_quant_method(self, layer: torch.nn.Module, prefix: str) -> Any:
        if isinstance(layer, Attention):
            return BaseKVCacheMethod(self)
        if isinstance(layer, VocabParallelEmbedding):
            wanted = "lm_head" if isinstance(layer, ParallelLMHead) else "model.embed_tokens"
            return EmbeddingMethod() if prefix == wanted else None
        from vllm.model_executor.layers.linear import LinearBase, UnquantizedLinearMethod

        return UnquantizedLinearMethod() if isinstance(layer, LinearBase) else None


@contextmanager
def build(
    folder: Path, *, stage: tuple[int, int] = (0, 1), quantized: bool = False
) -> Iterator[minimax_m2.MiniMaxM2ForCausalLM]:
    """The tiny model, as one pipeline stage of several."""
    config = VllmConfig(
        model_config=ModelConfig(model=str(folder), skip_tokenizer_init=True, dtype="bfloat16")
    )
    if quantized:
        config.quant_config = QuantConfig()
    with one_process(config), pipeline_rank(*stage), bfloat16():
        yield minimax_m2.MiniMaxM2ForCausalLM(vllm_config=config)


def routed(model: minimax_m2.MiniMaxM2ForCausalLM) -> tuple[torch.nn.Module, str]:
    """The first layer's experts and their name, which lie deeper in later releases."""
    experts = model.model.layers[0].block_sparse_moe.experts
    if "routed_experts" in dict(experts.named_children()):
        return experts.routed_experts, f"{EXPERTS}.routed_experts"
    return experts, EXPERTS


def on_two_ranks(experts: torch.nn.Module) -> None:
    """As on the first of two expert-parallel ranks."""
    keeper = getattr(experts, "expert_map_manager", experts)
    keeper._expert_map = torch.tensor([0, 1, -1, -1])


def test_kv_scales_of_a_checkpoint_load(minimax_folder: Path) -> None:
    scales = {f"{ATTN}.k_proj.k_scale": 0.5, f"{ATTN}.v_proj.v_scale": 0.25}
    with build(minimax_folder, quantized=True) as model, vllm_log() as log:
        loaded = model.load_weights((name, torch.tensor(x)) for name, x in scales.items())
        attn = model.model.layers[0].self_attn.attn
        assert loaded == {f"{ATTN}.attn.k_scale", f"{ATTN}.attn.v_scale"}
        assert (attn.k_scale.item(), attn.v_scale.item()) == (0.5, 0.25)
    assert not [line for line in log if "not found in params_dict" in line]


@own_loader
@pytest.mark.parametrize(
    ("name", "logged"),
    [
        (f"{ATTN}.q_proj.mistyped", "q_proj.mistyped"),
        (f"{ATTN}.o_proj.mistyped", "o_proj.mistyped"),
        (f"{EXPERTS}.1.w1.mistyped", "w13_mistyped"),
    ],
)
def test_a_name_that_the_model_lacks_is_skipped_and_logged(
    minimax_folder: Path, name: str, logged: str
) -> None:
    with build(minimax_folder) as model, vllm_log() as log:
        assert model.load_weights([(name, torch.zeros(1))]) == set()
    assert any(logged in line and "skip" in line for line in log)


@own_loader
def test_experts_of_other_ranks_are_not_reported_as_loaded(minimax_folder: Path) -> None:
    weights = minimax_weights()
    with build(minimax_folder) as model, vllm_log() as log:
        experts, at = routed(model)
        on_two_ranks(experts)
        elsewhere = {k: v for k, v in weights.items() if k.startswith(f"{EXPERTS}.3.")}
        here = {k: v for k, v in weights.items() if k.startswith(f"{EXPERTS}.1.")}
        assert len(elsewhere) == len(here) == 3
        assert model.load_weights(elsewhere.items()) == set()
        loaded = model.load_weights(here.items())
        assert loaded == {f"{at}.w13_weight", f"{at}.w2_weight"}
        assert torch.equal(experts.w2_weight[1], here[f"{EXPERTS}.1.w2.weight"])
    assert not [line for line in log if "not found in params_dict" in line]


@own_loader
def test_a_second_copy_of_an_expert_is_found(
    minimax_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with redundant experts: the first copy is on another rank, the second is here."""
    name = f"{EXPERTS}.3.w2.weight"
    weight = minimax_weights()[name]
    with build(minimax_folder) as model:
        experts, at = routed(model)
        on_two_ranks(experts)
        param = f"experts{at.removeprefix(EXPERTS)}.w2_"
        copies = [(param, "experts.3.w2.", copy, "w2") for copy in (3, 1)]
        monkeypatch.setattr(model.model, "get_expert_mapping", lambda: copies)
        assert model.load_weights([(name, weight)]) == {f"{at}.w2_weight"}
        assert torch.equal(experts.w2_weight[1], weight)


@own_loader
def test_control_an_expert_is_loaded_under_its_parameters_name(minimax_folder: Path) -> None:
    names = []
    with build(minimax_folder) as model:
        experts, at = routed(model)

        def weight_loader(param: Any, weight: Any, weight_name: str, **_: Any) -> bool:
            names.append(weight_name)
            return True

        experts.w2_weight.weight_loader = weight_loader
        model.load_weights([(f"{EXPERTS}.1.w2.weight", torch.zeros(64, 32))])
    # The loader of the inner model, to which names begin without "model.".
    assert names == [f"{at}.w2_weight".removeprefix("model.")]


def test_quantization_reaches_embedding_and_head(minimax_folder: Path) -> None:
    with build(minimax_folder, quantized=True) as model:
        assert isinstance(model.model.embed_tokens.quant_method, EmbeddingMethod)
        assert isinstance(model.lm_head.quant_method, EmbeddingMethod)


def test_only_the_last_stage_has_a_logits_processor(minimax_folder: Path) -> None:
    with build(minimax_folder, stage=(0, 2)) as model:
        assert isinstance(model.logits_processor, PPMissingLayer)


def test_attention_has_no_unused_window_parameter() -> None:
    parameters = inspect.signature(minimax_m2.MiniMaxM2Attention).parameters
    assert "attn_window_size" not in parameters


def test_forward_of_a_layer_says_what_it_returns() -> None:
    hints = typing.get_type_hints(minimax_m2.MiniMaxM2DecoderLayer.forward)
    assert hints["return"] == tuple[torch.Tensor, torch.Tensor]


def test_control_a_plain_checkpoint_loads_whole(minimax_folder: Path) -> None:
    weights = minimax_weights()
    with build(minimax_folder) as model, vllm_log() as log:
        loaded = model.load_weights(weights.items())
        assert loaded == {name for name, _ in model.named_parameters()}
        qkv = [weights[f"{ATTN}.{x}_proj.weight"] for x in "qkv"]
        qkv_proj = model.model.layers[0].self_attn.qkv_proj
        assert torch.equal(qkv_proj.weight, torch.cat(qkv))
        w13 = [weights[f"{EXPERTS}.2.{x}.weight"] for x in ("w1", "w3")]
        # The experts' parameters lie deeper in later releases.
        (stacked,) = (
            param
            for name, param in model.named_parameters()
            if name.startswith(f"{EXPERTS}.") and name.endswith("w13_weight")
        )
        assert torch.equal(stacked[2], torch.cat(w13))
        assert torch.equal(model.lm_head.weight, weights["lm_head.weight"])
    assert not [line for line in log if "not found in params_dict" in line]


@pytest.mark.parametrize("stage", [0, 1])
def test_control_each_stage_loads_its_part(minimax_folder: Path, stage: int) -> None:
    weights = minimax_weights() | {
        f"model.layers.{layer}.self_attn.o_proj.bias": torch.zeros(64) for layer in (0, 1)
    }
    with build(minimax_folder, stage=(stage, 2)) as model, vllm_log() as log:
        loaded = model.load_weights(weights.items())
        assert loaded == {name for name, _ in model.named_parameters()}
        assert ("model.layers.0.input_layernorm.weight" in loaded) == (stage == 0)
        assert ("lm_head.weight" in loaded) == (stage == 1)
        assert hasattr(model, "logits_processor")
    assert not [line for line in log if "not found in params_dict" in line]


def test_a_stage_keeps_silent_about_the_others_scales(minimax_folder: Path) -> None:
    names = [
        f"model.layers.{layer}.self_attn.{x}_proj.{x}_scale" for layer in (0, 1) for x in "kv"
    ]
    with build(minimax_folder, stage=(0, 2), quantized=True) as model, vllm_log() as log:
        loaded = model.load_weights((name, torch.tensor(0.5)) for name in names)
        assert loaded == {f"{ATTN}.attn.k_scale", f"{ATTN}.attn.v_scale"}
    assert log == []


def test_control_the_last_stage_has_a_logits_processor(minimax_folder: Path) -> None:
    with build(minimax_folder, stage=(1, 2)) as model:
        assert isinstance(model.logits_processor, LogitsProcessor)
