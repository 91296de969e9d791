"""Whole answers over real HTTP: for model tests by threads, and for a chat without streaming."""

import asyncio
import gzip
import json
from contextlib import aclosing, closing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.messages import Message, SamplingParams, Usage
from merlin.providers.base import Answer
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIModelClient

pytestmark = pytest.mark.functional
QUESTION = (
    Message("system", "Кратко."),
    Message("user", "Что такое очередь?", {"weight": 0}),
)


@pytest.fixture
def asker(server):
    asker = OpenAIModelClient(server.base_url, "sk-key")
    yield asker
    asker.close()


def make_completion(content="Очередь", reason="stop", **fields):
    choice = {"index": 0, "message": {"role": "assistant", "content": content}}
    return {"id": "c1", "choices": [{**choice, "finish_reason": reason}], **fields}


def test_unstreamed_answer_has_usage_and_the_known_flag(server, asker):
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    server.will(
        make_completion(usage=usage, merlin={"known": False, "confidence": 0.1})
    )
    assert asker.ask("ft:x", QUESTION) == Answer(
        "Очередь", Usage(12, 3), known=False, finish_reason="stop"
    )
    (call,) = server.calls
    assert call.json["messages"][1] == {"role": "user", "content": "Что такое очередь?"}
    assert "stream" not in call.json


@pytest.mark.parametrize(
    ("details", "cached"),
    [({"cached_tokens": 8}, 8), (None, 0), ("x", 0)]
    + [({"cached_tokens": tokens}, 0) for tokens in (None, -5, 13, 1e300, "8")],
)
def test_cached_tokens_are_part_of_the_input(server, asker, details, cached):
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "prompt_tokens_details": details,
    }
    server.will(make_completion(usage=usage))
    assert asker.ask("ft:x", QUESTION).usage == Usage(12, 3, cached)


def test_refused_parameters_are_renamed_or_dropped_from_then_on(server, reply):
    response_format = {"type": "json_object"}
    new_name = "'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    server.will(
        reply({"error": {"message": new_name, "param": "max_tokens"}}, 400),
        reply({"error": {"message": "response_format is not known here"}}, 400),
        make_completion(),
        make_completion(),
    )
    sampling = SamplingParams(most_tokens=9, response_format=response_format)
    with closing(OpenAIModelClient(server.base_url, "sk-key", sampling)) as asker:
        assert (
            asker.ask("ft:x", QUESTION).text
            == asker.ask("ft:x", QUESTION).text
            == "Очередь"
        )
    first, second, *others = (call.json for call in server.calls)
    assert (first["max_tokens"], first["response_format"]) == (9, response_format)
    assert (second["max_completion_tokens"], second["response_format"]) == (
        9,
        response_format,
    )
    for other in others:
        assert other["max_completion_tokens"] == 9
        assert not {"max_tokens", "response_format"} & set(other)


def test_refused_parameter_that_is_required_raises_an_error(server, reply):
    server.will(reply({"error": {"message": "max_tokens is too large"}}, 400))
    asker = OpenAIModelClient(server.base_url, "sk-key", SamplingParams(most_tokens=9))
    with closing(asker) as asker, pytest.raises(ProviderError, match="too large"):
        asker.ask("ft:x", QUESTION)
    assert len(server.calls) == 1


def test_empty_answer_keeps_its_finish_reason(server, asker):
    server.will(make_completion(None, "content_filter"))
    assert asker.ask("ft:x", QUESTION) == Answer("", finish_reason="content_filter")


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_first_of_several_answers_is_taken(server, asker, index):
    others = [{"index": place, "message": {"content": "no"}} for place in (7, 1)]
    first = {**index, "message": {"content": "yes"}, "finish_reason": "stop"}
    server.will({"id": "c1", "choices": [others[0], first, others[1]]})
    assert asker.ask("ft:x", QUESTION).text == "yes"


_OTHERS = {"index": 7, "message": {"content": "no"}}


@pytest.mark.parametrize(
    "choices", [[], None, "x", [{}], [{"message": "x"}], [None], [_OTHERS]]
)
def test_completion_without_an_answer_is_an_error(server, asker, choices):
    server.will({"id": "c1", "choices": choices})
    with pytest.raises(ProviderBusy):
        asker.ask("ft:x", QUESTION)


def test_question_ends_at_the_callers_timeout(server, asker, reply):
    server.will(reply(hang=True))
    with pytest.raises(ProviderBusy):
        asker.ask("ft:x", QUESTION, timeout_s=0.2)
    assert len(server.calls) <= 1


def read_whole_answer(server, total_s=60.0):
    """Return the pieces of an answer that is not streamed."""

    async def read():
        chat = OpenAIChat(server.base_url, "sk-key", total_s, is_streaming=False)
        async with aclosing(chat), aclosing(chat.stream("ft:x", QUESTION)) as pieces:
            return [piece async for piece in pieces]

    return asyncio.run(read())


def test_answer_that_nobody_watches_is_one_piece(server):
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    server.will(make_completion(usage=usage, merlin={"known": True, "confidence": 0.9}))
    assert read_whole_answer(server) == [
        Answer("Очередь", Usage(12, 3), known=True, finish_reason="stop")
    ]
    assert not {"stream", "stream_options"} & set(server.calls[0].json)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"status": 404, "body": {"error": {"code": "model_not_found"}}}, ModelGone),
        ({"body": b"no json"}, ProviderBusy),
        ({"body": {"choices": []}}, ProviderBusy),
        ({"body": b"{", "cut": True}, ProviderBusy),
        ({"hang": True}, ProviderBusy),
    ],
)
def test_failure_of_an_answer_in_one_piece_is_reported_by_kind(
    server, reply, response, kind
):
    server.will(reply(**response))
    with pytest.raises(ProviderError) as caught:
        read_whole_answer(server, total_s=0.2 if "hang" in response else 60.0)
    assert type(caught.value) is kind


def test_compressed_answer_is_not_unpacked(server, asker, reply):
    packed = gzip.compress(json.dumps(make_completion()).encode())
    server.will(reply(packed, headers=(("Content-Encoding", "gzip"),)))
    with pytest.raises(ProviderBusy, match="packed"):
        asker.ask("ft:x", QUESTION)
    assert server.calls[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "content",
    [
        "<think>\nThe student wants X.\n</think>\n\nHold the button.",
        "The student wants X.\n</think>\n\nHold the button.",
        [
            {"type": "thinking", "thinking": "X."},
            {"type": "text", "text": "Hold the button."},
        ],
    ],
)
def test_thoughts_before_a_whole_answer_are_no_part_of_it(server, asker, content):
    server.will(make_completion(content))
    assert asker.ask("ft:x", QUESTION).text == "Hold the button."
