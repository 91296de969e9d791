"""Calls that the engine passes on to vLLM, by the names under which its answers are recorded.

tests/real/test_vllm_relayed.py asks a real vLLM and records; the stand-in replays.
"""

QUESTION = {"role": "user", "content": "Where is Anna?"}
PLACE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "room": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "room"],
    "additionalProperties": False,
}
_FIND = {
    "name": "find",
    "description": "Finds a person.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"room": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["room"],
        "additionalProperties": False,
    },
}
_TOOL = {"type": "function", "function": _FIND}
_CALLED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find", "arguments": "{}"},
}
_SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}
_FORMAT = {"format": {"type": "json_schema", "name": "place", "schema": PLACE}}
_GREEDY = {"temperature": 0.0, "max_tokens": 60}
# The tiny base would fill a tool's arguments with the bytes of white space, up to the limit.
_CALL = {"tools": [_TOOL], "tool_choice": "required", "max_tokens": 120}
_CALL["logit_bias"] = dict.fromkeys(("200", "201", "204", "223"), -100)
_STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def _chat(**fields):
    return "/chat/completions", {"messages": [QUESTION], **_GREEDY, **fields}


def _text(**fields):
    return "/completions", {**_GREEDY, **fields}


def _response(**fields):
    return "/responses", {"temperature": 0.0, "max_output_tokens": 60, **fields}


CALLS = {
    "schema": _chat(response_format=_SCHEMA),
    "schema-stream": _chat(response_format=_SCHEMA, **_STREAM),
    "json": _chat(response_format={"type": "json_object"}),
    "tool": _chat(**_CALL),
    "tool-stream": _chat(**_CALL, **_STREAM),
    "tool-result": _chat(
        tools=[_TOOL],
        messages=[
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [_CALLED]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Room 12"},
        ],
    ),
    "logprobs": _chat(logprobs=True, top_logprobs=2, max_tokens=2),
    "schema-refused": _chat(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "place", "schema": {"type": "strange"}},
        }
    ),
    "text": _text(prompt="Anna is in", max_tokens=4),
    "text-stream": _text(prompt=["Anna is", "So is"], max_tokens=2, **_STREAM),
    "response": _response(
        input=[
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "Where is Anna?"}],
            }
        ],
        instructions="Short.",
        text=_FORMAT,
    ),
    "response-stream": _response(input="Where is Anna?", text=_FORMAT, stream=True),
    "response-tool-result": _response(
        input=[
            {"role": "user", "content": "Where is Anna?"},
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "find",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "Room 12"},
        ],
        tools=[{"type": "function", **_FIND}],
    ),
}
# vLLM's own options: tools are called by the model's own form, and JSON has no spaces without end.
OPTIONS = (
    *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    *(
        "--structured-outputs-config",
        '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ),
)
