"""POST /v1/responses, which the openai package names first, told in words of a chat.

A request is read into the fields of POST /v1/chat/completions, and its answer is a Response or its
events. Nothing is stored, so a conversation is sent whole: `previous_response_id` is refused.

Source: openai/openai-openapi, `openapi.yaml`, CreateResponse, Response, ResponseStreamEvent.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from merlin.openai_protocol.requests import (
    MAX_TOKENS,
    AskedModel,
    ChatMessage,
    Fields,
    Off,
    UnsupportedTools,
)
from merlin.openai_protocol.responses import NO_EXTENSION, Json, event

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class InputMessage(ChatMessage):
    """A message of the input, or one of an earlier output."""

    type: Literal["message"] = "message"


def as_messages(value: object) -> object:
    """Return an input that is a text as a list with one message."""
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


class TextOptions(Fields):
    """The form of the answer."""

    format: dict[str, Any] | None = None


class UnsupportedResponseFields(UnsupportedTools):
    """The fields that our servers support only with values of no effect."""

    previous_response_id: None = None
    conversation: None = None
    prompt: None = None
    background: Off | None = None


class ResponsesRequest(AskedModel, UnsupportedResponseFields):
    """A question as a response's input."""

    input: Annotated[
        list[InputMessage],
        BeforeValidator(as_messages, json_schema_input_type=str | list[InputMessage]),
    ] = Field(min_length=1)
    instructions: str | None = None
    max_output_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    text: TextOptions | None = None

    def as_chat(self) -> Json:
        """Return the body of the chat completion that asks the same."""
        instructions = [{"role": "system", "content": self.instructions}]
        messages = [{"role": each.role, "content": each.text} for each in self.input]
        return {
            "model": self.model,
            "messages": [*(instructions if self.instructions else ()), *messages],
            "stream": self.stream,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_completion_tokens": self.max_output_tokens,
            "response_format": self._shape(),
        }

    def _shape(self) -> Json | None:
        shape = self.text.format if self.text else None
        if shape is None or shape.get("type") != "json_schema":
            return shape
        described = {name: value for name, value in shape.items() if name != "type"}
        return {"type": "json_schema", "json_schema": described}


@dataclass(slots=True)
class ResponseAnswer:
    """One answer as a Response or its events; the pieces of a stream add up to its text."""

    asked: ResponsesRequest
    created_at: float
    answer_id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(12)}")
    _pieces: list[str] = field(default_factory=list)
    _sent: int = 0

    def completion(
        self, content: str, reason: str, usage: Json, extension: Json = NO_EXTENSION
    ) -> Json:
        """Return a complete answer (Response)."""
        status = "incomplete" if reason in _INCOMPLETE else "completed"
        details = {"reason": _INCOMPLETE[reason]} if reason in _INCOMPLETE else None
        ending = {"incomplete_details": details, "usage": _usage(usage), **extension}
        return {
            **self._response(status, [self._message(status, [_part(content)])]),
            **ending,
        }

    def opening(self) -> bytes:
        """Return the events before the first piece."""
        begun = self._response("in_progress", [])
        message = self._message("in_progress", [])
        return b"".join(
            [
                self._event("response.created", response=begun),
                self._event("response.in_progress", response=begun),
                self._event("response.output_item.added", output_index=0, item=message),
                self._event(
                    "response.content_part.added", **self._place, part=_part("")
                ),
            ]
        )

    def piece(self, content: str) -> bytes:
        """Return the event with a piece of the answer."""
        self._pieces.append(content)
        kind = "response.output_text.delta"
        return self._event(kind, **self._place, delta=content, logprobs=[])

    def closing(
        self, reason: str, usage: Json, extension: Json = NO_EXTENSION
    ) -> bytes:
        """Return the events after the last piece."""
        content = "".join(self._pieces)
        response = self.completion(content, reason, usage, extension)
        [message] = response["output"]
        done = "response.output_text.done"
        return b"".join(
            [
                self._event(done, **self._place, text=content, logprobs=[]),
                self._event(
                    "response.content_part.done", **self._place, part=_part(content)
                ),
                self._event("response.output_item.done", output_index=0, item=message),
                self._event(f"response.{response['status']}", response=response),
            ]
        )

    def failure(self, error: Mapping[str, Any]) -> bytes:
        """Return the event of an error after the first piece."""
        told = error["error"]
        fields = {name: told[name] for name in ("code", "message", "param")}
        return self._event("error", **fields)

    @property
    def _place(self) -> Json:
        return {"item_id": self._message_id, "output_index": 0, "content_index": 0}

    @property
    def _message_id(self) -> str:
        return self.answer_id.replace("resp_", "msg_")

    def _event(self, kind: str, **fields: object) -> bytes:
        body = event({"type": kind, "sequence_number": self._sent, **fields})
        self._sent += 1
        return body

    def _message(self, status: str, parts: list[Json]) -> Json:
        head = {"id": self._message_id, "type": "message", "role": "assistant"}
        return {**head, "status": status, "content": parts}

    def _response(self, status: str, output: list[Json]) -> Json:
        asked = self.asked
        return {
            "id": self.answer_id,
            "object": "response",
            "created_at": int(self.created_at),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "model": asked.model,
            "output": output,
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "store": False,
            "temperature": asked.temperature,
            "text": {"format": (asked.text and asked.text.format) or {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": asked.top_p,
            "truncation": "disabled",
            "metadata": {},
        }


def _part(content: str) -> Json:
    return {"type": "output_text", "text": content, "annotations": [], "logprobs": []}


def _usage(usage: Json) -> Json:
    """Return a chat's token counts under the names of a response's."""
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": usage["prompt_tokens_details"],
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }
