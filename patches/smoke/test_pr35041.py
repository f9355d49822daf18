"""Proof of #35041: an NVFP4-packed eh_proj of an MTP draft model loads.

Each of the six draft models is built on the CPU around its real MTP layer; only the transformer
block behind eh_proj is a stand-in, as the patch does not touch it. Without the patch the packed
weight does not fit the plain nn.Linear. The controls hold on both sides: an eh_proj in BF16 and
without a scale loads and gives the same result as a plain linear layer, be it in an unquantized
checkpoint, named in the list of exclusions, or, the known risk, not named in it.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import torch
from conftest import bfloat16, one_process
from vllm.config import ModelConfig, VllmConfig
from vllm.model_executor.layers.quantization.fp8 import Fp8Config
from vllm.model_executor.layers.quantization.modelopt import ModelOptNvFp4Config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HIDDEN = 64
LAYER = 2  # the draft layer's number: the first one after the model's own
NAME = f"model.layers.{LAYER}.eh_proj"


class Block(torch.nn.Module):
    """Stands for the transformer block behind eh_proj: passes its input on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.mlp = None
        self.use_sequence_parallel_moe = False

    def forward(self, positions: torch.Tensor, hidden_states: torch.Tensor, **_: Any) -> Any:
        return hidden_states, torch.zeros_like(hidden_states)


class StepBlock(Block):
    """The same where the block adds its residual itself."""

    def forward(self, positions: torch.Tensor, hidden_states: torch.Tensor, **_: Any) -> Any:
        return hidden_states


# module, model class, its block's class
MODELS = [
    ("deepseek_mtp", "DeepSeekMTP", "DeepseekV2DecoderLayer"),
    ("glm4_moe_lite_mtp", "Glm4MoeLiteMTP", "Glm4MoeLiteDecoderLayer"),
    ("glm4_moe_mtp", "Glm4MoeMTP", "Glm4MoeDecoderLayer"),
    ("glm_ocr_mtp", "GlmOcrMTP", "Glm4DecoderLayer"),
    ("openpangu_mtp", "OpenPanguMTP", "OpenPanguDecoderLayer"),
    ("step3p5_mtp", "Step3p5MTP", "Step3p5DecoderLayer"),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=[m[0] for m in MODELS])


def nvfp4(*excluded: str) -> ModelOptNvFp4Config:
    return ModelOptNvFp4Config(
        is_checkpoint_nvfp4_serialized=True,
        kv_cache_quant_algo=None,
        exclude_modules=["*shared_head*", *excluded],
    )


@contextmanager
def build(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: tuple[str, str, str],
    quant: Any,
    device: str = "cpu",
) -> Iterator[torch.nn.Module]:
    """The draft model, built as vLLM's model loader does it."""
    # Kernels need a GPU. For NVFP4 the product is computed below; FP8's is never asked for.
    monkeypatch.setenv("VLLM_USE_NVFP4_CT_EMULATIONS", "1")  # up to v0.16.0
    for name, quantization in list(sys.modules.items()):
        if name.startswith("vllm.model_executor.layers.quantization."):
            for kernel in ("init_nvfp4_linear_kernel", "init_fp8_linear_kernel"):
                if hasattr(quantization, kernel):
                    monkeypatch.setattr(quantization, kernel, mock.MagicMock())
    module = importlib.import_module(f"vllm.model_executor.models.{model[0]}")
    monkeypatch.setattr(module, model[2], StepBlock if "step3p5" in model[0] else Block)
    if hasattr(module, "Glm4MixtureOfExperts"):  # it wants to see an expert layer
        monkeypatch.setattr(
            module.Glm4MixtureOfExperts, "extract_moe_parameters", lambda *_: None
        )
    if hasattr(module, "get_draft_quant_config"):  # a draft of its own, in later releases
        monkeypatch.setattr(module, "get_draft_quant_config", lambda _: quant)
        monkeypatch.setattr(VllmConfig, "with_hf_config", lambda self, _: self)
    hf = SimpleNamespace(
        hidden_size=HIDDEN,
        vocab_size=128,
        rms_norm_eps=1e-6,
        num_hidden_layers=LAYER,
        num_nextn_predict_layers=1,
        n_group=1,
        n_routed_experts=4,
        n_shared_experts=1,
        model_type=model[0],
        architectures=[model[1]],
    )
    hf.text_config = hf
    config = VllmConfig(
        model_config=ModelConfig(model=str(folder), skip_tokenizer_init=True, dtype="bfloat16")
    )
    config.quant_config = quant
    with one_process(config), bfloat16():
        config.model_config.hf_config = hf
        config.speculative_config = SimpleNamespace(draft_model_config=config.model_config)
        with mock.patch.object(config.compilation_config, "mode", 0):  # do not compile
            with torch.device(device):
                draft = getattr(module, model[1])(vllm_config=config)
            eh_proj = draft.model.layers[str(LAYER)].eh_proj
            if eh_proj.weight.dtype == torch.uint8:
                method = eh_proj.quant_method
                monkeypatch.setattr(method, "apply", nvfp4_product)
                monkeypatch.setattr(
                    method, "process_weights_after_loading", lambda _layer: None
                )
            yield draft


def load(model: torch.nn.Module, eh_proj: dict[str, torch.Tensor]) -> set[str]:
    """Load a checkpoint of everything that the model has, with this eh_proj."""
    rest = {
        name: torch.ones_like(param)
        for name, param in model.named_parameters()
        if "eh_proj" not in name
    }
    return model.load_weights([*rest.items(), *eh_proj.items()])


def run(model: torch.nn.Module) -> torch.Tensor:
    """One pass of the draft layer, after what vLLM does to each layer once it is loaded."""
    for module in model.modules():
        method = getattr(module, "quant_method", None)
        if hasattr(method, "process_weights_after_loading"):
            method.process_weights_after_loading(module)
    layer = model.model.layers[str(LAYER)]
    for norm in (layer.enorm, layer.hnorm):
        norm.forward = lambda x: x  # what comes in is what eh_proj takes
    out = layer(
        input_ids=torch.tensor([1, 2, 3]),
        # GLM-OCR looks at the first row of its positions.
        positions=torch.tensor([[1, 2, 3]] * 3)
        if "GlmOcr" in type(model).__name__
        else torch.tensor([1, 2, 3]),
        previous_hidden_states=inputs()[:, HIDDEN:].clone(),
        inputs_embeds=inputs()[:, :HIDDEN].clone(),
    )
    return out[0] if isinstance(out, tuple) else out  # later releases return a pair


def rand(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float32).to(torch.bfloat16)


def inputs() -> torch.Tensor:
    return rand(1, 3, 2 * HIDDEN)


def plain_weight() -> torch.Tensor:
    return rand(2, HIDDEN, 2 * HIDDEN) * 0.1


def packed_weight() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """An eh_proj as a ModelOpt NVFP4 checkpoint holds it, and what it stands for."""
    generator = torch.Generator().manual_seed(3)
    codes = torch.randint(0, 16, (HIDDEN, 2 * HIDDEN), generator=generator)
    scales = 2.0 ** torch.randint(-1, 2, (HIDDEN, 2 * HIDDEN // 16), generator=generator)
    packed = (codes[:, ::2] | codes[:, 1::2] << 4).to(torch.uint8)
    tensors = {
        f"{NAME}.weight": packed,
        f"{NAME}.weight_scale": scales.to(torch.float8_e4m3fn),
        f"{NAME}.weight_scale_2": torch.tensor(0.01, dtype=torch.float32),
        f"{NAME}.input_scale": torch.tensor(0.002, dtype=torch.float32),
    }
    e2m1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])
    return tensors, e2m1[codes] * scales.repeat_interleave(16, dim=1) * 0.01


def nvfp4_product(layer: torch.nn.Module, x: torch.Tensor, bias: None) -> torch.Tensor:
    """The product that vLLM's NVFP4 kernels compute on a GPU, the input left as it is."""
    codes = torch.stack((layer.weight & 15, layer.weight >> 4), dim=-1).flatten(1).long()
    e2m1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6])
    scales = layer.weight_scale.float().repeat_interleave(16, dim=1) * layer.weight_scale_2
    return torch.nn.functional.linear(x.float(), e2m1.float()[codes] * scales).to(x.dtype)


@each_model
def test_a_packed_weight_loads(
    minimax_folder: Path, monkeypatch: pytest.MonkeyPatch, model: tuple[str, str, str]
) -> None:
    tensors, stands_for = packed_weight()
    with build(minimax_folder, monkeypatch, model, nvfp4()) as draft:
        loaded = load(draft, tensors)
        assert set(tensors) <= loaded
        eh_proj = draft.model.layers[str(LAYER)].eh_proj
        assert eh_proj.weight.dtype == torch.uint8
        assert torch.equal(eh_proj.weight, tensors[f"{NAME}.weight"])
        out = run(draft)
    expected = inputs().float() @ stands_for.T
    torch.testing.assert_close(out.float(), expected, rtol=0.01, atol=0.01)


@each_model
@pytest.mark.parametrize("checkpoint", ["unquantized", "excluded", "nvfp4", "fp8"])
def test_control_a_bf16_weight_gives_the_same_result(
    minimax_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: tuple[str, str, str],
    checkpoint: str,
) -> None:
    quant = {
        "unquantized": None,
        "excluded": nvfp4(NAME),
        "nvfp4": nvfp4(),
        # As in DeepSeek-R1's FP8 checkpoint: blocks, and no word of eh_proj.
        "fp8": Fp8Config(is_checkpoint_fp8_serialized=True, weight_block_size=[64, 64]),
    }[checkpoint]
    with build(minimax_folder, monkeypatch, model, quant) as draft:
        eh_proj = draft.model.layers[str(LAYER)].eh_proj
        if checkpoint in ("unquantized", "excluded"):
            assert eh_proj.weight.dtype == torch.bfloat16
        loaded = load(draft, {f"{NAME}.weight": plain_weight()})
        assert f"{NAME}.weight" in loaded
        assert {name for name, _ in eh_proj.named_parameters()} == {"weight"}
        # Weights may come again, as they do when a running model is updated.
        load(draft, {f"{NAME}.weight": plain_weight()})
        out = run(draft)
    assert torch.equal(out, torch.nn.functional.linear(inputs(), plain_weight()))


def test_control_a_bf16_weight_stays_on_the_device(
    minimax_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights load while the default device is the CPU again: the layer's own one counts."""
    with build(minimax_folder, monkeypatch, MODELS[0], nvfp4(), "meta") as draft:
        draft.load_weights([(f"{NAME}.weight", plain_weight())])
        assert draft.model.layers[str(LAYER)].eh_proj.weight.device.type == "meta"
