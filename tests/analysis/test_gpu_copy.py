"""gpu_copy.py finds and runs the right lines, and its simulated stream shows the race."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.gpu_copy import (
    LABELS,
    PATTERNS,
    SourceError,
    as_array,
    find,
    main,
    markdown,
    problems,
    steps_of,
)
from support import git

if TYPE_CHECKING:
    from collections.abc import Sequence

PATCHES = Path(__file__).parents[2] / "patches/v0.16.0"
RUNNER = "vllm/v1/worker/gpu_model_runner.py"

# v0.16.0's lines around each hunk of the two patches, and nothing between.
MINIATURE = """\
import torch

from vllm.v1.worker import mamba_utils


class GPUModelRunner:
    def __init__(self):
        self.draft_token_ids_copy_stream: torch.cuda.Stream | None = None
        self.valid_sampled_token_count_cpu: torch.Tensor | None = None
        self.draft_token_ids_cpu: torch.Tensor | None = None
        if self.num_spec_tokens:
            self.draft_token_ids_event = torch.Event()
            self.draft_token_ids_copy_stream = torch.cuda.Stream()
            self.draft_token_ids_cpu = torch.empty(
                (self.max_num_reqs, self.num_spec_tokens),
            )

    def _update_states_after_model_execute(
        self, output_token_ids: torch.Tensor, scheduler_output: "SchedulerOutput"
    ) -> None:
        if not self.speculative_config or not self.model_config.is_hybrid:
            return

        # Find the number of accepted tokens for each sequence.
        num_accepted_tokens = (
            (
                torch.cat(
                    [
                        output_token_ids,
                        torch.full(
                            (output_token_ids.size(0), 1),
                            -1,
                            device=output_token_ids.device,
                        ),
                    ],
                    dim=1,
                )
                == -1
            )
            .int()
            .argmax(-1)
            .cpu()
            .numpy()
        )
        for i, num_tokens in enumerate(num_accepted_tokens):
            self.input_batch.num_accepted_tokens_cpu[i] = num_tokens
        if self.cache_config.mamba_cache_mode == "align":
            mamba_utils.postprocess_mamba(
                scheduler_output,
                self.kv_cache_config,
                self.input_batch,
                self.requests,
                self.mamba_state_idx,
                self.compilation_config.static_forward_context,
                self.model.get_mamba_state_copy_func(),
            )

    def _update_streaming_request(
        self, req_id: str, new_req_data: NewRequestData
    ) -> None:
        pass

    def _build_attention_metadata(self, num_reqs, use_spec_decode):
        if self.seq_lens is None:
            max_seq_len = self.max_model_len
        else:
            max_seq_len = self.seq_lens.np[:num_reqs].max().item()

        if use_spec_decode:
            self.num_accepted_tokens.np[:num_reqs] = (
                self.input_batch.num_accepted_tokens_cpu[:num_reqs]
            )
            self.num_accepted_tokens.np[num_reqs:].fill(1)
            self.num_accepted_tokens.copy_to_gpu()

        if use_spec_decode:
            return max_seq_len
"""


@pytest.fixture
def runners(tmp_path: Path) -> list[Path]:
    """Write the miniature, with the first of the real patches, and with both."""
    place = tmp_path / RUNNER
    place.parent.mkdir(parents=True)
    place.write_text(MINIATURE)
    git(tmp_path, "init", "-q")
    files = []
    for name in ("", "35442-nonblocking-num-accepted-tokens", "36013-num-accepted-tokens-race"):
        if name:
            git(tmp_path, "apply", str(PATCHES / f"{name}.patch"))
        files.append(tmp_path / f"runner-{name[:5] or 'base'}.py")
        files[-1].write_text(place.read_text())
    return files


def answer(files: Sequence[Path], out: Path) -> Any:
    """Run the self-check and return what it wrote, or skip where there is no torch."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: the self-check of gpu_copy.py needs it")
    status = main([*map(str, files), "--self-check", "--steps", "50", "--out", str(out)])
    assert status == 0
    return json.loads(out.read_text())


def test_the_pieces_are_the_files_own(runners: list[Path]) -> None:
    """The method, the reading block, and whether there is an event."""
    base, first, both = (find(path.read_text(), path.name) for path in runners)
    assert [one.has_event for one in (base, first, both)] == [False, False, True]
    for one in (base, first, both):
        assert [argument.arg for argument in one.read.args.args] == ["self", "num_reqs"]
    assert len(base.read.body) == len(first.read.body) == len(both.read.body) - 1


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("class Other: pass", "no class GPUModelRunner"),
        ("class GPUModelRunner: pass", "no _update_states_after_model_execute"),
        (MINIATURE.replace("if use_spec_decode:", "if spec:"), "no one block that reads"),
    ],
)
def test_a_file_without_them_is_refused(text: str, missing: str) -> None:
    """The error says what is not there."""
    with pytest.raises(SourceError, match=missing):
        find(text, "file.py")


def test_a_simulated_stream_shows_the_race_and_its_end(
    runners: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stale with #35442 alone where nothing else waits; never with the base or with both."""
    told = answer(runners, tmp_path / "out.json")
    bare, awaited = told["stale"]
    assert not bare["counts_awaited"]
    assert bare["stale"] == dict(zip(LABELS, (0, 49, 0), strict=True))
    assert awaited["counts_awaited"]
    assert set(awaited["stale"].values()) == {0}
    assert all(row["wrong_results"] == 0 for row in told["held"])
    assert {row["mode"] for row in told["held"]} == {"none", "align"}
    assert f"| no | 0 | 0 | 0 | {49} | 0 |" in capsys.readouterr().out


def test_numpy_can_be_missing(
    runners: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch can do without it, so the stand-in for its arrays gives the same answers."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: the self-check of gpu_copy.py needs it")
    tensor = importlib.import_module("torch").Tensor
    monkeypatch.setattr(tensor, "numpy", tensor.numpy)  # put back at the end
    monkeypatch.setattr("analysis.gpu_copy.has_numpy", lambda: False)
    told = answer(runners, tmp_path / "out.json")
    assert told["numpy"] is False
    assert list(told["stale"][0]["stale"].values()) == [0, 49, 0]
    assert tensor.numpy is as_array


def test_two_files_are_compared_too(runners: list[Path], tmp_path: Path) -> None:
    """The base and both patches."""
    told = answer([runners[0], runners[2]], tmp_path / "out.json")
    assert list(told["stale"][0]["stale"]) == [LABELS[0], LABELS[2]]


def test_a_stale_read_that_cannot_be_is_a_problem() -> None:
    """Of #35442 alone it is told, of the others it is an error."""
    stale = {LABELS[0]: 0, LABELS[1]: 3, LABELS[2]: 0}
    row: dict[str, Any] = {"counts_awaited": False, "stale": stale}
    held = {"wrong_results": 0}
    assert problems({"held": [held], "stale": [row]}) == []
    assert problems({"held": [held], "stale": [row | {"stale": stale | {LABELS[2]: 1}}]})
    assert problems({"held": [held], "stale": [row | {"counts_awaited": True}]})
    assert problems({"held": [{"wrong_results": 1}], "stale": []})


def test_without_files_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a wrong path, nor for a machine without torch."""
    none = str(tmp_path / "none.py")
    assert main([none, none]) == 3
    assert capsys.readouterr().err.startswith("error: ")


def test_counts_change_in_each_step() -> None:
    """A stale read cannot look right: no request has the same count twice in a row."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: steps_of makes tensors")
    from analysis.gpu_copy import Simulated  # noqa: PLC0415, beside torch

    steps = steps_of(Simulated(importlib.import_module("torch")), 8)
    for one, following in zip(steps, [*steps[1:], steps[0]], strict=True):
        assert all(a != b for a, b in zip(one.counts, following.counts, strict=True))
    assert len(steps) == PATTERNS


def test_the_table_names_the_machine() -> None:
    """GPU, torch and CUDA stand above the figures."""
    spread = {"median": 10.0, "p5": 9.0, "p95": 11.0}
    each = dict.fromkeys(LABELS, spread)
    held = {"requests": 1, "mode": "none", "queued_us": 6000, "held_us": each}
    told = {
        "device": "GPU X",
        "torch": "2.13.0",
        "cuda": "13.0",
        "python": "3.12.1",
        "numpy": True,
        "samples": 300,
        "steps": 10_000,
        "held": [held | {"wrong_results": 0}],
        "step": [{"gpu_us": 6000, "cpu_us": 0, "step_us": each}],
        "stale": [
            {
                "counts_awaited": False,
                "gpu_us": 200,
                "cpu_us": 0,
                "stale": dict.fromkeys(LABELS, 7),
            }
        ],
    }
    text = markdown(told)
    assert text.startswith("GPU X, torch 2.13.0, CUDA 13.0, Python 3.12.1.")
    assert "| 1 | none | 6000 | 10 (9 to 11) | 10 (9 to 11) | 10 (9 to 11) |" in text
    assert "| no | 200 | 0 | 7 | 7 | 7 |" in text
