"""Every conflict of the series v0.16.0, by the releases themselves.

What broke each hunk was found by reading the releases. It stands here as text that every
release has up to one, and that one has not: the releases are read for it, explain or no.

A few releases are fetched. With VPATCH_TEST_CACHE=DIR, a cache folder with more of them, all
that it holds are read, and nothing is fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index_servers import Told
from vpatch.jobs.bases import Bases
from vpatch.jobs.folder import Folder
from vpatch.upkeep.explain import explain
from vpatch.upkeep.replays import Replays, opened
from vpatch.values.base import version_of
from vpatch.values.config import Upstream
from vpatch.values.paths import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from vpatch.doors.index import Index
    from vpatch.values.base import Base

pytestmark = pytest.mark.index

ROOT = Path(__file__).parents[2]
HOME = "v0.16.0"
FETCHED = ("v0.14.1", "v0.19.1", "v0.20.0", "v0.24.0", "v0.25.0", "v0.26.0")
"""Beside v0.16.0 and v0.17.0, which other tests need as well."""
CHAT = "vllm/entrypoints/openai/chat_completion/serving.py"
CHAT_BEFORE = "vllm/entrypoints/openai/serving_chat.py"
ENGINE = "vllm/entrypoints/openai/engine/serving.py"
PARSER = "vllm/tool_parsers/abstract_tool_parser.py"
MINIMAX_PARSER = "vllm/tool_parsers/minimax_m2_tool_parser.py"
MODELS = "vllm/model_executor/models"
QUANT = "vllm/model_executor/layers/quantization/compressed_tensors"
W8A16 = f"{QUANT}/schemes/compressed_tensors_w8a16_fp8.py"
RUNNER = "vllm/v1/worker/gpu_model_runner.py"
OUTPUT = "vllm/v1/structured_output/__init__.py"


@dataclass(frozen=True)
class Broke:
    """What upstream did to the lines of one hunk."""

    pr: int
    path: str
    start: int
    """The line that the hunk names."""
    release: str
    """The first release without the text; of a text that came, the first with it."""
    text: str
    until: str = "v99.0"
    """The first release that has the patch's change in words of its own."""
    was: str = ""
    """The file's path before v0.16.0, where it was another."""

    @property
    def onward(self) -> bool:
        """Whether the text is gone in a release after the series' own base."""
        return at(self.release) > at(HOME)

    def path_in(self, name: str) -> str:
        """Return the file's path in a release."""
        return self.was if self.was and at(name) < at(HOME) else self.path


def at(name: str) -> Version:
    """Return a release's number."""
    found = version_of(name)
    assert found is not None
    return found


GONE = [
    # A comment and a condition came between these lines.
    Broke(
        32232,
        CHAT,
        914,
        "v0.17.0",
        "                    elif tool_choice_function_name:\n"
        "                        if (\n"
        "                            reasoning_parser\n",
    ),
    Broke(
        32232,
        CHAT,
        991,
        "v0.20.0",
        '                    elif request.tool_choice == "required":\n'
        "                        assert previous_texts is not None\n",
    ),
    Broke(
        32232,
        CHAT,
        1282,
        "v0.23.0",
        "                        if (\n                            auto_tools_called\n",
    ),
    Broke(32232, CHAT, 678, "v0.24.0", "        tool_choice_auto = (\n"),
    Broke(
        32232,
        CHAT,
        1534,
        "v0.25.0",
        "            elif (\n"
        "                request.tool_choice\n"
        "                and type(request.tool_choice) is ChatCompletionNamedToolChoiceParam\n",
    ),
    Broke(
        32232,
        CHAT,
        1683,
        "v0.33.0",
        '                and request.tool_choice == "required"\n'
        '                and output.finish_reason == "stop"\n',
    ),
    Broke(32232, ENGINE, 1234, "v0.23.0", "    def _parse_tool_calls_from_content(\n"),
    Broke(
        32232,
        ENGINE,
        1242,
        "v0.20.0",
        "if request.tool_choice and isinstance(request.tool_choice, ToolChoiceFunction):\n",
    ),
    Broke(
        32232,
        PARSER,
        38,
        "v0.19.0",
        "    def __init__(self, tokenizer: TokenizerLike):\n",
        until="v0.24.0",
    ),
    Broke(
        32232,
        PARSER,
        59,
        "v0.21.0",
        "return request\n        json_schema_from_tool = get_json_schema_from_tools(\n",
        until="v0.24.0",
    ),
    # A method of the name that the patch brings came in this place.
    Broke(
        32232,
        PARSER,
        83,
        "v0.21.0",
        "        return request\n\n    def extract_tool_calls(\n",
        until="v0.24.0",
    ),
    Broke(
        32232,
        MINIMAX_PARSER,
        29,
        "v0.19.0",
        "    def __init__(self, tokenizer: TokenizerLike):\n",
        until="v0.24.0",
    ),
    Broke(
        32232,
        MINIMAX_PARSER,
        299,
        "v0.22.0",
        "        return self._extract_types_from_schema(param_schema)\n",
        until="v0.24.0",
    ),
    # The loader of its own gave way to AutoWeightsLoader.
    Broke(
        33303,
        f"{MODELS}/minimax_m2.py",
        431,
        "v0.25.0",
        "                name = name.replace(weight_name, param_name)\n",
    ),
    Broke(
        33303,
        f"{MODELS}/minimax_m2.py",
        444,
        "v0.25.0",
        "                for mapping in expert_params_mapping:\n",
    ),
    Broke(34863, W8A16, 111, "v0.20.0", "        size_k_first = True\n"),
    Broke(
        35041,
        f"{MODELS}/glm_ocr_mtp.py",
        41,
        "v0.26.0",
        "from .glm4 import Glm4DecoderLayer, get_spec_layer_idx_from_weight_name\n",
    ),
    Broke(
        35041,
        f"{MODELS}/step3p5_mtp.py",
        18,
        "v0.26.0",
        "from .step3p5 import Step3p5DecoderLayer, get_spec_layer_idx_from_weight_name\n",
    ),
    Broke(
        35041,
        f"{MODELS}/step3p5_mtp.py",
        51,
        "v0.27.0",
        "        self.shared_head = SharedHead(config=config, quant_config=quant_config)\n",
    ),
    Broke(
        35358,
        CHAT,
        448,
        "v0.17.0",
        "                        engine_request.reasoning_ended = reasoning_ended\n",
    ),
    Broke(35358, CHAT, 837, "v0.24.0", "                        # only check once per choice,"),
    Broke(
        35358,
        OUTPUT,
        294,
        "v0.20.1",
        "                    self.reasoner.is_reasoning_end(request.prompt_token_ids or [])\n",
    ),
]
"""Newer releases: text of v0.16.0, and the first release that has it no more."""
EH_PROJ = "        hidden_states = self.eh_proj(\n"
LINEAR = "        self.eh_proj = nn.Linear("
CAME = [
    # Before, a comment stood between these lines.
    Broke(
        32232,
        CHAT,
        1534,
        HOME,
        "reasoning=reasoning, content=content)\n\n"
        "            elif (\n"
        "                request.tool_choice\n",
        was=CHAT_BEFORE,
    ),
    Broke(
        32232,
        MINIMAX_PARSER,
        9,
        HOME,
        "from vllm.entrypoints.openai.chat_completion.protocol import (\n",
    ),
    Broke(
        33303,
        f"{MODELS}/minimax_m2.py",
        37,
        HOME,
        "from vllm.model_executor.layers.attention import Attention\n",
    ),
    Broke(
        34863,
        f"{QUANT}/compressed_tensors.py",
        1092,
        HOME,
        "        layer._k_scale = layer.k_scale\n",
    ),
    Broke(34863, W8A16, 111, HOME, "            assert self.is_static_input_scheme is False\n"),
    # Three files that are new in v0.16.0.
    Broke(35041, f"{MODELS}/glm4_moe_lite_mtp.py", 47, HOME, "from .glm4_moe_lite import (\n"),
    Broke(35041, f"{MODELS}/glm4_moe_lite_mtp.py", 87, HOME, LINEAR),
    Broke(35041, f"{MODELS}/glm4_moe_lite_mtp.py", 127, HOME, EH_PROJ),
    Broke(35041, f"{MODELS}/glm_ocr_mtp.py", 41, HOME, "from .glm4 import Glm4DecoderLayer"),
    Broke(35041, f"{MODELS}/glm_ocr_mtp.py", 63, HOME, LINEAR),
    Broke(35041, f"{MODELS}/glm_ocr_mtp.py", 88, HOME, EH_PROJ),
    Broke(35041, f"{MODELS}/step3p5_mtp.py", 18, HOME, "from .step3p5 import "),
    Broke(35041, f"{MODELS}/step3p5_mtp.py", 51, HOME, LINEAR),
    Broke(35041, f"{MODELS}/step3p5_mtp.py", 70, HOME, EH_PROJ),
    Broke(35041, f"{MODELS}/step3p5_mtp.py", 269, HOME, "        params_need_to_load = "),
    Broke(
        35358,
        CHAT,
        448,
        HOME,
        "                    reasoning_ended = None\n",
        was=CHAT_BEFORE,
    ),
    Broke(
        35358,
        CHAT,
        837,
        HOME,
        "                            reasoning_parser.is_reasoning_end(res.prompt_token_ids)\n"
        "                        )\n"
        "                    if finish_reason_sent[i]:\n",
        was=CHAT_BEFORE,
    ),
    Broke(35358, OUTPUT, 294, HOME, "is_reasoning_end(request.prompt_token_ids or [])\n"),
    Broke(
        35442, RUNNER, 1150, HOME, '        if self.cache_config.mamba_cache_mode == "align":\n'
    ),
    Broke(35442, RUNNER, 1165, HOME, "    def _update_streaming_request(\n"),
    Broke(
        36013,
        RUNNER,
        685,
        "v0.14.0",
        "        self.draft_token_ids_event: torch.Event | None = None\n",
    ),
    # It stands on lines of 35442, which has no place there either.
    Broke(36013, RUNNER, 1171, HOME, "    def _update_streaming_request(\n"),
]
"""Older releases: text of v0.16.0, and the release that it came with."""
NEEDS = {36013: ("v0.14.0", "v0.14.1")}
"""Where a patch fails only because an earlier one does, which is 35442."""


@dataclass(frozen=True)
class Shelf:
    """The releases, and a place for replays."""

    bases: Bases
    replays: Replays

    @property
    def names(self) -> list[str]:
        """The releases at hand, oldest first."""
        return [base.name for base in self.bases.releases()]

    def text(self, name: str, path: str) -> str:
        """Return a file of a release, empty where it has none."""
        base = self.bases.get(name)
        found = self.bases.store.entries(base.commit, [path]).get(path)
        return decode(self.bases.store.blobs([found.oid])[0]) if found else ""

    def expected(self, broke: Broke, base: str) -> tuple[str, str]:
        """Return the last good and the first bad release at hand, on the way to a base."""
        if broke.onward:
            good = [name for name in self.names if at(HOME) <= at(name) < at(broke.release)]
            bad = [name for name in self.names if at(broke.release) <= at(name) <= at(base)]
            return good[-1], bad[0]
        good = [name for name in self.names if at(broke.release) <= at(name) <= at(HOME)]
        bad = [name for name in self.names if at(base) <= at(name) < at(broke.release)]
        return good[0], bad[-1]


@pytest.fixture(scope="module")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Shelf]:
    """Open a store of real releases."""
    if given := os.environ.get("VPATCH_TEST_CACHE"):
        cache = Path(given)
    else:
        cache = tmp_path_factory.mktemp("releases") / "cache"
        shutil.copytree(request.getfixturevalue("real_store"), cache)
        for name in FETCHED:
            env = os.environ | {"VPATCH_CACHE_DIR": str(cache)}
            command = [sys.executable, "-m", "vpatch", "bases", "--fetch", name]
            subprocess.run(command, env=env, check=True, capture_output=True)

    def no_index() -> Index:
        raise AssertionError("what is at hand needs no index")

    bases = Bases(cache, Upstream(), no_index, Told())
    facts = Folder(ROOT).facts()
    with opened(bases, facts, Told().say) as replays:
        yield Shelf(bases, replays)


def known(name: str) -> list[Broke]:
    """Return what is broken on a release."""
    if at(name) < at(HOME):
        return [one for one in CAME if at(name) < at(one.release)]
    return [one for one in GONE if at(one.release) <= at(name) < at(one.until)]


@pytest.mark.parametrize("broke", [*GONE, *CAME], ids=lambda b: f"{b.pr}-{b.start}-{b.release}")
def test_the_releases_say_so(shelf: Shelf, broke: Broke) -> None:
    """The text is in v0.16.0, and in every release up to the one, and not in that one."""
    for base in shelf.names:
        if broke in known(base):
            good, bad = shelf.expected(broke, base)
            low, high = sorted((at(good), at(HOME)))
            between = [name for name in shelf.names if low <= at(name) <= high]
            assert all(broke.text in shelf.text(name, broke.path_in(name)) for name in between)
            assert broke.text not in shelf.text(bad, broke.path_in(bad))


def test_every_conflict_is_blamed_on_the_right_release(shelf: Shelf) -> None:
    """Each hunk without a place, on each release at hand: no other, and none is missing."""
    series = Folder(ROOT).series(HOME)
    count = 0
    for base in shelf.bases.releases():
        for patch in series.patches:
            found = explain(shelf.replays, series, patch.name, base, fetches=0)
            if base.name in NEEDS.get(patch.pr or 0, ()):
                assert [root.pr for root in found.roots] == [35442]
                continue
            wanted = {
                (one.path, one.start): shelf.expected(one, base.name)
                for one in known(base.name)
                if one.pr == patch.pr
            }
            named = {
                (hunk.path, hunk.old_start): (hunk.broke.good, hunk.broke.bad)
                for hunk in found.hunks
            }
            assert named == wanted, f"#{patch.pr} on {base.name}"
            assert found.ok is (not wanted)
            count += len(named)
    assert count > 50


def test_what_is_told_of_one_of_them(shelf: Shelf) -> None:
    """The assert of 34863 stands between other lines; engine/serving.py moved in v0.25.0."""
    series = Folder(ROOT).series(HOME)
    names = {patch.pr: patch.name for patch in series.patches}
    found = explain(shelf.replays, series, names[34863], base_of(shelf, "v0.20.0"), fetches=0)
    (hunk,) = found.hunks
    assert hunk.function == "CompressedTensorsW8A16Fp8.process_weights_after_loading"
    assert hunk.function_now is not None
    assert hunk.function_now.line == 120
    kept = {line.old: line.new for line in hunk.lines if line.mark == " "}
    assert kept == {113: 121, 114: 122}

    found = explain(shelf.replays, series, names[32232], base_of(shelf, "v0.25.0"), fetches=0)
    moved = {hunk.path: hunk.moved_to for hunk in found.hunks}
    assert moved == {CHAT: "", ENGINE: "vllm/entrypoints/generate/base/serving.py"}


def base_of(shelf: Shelf, name: str) -> Base:
    """Return a release."""
    return shelf.bases.get(name)
