"""POST /v1/responses; what it has in common with chats is in test_openai_compat_routes.py."""

import pytest

from merlin.api.openai_compat.responses import reply_error
from merlin.chat.answer import Ending, Reply
from tests.api.chat_api import check_error

pytestmark = pytest.mark.functional

QUESTION = "Что такое граф?"
ASKED = {"model": "merlin/algorithms", "input": QUESTION}


def test_package_gets_a_response_with_its_origin(sdk):
    response = sdk.responses.create(**ASKED)
    assert f"«{QUESTION}»" in response.output_text
    assert response.merlin["build"] == "algorithms-1"
    assert response.usage.total_tokens > 0


def test_package_streams_the_same_response(sdk, provider):
    provider.behave(fixed_answer="one two three")
    *events, last = sdk.responses.create(**ASKED, stream=True)
    pieces = [
        event.delta for event in events if event.type == "response.output_text.delta"
    ]
    assert "".join(pieces) == last.response.output_text == "one two three"
    assert last.response.merlin["build"] == "algorithms-1"


def test_instructions_and_form_reach_the_provider(openai_client, provider):
    shape = {"type": "json_schema", "name": "rhyme", "schema": {"type": "object"}}
    options = {"instructions": "Отвечай стихами.", "max_output_tokens": 77}
    # The stand-in answers in text alone.
    response = openai_client.post(
        "/responses", json={**ASKED, **options, "text": {"format": shape}}
    )
    check_error(response, 400, param="response_format")
    asked = provider.calls("chat.create")[-1].body
    assert asked["messages"][0] == {"role": "system", "content": "Отвечай стихами."}
    described = {name: shape[name] for name in ("name", "schema")}
    assert asked["response_format"] == {"type": "json_schema", "json_schema": described}
    assert asked["max_tokens"] == 77


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"input": ""}, "invalid_value", "input[0].content"),
        (
            {"input": [{"role": "assistant", "content": "да"}]},
            "invalid_value",
            "input[0].role",
        ),
        (
            {"previous_response_id": "resp_1"},
            "unsupported_parameter",
            "previous_response_id",
        ),
        ({"tools": [{"type": "web_search"}]}, "unsupported_parameter", "tools"),
    ],
)
def test_invalid_field_is_named(openai_client, change, code, param):
    response = openai_client.post("/responses", json={**ASKED, **change})
    check_error(response, 400, code=code, param=param)


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        (Ending.TOO_LONG, 400, "context_length_exceeded"),
        (Ending.EMPTY, 502, "empty_answer"),
        (Ending.BUSY, 503, "model_busy"),
        (Ending.NOBODY, 503, "no_model"),
    ],
)
def test_reply_without_an_answer_is_an_error_of_the_protocol(ending, status, code):
    error = reply_error(Reply(ending, limit_tokens=4096), "en")
    assert (error.status, error.code) == (status, code)
    assert ("4096" in str(error)) is (ending is Ending.TOO_LONG)
    assert bool(error.headers) is (status == 503)


def test_filtered_reply_is_no_error():
    assert reply_error(Reply(Ending.FILTERED), "en") is None
