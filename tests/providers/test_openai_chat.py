"""Streamed and whole answers over real HTTP."""

import asyncio
import codecs
import json
from contextlib import aclosing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.messages import Message, Usage
from merlin.openai_protocol.client import MAX_STREAM_BYTES
from merlin.providers.base import Answer
from merlin.providers.openai_chat import OpenAIChat
from tests.support.waiting import longest

pytestmark = pytest.mark.functional
QUESTION = (
    Message("system", "Кратко."),
    Message("user", "Что такое очередь?", {"weight": 0}),
)
DONE = b"data: [DONE]\n\n"


def make_chunk(text=None, reason=None, **fields):
    choice = {
        "index": 0,
        "delta": {"content": text} if text else {},
        "finish_reason": reason,
    }
    return make_event(
        {"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **fields}
    )


def make_event(body):
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def make_usage(input_tokens, output_tokens):
    return {
        "choices": [],
        "usage": {"prompt_tokens": input_tokens, "completion_tokens": output_tokens},
    }


WHOLE = [
    make_chunk("Оче"),
    make_chunk("редь", merlin={"known": True, "confidence": 0.9}),
    make_chunk(None, "stop"),
]


def read_pieces(server, *, total_s=60.0, received=None):
    """Return the pieces of one streamed answer; `received` keeps those before an error."""
    received = [] if received is None else received

    async def read():
        chat = OpenAIChat(server.base_url, "sk-key", total_s=total_s)
        try:
            async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
                async for piece in answer:
                    received.append(piece)
        finally:
            await chat.aclose()

    asyncio.run(read())
    return received


def test_answer_is_streamed_in_pieces_with_usage_at_the_end(server, reply):
    server.will(reply([*WHOLE, make_event(make_usage(12, 3)), DONE]))
    assert read_pieces(server) == [
        Answer("Оче"),
        Answer("редь", known=True),
        Answer(finish_reason="stop"),
        Answer(usage=Usage(12, 3)),
    ]


def test_pieces_of_another_answer_are_left_out(server, reply):
    other = {"index": 7, "delta": {"content": "НЕТ"}, "finish_reason": "length"}
    alone = make_event({"choices": [other]})
    mixed = json.loads(make_chunk("редь").removeprefix(b"data: "))
    mixed["choices"].insert(0, other)
    server.will(reply([WHOLE[0], alone, make_event(mixed), WHOLE[2], DONE]))
    pieces = read_pieces(server)
    assert "".join(piece.text for piece in pieces) == "Очередь"
    assert pieces[-1].finish_reason == "stop"


def test_streamed_request_has_the_system_text_and_the_question(server, reply):
    server.will(reply([*WHOLE, DONE]))
    read_pieces(server)
    (call,) = server.calls
    assert (call.path, call.headers["authorization"]) == (
        "/v1/chat/completions",
        "Bearer sk-key",
    )
    assert call.json == {
        "model": "ft:x",
        "messages": [
            {"role": "system", "content": "Кратко."},
            {"role": "user", "content": "Что такое очередь?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    "extension", [None, [], "x", {"known": "yes"}, {"composed_from": [1]}, {}]
)
def test_invalid_extension_is_ignored(server, reply, extension):
    server.will(reply([make_chunk("А", "stop", merlin=extension), DONE]))
    assert read_pieces(server) == [Answer("А", finish_reason="stop")]


@pytest.mark.parametrize(
    "rest",
    [
        {"cut": True, "body": [make_chunk("Оче")]},
        {"body": [make_chunk("Оче")]},
        {"body": [make_chunk("Оче"), DONE]},
        {"body": [make_chunk("Оче"), b"data: {bro\n\n"]},
        {"body": [make_chunk("Оче"), make_event({"choices": "x"})]},
        {"body": [make_chunk("Оче"), b"data: \xff\xfe\n\n"]},
        {
            "body": [
                make_chunk("Оче"),
                make_event({"error": {"message": "overloaded", "code": "x"}}),
            ]
        },
    ],
)
def test_interrupted_answer_keeps_its_pieces_and_raises_an_error(server, reply, rest):
    server.will(reply(**rest))
    received = []
    with pytest.raises(ProviderBusy):
        read_pieces(server, received=received)
    assert received == [Answer("Оче")]
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "no", "code": "model_not_found"}}, ModelGone),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, ProviderError),
        ({"error": {"message": "no", "type": "server_error"}}, ProviderBusy),
    ],
)
def test_error_inside_a_stream_keeps_its_kind(server, reply, body, kind):
    server.will(reply([make_event(body)]))
    with pytest.raises(ProviderError) as caught:
        read_pieces(server)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(500, ProviderBusy), (429, ProviderBusy), (400, ProviderError)]
)
def test_refused_stream_is_one_call_and_one_error(server, reply, status, kind):
    server.will(reply({"error": {"message": "no"}}, status))
    with pytest.raises(ProviderError) as caught:
        read_pieces(server)
    assert type(caught.value) is kind
    assert len(server.calls) == 1


def test_stream_over_the_total_time_is_stopped(server, reply):
    server.will(reply([make_chunk("А")] * 100, pause_s=0.05))
    received = []
    with pytest.raises(ProviderBusy):
        read_pieces(server, total_s=0.4, received=received)
    assert len(received) < 100


def test_cancelled_reader_frees_its_connection(server, reply):
    server.will(reply([make_chunk("А")] * 1000, pause_s=0.01))

    async def read():
        chat = OpenAIChat(server.base_url, "key")

        async def follow():
            async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
                async for _ in answer:
                    has_begun.set()

        has_begun = asyncio.Event()
        task = asyncio.create_task(follow())
        await asyncio.wait_for(has_begun.wait(), longest())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await chat.aclose()

    asyncio.run(read())


def test_first_model_is_the_first_one_listed_and_no_other_is_parsed(server):
    server.will({"data": [{"id": "recall"}, {"object": "no model"}]})
    assert asyncio.run(read_first_model(server)) == "recall"


@pytest.mark.parametrize(
    ("body", "kind"), [({"data": []}, ProviderError), ({"data": "x"}, ProviderBusy)]
)
def test_list_without_a_model_is_an_error(server, body, kind):
    server.will(body)
    with pytest.raises(ProviderError) as caught:
        asyncio.run(read_first_model(server))
    assert type(caught.value) is kind


async def read_first_model(server):
    chat = OpenAIChat(server.base_url, "key")
    try:
        return await chat.find_first_model()
    finally:
        await chat.aclose()


MEGABYTE = 1_000_000


def test_overlong_stream_is_stopped(server, reply):
    comments = [b": " + b"x" * (MEGABYTE // 2) + b"\n\n"] * (
        2 * MAX_STREAM_BYTES // MEGABYTE + 1
    )
    server.will(reply([*comments, *WHOLE, DONE]))
    with pytest.raises(ProviderBusy, match="unreadable: longer than 64 MB"):
        read_pieces(server)


def test_overlong_refusal_is_judged_by_its_status(server, reply):
    server.will(reply([b"x" * MEGABYTE] * 2, 400, pause_s=4 * longest()))
    with pytest.raises(ProviderError, match="HTTP 400") as caught:
        read_pieces(server, total_s=longest())
    assert type(caught.value) is ProviderError


def join(pieces):
    """Return the text that a person sees at the end."""
    shown = ""
    for piece in pieces:
        shown = piece.text if piece.is_replacing else shown + piece.text
    return shown


THOUGHT = "\n<think>\nThe student wants X. <b>\n</think>\n\nHold <think> the button."
HARMONY = "<|channel|>analysis<|message|>X?<|end|><|start|>assistant<|channel|>final<|message|>"
CODE = "It ends with `</think>`.\n```\n</think>\n```\n"
MARKS = [
    *(
        (f"<{name}>", f"</{name}>")
        for name in ("think", "thinking", "reasoning", "seed:think")
    ),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (THOUGHT, "Hold <think> the button."),
        (f"<think></think>{THOUGHT}", "Hold <think> the button."),
        ("<think>It was cut off in the", ""),
        ("<", "<"),
        ("<thin walls>", "<thin walls>"),
        ("Walls: <thin", "Walls: <thin"),
        *((f"{opening}X?{closing} Hold it.", "Hold it.") for opening, closing in MARKS),
        *((f"X?\n{closing}\n\nHold it.", "Hold it.") for _, closing in MARKS),
        (f"{HARMONY}Hold it.", "Hold it."),
        ("<THINK>X?</THINK>Hold it.", "Hold it."),
        (CODE, CODE),
        (f"{'X? ' * 40}</think>Hold it.", "Hold it."),
    ],
)
def test_thoughts_before_an_answer_are_no_part_of_it(server, reply, written, shown):
    """However the tags are split over the pieces of the stream."""
    for cut in range(1, len(written) + 1):
        parts = [make_chunk(part) for part in (written[:cut], written[cut:])]
        server.will(reply([*parts, make_chunk(None, "stop"), DONE]))
        assert join(read_pieces(server)) == shown
    server.will(reply([*map(make_chunk, written), make_chunk(None, "stop"), DONE]))
    assert join(read_pieces(server)) == shown


def test_thoughts_that_a_prompt_opens_are_held_back_once_they_are_known(server, reply):
    written = ("X? The", " lamp.\n</th", "ink>\n\nHold it.")

    async def read():
        chat = OpenAIChat(server.base_url, "sk-key")
        seen = []
        try:
            for answer in (written, written, ("No", "thing."), ("So", "on")):
                server.will(
                    reply([*map(make_chunk, answer), make_chunk(None, "stop"), DONE])
                )
                seen.append(
                    [p.text async for p in chat.stream("ft:x", QUESTION) if p.text]
                )
        finally:
            await chat.aclose()
        return seen

    first, *others = asyncio.run(read())
    assert first[-1] == "Hold it."
    # A server that separates the thoughts meanwhile: from the next answer on nothing is held back.
    assert others == [["Hold it."], ["Nothing."], ["So", "on"]]


def test_content_may_be_a_list_of_parts(server, reply):
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "X?"}]}
    shown = [{"type": "text", "text": "Hold "}, {"type": "text", "text": "it."}]
    server.will(reply([make_chunk([thinking, *shown]), make_chunk(None, "stop"), DONE]))
    assert join(read_pieces(server)) == "Hold it."


def test_stream_may_begin_with_a_byte_order_mark(server, reply):
    server.will(reply([codecs.BOM_UTF8, *WHOLE, DONE]))
    assert join(read_pieces(server)) == "Очередь"


def test_page_in_place_of_a_stream_is_named(server, reply):
    server.will(reply([b"<!DOCTYPE html>\n<title>Sign in</title>\n"]))
    with pytest.raises(ProviderBusy, match="a web page answered"):
        read_pieces(server)


def test_object_in_place_of_a_stream_is_read(server, reply):
    message = {"role": "assistant", "content": "Hold it."}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    server.will(reply([json.dumps(whole, indent=1).encode()]))
    assert join(read_pieces(server)) == "Hold it."
    server.will(reply([json.dumps({"error": {"message": "no such plan"}}).encode()]))
    with pytest.raises(ProviderBusy, match="no such plan"):
        read_pieces(server)
