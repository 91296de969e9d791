"""Streamed and whole answers, and transcripts, over real HTTP."""

import asyncio
import codecs
import gzip
import json
from contextlib import aclosing, closing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError
from merlin.core.i18n import text
from merlin.core.messages import Message, SamplingParams, Usage
from merlin.openai_protocol.client import MAX_STREAM_BYTES
from merlin.providers.base import Answer
from merlin.providers.openai_chat import OpenAIAudio, OpenAIChat
from merlin.providers.openai_training import OpenAIModelClient
from merlin.sandbox import speech_samples
from tests.support.refusals import catch
from tests.support.stand_ins import ProviderStandIn
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
        # Some end an address with a slash.
        chat = OpenAIChat(f"{server.base_url}/", "sk-key", total_s=total_s)
        async with aclosing(chat), aclosing(chat.stream("ft:x", QUESTION)) as answer:
            async for piece in answer:
                received.append(piece)

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
    "body",
    [
        [make_chunk("Оче"), DONE],
        [make_chunk("Оче"), make_event({"choices": None}), DONE],
        [make_event({"choices": None, "usage": None}), make_chunk("Оче"), DONE],
        [b"data: null\n\n", make_chunk("Оче"), b"data: null\n\n", DONE],
    ],
)
def test_stream_that_ends_as_the_protocol_says_is_whole_without_a_reason(
    server, reply, body
):
    server.will(reply(body))
    assert read_pieces(server) == [Answer("Оче")]


@pytest.mark.parametrize("body", [[DONE], [make_event({"choices": []}), DONE]])
def test_stream_that_ends_without_any_piece_is_cut(server, reply, body):
    server.will(reply(body))
    with pytest.raises(ProviderBusy):
        read_pieces(server)


def make_delta(reason=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return make_event({"choices": [choice]})


def test_streamed_refusal_is_the_answer(server, reply):
    server.will(
        reply([make_delta(refusal="Об этом "), make_delta("stop", refusal="нет"), DONE])
    )
    pieces = read_pieces(server)
    assert [piece.text for piece in pieces] == ["Об этом ", "нет"]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize(
    ("reason", "text", "shown"),
    [
        ("stop", None, "Очередь"),
        (None, None, "Очередь"),
        ("stop", "Да", "Да"),
        # The thoughts took all the tokens that there were.
        ("length", None, ""),
    ],
)
def test_reasoning_is_the_answer_only_if_a_model_that_ended_wrote_nothing_else(
    server, reply, name, reason, text, shown
):
    body = [make_delta(**{name: "Оче"}), make_delta(reason, **{name: "редь"})]
    if text:
        body.insert(1, make_delta(content=text))
    server.will(reply([*body, DONE]))
    assert "".join(piece.text for piece in read_pieces(server)) == shown


@pytest.mark.parametrize(
    "rest",
    [
        {"cut": True, "body": [make_chunk("Оче")]},
        {"body": [make_chunk("Оче")]},
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
    ("status", "error", "kind"),
    [
        (200, {"code": "model_not_found"}, ModelGone),
        (200, {"code": "insufficient_quota"}, ProviderError),
        (200, {"type": "server_error"}, ProviderBusy),
        (500, {}, ProviderBusy),
        (429, {}, ProviderBusy),
        (400, {}, ProviderError),
    ],
)
def test_refusal_before_or_inside_a_stream_is_one_call_and_one_error(
    server, reply, status, error, kind
):
    body = {"error": {"message": "no", **error}}
    server.will(reply([make_event(body)] if status == 200 else body, status))
    assert type(catch(ProviderError, read_pieces, server)) is kind
    assert len(server.calls) == 1


def test_stream_over_the_total_time_is_stopped(server, reply):
    server.will(reply([make_chunk("А")] * 100, pause_s=0.05))
    received = []
    with pytest.raises(ProviderBusy):
        read_pieces(server, total_s=0.4, received=received)
    assert len(received) < 100


def test_cancelled_reader_frees_its_connection(server, reply):
    server.will(reply([make_chunk("А")] * 1000, pause_s=0.01))

    has_begun = asyncio.Event()

    async def follow(chat):
        async with aclosing(chat.stream("ft:x", QUESTION)) as answer:
            async for _ in answer:
                has_begun.set()

    async def read():
        async with aclosing(OpenAIChat(server.base_url, "key")) as chat:
            task = asyncio.create_task(follow(chat))
            await asyncio.wait_for(has_begun.wait(), longest())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(read())


def test_first_model_is_the_first_one_listed_and_no_other_is_parsed(server):
    server.will({"data": [{"id": "recall"}, {"object": "no model"}]})
    assert asyncio.run(read_first_model(server)) == "recall"


@pytest.mark.parametrize(
    ("body", "kind"), [({"data": []}, ProviderError), ({"data": "x"}, ProviderBusy)]
)
def test_list_without_a_model_is_an_error(server, body, kind):
    server.will(body)
    assert type(catch(ProviderError, asyncio.run, read_first_model(server))) is kind


async def read_first_model(server):
    async with aclosing(OpenAIChat(server.base_url, "key")) as chat:
        return await chat.find_first_model()


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
    seen = []

    async def read():
        async with aclosing(OpenAIChat(server.base_url, "sk-key")) as chat:
            for answer in (written, written, ("No", "thing."), ("So", "on")):
                server.will(
                    reply([*map(make_chunk, answer), make_chunk(None, "stop"), DONE])
                )
                seen.append(
                    [p.text async for p in chat.stream("ft:x", QUESTION) if p.text]
                )

    asyncio.run(read())
    first, *others = seen
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


@pytest.fixture
def asker(server):
    with closing(OpenAIModelClient(server.base_url, "sk-key")) as asker:
        yield asker


def make_completion(content="Очередь", reason="stop", **fields):
    choice = {"index": 0, "message": {"role": "assistant", "content": content}}
    return {"id": "c1", "choices": [{**choice, "finish_reason": reason}], **fields}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize(("reason", "shown"), [("stop", "Очередь"), ("length", "")])
def test_whole_answer_may_stand_in_the_reasoning(asker, server, name, reason, shown):
    message = {"content": None, name: "<think>?</think>Очередь"}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    server.will({"choices": [choice]})
    assert asker.ask("ft:x", QUESTION).text == shown


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
    caught = catch(
        ProviderError,
        read_whole_answer,
        server,
        total_s=0.2 if "hang" in response else 60.0,
    )
    assert type(caught) is kind


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


MODEL = "stand-in-transcribe"


def transcribe(base_url, sound=b"OggS", name="voice.oga"):
    async def request_transcript():
        async with aclosing(OpenAIAudio(base_url, "sk-key", MODEL)) as audio:
            return await audio.transcribe(sound, name)

    return asyncio.run(request_transcript())


def test_sample_voice_is_transcribed():
    with ProviderStandIn() as standin:
        transcript = transcribe(standin.base_url, speech_samples.sample_voice())
        assert transcript == "Какие черты лица отвечают за глубину фиксации?"
        silent_text = transcribe(standin.base_url, b"OggS" + bytes(60))
        assert silent_text == text("ru", "stand-in-no-words")


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [(speech_samples.sample_voice(), 4), (b"OggS", 0), (b"", 0)],
)
def test_length_of_a_voice_is_known_from_its_last_page(sound, seconds):
    assert speech_samples.seconds(sound) == seconds


def test_request_has_the_protocols_form(server, reply):
    server.will(reply({"text": "раз"}))
    transcribe(server.base_url, b"OggS-sound", "voice.oga")
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v1/audio/transcriptions")
    assert call.headers["authorization"] == "Bearer sk-key"
    for part in (
        b'name="model"\r\n\r\n' + MODEL.encode(),
        b'filename="voice.oga"',
        b"OggS-sound",
    ):
        assert part in call.body


NO_MODEL = {
    "error": {"message": "The model `x` does not exist", "code": "model_not_found"}
}


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"body": {"text": 5}}, ProviderBusy),
        ({"drop": True}, ProviderBusy),
        ({"status": 503}, ProviderBusy),
        ({"status": 400, "body": {"error": {"message": "bad"}}}, ProviderError),
        ({"status": 401}, ProviderError),
        ({"status": 404, "body": NO_MODEL}, ModelGone),
        ({"status": 404, "body": {"detail": "Model whisper-9 not found"}}, ModelGone),
        ({"status": 404, "body": {"detail": "Not Found"}}, ProviderError),
    ],
)
def test_failure_is_reported_as_our_error(server, reply, response, error):
    server.will(reply(**response))
    caught = catch(ProviderError, transcribe, server.base_url)
    assert type(caught) is error
    assert len(server.calls) == 1
    assert "sk-key" not in str(caught)
