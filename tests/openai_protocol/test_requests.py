"""Requests of the protocol as our servers read them: bodies, fields, pages and filters."""

import asyncio
import gzip

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.requests import (
    ChatRequest,
    Page,
    invalid_field,
    parse_metadata_filter,
    parse_page,
    read_body,
)

pytestmark = pytest.mark.unit

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def read(content, most=1_000_000):
    """Return what `read_body` reads of a request that is sent in two pieces."""
    half = len(content) // 2
    pieces = [(content[:half], True), (content[half:], False)]

    async def receive():
        body, more = pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    scope = {"type": "http", "method": "POST", "headers": []}
    return asyncio.run(read_body(Request(scope, receive), most))


def test_body_is_one_json_object():
    assert read('\ufeff{"a": "ё"}'.encode()) == {"a": "ё"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"[1]", 400),
        (b"{", 400),
        (b"", 400),
        (b'{"a": "\xff"}', 400),
        (b"[" * 200_000, 400),
        (gzip.compress(b"{}", mtime=0), 400),
        (b" " * 1_000_001, 413),
    ],
)
def test_other_body_is_refused(content, status):
    with pytest.raises(ApiError) as caught:
        read(content)
    assert caught.value.status == status


def test_parts_of_a_message_are_one_text():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    said = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    request = ChatRequest.model_validate({**HELLO, "messages": said})
    assert [message.text for message in request.messages] == ["a\nb", ""]


def test_fields_of_the_older_and_newer_form_mean_the_same():
    older = ChatRequest.model_validate({**HELLO, "max_tokens": 5, "stop": "x"})
    newer = {"max_completion_tokens": 6, "max_tokens": 5, "stop": ["x", ""]}
    request = ChatRequest.model_validate({**HELLO, **newer})
    assert [older.most_tokens, request.most_tokens] == [5, 6]
    assert [older.stops, request.stops] == [["x"], ["x"]]


def test_field_that_changes_nothing_is_accepted():
    unused = {"n": 1, "logprobs": False, "top_logprobs": 0, "tools": [], "audio": None}
    request = ChatRequest.model_validate({**HELLO, **unused, "of_later_years": 5})
    assert request.n == 1


@pytest.mark.parametrize(
    ("options", "wants"),
    [({}, False), ({"stream_options": {"include_usage": True}}, True)],
)
def test_usage_is_told_to_who_asks_for_it(options, wants):
    assert ChatRequest.model_validate({**HELLO, **options}).wants_usage is wants


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [5]}, "messages[0]"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"n": 1.0}, "n"),
        ({"n": 2}, "n"),
        ({"logprobs": 0}, "logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"response_format": {5: "a"}}, "response_format"),
    ],
)
def test_wrong_field_is_named_as_the_protocol_does(fields, named):
    with pytest.raises(ValidationError) as caught:
        ChatRequest.model_validate({**HELLO, **fields})
    assert {invalid_field(error) for error in caught.value.errors()} == {named}


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page("", 20, is_oldest_first=False)),
        (
            {"after": "a", "limit": "5", "order": "asc"},
            Page("a", 5, is_oldest_first=True),
        ),
    ],
)
def test_page_is_the_newest_twenty_unless_asked_otherwise(query, page):
    assert parse_page(query) == page


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"limit": "-5"}, "limit"),
        ({"limit": "x"}, "limit"),
        # Python reads no number of so many digits.
        ({"limit": "9" * 5000}, "limit"),
        ({"order": "newest"}, "order"),
    ],
)
def test_wrong_page_is_refused(query, param):
    with pytest.raises(ApiError) as caught:
        parse_page(query)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_metadata_of_a_query_are_its_pairs_and_not_too_many():
    query = {"metadata[a]": "1", "metadata[b[c]]": "2", "limit": "5"}
    assert parse_metadata_filter(query) == {"a": "1", "b[c]": "2"}
    with pytest.raises(ApiError) as caught:
        parse_metadata_filter({f"metadata[{number}]": "" for number in range(17)})
    most = {f"metadata[{number}]": "" for number in range(16)}
    assert len(parse_metadata_filter(most)) == 16
    assert caught.value.param == "metadata"
