"""Say what a model of yours reads a token, and how fast a machine of yours can decode it.

PYTHONPATH=tools python -m analysis config.json --bandwidth 273 --context 4096
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.formats import ConfigError
from analysis.levers import tokens_per_second
from analysis.model import (
    GB,
    KV_BYTES,
    Setup,
    checkpoint,
    parameters,
    read_model,
    read_per_step,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Bytes read per decoded step by part, and the ceiling in tokens a second.",
        epilog="Exit status: 0 answered, 2 wrong usage, 3 no answer.",
    )
    parser.add_argument("config", type=Path, help="a Hugging Face config.json")
    parser.add_argument("--bandwidth", type=float, required=True, help="memory's, in GB/s")
    parser.add_argument("--batch", type=int, default=1, help="requests that decode together")
    parser.add_argument("--context", type=int, default=0, help="tokens in each one's KV cache")
    parser.add_argument("--kv", choices=KV_BYTES, default="bf16", help="the cache's numbers")
    parser.add_argument("--no-scales", action="store_true", help="leave the scales out")
    asked = parser.parse_args(arguments)
    try:
        model = read_model(json.loads(asked.config.read_text(encoding="utf-8")))
    except (OSError, ValueError, ConfigError) as error:
        print(f"error: {asked.config}: {error}", file=sys.stderr)
        return 3
    except KeyError as error:
        print(f"error: {asked.config}: no key {error}", file=sys.stderr)
        return 3
    setup = Setup(asked.batch, asked.context, asked.kv, scales=not asked.no_scales)
    stored = checkpoint(model).total / GB
    print(f"{parameters(model) / 1e9:.2f} * 10^9 weights, {stored:.2f} GB stored")
    read = read_per_step(model, setup)
    for name, size in (*read.named(), ("in all", read.total)):
        print(f"{name:<12}{size / GB:8.3f} GB a step")
    rate = tokens_per_second(model, setup, asked.bandwidth)
    print(f"at most {rate:.1f} tokens/s, {rate / asked.batch:.1f} for each request")
    return 0


if __name__ == "__main__":
    sys.exit(main())
