"""/v1/chat/completions: what is asked, and the answer, whole or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.core.clock import utc_now
from merlin.core.messages import Message
from merlin.engine.auth import AnswerStream, check_model, metered, owner_of
from merlin.engine.context import engine_of
from merlin.engine.files import json_object
from merlin.engine.jobs import MOST_SEED
from merlin.engine.serving.base import Chunk, Finish, GenerationRequest, TokenChance
from merlin.engine.training_file import ROLES, text_of
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    ChatAnswer,
    event,
    usage_object,
)

MOST_STOPS, MOST_LIKELIEST = 4, 20
_TOOLS = ("tools", "functions")
_SHAPES = {"": False, "text": False, "json_object": True}


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked, what, and how the answer comes."""

    model: str
    asking: GenerationRequest
    is_stream: bool
    is_usage_wanted: bool


def question_of(asked: Mapping[str, object], asker: str = "") -> Question:
    """Read the body of `asker`'s call. Raises ApiError 400 that names the field.

    Source: openapi.yaml, CreateChatCompletionRequest.
    """
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise bad_field("model", "you must provide a model parameter")
    if asked.get("n") not in (None, 1):
        raise bad_field("n", "n must be 1: this engine gives one answer to a question")
    for name in _TOOLS:
        if asked.get(name):
            raise bad_field(
                name, f"{name}: the models of this engine call no tools; leave the field out"
            )
    options = asked.get("stream_options") or {}
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return Question(model, _asking(asked, asker), bool(asked.get("stream")), wants_usage)


def _asking(asked: Mapping[str, object], asker: str) -> GenerationRequest:
    return GenerationRequest(
        messages=_messages(asked.get("messages")),
        most_tokens=_limit(asked),
        temperature=_number(asked, "temperature", 0.0, 2.0),
        top_p=_number(asked, "top_p", 0.0, 1.0),
        seed=_seed(asked.get("seed")),
        stops=_stops(asked.get("stop")),
        logprobs=_logprobs(asked),
        is_json=_is_json(asked.get("response_format")),
        asker=asker,
    )


def _is_json(told: object) -> bool:
    shape = told or {}
    kind = shape.get("type", "") if isinstance(shape, dict) else None
    if not isinstance(kind, str) or kind not in _SHAPES:
        raise bad_field("response_format", "response_format.type must be 'text' or 'json_object'")
    return _SHAPES[kind]


def _number(asked: Mapping[str, object], name: str, least: float, most: float) -> float | None:
    """Return a field's number, None where it is not given."""
    told = asked.get(name)
    if told is None:
        return None
    if not isinstance(told, int | float) or isinstance(told, bool) or not least <= told <= most:
        raise bad_field(name, f"{name} must be a number from {least:g} to {most:g}")
    return float(told)


def _seed(told: object) -> int | None:
    if told is None:
        return None
    if not isinstance(told, int) or isinstance(told, bool) or abs(told) > 2**63 - 1:
        raise bad_field("seed", "seed must be a whole number of at most 64 bits")
    return told % (MOST_SEED + 1)


def _logprobs(asked: Mapping[str, object]) -> int | None:
    likeliest = asked.get("top_logprobs")
    if not asked.get("logprobs"):
        if likeliest is not None:
            raise bad_field("top_logprobs", "top_logprobs needs logprobs: true")
        return None
    if likeliest is None:
        return 0
    is_whole = isinstance(likeliest, int) and not isinstance(likeliest, bool)
    if not isinstance(likeliest, int) or not is_whole or not 0 <= likeliest <= MOST_LIKELIEST:
        raise bad_field(
            "top_logprobs", f"top_logprobs must be a whole number from 0 to {MOST_LIKELIEST}"
        )
    return likeliest


def _limit(asked: Mapping[str, object]) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        told = asked.get(name)
        if told is None:
            continue
        if not isinstance(told, int) or isinstance(told, bool) or told < 1:
            raise bad_field(name, f"{name} must be a whole number of at least 1")
        return told
    return 0


def _stops(told: object) -> list[str]:
    stops = [told] if isinstance(told, str) else told or []
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise bad_field("stop", f"stop must be a text or a list of at most {MOST_STOPS} texts")
    if not all(isinstance(stop, str) for stop in stops):
        raise bad_field("stop", "stop must be a text or a list of texts")
    return [stop for stop in stops if stop]


def _messages(told: object) -> list[Message]:
    if not isinstance(told, list) or not told:
        raise bad_field("messages", "messages must be a list of at least one message")
    return [_message(f"messages[{number}]", message) for number, message in enumerate(told)]


def _message(place: str, told: object) -> Message:
    if not isinstance(told, dict):
        raise bad_field(place, f"{place} must be an object")
    role = told.get("role")
    if role not in ROLES:
        raise bad_field(f"{place}.role", f"{place}.role must be one of {', '.join(ROLES)}")
    content = _content(f"{place}.content", told.get("content"), is_needed=role != "assistant")
    return Message("system" if role == "developer" else role, content)


def _content(place: str, told: object, *, is_needed: bool) -> str:
    if isinstance(told, str):
        return told
    if told is None and not is_needed:
        return ""
    if not isinstance(told, list):
        raise bad_field(place, f"{place} must be a text or a list of text parts")
    joined = text_of(told)
    if joined is None:
        raise bad_field(place, f"{place}: this model reads parts of type 'text' alone")
    return joined


async def completion(model: str, answering: AnswerStream) -> dict[str, object]:
    """Return the protocol's ChatCompletion, with the extension `merlin` where there is one."""
    said: list[Chunk] = []
    ending: Finish | None = None
    async for part in answering:
        if isinstance(part, Finish):
            ending = part
        else:
            said.append(part)
    if ending is None:
        raise RuntimeError("the backend ended without an Ending")
    chances = [chance for piece in said for chance in piece.chances]
    content = "".join(piece.text for piece in said)
    usage, logprobs = _usage(ending), _logprobs_object(chances)
    whole = ChatAnswer(model, _now()).completion(content, ending.reason, usage, logprobs)
    return {**whole, "merlin": dict(ending.extension)} if ending.extension else whole


async def chunks(
    model: str, first: Chunk | Finish, rest: AnswerStream, *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    """Yield the answer as server-sent events; `first` is what came first.

    The extension `merlin` stands in the chunk that says why the answer ended.
    """
    answer = ChatAnswer(model, _now(), with_usage=with_usage)
    yield event(answer.first_chunk())
    part: Chunk | Finish = first
    while isinstance(part, Chunk):
        yield event(answer.chunk(part.text, _logprobs_object(part.chances)))
        part = await anext(rest)
    last = answer.last_chunk(part.reason)
    yield event({**last, "merlin": dict(part.extension)} if part.extension else last)
    if with_usage:
        yield event(answer.usage_chunk(_usage(part)))
    yield DONE


def _now() -> float:
    return utc_now().timestamp()


def _usage(ending: Finish) -> dict[str, int]:
    return usage_object(ending.prompt_tokens, ending.completion_tokens)


def _logprobs_object(chances: Sequence[TokenChance]) -> dict[str, object] | None:
    if not chances:
        return None
    return {"content": [_chance(each) for each in chances], "refusal": None}


def _chance(chance: TokenChance) -> dict[str, object]:
    shown = [_token(token, logprob) for token, logprob in chance.likeliest]
    return {**_token(chance.token, chance.logprob), "top_logprobs": shown}


def _token(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


router = APIRouter()


@router.post("/chat/completions")
async def create(request: Request) -> Response:
    """Let a model go on with a conversation; who goes away stops it."""
    question = question_of(await json_object(request), owner_of(request))
    await check_model(request, question.model)
    asked = engine_of(request).backends.ask(question.model, question.asking)
    answering = metered(request, question.asking, asked)
    if question.is_stream:
        return await _streamed(question, answering)
    async with aclosing(answering):
        return JSONResponse(await _whole(request, question, answering))


async def _whole(
    request: Request, question: Question, answering: AnswerStream
) -> dict[str, object]:
    answer = asyncio.ensure_future(completion(question.model, answering))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ApiError(499, "The caller went away before the answer was whole.")
        return answer.result()
    finally:
        for task in (answer, gone):
            task.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _streamed(question: Question, answering: AnswerStream) -> Response:
    """Answer once the first piece is there: what refuses the question has its own status."""
    first = await anext(answering)

    async def events() -> AsyncGenerator[bytes, None]:
        async with aclosing(answering):
            told = chunks(question.model, first, answering, with_usage=question.is_usage_wanted)
            async for each in told:
                yield each

    return StreamingResponse(events(), media_type=EVENT_STREAM)
