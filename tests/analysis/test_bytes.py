"""Bytes of weights and of a step, against cases computed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_model import SMALL

from analysis.__main__ import main
from analysis.formats import BF16, NVFP4, ConfigError, fp8, read_quantization
from analysis.model import (
    Setup,
    checkpoint,
    expected_experts,
    kv_token_bytes,
    parameters,
    read_model,
    read_per_step,
)
from analysis.page import CONFIG, the_model

MODELOPT = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", "*.gate"]}


def test_a_matrix_of_each_format_has_its_bytes() -> None:
    """Values, block scales and the scale of the matrix, each counted."""
    assert BF16.matrix_bytes(3, 5) == 30
    # 4 * 40 values are 80 bytes; 40 columns are three blocks of 16 in each row; one FP32.
    assert NVFP4.matrix_bytes(4, 40) == 80 + 4 * 3 + 4
    assert NVFP4.matrix_bytes(4, 40, scales=False) == 80
    assert fp8().matrix_bytes(4, 40) == 160 + 4
    # 200 rows and 130 columns are 2 * 2 blocks of 128 * 128.
    assert fp8((128, 128)).matrix_bytes(200, 130) == 26_000 + 4 * 4
    # One scale a row.
    assert fp8((1, 0)).matrix_bytes(200, 130) == 26_000 + 200 * 4


def test_a_model_without_quantization_is_counted_by_hand() -> None:
    """Every part of one step, in BF16."""
    read = dict(read_per_step(read_model(SMALL), Setup(context=10)).named())
    assert read == {
        "attention": 2 * (2 * 32 * 32 + 2 * 16 * 32) * 2,
        "experts": 2 * 2 * (3 * 48 * 32) * 2,
        "router": 2 * (4 * 32) * 2,
        "norms": (2 * 2 * 32 + 32) * 2,
        "embeddings": 32 * 2,
        "head": 100 * 32 * 2,
        # Ten tokens, keys and values, one head of 16 numbers, two layers.
        "kv cache": 10 * 2 * 16 * 2 * 2,
    }


def test_a_checkpoint_holds_all_experts_and_the_embedding() -> None:
    """What is stored, and how many weights that is."""
    model = read_model(SMALL)
    weights = 2 * (3072 + 4 * 4608 + 128 + 64) + 32 + 2 * 3200
    assert parameters(model) == weights
    assert checkpoint(model).total == 2 * weights
    tied = read_model(SMALL | {"tie_word_embeddings": True})
    assert parameters(tied) == weights - 3200


def test_the_ignore_list_decides_module_by_module() -> None:
    """ModelOpt's patterns leave head and router in BF16; all else is NVFP4."""
    read = read_per_step(read_model(SMALL | {"quantization_config": MODELOPT}), Setup())
    assert read.head == 100 * 32 * 2
    assert read.router == 2 * 4 * 32 * 2
    matrices = ((32, 32), (32, 32), (16, 32), (16, 32))
    assert read.attention == 2 * sum(r * c / 2 + r * (c // 16) + 4 for r, c in matrices)
    # Gate and up have 48 rows of 32, down has 32 rows of 48.
    assert read.experts == 2 * 2 * (3 * (48 * 32 / 2 + 4) + 2 * 48 * 2 + 32 * 3)


@pytest.mark.parametrize(
    ("entry", "module", "left_out"),
    [
        ("lm_head", "lm_head", True),
        ("gate", "model.layers.0.block_sparse_moe.gate", True),
        ("gate", "model.layers.0.mlp.gate_proj", False),
        ("re:.*block_sparse_moe\\.gate$", "model.layers.7.block_sparse_moe.gate", True),
        ("re:.*block_sparse_moe\\.gate$", "model.layers.7.block_sparse_moe.gate2", False),
        ("model.layers.0.self_attn*", "model.layers.0.self_attn.q_proj", True),
        ("model.layers.1", "model.layers.11.self_attn.q_proj", False),
    ],
)
def test_an_entry_of_the_ignore_list(entry: str, module: str, *, left_out: bool) -> None:
    """Each way to write an entry."""
    section = MODELOPT | {"ignore": [entry]}
    assert read_quantization({"quantization_config": section}).leaves_out(module) is left_out


@pytest.mark.parametrize(
    "section",
    [
        {"quant_method": "awq"},
        {"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"},
        {"quant_method": "compressed-tensors", "config_groups": {}},
    ],
)
def test_an_unknown_quantization_is_refused(section: dict[str, Any]) -> None:
    """No figure is better than a wrong one."""
    with pytest.raises(ConfigError):
        read_quantization({"quantization_config": section})


@pytest.mark.parametrize(
    "more",
    [
        {"model_type": "deepseek_v3"},
        {"attn_type_list": [1, 0]},
        {"sliding_window": 4096},
        {"shared_intermediate_size": 64},
        {"torch_dtype": "int8"},
    ],
)
def test_an_unknown_model_is_refused(more: dict[str, Any]) -> None:
    """Attention or experts of another kind would make every figure wrong."""
    with pytest.raises(ConfigError):
        read_model(SMALL | more)


def test_experts_that_a_batch_reads() -> None:
    """One token reads its own; two of 2 in 4 read 3 in the mean; many read all."""
    assert expected_experts(4, 2, 1) == 2
    assert expected_experts(4, 2, 2) == 3
    assert expected_experts(154, 8, 1) == pytest.approx(8)
    assert expected_experts(154, 8, 10_000) == pytest.approx(154)


def test_minimax_by_hand() -> None:
    """The page's model, from the numbers that it was described by."""
    model = the_model()
    attention = 62 * (2 * 3072 * 6144 + 2 * 3072 * 1024)
    experts = 62 * 8 * 3 * 3072 * 1536
    head = 200_064 * 3072 * 2
    router = 62 * 154 * 3072
    bare = read_per_step(model, Setup(scales=False, as_stored=True))
    assert bare.attention == attention / 2
    assert bare.experts == pytest.approx(experts / 2)
    assert bare.head == head
    assert bare.router == router * 2 + 62 * 154 * 4
    held = read_per_step(model, Setup())
    # One byte for 16 values, and four a matrix.
    assert held.attention == attention * 9 / 16 + 62 * 4 * 4
    assert held.experts == pytest.approx(experts * 9 / 16 + 62 * 8 * 3 * 4)
    assert held.router == router * 4 + 62 * 154 * 4
    assert kv_token_bytes(model, "fp8") == 62 * 2 * 8 * 128
    assert replace(held, kv_cache=0.0).total == held.weights


def test_the_command_line_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A maintainer asks for a model of his own."""
    assert main([str(CONFIG), "--bandwidth", "273", "--no-scales"]) == 0
    assert "at most 43.9 tokens/s" in capsys.readouterr().out
    assert main([str(CONFIG.with_name("none.json")), "--bandwidth", "273"]) == 3
    assert capsys.readouterr().err.startswith("error: ")
