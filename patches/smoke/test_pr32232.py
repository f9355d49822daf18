"""Proof of #32232: required and named tool calls in MiniMax-M2's own format.

What the tool parser makes of a request is compiled by vLLM's own xgrammar backend and asked
which outputs it lets through; replies of a stand-in engine go through the real chat endpoint,
whole and streamed. Without the patch the grammar wants a JSON array, and the endpoint wants to
read one. The controls hold on both sides: tool choice auto, other parsers, and the Responses
API are as they were.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from conftest import Reply, chat, chat_server, minimax_tokenizer
from vllm.config import StructuredOutputsConfig
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.sampling_params import SamplingParams
from vllm.tool_parsers import ToolParserManager
from vllm.v1.structured_output.backend_xgrammar import (
    XgrammarBackend,
    validate_xgrammar_grammar,
)
from vllm.v1.structured_output.request import get_structured_output_key


def tool(name: str, properties: dict[str, Any] | None, *required: str) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name}
    if properties is not None:
        function["parameters"] = {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "$defs": {"point": {"type": "array", "items": {"type": "number"}}},
        }
    return {"type": "function", "function": function}


WEATHER = tool(
    "weather",
    {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "box": {"type": "object", "properties": {"min": {"$ref": "#/$defs/point"}}},
    },
    "city",
)
PING = tool("ping", None)
TOOLS = [WEATHER, PING]
NAMED = {"type": "function", "function": {"name": "weather"}}
required = {"tools": TOOLS, "tool_choice": "required"}
named = {"tools": TOOLS, "tool_choice": NAMED}
each_choice = pytest.mark.parametrize("choice", [required, named], ids=["required", "named"])
whole_or_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def invoke(name: str, **arguments: str) -> str:
    lines = [f'<parameter name="{key}">{value}</parameter>' for key, value in arguments.items()]
    return "\n".join([f'<invoke name="{name}">', *lines, "</invoke>"])


def native(*invokes: str) -> str:
    return "\n".join(["<minimax:tool_call>", *invokes, "</minimax:tool_call>"])


PARIS = native(invoke("weather", city="Paris", days="3"))
JSON = '[{"name": "weather", "parameters": {"city": "Paris"}}]'


def grammar(parser: str = "minimax_m2", **asked: Any) -> Any:
    """The compiled constraint on the output, as the parser adjusts the request."""
    tokenizer = minimax_tokenizer()
    request = ChatCompletionRequest(messages=[{"role": "user", "content": "hi"}], **asked)
    # A format of the answer gives way to the tool call.
    request = ToolParserManager.get_tool_parser(parser)(tokenizer).adjust_request(request)
    outputs = request.structured_outputs
    if outputs is None:
        return None
    assert request.response_format is None
    validate_xgrammar_grammar(SamplingParams(structured_outputs=outputs))
    config = mock.Mock(structured_outputs_config=StructuredOutputsConfig())
    config.speculative_config = None
    backend = XgrammarBackend(config, tokenizer=tokenizer, vocab_size=len(tokenizer))
    return backend.compile_grammar(*get_structured_output_key(outputs))


def allows(compiled: Any, text: str) -> bool:
    """Whether the model may write exactly this."""
    tokenizer = minimax_tokenizer()
    ids = [*tokenizer.encode(text), tokenizer.eos_token_id]
    return all(compiled.accept_tokens("request", [i]) for i in ids)


@each_choice
@pytest.mark.parametrize(
    "text",
    [
        PARIS,
        native(invoke("weather", city="Paris")),
        native(invoke("weather", city="a </b> <c>\n</invoke>\n d", unit="F")),
        native(invoke("weather", city="x", box='{"min": [1, 2.5]}')),
    ],
)
def test_a_native_call_is_allowed(choice: dict[str, Any], text: str) -> None:
    assert allows(grammar(**choice), text)


def test_required_allows_any_tool_and_several_calls() -> None:
    assert allows(grammar(**required), native(invoke("ping")))
    several = native(invoke("ping"), invoke("weather", city="Paris"), invoke("ping"))
    assert allows(grammar(**required), several)


@each_choice
@pytest.mark.parametrize(
    "text",
    [
        JSON,
        '{"city": "Paris"}',
        "Paris",
        "<minimax:tool_call>\n</minimax:tool_call>",
        PARIS + "\n" + PARIS,
        native(invoke("mistyped", city="Paris")),
        native(invoke("weather")),
        native(invoke("weather", days="3")),
        native(invoke("weather", city="Paris", days="many")),
        native(invoke("weather", city="Paris", unit="K")),
        native(invoke("weather", city="Paris", box='{"min": "far"}')),
        native(invoke("weather", city="Paris", mistyped="1")),
    ],
)
def test_what_is_no_valid_native_call_is_not(choice: dict[str, Any], text: str) -> None:
    compiled = grammar(**choice)
    assert compiled.accept_tokens("request", minimax_tokenizer().encode("<minimax:tool_call>"))
    compiled.reset()
    assert not allows(compiled, text)


def test_named_allows_that_tool_once() -> None:
    assert allows(grammar(**named), PARIS)
    assert not allows(grammar(**named), native(invoke("ping")))
    twice = native(invoke("weather", city="Paris"), invoke("weather", city="Rome"))
    assert not allows(grammar(**named), twice)


def test_a_format_of_the_answer_gives_way() -> None:
    json_object = {"type": "json_object"}
    assert allows(grammar(**required, response_format=json_object), PARIS)


@whole_or_streamed
@pytest.mark.parametrize("reasoning_parser", [None, "minimax_m2"])
@each_choice
def test_a_native_call_is_read(
    choice: dict[str, Any], reasoning_parser: str | None, *, stream: bool
) -> None:
    thought = "" if reasoning_parser is None else "why not</think>"
    reply = Reply("]~b]ai\n<think>\n", thought + PARIS)
    server = chat_server(minimax_tokenizer(), reasoning_parser, reply)
    assert chat(server, stream=stream, **choice) == {
        "reasoning": thought.removesuffix("</think>"),
        "content": "",
        "calls": [("weather", {"city": "Paris", "days": 3})],
        # As OpenAI has it: a call that was asked for by name is no news.
        "finish_reason": "tool_calls" if choice is required else "stop",
    }


@whole_or_streamed
def test_several_calls_are_read(*, stream: bool) -> None:
    reply = Reply("", native(invoke("weather", city="Paris"), invoke("weather", city="Rome")))
    answer = chat(chat_server(minimax_tokenizer(), None, reply), stream=stream, **required)
    assert answer["calls"] == [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]


@each_choice
@pytest.mark.parametrize("finish_reason", ["length", "stop"])
def test_an_output_that_ends_early_is_no_error(
    choice: dict[str, Any], finish_reason: str
) -> None:
    reply = Reply("", PARIS[:40], finish_reason)
    answer = chat(chat_server(minimax_tokenizer(), None, reply), **choice)
    assert answer["calls"] == []
    assert answer["content"] == PARIS[:40]
    assert answer["finish_reason"] == finish_reason


@whole_or_streamed
def test_control_auto_reads_a_native_call(*, stream: bool) -> None:
    # With its thinking: v0.20.0's stream takes all for thinking up to </think>.
    reply = Reply("]~b]ai\n<think>\n", "why not</think>" + PARIS)
    server = chat_server(minimax_tokenizer(), "minimax_m2", reply)
    answer = chat(server, stream=stream, tools=TOOLS, tool_choice="auto")
    assert answer["reasoning"] == "why not"
    assert answer["calls"] == [("weather", {"city": "Paris", "days": 3})]
    assert answer["finish_reason"] == "tool_calls"


def test_control_auto_is_not_constrained() -> None:
    assert grammar(tools=TOOLS, tool_choice="auto") is None


def test_control_other_parsers_want_json() -> None:
    compiled = grammar("xlam", **required)
    assert allows(compiled, JSON)
    compiled.reset()
    assert not allows(compiled, PARIS)


@whole_or_streamed
@each_choice
def test_control_other_parsers_read_json(choice: dict[str, Any], *, stream: bool) -> None:
    text = JSON if choice is required else '{"city": "Paris"}'
    server = chat_server(minimax_tokenizer(), None, Reply("", text), "xlam")
    answer = chat(server, stream=stream, **choice)
    assert answer["calls"] == [("weather", {"city": "Paris"})]
    assert answer["finish_reason"] == ("tool_calls" if choice is required else "stop")


def test_control_the_responses_api_wants_json() -> None:
    function = {"type": "function", "strict": False, **WEATHER["function"]}
    request = ResponsesRequest(input="hi", tools=[function], tool_choice="required")
    parser = ToolParserManager.get_tool_parser("minimax_m2")(minimax_tokenizer())
    assert parser.adjust_request(request).text.format.type == "json_schema"
