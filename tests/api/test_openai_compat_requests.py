"""Sampling parameters (`temperature`, `stop` …): passed on, limited, or refused by name."""

import json

import pytest

from merlin.core.i18n import text
from tests.api.chat_api import (
    ask,
    chat_request,
    check_error,
)

pytestmark = pytest.mark.functional

QUESTION = "Что такое граф?"
PLAIN = {"model", "messages", "stream", "stream_options"}
NOT_HERE = {
    "n": 3,
    "tools": [{"type": "function"}],
    "tool_choice": "required",
    "function_call": {"name": "search"},
    "web_search_options": {},
    "logprobs": True,
    "top_logprobs": False,
    "logit_bias": {"50256": -100},
    "audio": {"voice": "alloy"},
}


def test_only_sampling_parameters_are_passed_to_the_provider(openai_client, provider):
    shape = {"type": "text"}
    response = ask(
        openai_client,
        QUESTION,
        temperature=0.2,
        top_p=1,
        presence_penalty=-1,
        frequency_penalty=0.5,
        max_tokens=9,
        max_completion_tokens=50,
        stop="###",
        seed=-7,
        user="anna",
        tools=[],
        tool_choice="none",
        reasoning_effort="low",
        response_format=shape,
        logit_bias=None,
        metadata={"a": "b"},
    )
    assert response.status_code == 200
    request = provider.calls("chat.create")[-1].body
    assert {name: request[name] for name in request if name not in PLAIN} == {
        "temperature": 0.2,
        "top_p": 1,
        "presence_penalty": -1,
        "frequency_penalty": 0.5,
        "max_tokens": 50,
        "stop": ["###"],
        "seed": -7,
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("parameters", "expected", "reason"),
    [
        ({"max_tokens": 2}, "один", "length"),
        ({"stop": ["два", "три"]}, "один", "stop"),
        ({"stop": "один"}, "", "stop"),
        ({}, "один два три", "stop"),
    ],
)
def test_answer_ends_at_stop_sequence_or_token_limit(
    sdk, provider, parameters, expected, reason, stream
):
    provider.behave(fixed_answer="один два три")
    completion = sdk.chat.completions.create(
        **chat_request(QUESTION, stream=stream, **parameters)
    )
    if stream:
        choices = [chunk.choices[0] for chunk in completion]
        text = "".join(choice.delta.content or "" for choice in choices)
        ended = choices[-1].finish_reason
    else:
        text = completion.choices[0].message.content
        ended = completion.choices[0].finish_reason
    provider.behave(fixed_answer="")
    assert (text, ended) == (expected, reason)


@pytest.mark.parametrize("stream", [False, True])
def test_parameter_refused_by_the_model_returns_its_message(
    openai_client, provider, stream
):
    before = len(provider.calls("chat.create"))
    response = ask(
        openai_client, QUESTION, response_format={"type": "json_object"}, stream=stream
    )
    fields = {"param": "response_format", "code": "invalid_value"}
    check_error(response, 400, "answers in text alone", **fields)
    assert len(provider.calls("chat.create")) == before + 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e999"])
def test_non_finite_numbers_are_refused_before_the_provider_call(
    openai_client, provider, value
):
    before = len(provider.calls("chat.create"))
    body = json.dumps(chat_request(QUESTION, temperature="@")).replace('"@"', value)
    response = openai_client.post("/chat/completions", content=body)
    check_error(response, 400, param="temperature")
    assert len(provider.calls("chat.create")) == before


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("field", NOT_HERE)
def test_unsupported_parameter_is_refused_by_name(openai_client, field, language):
    body = chat_request(QUESTION, **{field: NOT_HERE[field]})
    response = openai_client.post(
        "/chat/completions", json=body, headers={"Accept-Language": language}
    )
    said = text(language, "openai-not-supported", field=field)
    check_error(response, 400, said, param=field, code="unsupported_parameter")
