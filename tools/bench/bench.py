"""Compare vpatch with its peers on real vLLM releases: ratios, both sides in one run.

Each figure is the quotient of two medians; both sides work on the same inputs, one after the
other, and what they make is compared. Run it on a quiet machine: ``make bench``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import delivery
import many
import one
from desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHES: dict[str, Callable[[Desk], None]] = {
    "apply": one.bench_apply,
    "status": one.bench_status,
    "version": one.bench_version,
    "import": one.bench_import,
    "scale": one.bench_scale,
    "rebase": many.bench_rebase,
    "matrix": many.bench_matrix,
    "bisect": many.bench_bisect,
    "wheel": delivery.bench_wheel,
    "installation": delivery.bench_installation,
}


def main() -> None:
    """Run what was asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs a side (default 5)")
    parser.add_argument("--only", choices=sorted(BENCHES), nargs="*", help="these alone")
    asked = parser.parse_args()
    print(f"{'what':<34} {'vpatch':>9} {'peer':>9} {'ratio':>7} {'at most':>8}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        desk = Desk(Path(folder), asked.runs)
        for name in asked.only or BENCHES:
            BENCHES[name](desk)


if __name__ == "__main__":
    main()
