"""Errors of the protocol: what our servers say, and what a provider's answer means."""

import pytest

from merlin.core.errors import (
    ModelGone,
    ModelUnapplied,
    ProviderBusy,
    ProviderError,
    ProviderUnknown,
)
from merlin.openai_protocol.errors import (
    InvalidResponse,
    bad_field,
    context_length_error,
    describe_error,
    error_in,
    error_of_object,
    error_of_status,
    format_path,
    json_object,
    limit_error,
    missing,
    retry_after_s,
    unknown_model,
)
from tests.support.long_conversations import OTHERS, TOO_LONG

pytestmark = pytest.mark.unit
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("error", "status", "kind", "param", "code"),
    [
        (unknown_model("x"), 404, "invalid_request_error", "model", "model_not_found"),
        (missing("file", "file-1"), 404, "invalid_request_error", "id", None),
        (bad_field("n", "is wrong"), 400, "invalid_request_error", "n", None),
        (
            context_length_error(9, 8),
            400,
            "invalid_request_error",
            "messages",
            "context_length_exceeded",
        ),
        (limit_error("later", 1.2), 429, "requests", None, "rate_limit_exceeded"),
    ],
)
def test_error_of_our_servers_has_the_protocols_fields(
    error, status, kind, param, code
):
    told = error.as_json()["error"]
    assert error.status == status
    assert told == {"message": str(error), "type": kind, "param": param, "code": code}


def test_limit_says_when_to_ask_again():
    headers = [limit_error("later", wait).headers for wait in (0.0, 1.2)]
    assert headers == [{"retry-after": "1"}, {"retry-after": "2"}]


def test_path_of_a_field_is_written_as_the_protocol_does():
    assert format_path(["messages", 2, "role"]) == "messages[2].role"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (500, {"message": "oh"}, ProviderUnknown),
        (502, "<html>", ProviderUnknown),
        (408, None, ProviderUnknown),
        (501, {"message": "never made"}, ProviderError),
        (500, {"code": "unsupported"}, ProviderError),
        (429, {"message": "slower"}, ProviderBusy),
        (429, {"type": "insufficient_quota"}, ProviderError),
        (400, {"message": "The file is still being processed"}, ProviderBusy),
        (400, {"code": "adapter_inert"}, ModelUnapplied),
        (400, {"code": "adapter_refused"}, ModelUnapplied),
        (400, {"code": "model_not_found"}, ModelGone),
        (400, "Invalid model name passed in model=x", ModelGone),
        (404, {"message": "no such model"}, ModelGone),
        (404, {"message": "no such page"}, ProviderError),
        (422, {"detail": [{"loc": ["n"]}]}, ProviderError),
    ],
)
def test_status_and_code_of_an_answer_tell_what_it_means(status, error, kind):
    path = "/v1/chat/completions"
    found = error_of_status(status, {}, error, path, ProviderUnknown)
    assert type(found) is kind


@pytest.mark.parametrize("server", TOO_LONG)
def test_conversation_that_is_too_long_is_told_by_name_or_words(server):
    status, error, _ = TOO_LONG[server]
    found = error_of_status(status, {}, error, CHAT, ProviderUnknown)
    assert (type(found), found.code) == (ProviderError, "context_length_exceeded")


@pytest.mark.parametrize("server", OTHERS)
def test_refusal_of_something_else_is_no_conversation_that_is_too_long(server):
    status, error = OTHERS[server]
    found = error_of_status(status, {}, error, CHAT, ProviderUnknown)
    assert found.code != "context_length_exceeded"


def test_only_a_conversation_is_too_long_by_its_words():
    status, error, _ = TOO_LONG["SGLang"]
    found = error_of_status(status, {}, error, "/v1/files", ProviderUnknown)
    assert found.code == ""


def test_conversation_may_turn_out_to_be_too_long_within_an_answer():
    for server in ("OpenAI", "SGLang", "Ollama"):
        _, error, _ = TOO_LONG[server]
        found = error_of_object(error, ProviderUnknown)
        assert (type(found), found.code) == (ProviderError, "context_length_exceeded")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/chat/completions", ModelGone),
        ("/v1/models/x", ModelGone),
        ("/v1/audio/transcriptions", ModelGone),
        ("/v1/files/x", ProviderError),
    ],
)
def test_model_is_gone_only_where_a_model_is_asked(path, kind):
    error = {"message": "The model was not found"}
    assert type(error_of_status(404, {}, error, path, ProviderUnknown)) is kind


def test_error_names_status_code_request_and_field_and_no_secret():
    error = {"code": "bad", "message": "key\nsk-abcdefghijklmnop", "param": "n"}
    headers = {"x-request-id": "req-1", "retry-after": "3"}
    found = error_of_status(400, headers, error, "/v1/files", ProviderBusy)
    assert str(found) == "400 bad key [hidden] (request req-1)"
    assert found.param == "n"
    bare = error_of_status(500, headers, "<html>", "/v1/files", ProviderBusy)
    assert (str(bare), bare.retry_after_s) == ("HTTP 500 (request req-1)", 3.0)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ({"code": 400, "message": "a bad grammar"}, ProviderError, "a bad grammar"),
        ({"code": "503", "message": "full"}, ProviderUnknown, "full"),
        ({"type": "insufficient_quota", "message": "pay"}, ProviderError, "pay"),
        ({"code": "model_not_found", "message": "gone"}, ModelGone, "gone"),
        ({}, ProviderUnknown, "the stream broke"),
    ],
)
def test_error_within_an_answer_is_told_by_its_code(error, kind, words):
    found = error_of_object(error, ProviderUnknown, "the stream broke")
    assert type(found) is kind
    assert words in str(found)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"error": {"code": "a"}}', {"code": "a"}),
        (b'{"detail": "b"}', {"detail": "b"}),
        (b'["c"]', ["c"]),
        (b"<html>", None),
        (b"[" * 200_000, None),
    ],
)
def test_error_is_found_in_a_body(content, error):
    assert error_in(content) == error


@pytest.mark.parametrize(
    ("content", "status"), [(b" <html>", 200), (b"[1]", 0), (b"{", 0)]
)
def test_answer_that_is_no_object_is_invalid(content, status):
    with pytest.raises(InvalidResponse) as caught:
        json_object(content)
    assert caught.value.status == status
    assert json_object(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("error", "line"), [({"message": "a\nb"}, "a b"), (7, "7"), (["c"], '["c"]')]
)
def test_any_error_is_described_in_one_line(error, line):
    assert describe_error(error) == line


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1e9"}, 86_400.0),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:00 GMT"}, None),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "-5"}, 0.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, 86_400.0),
        ({"retry-after-ms": "1e400"}, 86_400.0),
    ],
)
def test_pause_that_a_provider_asks_for_is_at_most_a_day(headers, wait_s):
    assert retry_after_s(headers) == wait_s
