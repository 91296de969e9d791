"""Streamed chat: chunks as the SDK reads them, events as they stand on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable

from openai.types.chat import ChatCompletionChunk

from merlin.adapters.conformance.chat import REASONS, adds_up, plain, text_of, whole
from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import Missing, Wrong, holds, one_of, same

DONE = "[DONE]"
_FIELD = "data: "


def words_of(told: Iterable[ChatCompletionChunk]) -> str:
    """Return what was answered."""
    return "".join(choice.delta.content or "" for chunk in told for choice in chunk.choices)


@check("stream.chunks", plain)
def chunks(server: Server, _plain: object) -> list[ChatCompletionChunk]:
    """Prove that a streamed answer comes in chunks of one id, the first of which names the role."""
    told = server.stream()
    holds(told, "data", told, ">= 1")
    for chunk in told:
        same("object", chunk.object, "chat.completion.chunk")
        same("id", chunk.id, told[0].id)
    deltas = [choice.delta for chunk in told for choice in chunk.choices]
    same("delta.role", deltas[0].role if deltas else None, "assistant")
    holds(words_of(told), "delta.content", words_of(told), '!= ""')
    return told


@check("stream.unicode", chunks)
def russian(_server: Server, told: list[ChatCompletionChunk]) -> None:
    """Prove that Russian letters come whole in a stream, wherever it is cut."""
    whole(words_of(told))


@check("stream.finish_reason", chunks)
def finish_reason(_server: Server, told: list[ChatCompletionChunk]) -> None:
    """Prove that the last chunk with a choice says why the answer ended, and no other does."""
    reasons = [choice.finish_reason for chunk in told for choice in chunk.choices]
    one_of("finish_reason", reasons[-1], REASONS)
    same("finish_reason", [reason for reason in reasons[:-1] if reason], [])


@check("stream.done", chunks)
def done(server: Server, _told: object) -> None:
    """Prove that the wire has events of JSON, then [DONE], then nothing."""
    with server.streamed() as response:
        kind = response.headers.get("content-type", "")
        lines = [line for line in response.iter_lines() if line.startswith(_FIELD.strip())]
    holds(kind.startswith("text/event-stream"), "content-type", kind, "text/event-stream")
    events = [line.partition(":")[2].strip() for line in lines]
    same("data", events[-1] if events else "", DONE)
    for event in events[:-1]:
        _json(event)


def _json(event: str) -> None:
    try:
        is_object = isinstance(json.loads(event), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise Wrong("not-same", field="data", found=event, wanted="{…}")


@check("stream.usage", chunks)
def usage(server: Server, _told: object) -> None:
    """Prove that with `include_usage` the last chunk has figures that add up, and no choice."""
    told = server.stream(stream_options={"include_usage": True})
    counted = [chunk for chunk in told if chunk.usage]
    if not counted:
        raise Missing("unheeded", what="stream_options.include_usage")
    same("choices", [choice.index for choice in counted[-1].choices], [])
    same("id", told[-1].usage, counted[-1].usage)
    adds_up(counted[-1].usage)


@check("stream.max_tokens", chunks)
def most_tokens(server: Server, _told: object) -> None:
    """Prove that `max_tokens` cuts a streamed answer too."""
    told = server.stream(most=2)
    reasons = [choice.finish_reason for chunk in told for choice in chunk.choices]
    same("finish_reason", reasons[-1] if reasons else None, "length")


@check("stream.disconnect", chunks)
def disconnect(server: Server, _told: object) -> None:
    """Prove that a client that goes away in mid-stream leaves the server well."""
    with server.streamed() as response:
        first = next(response.iter_bytes(), b"")
    holds(first, "data", first, '!= ""')
    holds(text_of(server.ask()), "choices[0].message.content", "", '!= ""')
