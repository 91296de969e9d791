"""Answers, whole and in pieces, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.messages import Message, Usage
from merlin.openai_protocol.client import MAX_RESPONSE_BYTES, MAX_STREAM_BYTES
from merlin.providers.base import Answer
from merlin.providers.openai_chat import MAX_TEXT_LENGTH, OpenAIChat
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
QUESTION = (Message("system", "Кратко."), Message("user", "Что такое очередь?", {"weight": 0}))
DONE = b"data: [DONE]\n\n"


def chunk(text=None, reason=None, **other):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}
    return sse({"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **other})


def sse(told):
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


def usage_chunk(spent, made):
    return {"choices": [], "usage": {"prompt_tokens": spent, "completion_tokens": made}}


WHOLE = [
    chunk("Оче"),
    chunk("редь", merlin={"known": True, "confidence": 0.9}),
    chunk(None, "stop"),
]


def pieces(server, *, total_s=60.0, got=None):
    """Return the pieces of one streamed answer; `got` keeps them where it breaks."""
    got = [] if got is None else got

    async def read():
        chat = OpenAIChat(server.base_url, "sk-key", total_s=total_s)
        try:
            async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
                async for piece in answer:
                    got.append(piece)
        finally:
            await chat.aclose()

    asyncio.run(read())
    return got


def test_an_answer_comes_in_pieces_and_its_usage_at_the_end(server, reply):
    server.will(reply([*WHOLE, sse(usage_chunk(12, 3)), DONE]))
    assert pieces(server) == [
        Answer("Оче"),
        Answer("редь", known=True),
        Answer(finish_reason="stop"),
        Answer(usage=Usage(12, 3)),
    ]


def test_a_streamed_question_is_asked_as_taught(server, reply):
    server.will(reply([*WHOLE, DONE]))
    pieces(server)
    (call,) = server.calls
    assert (call.path, call.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-key")
    assert call.json == {
        "model": "ft:x",
        "messages": [
            {"role": "system", "content": "Кратко."},
            {"role": "user", "content": "Что такое очередь?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_an_answer_that_is_not_known_says_so(server, reply):
    server.will(reply([chunk("Не знаю.", merlin={"known": False}), chunk(None, "stop"), DONE]))
    assert [piece.known for piece in pieces(server)] == [False, None]


def test_the_length_limit_is_told(server, reply):
    server.will(reply([chunk("А", "length"), DONE]))
    assert pieces(server) == [Answer("А", finish_reason="length")]


@pytest.mark.parametrize("extension", [None, [], "x", {"known": "yes"}, {"known": None}, {}])
def test_an_extension_of_another_kind_is_overlooked(server, reply, extension):
    server.will(reply([chunk("А", "stop", merlin=extension), DONE]))
    assert pieces(server) == [Answer("А", finish_reason="stop")]


@pytest.mark.parametrize(
    "rest",
    [
        {"cut": True, "body": [chunk("Оче")]},
        {"body": [chunk("Оче")]},
        {"body": [chunk("Оче"), DONE]},
        {"body": [chunk("Оче"), b"data: {bro\n\n"]},
        {"body": [chunk("Оче"), b"data: <html>\n\n"]},
        {"body": [chunk("Оче"), b"data: [1]\n\n"]},
        {"body": [chunk("Оче"), sse({"choices": "x"})]},
        {"body": [chunk("Оче"), sse({"choices": None})]},
        {"body": [chunk("Оче"), b"data: \xff\xfe\n\n"]},
        {"body": [chunk("Оче"), sse({"error": {"message": "overloaded", "code": "x"}})]},
    ],
)
def test_an_answer_that_breaks_off_keeps_what_came_and_says_so(server, reply, rest):
    server.will(reply(**rest))
    got = []
    with pytest.raises(ProviderBusy):
        pieces(server, got=got)
    assert got == [Answer("Оче")]
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "no", "code": "model_not_found"}}, ModelGone),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, ProviderError),
        ({"error": {"message": "no", "type": "server_error"}}, ProviderBusy),
    ],
)
def test_an_error_inside_a_stream_keeps_its_kind(server, reply, body, kind):
    server.will(reply([sse(body)]))
    with pytest.raises(ProviderError) as caught:
        pieces(server)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(500, ProviderBusy), (429, ProviderBusy), (400, ProviderError)]
)
def test_a_refused_stream_is_one_call_and_one_error(server, reply, status, kind):
    server.will(reply({"error": {"message": "no"}}, status))
    with pytest.raises(ProviderError) as caught:
        pieces(server)
    assert type(caught.value) is kind
    assert len(server.calls) == 1


def test_a_stream_that_is_too_slow_as_a_whole_is_left(server, reply):
    server.will(reply([chunk("А")] * 100, pause_s=0.05))
    got = []
    with pytest.raises(ProviderBusy):
        pieces(server, total_s=0.4, got=got)
    assert len(got) < 100


def test_a_server_that_says_nothing_is_left(server, reply):
    server.will(reply(hang=True))
    with pytest.raises(ProviderBusy):
        pieces(server, total_s=0.3)


def test_a_slow_reader_loses_nothing(server, reply):
    server.will(reply([*WHOLE, DONE]))

    async def read():
        chat = OpenAIChat(server.base_url, "key", total_s=5.0)
        texts = []
        async for piece in chat.stream("ft:x", QUESTION):
            texts.append(piece.text)
            await asyncio.sleep(1.7)  # what is tested: three times so long is over total_s
        await chat.aclose()
        return "".join(texts)

    assert asyncio.run(read()) == "Очередь"


def test_a_cancelled_reader_frees_its_connection(server, reply):
    server.will(reply([chunk("А")] * 1000, pause_s=0.01))

    async def read():
        chat = OpenAIChat(server.base_url, "key")

        async def follow():
            async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
                async for _ in answer:
                    begun.set()

        begun = asyncio.Event()
        task = asyncio.create_task(follow())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await chat.aclose()

    asyncio.run(read())


def test_many_answers_are_written_side_by_side(server, reply):
    server.will(reply([*WHOLE, sse(usage_chunk(1, 1)), DONE]))

    async def one(chat):
        return "".join([piece.text async for piece in chat.stream("ft:x", QUESTION)])

    async def read():
        chat = OpenAIChat(server.base_url, "key")
        try:
            return await asyncio.gather(*(one(chat) for _ in range(20)))
        finally:
            await chat.aclose()

    assert asyncio.run(read()) == ["Очередь"] * 20


def test_more_answers_than_a_hundred_wait_side_by_side(server, reply):
    server.will(reply(hang=True))

    async def one(chat):
        return [piece async for piece in chat.stream("ft:x", QUESTION)]

    async def read():
        chat = OpenAIChat(server.base_url, "key")
        waiting = [asyncio.create_task(one(chat)) for _ in range(120)]
        await asyncio.to_thread(wait_until, lambda: len(server.calls) == len(waiting))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await chat.aclose()

    asyncio.run(read())
    assert len(server.calls) == 120


def test_the_first_model_is_the_first_one_listed(server):
    server.will({"data": [{"id": "recall"}, {"id": "ft:x"}]})
    assert asyncio.run(first(server)) == "recall"


@pytest.mark.parametrize(
    ("body", "kind"), [({"data": []}, ProviderError), ({"data": "x"}, ProviderBusy)]
)
def test_a_list_without_a_model_is_an_error(server, body, kind):
    server.will(body)
    with pytest.raises(ProviderError) as caught:
        asyncio.run(first(server))
    assert type(caught.value) is kind


async def first(server):
    chat = OpenAIChat(server.base_url, "key")
    try:
        return await chat.first_model()
    finally:
        await chat.aclose()


MEGABYTE = 1_000_000


def test_a_stream_of_which_there_is_too_much_is_broken_off(server, reply):
    comments = [b": " + b"x" * MEGABYTE + b"\n\n"] * (MAX_STREAM_BYTES // MEGABYTE + 1)
    server.will(reply([*comments, *WHOLE, DONE]))
    with pytest.raises(ProviderBusy, match="unreadable: longer than 64 MB"):
        pieces(server)


def test_a_text_without_end_is_broken_off(server, reply):
    part = chunk("x" * (MAX_TEXT_LENGTH // 10))
    server.will(reply([*[part] * 11, *WHOLE, DONE]))
    got = []
    with pytest.raises(ProviderBusy, match="a text without an end"):
        pieces(server, got=got)
    assert len(got) == 10


def test_an_answer_at_once_of_which_there_is_too_much_is_not_read(server, reply):
    server.will(reply([b" " * MEGABYTE] * (MAX_RESPONSE_BYTES // MEGABYTE) + [b'{"choices": []}']))

    async def ask():
        chat = OpenAIChat(server.base_url, "sk-key", in_pieces=False)
        async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
            try:
                return [piece async for piece in answer]
            finally:
                await chat.aclose()

    with pytest.raises(ProviderBusy, match="unreadable: longer than 16 MB"):
        asyncio.run(ask())


def test_a_refusal_of_which_there_is_too_much_is_judged_by_its_status(server, reply):
    server.will(reply([b"x" * MEGABYTE] * 2, 400, pause_s=4 * longest()))
    with pytest.raises(ProviderError, match="400 without a word") as caught:
        pieces(server, total_s=longest())
    assert type(caught.value) is ProviderError
