"""A model small enough to count by hand."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "model_type": "mixtral",
    "torch_dtype": "bfloat16",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "intermediate_size": 48,
    "vocab_size": 100,
}
"""Two layers: attention 32x32 twice and 16x32 twice, four experts of 3 * 48 * 32."""
