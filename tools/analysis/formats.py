"""How weights are stored: bytes by number format, and which modules a checkpoint leaves out.

Everything here is in bytes and in counts of weights.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConfigError(Exception):
    """A config.json says something that this calculator does not know."""


@dataclass(frozen=True)
class Format:
    """A number format of weight matrices."""

    name: str
    bits: int
    """Bits of one weight."""
    block: tuple[int, int] | None = None
    """Rows (outputs) and columns (inputs) of weights that share one scale; 0 means all."""
    block_scale_bytes: int = 0
    """Bytes of one such scale."""
    tensor_scale_bytes: int = 0
    """Bytes of the scales of a whole matrix."""

    def matrix_bytes(self, rows: int, columns: int, *, scales: bool = True) -> float:
        """Return the bytes of a matrix of `rows` outputs and `columns` inputs.

        Args:
            rows: Outputs.
            columns: Inputs.
            scales: Whether the scales count too.
        """
        weights = rows * columns * self.bits / 8
        if not scales:
            return weights
        blocks = 0
        if self.block:
            high, wide = self.block[0] or rows, self.block[1] or columns
            blocks = ceil(rows / high) * ceil(columns / wide)
        return weights + blocks * self.block_scale_bytes + self.tensor_scale_bytes


BF16 = Format("BF16", 16)
FP32 = Format("FP32", 32)
NVFP4 = Format("NVFP4", 4, block=(1, 16), block_scale_bytes=1, tensor_scale_bytes=4)
"""E2M1 values, one E4M3 scale for 16 of them along the inputs, one FP32 scale for the matrix.

Source: NVIDIA, "NVFP4 block-scale conversion" (cuDNN documentation): block scales of shape
[1, M, K/16] in E4M3 and one FP32 scale. Checkpoints may hold a second FP32 scale, for the
activations; it is not counted.
"""


def fp8(block: tuple[int, int] | None = None) -> Format:
    """Return FP8 (E4M3), with one FP32 scale a block, or one for the matrix.

    Source: `weight_block_size` in the quantization section of MiniMax-M2's config.json
    ([128, 128]) and vLLM v0.16.0, `quantization/fp8.py`, whose scales are FP32.
    """
    if block is None:
        return Format("FP8", 8, tensor_scale_bytes=4)
    return Format("FP8", 8, block=block, block_scale_bytes=4)


_BY_DTYPE = {"bfloat16": BF16, "float16": Format("FP16", 16), "float32": FP32}


@dataclass(frozen=True)
class Quantization:
    """What the quantization section of a config.json says of each module."""

    quantized: Format
    plain: Format
    """What modules have that are left out."""
    ignored: tuple[str, ...] = ()

    def of(self, module: str) -> Format:
        """Return the format of a module, by its full name."""
        return self.plain if self.leaves_out(module) else self.quantized

    def leaves_out(self, module: str) -> bool:
        """Whether a module is on the ignore list.

        An entry is a regular expression after ``re:`` (compressed-tensors), a pattern with
        ``*`` (ModelOpt), a full name, or some parts of one, such as ``gate`` (FP8's
        ``modules_to_not_convert``).
        """
        return any(_matches(entry, module) for entry in self.ignored)


def _matches(entry: str, module: str) -> bool:
    if entry.startswith("re:"):
        return re.match(entry[3:], module) is not None
    if "*" in entry:
        return fnmatch.fnmatchcase(module, entry)
    return f".{entry}." in f".{module}."


def read_quantization(config: Mapping[str, Any]) -> Quantization:
    """Read the formats of a model from its config.json.

    Raises:
        ConfigError: The section is of a kind that is not known here.
    """
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16")
    if dtype not in _BY_DTYPE:
        raise ConfigError(f"dtype {dtype!r} is not known; known are {', '.join(_BY_DTYPE)}")
    plain = _BY_DTYPE[dtype]
    section = config.get("quantization_config")
    if section is None:
        return Quantization(plain, plain)
    method = section.get("quant_method")
    if method == "compressed-tensors":
        return Quantization(_grouped(section), plain, tuple(section.get("ignore", ())))
    if method == "modelopt":
        ignored = section.get("ignore") or section.get("exclude_modules") or ()
        return Quantization(_modelopt(section), plain, tuple(ignored))
    if method == "fp8":
        block = section.get("weight_block_size")
        ignored = section.get("modules_to_not_convert") or ()
        return Quantization(fp8((block[0], block[1]) if block else None), plain, tuple(ignored))
    raise ConfigError(f"quant_method {method!r} is not known")


def _grouped(section: Mapping[str, Any]) -> Format:
    groups = list(section.get("config_groups", {}).values())
    if len(groups) != 1 or groups[0].get("targets") != ["Linear"]:
        raise ConfigError("config_groups: one group for the target Linear is known, no other")
    weights = groups[0]["weights"]
    bits, strategy, kind = (weights.get(key) for key in ("num_bits", "strategy", "type"))
    if (bits, kind, weights.get("group_size")) == (4, "float", 16):
        return NVFP4
    if (bits, kind) == (8, "float"):
        blocks: dict[Any, tuple[int, int] | None] = {"tensor": None, "channel": (1, 0)}
        if strategy == "block":
            high, wide = weights["block_structure"]
            return fp8((high, wide))
        if strategy in blocks:
            return fp8(blocks[strategy])
    raise ConfigError(f"weights of {bits} bits, type {kind!r}, {strategy!r} are not known")


def _modelopt(section: Mapping[str, Any]) -> Format:
    algorithm = section.get("quant_algo")
    if algorithm == "NVFP4":
        return NVFP4
    if algorithm == "FP8":
        return fp8()
    raise ConfigError(f"quant_algo {algorithm!r} is not known")
