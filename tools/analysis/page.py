"""Make the tables of docs/minimax-m2.5-gb10.md, and put them there.

    PYTHONPATH=tools python -m analysis.page            # write the page's tables anew
    PYTHONPATH=tools python -m analysis.page --check    # only say whether they are right

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.formats import BF16, NVFP4, Quantization, fp8
from analysis.levers import (
    even_split,
    expected_tokens,
    expert_parallel,
    pipeline,
    speculate,
    step_seconds,
    tokens_per_second,
)
from analysis.model import (
    GB,
    GIB,
    Model,
    Setup,
    checkpoint,
    expected_experts,
    kv_token_bytes,
    parameters,
    read_model,
    read_per_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/minimax-m2.5-gb10.md"
CONFIG = ROOT / "tools/analysis/models/minimax-m2.5-reap-139b-a10b-nvfp4.json"

PEAK_GB_S = 273
"""NVIDIA, DGX Spark data sheet."""
READ_GB_S = 232
"""Middle of 231 to 234, a kernel that does nothing but read: antirez/ds4 issue #773."""
MEASURED = 24
"""Tokens/s, from the analysis that the series was chosen by."""
SIBLING = 28
"""Tokens/s, middle of 27 to 29: model card of the 172B sibling, NVFP4, one DGX Spark."""
HOP_S = 50e-6
"""Guessed: from one machine to the other, with the launch of its kernels."""
ACCEPTANCES = (0.5, 0.7, 0.9)

BARE = Setup(scales=False, as_stored=True)
STORED = Setup(as_stored=True)
HELD = Setup()


def the_model() -> Model:
    """Return the page's model."""
    return read_model(json.loads(CONFIG.read_text(encoding="utf-8")))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; its numbers stand to the right."""
    lines = [_row(head), "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def gb(size_bytes: float, digits: int = 2) -> str:
    """Return bytes as GB."""
    return f"{size_bytes / GB:.{digits}f}"


def size() -> str:
    """Compare the checkpoint's size with what the model cards say."""
    small = the_model()
    big = replace(small, experts=192)
    dense = replace(small, quantization=_left_out(small, r"re:.*self_attn\."))
    rows = []
    cases = (
        ("REAP 139B, as above", small, "139B", "75 GB"),
        ("REAP 139B, if attention were BF16", dense, "", ""),
        ("its sibling REAP 172B (192 experts)", big, "172B", "99 GB, and 93 GB"),
    )
    for name, model, named, told in cases:
        stored = checkpoint(model).total
        billions = f"{parameters(model) / 1e9:.1f}"
        rows.append((name, billions, named, gb(stored, 1), f"{stored / GIB:.1f}", told))
    head = ("checkpoint", "10^9 weights", "its name", "GB", "GiB", "its card says")
    return table(head, rows)


def parts() -> str:
    """List the bytes that a token reads, by part."""
    model = the_model()
    setups = (BARE, STORED, HELD)
    read = [read_per_step(model, setup) for setup in setups]
    rows = [
        (name, *(gb(dict(one.named())[name], 3) for one in read))
        for name, _ in read[0].named()
        if name != "kv cache"
    ]
    rows.append(("**sum**", *(f"**{gb(one.total, 3)}**" for one in read)))
    head = ("GB a token", "values alone", "with scales", "with scales, router in FP32")
    return table(head, rows)


def ceilings() -> str:
    """Give the ceilings by assumption, and the bandwidth that 36 tokens/s stand for."""
    model = the_model()
    cases = (
        ("values alone", BARE, PEAK_GB_S),
        ("values alone", BARE, READ_GB_S),
        ("with scales", STORED, PEAK_GB_S),
        ("with scales, router in FP32", HELD, PEAK_GB_S),
        ("with scales, router in FP32", HELD, READ_GB_S),
    )
    rows = []
    for name, setup, bandwidth in cases:
        read = read_per_step(model, setup).total
        rate = tokens_per_second(model, setup, bandwidth)
        share = f"{100 * MEASURED / rate:.0f} %"
        rows.append((name, gb(read), str(bandwidth), f"{rate:.1f}", share))
    head = ("counted", "GB a token", "GB/s", "tokens/s at most", f"{MEASURED} tokens/s are")
    return table(head, rows)


def needed() -> str:
    """Give the bandwidth that a rate stands for."""
    model = the_model()
    rows = []
    for rate in (44, 36, SIBLING, MEASURED):
        cells = [str(rate)]
        for setup in (BARE, HELD):
            bandwidth = rate * read_per_step(model, setup).total / GB
            cells.append(f"{bandwidth:.0f} ({100 * bandwidth / PEAK_GB_S:.0f} %)")
        rows.append(cells)
    head = (
        "tokens/s",
        f"GB/s, values alone (of {PEAK_GB_S})",
        f"GB/s, scales and FP32 router (of {PEAK_GB_S})",
    )
    return table(head, rows)


def formats() -> str:
    """Give the ceilings of other quantizations of the same model."""
    model = the_model()
    block = Quantization(fp8((128, 128)), BF16, model.quantization.ignored)
    cases = (
        ("NVFP4, head and router not (this checkpoint)", model.quantization),
        ("NVFP4 experts only, attention BF16", _left_out(model, r"re:.*self_attn\.")),
        ("NVFP4, head too", Quantization(NVFP4, BF16, model.quantization.ignored[1:])),
        ("FP8 in blocks of 128 x 128, head and router not", block),
        ("BF16", Quantization(BF16, BF16)),
    )
    rows = []
    for name, quantization in cases:
        other = replace(model, quantization=quantization)
        read = read_per_step(other, HELD).total
        rates = [
            f"{tokens_per_second(other, HELD, gb_s):.1f}" for gb_s in (PEAK_GB_S, READ_GB_S)
        ]
        rows.append((name, gb(checkpoint(other).total, 0), gb(read), *rates))
    head = ("weights", "GB stored", "GB a token", f"tokens/s at {PEAK_GB_S}", f"at {READ_GB_S}")
    return table(head, rows)


def contexts() -> str:
    """Give the ceilings by context, for both kinds of KV cache."""
    model = the_model()
    rows = []
    for context in (0, 4096, 23_000, 65_536, 131_072):
        cells = [f"{context:,}"]
        for kind in ("bf16", "fp8"):
            setup = Setup(context=context, kv_dtype=kind)
            cache = read_per_step(model, setup).kv_cache
            cells += [gb(cache), f"{tokens_per_second(model, setup, READ_GB_S):.1f}"]
        rows.append(cells)
    head = ("tokens of context", "BF16 cache, GB", "tokens/s", "FP8 cache, GB", "tokens/s")
    return table(head, rows)


def sibling() -> str:
    """Compare the sibling's two measured rates with what its cache costs."""
    model = replace(the_model(), experts=192)
    rows = []
    for kind in ("bf16", "fp8"):
        cache = 23_000 * kv_token_bytes(model, kind)
        more = step_seconds(cache, READ_GB_S)
        rows.append((kind.upper(), gb(cache), f"{1000 * more:.1f}", _with(more)))
    head = ("KV cache", "GB at 23,000 tokens", "ms more a token", f"{SIBLING} tokens/s become")
    return table(head, rows)


def _with(seconds: float) -> str:
    return f"{1 / (1 / SIBLING + seconds):.1f}"


def batches() -> str:
    """Give the ceilings by the number of requests that decode together."""
    model = the_model()
    rows = []
    for batch in (1, 2, 4, 8, 16, 32):
        setup = Setup(batch=batch)
        read = read_per_step(model, setup).total
        rate = tokens_per_second(model, setup, READ_GB_S)
        different = expected_experts(model.experts, model.active, batch)
        rows.append(
            (str(batch), f"{different:.1f}", gb(read), f"{rate:.1f}", f"{rate / batch:.1f}")
        )
    head = ("requests", "experts read a layer", "GB a step", "tokens/s, all", "each")
    return table(head, rows)


def gap() -> str:
    """Split the measured time of a token."""
    model = the_model()
    peak = step_seconds(read_per_step(model, BARE).total, PEAK_GB_S)
    scales = step_seconds(read_per_step(model, HELD).total, PEAK_GB_S)
    real = step_seconds(read_per_step(model, HELD).total, READ_GB_S)
    whole = 1 / MEASURED
    sibling_s = 1 / SIBLING
    rows = [
        ("values alone, at the peak bandwidth", peak, peak),
        ("block scales, router in FP32", scales - peak, scales),
        (f"memory reads {READ_GB_S} GB/s and not {PEAK_GB_S}", real - scales, real),
        (f"up to {SIBLING} tokens/s, what the sibling reaches", sibling_s - real, sibling_s),
        (f"up to {MEASURED} tokens/s", whole - sibling_s, whole),
    ]
    shown = [
        (name, f"{1000 * ms:.1f}", f"{1000 * sum_:.1f}", f"{1 / sum_:.1f}")
        for name, ms, sum_ in rows
    ]
    return table(("of the time for a token", "ms", "ms in all", "tokens/s then"), shown)


def mtp() -> str:
    """Give what drafts would bring, if there were any."""
    model = the_model()
    rate = tokens_per_second(model, HELD, READ_GB_S)
    rows = []
    for drafts in (1, 3):
        for acceptance in ACCEPTANCES:
            told = speculate(model, HELD, READ_GB_S, acceptance=acceptance, drafts=drafts)
            rows.append(
                (
                    str(drafts),
                    f"{acceptance:.1f}",
                    f"{expected_tokens(acceptance, drafts):.2f}",
                    gb(told.verify_bytes),
                    gb(told.draft_bytes),
                    f"{told.tokens_per_second:.1f}",
                    f"{told.tokens_per_second / rate:.2f}",
                )
            )
    head = (
        "drafts",
        "accepted",
        "tokens a step",
        "GB to verify",
        "GB to draft",
        "tokens/s",
        "times",
    )
    return table(head, rows)


def pipelines() -> str:
    """Give what two machines in a pipeline bring."""
    model = the_model()
    alone = tokens_per_second(model, HELD, READ_GB_S)
    together = tokens_per_second(model, Setup(batch=2), READ_GB_S)
    rows = [("one machine, 1 request", "", f"{1000 / alone:.1f}", f"{alone:.1f}", "", "")]
    rows.append(
        (
            "one machine, 2 requests",
            "",
            f"{2000 / together:.1f}",
            f"{together / 2:.1f}",
            f"{together:.1f}",
            "1.00",
        )
    )
    for name, split in (("even", even_split(model.layers, 2)), ("balanced", (38, 24))):
        told = pipeline(model, HELD, READ_GB_S, split=split, hop_s=HOP_S)
        full = told.full_tokens_per_second
        rows.append(
            (
                f"two in a pipeline, {name}: {split[0]} and {split[1]} layers",
                " and ".join(gb(one) for one in told.stage_bytes),
                f"{1000 * told.latency_s:.1f}",
                f"{told.single_tokens_per_second:.1f}",
                f"{full:.1f}",
                f"{full / together:.2f}",
            )
        )
    head = (
        "machines",
        "GB a stage",
        "ms a token",
        "tokens/s, one request alone",
        "two requests",
        "times",
    )
    return table(head, rows)


def claim() -> str:
    """Hold the claim of 1.8 times against both readings of it."""
    model = the_model()
    rows = []
    for requests in (1, 2, 4, 8):
        told = pipeline(
            model,
            Setup(batch=requests),
            READ_GB_S,
            split=even_split(model.layers, 2),
            hop_s=HOP_S,
        )
        same = tokens_per_second(model, Setup(batch=2 * requests), READ_GB_S)
        full = told.full_tokens_per_second
        rows.append(
            (
                str(2 * requests),
                f"{same:.1f}",
                f"{full:.1f}",
                f"{full / same:.2f}",
                f"{full / tokens_per_second(model, Setup(batch=requests), READ_GB_S):.2f}",
            )
        )
    head = (
        "requests in all",
        "one machine, tokens/s",
        "two in a pipeline, tokens/s",
        "times, same requests",
        "times, half the requests on one",
    )
    return table(head, rows)


def experts() -> str:
    """Give what two machines with half of the experts each bring one request."""
    model = the_model()
    rows = []
    for exchange_us in (0, 20, 50):
        told = expert_parallel(model, HELD, READ_GB_S, machines=2, exchange_s=exchange_us / 1e6)
        rows.append(
            (
                str(exchange_us),
                f"{told.experts_at_most:.2f}",
                gb(told.bytes_at_most),
                f"{2 * model.layers * exchange_us / 1000:.1f}",
                f"{told.tokens_per_second:.1f}",
            )
        )
    head = (
        "us an exchange",
        "experts of 8 on the busier",
        "GB it reads",
        "ms in exchanges",
        "tokens/s",
    )
    return table(head, rows)


def _left_out(model: Model, more: str) -> Quantization:
    kept = model.quantization
    return replace(kept, ignored=(*kept.ignored, more))


TABLES: dict[str, Callable[[], str]] = {
    "size": size,
    "parts": parts,
    "ceilings": ceilings,
    "needed": needed,
    "formats": formats,
    "contexts": contexts,
    "sibling": sibling,
    "batches": batches,
    "gap": gap,
    "mtp": mtp,
    "pipelines": pipelines,
    "claim": claim,
    "experts": experts,
}
_PLACE = re.compile(r"(?s)(<!-- table: (\S+) -->\n).*?(<!-- end -->)")


def filled(page: str) -> str:
    """Return the page with its tables made anew."""
    return _PLACE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(description="Make the page's tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if one is wrong")
    asked = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    made = filled(page)
    if asked.check:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
