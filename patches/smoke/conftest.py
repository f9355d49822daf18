"""What the proofs share: a tiny MiniMax-M2, its weights, and one process that is all ranks.

The tests beside this file run on whichever vLLM can be imported, on the CPU and without
compiled kernels, a network or a tokenizer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

# Before anything imports transformers or vLLM: no network, nothing left in the user's caches.
_SCRATCH = tempfile.TemporaryDirectory(prefix="vpatch-smoke-")
os.environ.update(
    HF_HOME=_SCRATCH.name,
    HF_HUB_OFFLINE="1",
    VLLM_CACHE_ROOT=_SCRATCH.name,
    VLLM_CONFIG_ROOT=_SCRATCH.name,
    VLLM_NO_USAGE_STATS="1",
)

import pytest  # noqa: E402
import torch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

if not hasattr(torch._C._cpu, "_is_avx512_supported"):
    # v0.17.0 asks the torch of its day, in its child processes as well, before it tries its
    # kernels, which do not load.
    torch._C._cpu._is_avx512_supported = lambda: True
    Path(_SCRATCH.name, "sitecustomize.py").write_text(
        "import torch\ntorch._C._cpu._is_avx512_supported = lambda: True\n"
    )
    paths = [_SCRATCH.name, os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))

# The engine's tests need a vLLM whose compiled kernels load: they are asked for by name.
collect_ignore = ["engine"]

TINY: dict[str, Any] = {
    "architectures": ["MiniMaxM2ForCausalLM"],
    "model_type": "minimax_m2",
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "rotary_dim": 16,
    "vocab_size": 128,
    "max_position_embeddings": 256,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "scoring_func": "softmax",
    "use_routing_bias": False,
    "use_qk_norm": True,
    "qk_norm_type": "per_layer",
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 0,
    "eos_token_id": 1,
}


@pytest.fixture
def minimax_folder(tmp_path: Path) -> Path:
    """A model folder with a tiny MiniMax-M2 configuration and no weights."""
    from transformers import AutoConfig, PretrainedConfig

    class MiniMaxM2Config(PretrainedConfig):
        model_type = "minimax_m2"

    if "minimax_m2" not in AutoConfig.for_model.__globals__["CONFIG_MAPPING"]:
        AutoConfig.register("minimax_m2", MiniMaxM2Config)
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    return tmp_path


def minimax_weights() -> dict[str, torch.Tensor]:
    """Random weights of the tiny MiniMax-M2 under a checkpoint's names, expert by expert."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape: int) -> torch.Tensor:
        return (torch.randn(*shape, generator=generator) * 0.05).to(torch.bfloat16)

    hidden, width, head = TINY["hidden_size"], TINY["intermediate_size"], TINY["head_dim"]
    heads, kv_heads = TINY["num_attention_heads"], TINY["num_key_value_heads"]
    weights = {"model.embed_tokens.weight": rand(TINY["vocab_size"], hidden)}
    for layer in range(TINY["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        attn, moe = f"{at}.self_attn", f"{at}.block_sparse_moe"
        weights |= {
            f"{attn}.q_proj.weight": rand(heads * head, hidden),
            f"{attn}.k_proj.weight": rand(kv_heads * head, hidden),
            f"{attn}.v_proj.weight": rand(kv_heads * head, hidden),
            f"{attn}.o_proj.weight": rand(hidden, heads * head),
            f"{attn}.q_norm.weight": rand(heads * head) + 1,
            f"{attn}.k_norm.weight": rand(kv_heads * head) + 1,
            f"{at}.input_layernorm.weight": rand(hidden) + 1,
            f"{at}.post_attention_layernorm.weight": rand(hidden) + 1,
            f"{moe}.gate.weight": rand(TINY["num_local_experts"], hidden).float(),
        }
        for expert in range(TINY["num_local_experts"]):
            weights |= {
                f"{moe}.experts.{expert}.w1.weight": rand(width, hidden),
                f"{moe}.experts.{expert}.w2.weight": rand(hidden, width),
                f"{moe}.experts.{expert}.w3.weight": rand(width, hidden),
            }
    weights["model.norm.weight"] = rand(hidden) + 1
    weights["lm_head.weight"] = rand(TINY["vocab_size"], hidden)
    return weights


@contextmanager
def one_process(vllm_config: Any) -> Iterator[None]:
    """Distributed vLLM with a world of this one process, under vllm_config."""
    from vllm.config import set_current_vllm_config
    from vllm.distributed import parallel_state

    with set_current_vllm_config(vllm_config), tempfile.TemporaryDirectory() as folder:
        parallel_state.init_distributed_environment(
            world_size=1,
            rank=0,
            distributed_init_method=f"file://{folder}/rendezvous",
            local_rank=0,
            backend="gloo",
        )
        parallel_state.initialize_model_parallel(1, 1)
        try:
            yield
        finally:
            parallel_state.destroy_model_parallel()
            parallel_state.destroy_distributed_environment()


@contextmanager
def pipeline_rank(rank: int, size: int) -> Iterator[None]:
    """Let code under test believe that it is one of several pipeline stages."""
    from vllm.distributed import parallel_state

    group = mock.Mock(wraps=parallel_state.get_pp_group())
    group.rank_in_group = rank
    group.world_size = size
    group.is_first_rank = rank == 0
    group.is_last_rank = rank == size - 1
    with mock.patch.object(parallel_state, "_PP", group):
        yield


@contextmanager
def bfloat16() -> Iterator[None]:
    """As vLLM's model loader does it while it builds a model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def vllm_log(level: int = logging.WARNING) -> Iterator[list[str]]:
    """The messages that vLLM logs meanwhile, from a level on."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Keep(level)
    logger = logging.getLogger("vllm")
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


class Copies:
    """Copies from the device to the host that are under way until somebody waits for them.

    A stand-in for a CUDA stream: what is copied with non_blocking arrives when an event
    that was recorded after it is waited for, and no earlier.
    """

    def __init__(self) -> None:
        self.pending: list[tuple[torch.Tensor, torch.Tensor]] = []

    def event(self, *_: Any, **__: Any) -> Any:
        """What torch.Event() returns while the model runner is built."""
        marks: list[int] = []

        def synchronize() -> None:
            for target, source in self.pending[: marks[-1] if marks else 0]:
                target.copy_(source)

        return mock.Mock(
            record=lambda *_: marks.append(len(self.pending)), synchronize=synchronize
        )

    def host_tensor(self, real: torch.Tensor) -> Any:
        """Host memory as the device sees it."""

        def part(key: slice) -> Any:
            def copy_(source: torch.Tensor, *, non_blocking: bool = False) -> None:
                if non_blocking:
                    self.pending.append((real[key], source.clone()))
                else:
                    real[key].copy_(source)

            return mock.Mock(copy_=copy_)

        host = mock.MagicMock()
        host.__getitem__.side_effect = part
        return host


@contextmanager
def hybrid_runner(folder: Path, copies: Copies, drafts: int = 2) -> Iterator[Any]:
    """A model runner with drafted tokens in each step, and a model that it takes for hybrid."""
    from vllm.config import (
        CacheConfig,
        ModelConfig,
        SchedulerConfig,
        SpeculativeConfig,
        VllmConfig,
    )
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    class Runner(GPUModelRunner):
        """On the CPU, with nothing of CUDA."""

        def _init_device_properties(self) -> None:
            self.num_sms = 1

        def _sync_device(self) -> None:
            pass

    model = ModelConfig(model=str(folder), skip_tokenizer_init=True, dtype="bfloat16")
    config = VllmConfig(
        model_config=model,
        cache_config=CacheConfig(block_size=16, mamba_cache_mode="none"),
        scheduler_config=SchedulerConfig(
            max_model_len=256, is_encoder_decoder=False, max_num_seqs=4, async_scheduling=True
        ),
    )
    if drafts:  # from n-grams, without a second model
        config.speculative_config = SpeculativeConfig(
            method="ngram",
            num_speculative_tokens=drafts,
            prompt_lookup_max=2,
            target_model_config=model,
            target_parallel_config=config.parallel_config,
        )
    with (
        one_process(config),
        mock.patch.object(torch, "Event", copies.event),
        mock.patch.object(torch.cuda, "Stream", mock.Mock),
        mock.patch.object(ModelConfig, "is_hybrid", True),  # noqa: FBT003
    ):
        yield Runner(config, torch.device("cpu"))


class Reply(NamedTuple):
    """What the engine is made to answer to a prompt."""

    prompt: str | None
    text: str
    finish_reason: str = "stop"


def minimax_tokenizer(*special: str) -> Any:
    """A tokenizer with MiniMax-M2's marks, and else one token a character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    characters = {chr(i): n for n, i in enumerate([10, *range(32, 127)])}
    tokenizer = Tokenizer(models.WordLevel(characters, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="[e~[",  # noqa: S106
        additional_special_tokens=["]~b]", *special],
    )
    marks = ["<think>", "</think>", "<minimax:tool_call>", "</minimax:tool_call>"]
    fast.add_tokens([mark for mark in marks if mark not in special])
    return fast


def chat_server(
    tokenizer: Any,
    reasoning_parser: str | None,
    reply: Reply,
    tool_parser: str = "minimax_m2",
) -> Any:
    """VLLM's chat endpoint before an engine that gives this reply, a token at a time.

    What the engine is told of each request's reasoning is kept in `server.reasoning_ended`.
    """
    from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
    from vllm.outputs import CompletionOutput, RequestOutput
    from vllm.parser import ParserManager
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    class Server(OpenAIServingChat):
        """What vLLM sets at the start, in one release or another, and is not here, is None."""

        def __getattr__(self, name: str) -> None:
            if name.startswith("__"):
                raise AttributeError(name)

    server = object.__new__(Server)
    vars(server).update(
        default_chat_template_kwargs={},
        default_sampling_params={},
        enable_auto_tools=True,
        enable_force_include_usage=False,
        max_model_len=10000,
        model_config=mock.MagicMock(max_model_len=10000, is_encoder_decoder=False),
        models=mock.MagicMock(),
        online_renderer=SimpleNamespace(reasoning_effort_map=None),
        # One for both since v0.20.0.
        parser_cls=ParserManager.get_parser(tool_parser, reasoning_parser, True),  # noqa: FBT003
        reasoning_ended=[],
        reasoning_parser_cls=reasoning_parser
        and ReasoningParserManager.get_reasoning_parser(reasoning_parser),
        renderer=SimpleNamespace(tokenizer=tokenizer),
        response_role="assistant",
        tool_call_id_type="random",
        tool_parser=ToolParserManager.get_tool_parser(tool_parser),
    )
    server.models.model_name.return_value = "tiny"
    prompt_ids = None if reply.prompt is None else tokenizer.encode(reply.prompt)

    async def render_chat_request(_request: Any) -> Any:
        return [], [{"prompt_token_ids": prompt_ids or []}]

    def process_inputs(*_: Any, **__: Any) -> Any:  # before v0.17.0
        return SimpleNamespace(prompt_token_ids=prompt_ids, reasoning_ended=None)

    async def generate(prompt: Any, params: Any, *_: Any, **asked: Any) -> Any:
        ended = asked.get("reasoning_ended", getattr(prompt, "reasoning_ended", None))
        server.reasoning_ended.append(ended)
        ids = tokenizer.encode(reply.text)
        stream = params.output_kind.name == "DELTA"
        parts = [[i] for i in ids] if stream else [ids]
        for n, part in enumerate(parts):
            last = n == len(parts) - 1
            output = CompletionOutput(
                index=0,
                text="".join(tokenizer.convert_ids_to_tokens(part)),
                token_ids=part,
                cumulative_logprob=None,
                logprobs=None,
                finish_reason=reply.finish_reason if last else None,
            )
            yield RequestOutput("r", None, prompt_ids or [], None, [output], finished=last)

    server.render_chat_request = render_chat_request
    server.input_processor = SimpleNamespace(process_inputs=process_inputs)
    server.engine_client = SimpleNamespace(generate=generate)
    server._extract_prompt_components = lambda *_: SimpleNamespace(
        text=None, token_ids=prompt_ids
    )
    server._extract_prompt_len = lambda *_: len(prompt_ids or [])
    server._maybe_get_adapters = lambda *_, **__: None
    server._log_inputs = lambda *_, **__: None
    return server


def chat(server: Any, **request: Any) -> dict[str, Any]:
    """Ask the endpoint. One shape for both kinds of answer.

    Its keys are reasoning, content, calls (pairs of name and arguments) and finish_reason.
    """
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    message = {"role": "user", "content": "hi"}
    asked = ChatCompletionRequest(model="tiny", messages=[message], max_tokens=999, **request)

    async def run() -> list[Any]:
        answer = await server.create_chat_completion(asked)
        if not asked.stream:
            assert hasattr(answer, "choices"), answer
            choice = answer.choices[0]
            return [(choice.message, choice.finish_reason)]
        chunks = []
        async for line in answer:
            if line.strip() != "data: [DONE]":
                data = json.loads(line.removeprefix("data: "))
                assert "choices" in data, data
                chunks += [(c["delta"], c["finish_reason"]) for c in data["choices"]]
        return [(_namespace(delta), reason) for delta, reason in chunks]

    answer: dict[str, Any] = {"reasoning": "", "content": "", "calls": []}
    for message, finish_reason in asyncio.run(run()):
        answer["reasoning"] += getattr(message, "reasoning", None) or ""
        answer["content"] += getattr(message, "content", None) or ""
        for call in getattr(message, "tool_calls", None) or []:
            if getattr(call.function, "name", None):
                answer["calls"].append([call.function.name, ""])
            answer["calls"][-1][1] += getattr(call.function, "arguments", None) or ""
        answer["finish_reason"] = finish_reason
    answer["calls"] = [(name, json.loads(text)) for name, text in answer["calls"]]
    return answer


def _namespace(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: _namespace(item) for key, item in value.items()})
    return [_namespace(item) for item in value] if isinstance(value, list) else value
