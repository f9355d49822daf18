"""Proof of #35358: an earlier turn's end of thinking is not the end of this turn's.

Real reasoning parsers are asked where vLLM asks them: in the chat endpoint, once before the
engine and once while it streams, and in the structured output manager. Without the patch a
</think> anywhere in the prompt counts. The controls hold on both sides: a prompt that switches
thinking off, in the turn to come, still does, with white space or text after its </think>, and
so does one whose </think> is a special token; an empty or missing prompt is no error.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Reply, chat, chat_server, minimax_tokenizer
from vllm.reasoning import ReasoningParserManager
from vllm.v1.structured_output import StructuredOutputManager

HISTORY = "]~b]user\nhi[e~[\n]~b]ai\n<think>\nhm\n</think>\nhello[e~[\n]~b]user\nagain[e~[\n"
TURN = "]~b]ai\n"
OFF = TURN + "<think>\n</think>\n"
PARSERS = ["qwen3", "minimax_m2", "minimax_m2_append_think"]
each_parser = pytest.mark.parametrize("parser", PARSERS)


def before_the_engine(parser: str, prompt: str | None, *special: str) -> bool:
    """Whether the chat endpoint tells the engine that the reasoning has ended."""
    server = chat_server(minimax_tokenizer(*special), parser, Reply(prompt, "x"))
    chat(server)
    (ended,) = server.reasoning_ended
    return ended


def in_the_engine(parser: str, prompt: str | None, *special: str) -> bool:
    """Whether the engine constrains the first token, for a request of any other endpoint."""
    tokenizer = minimax_tokenizer(*special)
    manager = object.__new__(StructuredOutputManager)
    manager.tokenizer = tokenizer
    manager.reasoner_cls = ReasoningParserManager.get_reasoning_parser(parser)
    manager.reasoner = manager.reasoner_cls(tokenizer)
    manager.enable_in_reasoning = False
    request = SimpleNamespace(
        prompt_token_ids=None if prompt is None else tokenizer.encode(prompt),
        structured_output_request=SimpleNamespace(
            reasoning_ended=None, reasoner=None, reasoning_parser_kwargs=None
        ),
    )
    if hasattr(manager, "should_fill_bitmask"):
        return manager.should_fill_bitmask(request)
    # Later releases ask from which of the next tokens on.
    return manager._get_constraint_bounds(request, ()).constraint_start == 0


each_place = pytest.mark.parametrize("ended", [before_the_engine, in_the_engine])


@each_place
@each_parser
def test_an_earlier_turns_end_does_not_count(ended: Any, parser: str) -> None:
    assert ended(parser, HISTORY + TURN) is False


@each_place
def test_nor_where_this_turn_has_begun_to_think(ended: Any) -> None:
    assert ended("minimax_m2_append_think", HISTORY + TURN + "<think>\n") is False


def test_a_stream_keeps_reasoning_apart_from_content() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    reply = Reply(HISTORY + TURN, "why</think>so")
    server = chat_server(minimax_tokenizer(), "minimax_m2", reply)
    answer = chat(server, stream=True, tools=[tool], tool_choice="auto")
    assert (answer["reasoning"], answer["content"]) == ("why", "so")


@each_place
@each_parser
@pytest.mark.parametrize("history", ["", HISTORY], ids=["first turn", "later turn"])
@pytest.mark.parametrize("rest", ["", "The answer is"], ids=["nothing", "text"])
def test_control_thinking_switched_off(
    ended: Any, parser: str, history: str, rest: str
) -> None:
    assert ended(parser, history + OFF + rest) is True


@each_place
@each_parser
def test_control_marks_that_are_special_tokens(ended: Any, parser: str) -> None:
    assert ended(parser, OFF, "<think>", "</think>") is True


def test_control_a_stream_with_thinking_switched_off() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    server = chat_server(minimax_tokenizer(), "minimax_m2", Reply(HISTORY + OFF, "so"))
    answer = chat(server, stream=True, tools=[tool], tool_choice="auto")
    assert (answer["reasoning"], answer["content"]) == ("", "so")


@each_place
@each_parser
@pytest.mark.parametrize(
    "prompt",
    [None, "", TURN, TURN + "<think>\n"],
    ids=["missing", "empty", "no mark", "thinking"],
)
def test_control_no_end_no_prompt(ended: Any, parser: str, prompt: str | None) -> None:
    assert ended(parser, prompt) is False
