"""A call to POST /chat/completions, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.core.message import Message
from merlin.engine.answering.asking import Asking
from merlin.engine.order import MOST_SEED
from merlin.engine.parts import text_of
from merlin.engine.refusal import bad
from merlin.engine.training_file import ROLES

MOST_STOPS, MOST_LIKELIEST = 4, 20
_TOOLS = ("tools", "functions")
_SHAPES = {"": False, "text": False, "json_object": True}


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked, what, and how the answer comes."""

    model: str
    asking: Asking
    is_stream: bool
    is_usage_wanted: bool


def question_of(asked: Mapping[str, object], asker: str = "") -> Question:
    """Read the body of `asker`'s call. Raises Refusal 400 that names the field.

    Source: openapi.yaml, CreateChatCompletionRequest.
    """
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise bad("model", "you must provide a model parameter")
    if asked.get("n") not in (None, 1):
        raise bad("n", "n must be 1: this engine gives one answer to a question")
    for name in _TOOLS:
        if asked.get(name):
            raise bad(name, f"{name}: the models of this engine call no tools; leave the field out")
    options = asked.get("stream_options") or {}
    wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    return Question(model, _asking(asked, asker), bool(asked.get("stream")), wants_usage)


def _asking(asked: Mapping[str, object], asker: str) -> Asking:
    return Asking(
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
        raise bad("response_format", "response_format.type must be 'text' or 'json_object'")
    return _SHAPES[kind]


def _number(asked: Mapping[str, object], name: str, least: float, most: float) -> float | None:
    """Return a field's number, None where it is not given."""
    told = asked.get(name)
    if told is None:
        return None
    if not isinstance(told, int | float) or isinstance(told, bool) or not least <= told <= most:
        raise bad(name, f"{name} must be a number from {least:g} to {most:g}")
    return float(told)


def _seed(told: object) -> int | None:
    if told is None:
        return None
    if not isinstance(told, int) or isinstance(told, bool) or abs(told) > 2**63 - 1:
        raise bad("seed", "seed must be a whole number of at most 64 bits")
    return told % (MOST_SEED + 1)


def _logprobs(asked: Mapping[str, object]) -> int | None:
    likeliest = asked.get("top_logprobs")
    if not asked.get("logprobs"):
        if likeliest is not None:
            raise bad("top_logprobs", "top_logprobs needs logprobs: true")
        return None
    if likeliest is None:
        return 0
    is_whole = isinstance(likeliest, int) and not isinstance(likeliest, bool)
    if not isinstance(likeliest, int) or not is_whole or not 0 <= likeliest <= MOST_LIKELIEST:
        raise bad("top_logprobs", f"top_logprobs must be a whole number from 0 to {MOST_LIKELIEST}")
    return likeliest


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
