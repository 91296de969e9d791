"""Sampling parameters in requests, and servers that refuse some of them."""

import asyncio
import json
from contextlib import aclosing

import pytest

from merlin.core.errors import ProviderError
from merlin.core.messages import (
    DEFAULT_SAMPLING,
    Message,
    ParameterRefused,
    SamplingParams,
)
from merlin.providers.base import NOT_COUNTED, Usage
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_objects import find_refused_parameter, parse_usage
from tests.support.refusals import catch

QUESTION = (Message("user", "Что такое очередь?"),)
SAMPLING = SamplingParams(temperature=0.0, seed=7, most_tokens=5, stops=("я",))
EVENTS = (
    b'data: {"choices": [{"delta": {"content": "A"}, "finish_reason": "stop"}]}\n\n'
)
NEW_NAME = (
    "Unsupported parameter: 'max_tokens' is not supported with this model."
    " Use 'max_completion_tokens' instead."
)


def read_answer(server, sampling):

    async def read():
        async with aclosing(OpenAIChat(server.base_url, "key")) as chat:
            pieces = chat.stream("ft:x", QUESTION, sampling)
            return "".join([piece.text async for piece in pieces])

    return asyncio.run(read())


def make_error(message, param=None, code=None):
    return json.dumps(
        {"error": {"message": message, "param": param, "code": code}}
    ).encode()


@pytest.mark.unit
def test_only_configured_parameters_are_sent():
    response_format = {"type": "json_object"}
    assert DEFAULT_SAMPLING.request_fields() == {}
    formatted = SamplingParams(temperature=0.0, response_format=response_format)
    assert formatted.request_fields() == {
        "temperature": 0.0,
        "response_format": response_format,
    }
    assert (
        SAMPLING.request_fields("max_completion_tokens")["max_completion_tokens"] == 5
    )


@pytest.mark.functional
def test_sampling_parameters_are_sent_with_the_question(server, reply):
    server.will(reply(EVENTS))
    assert read_answer(server, SAMPLING) == "A"
    (call,) = server.calls
    usual = {"model", "messages", "stream", "stream_options"}
    parameters = {name: call.json[name] for name in call.json.keys() - usual}
    assert parameters == {"temperature": 0.0, "seed": 7, "max_tokens": 5, "stop": ["я"]}


@pytest.mark.functional
def test_parameter_refused_twice_raises_an_error(server, reply):
    server.will(*[reply(make_error(NEW_NAME, "max_tokens"), status=400)] * 3)
    assert catch(ParameterRefused, read_answer, server, SAMPLING).field == "max_tokens"
    assert len(server.calls) == 2


@pytest.mark.unit
@pytest.mark.parametrize(
    ("status", "param", "message", "field"),
    [
        (400, "temperature", "is too hot", "temperature"),
        (400, "response_format.type", "is unknown", "response_format"),
        (422, "", "400 temperature: must be at most 1", "temperature"),
        (400, "messages", "the temperature of the talk", ""),
        (400, "", "the temperatures differ", ""),
        (404, "temperature", "not here", ""),
        (400, "top_p", "was never sent", ""),
    ],
)
def test_only_a_sent_parameter_is_named_as_refused(status, param, message, field):
    sent = {"temperature": 1.5, "response_format": {"type": "json_object"}}
    refusal = find_refused_parameter(
        ProviderError(message, status=status, param=param), sent
    )
    assert (refusal.field if refusal else "") == field


@pytest.mark.unit
@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (None, NOT_COUNTED),
        ({"prompt_tokens": 0, "completion_tokens": -1}, NOT_COUNTED),
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(3, 2, 0)),
        (
            {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
            Usage(3, 0, 2),
        ),
        (
            {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
            Usage(3, 0, 0),
        ),
    ],
)
def test_tokens_that_cannot_be_are_not_counted(raw, usage):
    assert parse_usage(raw) == usage
