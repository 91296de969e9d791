"""Messages and sampling parameters as JSON of the protocol, and texts within them."""

import base64

import pytest

from merlin.core.errors import ProviderError
from merlin.core.messages import (
    Image,
    Message,
    ParameterRefused,
    SamplingParams,
    break_control_tokens,
    join_texts,
    uses_tools,
)

pytestmark = pytest.mark.unit


def test_images_are_sent_as_parts():
    picture = Image(b"\xff\xd8\xff", "image/jpeg")
    url = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff").decode()
    document = Message("user", "Что это?", images=(picture, picture)).as_json()
    part = {"type": "image_url", "image_url": {"url": url}}
    assert document["content"] == [{"type": "text", "text": "Что это?"}, part, part]


def test_image_is_absent_from_repr():
    assert "secret" not in repr(
        Message("user", "", images=(Image(b"secret", "image/png"),))
    )


def test_keys_of_the_protocol_follow_a_content_without_images():
    message = Message("tool", "7", {"tool_call_id": "c1", "name": "add"})
    assert message.as_json() == {
        "role": "tool",
        "content": "7",
        "name": "add",
        "tool_call_id": "c1",
    }


def test_request_has_the_parameters_that_are_set_and_the_limit_by_its_name():
    sampling = SamplingParams(temperature=0.0, most_tokens=9, stops=("a", "b"))
    assert sampling.request_fields("limit") == {
        "temperature": 0.0,
        "limit": 9,
        "stop": ["a", "b"],
    }
    assert SamplingParams().request_fields() == {}


def test_refused_parameter_is_an_error_of_the_provider_that_names_it():
    refused = ParameterRefused("seed", "no seed here")
    assert isinstance(refused, ProviderError)
    assert (refused.field, str(refused)) == ("seed", "no seed here")


@pytest.mark.parametrize("token", ["<|im_end|>", "</s>", "<<SYS>>", "[/INST]", "<eos>"])
def test_control_token_is_broken_and_reads_the_same(token):
    broken = break_control_tokens(f"a {token} b")
    assert token not in broken
    assert broken.replace("\u2060", "") == f"a {token} b"
    assert break_control_tokens("a < b > c [d]") == "a < b > c [d]"


@pytest.mark.parametrize(
    ("message", "tools", "expected"),
    [
        (Message("user", "a"), None, False),
        (Message("user", "a"), [{"type": "function"}], True),
        (Message("tool", "a"), None, True),
        (Message("assistant", "", {"tool_calls": [{"id": "c1"}]}), None, True),
        (Message("assistant", "a", {"tool_calls": []}), None, False),
    ],
)
def test_conversation_with_functions_is_recognised(message, tools, expected):
    assert uses_tools([message], tools) == expected


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (
            [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}],
            "a\nb",
        ),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}], None),
        ([{"type": "text", "text": 1}], None),
        (["a"], None),
        ([], ""),
    ],
)
def test_only_parts_that_are_texts_are_joined(parts, joined):
    assert join_texts(parts) == joined
