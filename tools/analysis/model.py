"""What a model reads from memory to decode one step, from its config.json.

Sizes are in bytes, in units of 1; GB means 10**9 bytes. A decoded token reads each weight that
takes part in it once, and the KV cache of its request once; this is what makes decoding slow
where few requests run (Pope et al., "Efficiently Scaling Transformer Inference", 2022,
section 3). Activations, a few hundred kB a layer, are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analysis.formats import FP32, ConfigError, Format, Quantization, read_quantization

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GB = 10**9
GIB = 2**30
KV_BYTES = {"bf16": 2, "fp8": 1}
"""Bytes of one number in the KV cache."""


@dataclass(frozen=True)
class _Names:
    """What a family of models calls its modules, after ``model.layers.N.``."""

    router: str
    expert: str
    """Folder of one expert, or of the dense MLP."""
    projections: tuple[str, str, str]
    """Gate, up and down."""
    router_fp32: bool = False
    """Whether vLLM holds the router in FP32, however it is stored. For MiniMax-M2 it does:
    v0.16.0, minimax_m2.py, ``params_dtype=torch.float32``."""


_GATED = ("gate_proj", "up_proj", "down_proj")
_FAMILIES = {
    "minimax_m2": _Names(
        "block_sparse_moe.gate",
        "block_sparse_moe.experts.0",
        ("w1", "w3", "w2"),
        router_fp32=True,
    ),
    "mixtral": _Names(
        "block_sparse_moe.gate", "block_sparse_moe.experts.0", ("w1", "w3", "w2")
    ),
    "qwen3_moe": _Names("mlp.gate", "mlp.experts.0", _GATED),
    "qwen3": _Names("", "mlp", _GATED),
    "llama": _Names("", "mlp", _GATED),
}


@dataclass(frozen=True)
class Model:
    """A decoder with grouped-query attention and a gated MLP, dense or of experts."""

    family: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    """Experts a layer; 1 for a dense MLP."""
    active: int
    """Experts that a token is sent to."""
    width: int
    """Inner width of an expert, or of the dense MLP."""
    vocabulary: int
    tied: bool
    """Whether the head is the embedding's matrix."""
    qk_norms: int
    """Weights of the norms of queries and keys in one layer."""
    router_bias: bool
    quantization: Quantization


def read_model(config: Mapping[str, Any]) -> Model:
    """Read a model from a Hugging Face config.json.

    Raises:
        ConfigError: It is of a kind that is not known here, so that figures would be wrong.
    """
    family = str(config.get("model_type"))
    if family not in _FAMILIES:
        raise ConfigError(
            f"model_type {family!r} is not known; known are {', '.join(_FAMILIES)}"
        )
    if any(kind != 1 for kind in config.get("attn_type_list") or ()):
        raise ConfigError("attn_type_list: layers without full attention are not known")
    if config.get("sliding_window"):
        raise ConfigError("sliding_window is not known")
    if config.get("shared_intermediate_size"):
        raise ConfigError("shared experts are not known")
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    experts = config.get("num_local_experts") or config.get("num_experts") or 1
    return Model(
        family=family,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        experts=experts,
        active=config["num_experts_per_tok"] if experts > 1 else 1,
        width=config.get("moe_intermediate_size") or config["intermediate_size"],
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings")),
        qk_norms=_qk_norms(config, family, heads, kv_heads, head_dim),
        router_bias=bool(config.get("use_routing_bias")),
        quantization=read_quantization(config),
    )


def _qk_norms(
    config: Mapping[str, Any], family: str, heads: int, kv_heads: int, head_dim: int
) -> int:
    if config.get("use_qk_norm") and config.get("qk_norm_type") == "per_layer":
        # One weight for each number of all heads: vLLM v0.16.0, minimax_m2.py, q_norm, k_norm.
        return (heads + kv_heads) * head_dim
    return 2 * head_dim if family.startswith("qwen3") else 0


@dataclass(frozen=True)
class Setup:
    """How a model is run."""

    batch: int = 1
    """Requests that decode together, each one token a step."""
    context: int = 0
    """Tokens in the KV cache of each request."""
    kv_dtype: str = "bf16"
    """A key of `KV_BYTES`."""
    scales: bool = True
    """Whether the scales of quantized weights count."""
    as_stored: bool = False
    """Whether the router counts as it is stored, and not as vLLM holds it."""


@dataclass(frozen=True)
class Parts:
    """Bytes by part of the model."""

    attention: float
    experts: float
    """Or the dense MLP."""
    router: float
    norms: float
    embeddings: float
    head: float
    kv_cache: float

    @property
    def weights(self) -> float:
        """Bytes of all but the KV cache."""
        return self.total - self.kv_cache

    @property
    def total(self) -> float:
        """Bytes of all parts."""
        return sum(size for _, size in self.named())

    def named(self) -> Iterator[tuple[str, float]]:
        """Yield each part's name and bytes."""
        for name in self.__dataclass_fields__:
            yield name.replace("_", " "), getattr(self, name)


def expected_experts(experts: int, active: int, tokens: int) -> float:
    """Return how many different experts of a layer are read for so many tokens.

    Each token draws `active` of `experts` at random, without bias and apart from the others:
    an expert stays unread with probability (1 - active/experts)**tokens. Tokens that follow
    one another may agree more often than that, so this is an estimate from above. Source:
    elementary probability.
    """
    return float(experts * (1 - (1 - active / experts) ** tokens))


def read_per_step(model: Model, setup: Setup) -> Parts:
    """Return the bytes that are read to decode one step of the batch."""
    layer = layer_of(model, setup)
    different = expected_experts(model.experts, model.active, setup.batch)
    row = _plain(model).matrix_bytes(1, model.hidden)
    return Parts(
        attention=model.layers * layer.attention,
        experts=model.layers * layer.experts * different,
        router=model.layers * layer.router,
        norms=model.layers * layer.norms + row,
        embeddings=setup.batch * row,
        head=head_bytes(model, setup),
        kv_cache=setup.batch * setup.context * kv_token_bytes(model, setup.kv_dtype),
    )


def checkpoint(model: Model, *, scales: bool = True) -> Parts:
    """Return the bytes of all weights as they are stored."""
    setup = Setup(scales=scales, as_stored=True)
    layer = layer_of(model, setup)
    table = _plain(model).matrix_bytes(model.vocabulary, model.hidden)
    return Parts(
        attention=model.layers * layer.attention,
        experts=model.layers * layer.experts * model.experts,
        router=model.layers * layer.router,
        norms=model.layers * layer.norms + _plain(model).matrix_bytes(1, model.hidden),
        embeddings=table,
        head=0 if model.tied else head_bytes(model, setup),
        kv_cache=0,
    )


def parameters(model: Model) -> int:
    """Return the number of weights."""
    byte = Format("one byte", 8)
    counted = replace(model, quantization=Quantization(byte, byte))
    parts = checkpoint(counted, scales=False)
    # A router's bias is FP32, four bytes.
    biases = 3 * model.experts * model.layers if model.router_bias else 0
    return round(parts.total) - biases


def kv_token_bytes(model: Model, kv_dtype: str) -> int:
    """Return the bytes of one token in the KV cache: keys and values of all layers.

    Source: vLLM v0.16.0, v1/kv_cache_interface.py, FullAttentionSpec: 2 * block * KV heads *
    head size * bytes, for each layer.
    """
    return 2 * model.kv_heads * model.head_dim * KV_BYTES[kv_dtype] * model.layers


@dataclass(frozen=True)
class Layer:
    """Bytes of one layer."""

    attention: float
    experts: float
    """One of them."""
    router: float
    norms: float


def layer_of(model: Model, setup: Setup) -> Layer:
    """Return the bytes of one layer, of which all are alike."""
    names = _FAMILIES[model.family]
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    shapes = {"q_proj": (queries, model.hidden), "o_proj": (model.hidden, queries)}
    shapes |= {"k_proj": (keys, model.hidden), "v_proj": (keys, model.hidden)}
    attention = sum(
        model.quantization.of(f"model.layers.0.self_attn.{name}").matrix_bytes(
            *shape, scales=setup.scales
        )
        for name, shape in shapes.items()
    )
    sides = ((model.width, model.hidden),) * 2 + ((model.hidden, model.width),)
    expert = sum(
        model.quantization.of(f"model.layers.0.{names.expert}.{name}").matrix_bytes(
            *shape, scales=setup.scales
        )
        for name, shape in zip(names.projections, sides, strict=True)
    )
    router = 0.0
    if model.experts > 1:
        stored = model.quantization.of(f"model.layers.0.{names.router}")
        held = FP32 if names.router_fp32 and not setup.as_stored else stored
        router = held.matrix_bytes(model.experts, model.hidden)
        router += model.experts * 4 if model.router_bias else 0
    norms = _plain(model).matrix_bytes(1, 2 * model.hidden + model.qk_norms)
    return Layer(attention, expert, router, norms)


def head_bytes(model: Model, setup: Setup) -> float:
    """Return the bytes of the head."""
    form = _plain(model) if model.tied else model.quantization.of("lm_head")
    return form.matrix_bytes(model.vocabulary, model.hidden, scales=setup.scales)


def _plain(model: Model) -> Format:
    return model.quantization.plain
