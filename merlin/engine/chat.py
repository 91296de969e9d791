"""A chat completion: what was asked, what is answered, in one piece or in chunks.

`recall` chooses among taught answers: what steers a composing model (temperature, top_p, tools,
penalties, seed) changes nothing and is accepted; what it cannot fulfil is refused.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from merlin.core.clock import utc_now
from merlin.core.message import Message
from merlin.core.text import text
from merlin.engine import tokens
from merlin.engine.models import CONTEXT_WINDOW
from merlin.engine.parts import text_of
from merlin.engine.refusal import bad
from merlin.engine.serving import Serving
from merlin.engine.training_file import ROLES

MOST_STOPS = 4
_CHUNK = re.compile(r"\s*(?:\S+\s*){1,3}")
_PLAIN = ("", "text")


@dataclass(frozen=True, slots=True)
class Question:
    """A call to POST /chat/completions, read and checked. `most_tokens` 0: no limit."""

    model: str
    messages: Sequence[Message]
    is_stream: bool
    is_usage_wanted: bool
    most_tokens: int
    stops: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, with the protocol's figures and our extension."""

    model: str
    content: str
    finish_reason: str
    usage: Mapping[str, object]
    extension: Mapping[str, object]


def question_of(asked: Mapping[str, object]) -> Question:
    """Read a call's body. Raises Refusal 400 that names the field.

    Source: openapi.yaml, CreateChatCompletionRequest.
    """
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise bad("model", "you must provide a model parameter")
    _refuse_the_impossible(asked)
    options = asked.get("stream_options") or {}
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return Question(
        model,
        _messages(asked.get("messages")),
        bool(asked.get("stream")),
        wants_usage,
        _limit(asked),
        _stops(asked.get("stop")),
    )


def _refuse_the_impossible(asked: Mapping[str, object]) -> None:
    if asked.get("n") not in (None, 1):
        raise bad("n", "n must be 1: this model has one answer to a question")
    shape = asked.get("response_format") or {}
    if not isinstance(shape, dict) or shape.get("type", "") not in _PLAIN:
        raise bad("response_format", "response_format.type must be 'text': answers are as taught")


def _limit(asked: Mapping[str, object]) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        told = asked.get(name)
        if told is None:
            continue
        if not isinstance(told, int) or isinstance(told, bool) or told < 1:
            raise bad(name, f"{name} must be a whole number of at least 1")
        return told
    return 0


def _stops(told: object) -> list[str]:
    stops = [told] if isinstance(told, str) else told or []
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise bad("stop", f"stop must be a text or a list of at most {MOST_STOPS} texts")
    if not all(isinstance(stop, str) for stop in stops):
        raise bad("stop", "stop must be a text or a list of texts")
    return [stop for stop in stops if stop]


def _messages(told: object) -> list[Message]:
    if not isinstance(told, list) or not told:
        raise bad("messages", "messages must be a list of at least one message")
    return [_message(f"messages[{number}]", message) for number, message in enumerate(told)]


def _message(place: str, told: object) -> Message:
    if not isinstance(told, dict):
        raise bad(place, f"{place} must be an object")
    role = told.get("role")
    if role not in ROLES:
        raise bad(f"{place}.role", f"{place}.role must be one of {', '.join(ROLES)}")
    content = _content(f"{place}.content", told.get("content"), is_needed=role != "assistant")
    return Message("system" if role == "developer" else role, content)


def _content(place: str, told: object, *, is_needed: bool) -> str:
    if isinstance(told, str):
        return told
    if told is None and not is_needed:
        return ""
    if not isinstance(told, list):
        raise bad(place, f"{place} must be a text or a list of text parts")
    joined = text_of(told)
    if joined is None:
        raise bad(place, f"{place}: this model reads parts of type 'text' alone")
    return joined


def reply_to(question: Question, serving: Serving, language: str) -> Reply:
    """Return the answer. Raises Refusal 404 for an unknown model, 400 over the window.

    `usage` counts words and signs (engine.tokens).
    """
    asked = tokens.count_messages(question.messages)
    if asked > CONTEXT_WINDOW:
        words = (
            f"This model's maximum context length is {CONTEXT_WINDOW} tokens, your messages have"
            f" {asked}. Please reduce the length of the messages."
        )
        raise bad("messages", words, "context_length_exceeded")
    answer = serving.answer(question.model, question.messages)
    said = answer.text if answer.known else text(language, "engine-unknown")
    content, reason = _cut(said, question)
    made = tokens.count(content)
    usage = {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}
    extension = {"known": answer.known, "confidence": answer.confidence}
    return Reply(question.model, content, reason, usage, extension)


def _cut(said: str, question: Question) -> tuple[str, str]:
    for stop in question.stops:
        said = said.split(stop, 1)[0]
    if question.most_tokens and tokens.count(said) > question.most_tokens:
        return tokens.head(said, question.most_tokens), "length"
    return said, "stop"


def completion(reply: Reply) -> dict[str, object]:
    """Return the protocol's ChatCompletion with the extension `merlin`."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": reply.content,
        "refusal": None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": reply.finish_reason,
    }
    head = _head(reply, "chat.completion")
    return {**head, "choices": [choice], "usage": reply.usage, "merlin": reply.extension}


def chunks(reply: Reply, *, with_usage: bool) -> Iterator[str]:
    """Yield the reply as server-sent events, three words each.

    The extension `merlin` stands in the last chunk that has content; with usage every chunk
    carries the field, null but in the last. Source: openapi.yaml, ChatCompletionStreamOptions.
    """
    head = _head(reply, "chat.completion.chunk") | ({"usage": None} if with_usage else {})
    yield _event(_chunk(head, {"role": "assistant", "content": "", "refusal": None}))
    parts = _CHUNK.findall(reply.content) or [reply.content]
    for part in parts[:-1]:
        yield _event(_chunk(head, {"content": part}))
    yield _event({**_chunk(head, {"content": parts[-1]}), "merlin": reply.extension})
    yield _event(_chunk(head, {}, reply.finish_reason))
    if with_usage:
        yield _event({**head, "choices": [], "usage": reply.usage})
    yield "data: [DONE]\n\n"


def _head(reply: Reply, kind: str) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(utc_now().timestamp()),
        "model": reply.model,
        "service_tier": None,
        "system_fingerprint": None,
    }


def _chunk(
    head: Mapping[str, object], delta: Mapping[str, object], reason: str | None = None
) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**head, "choices": [choice]}


def _event(body: Mapping[str, object]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
