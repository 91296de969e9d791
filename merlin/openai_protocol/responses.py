"""Response objects of the OpenAI protocol, built from plain values.

Times are Unix seconds. Source of all shapes: openai/openai-openapi, `openapi.yaml`.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
NO_EXTENSION: Json = {}


def event(body: Mapping[str, object]) -> bytes:
    """Return one server-sent event, named by its type if it has one. Source: WHATWG HTML, 9.2.6."""
    name = f"event: {body['type']}\n" if "type" in body else ""
    return f"{name}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode(
        "utf-8", "replace"
    )


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """One answer as a completion or a stream of chunks.

    `model` is the name in the request. An empty `fingerprint` is omitted, because it must not be
    null. `with_usage`: the stream ends with a usage chunk, and the other chunks have `usage: null`.
    Source: openapi.yaml, ChatCompletionStreamOptions.
    """

    model: str
    created_at: float
    answer_id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    fingerprint: str = ""
    with_usage: bool = False

    def completion(
        self, content: str, reason: str, usage: Json, extension: Json = NO_EXTENSION
    ) -> Json:
        """Return a complete answer (ChatCompletion)."""
        said: Json = {
            "role": "assistant",
            "content": content,
            "refusal": None,
            "annotations": [],
        }
        choice = {
            "index": 0,
            "message": said,
            "logprobs": None,
            "finish_reason": reason,
        }
        body = {"choices": [choice], "usage": dict(usage), **extension}
        return {**self._head("chat.completion"), **body}

    def opening(self) -> bytes:
        """Return the first chunk of a stream."""
        return event(self._chunk({"role": "assistant", "content": "", "refusal": None}))

    def piece(self, content: str) -> bytes:
        """Return a chunk with a piece of the answer."""
        return event(self._chunk({"content": content}))

    def closing(
        self, reason: str, usage: Json, extension: Json = NO_EXTENSION
    ) -> bytes:
        """Return the chunks with the finish reason and the usage, if asked for, and the end."""
        last = event({**self._chunk({}, reason), **extension})
        used = {
            **self._head("chat.completion.chunk"),
            "choices": [],
            "usage": dict(usage),
        }
        return last + (event(used) if self.with_usage else b"") + DONE

    def failure(self, error: Mapping[str, object]) -> bytes:
        """Return the event of an error after the first chunk."""
        return event(error)

    def _chunk(self, delta: Mapping[str, object], reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self.with_usage else {}
        return {**self._head("chat.completion.chunk"), **usage, "choices": [choice]}

    def _head(self, kind: str) -> Json:
        head: Json = {
            "id": self.answer_id,
            "object": kind,
            "created": int(self.created_at),
            "model": self.model,
        }
        return (
            {**head, "system_fingerprint": self.fingerprint}
            if self.fingerprint
            else head
        )


def usage_object(
    prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
) -> Json:
    """Return the token counts of an answer (CompletionUsage)."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
    }


def model_object(
    name: str, created_at: float, owner: str, **extensions: object
) -> Json:
    """Return a model (Model)."""
    head = {
        "id": name,
        "object": "model",
        "created": int(created_at),
        "owned_by": owner,
    }
    return {**head, **extensions}


def file_object(**fields: object) -> Json:
    """Return an uploaded file (OpenAIFile).

    `expires_at` and `status_details` are omitted, because they must not be null.
    """
    return {"object": "file", "status": "processed", **fields}


def job_object(**fields: object) -> Json:
    """Return a fine-tuning job (FineTuningJob); fields that are not given are null or empty."""
    optional = ("error", "fine_tuned_model", "finished_at", "trained_tokens")
    empty: Json = {"result_files": [], "integrations": []}
    return {"object": "fine_tuning.job", **dict.fromkeys(optional), **empty, **fields}


def job_event_object(**fields: object) -> Json:
    """Return an event of a job (FineTuningJobEvent)."""
    return {"object": "fine_tuning.job.event", **fields}


def checkpoint_object(**fields: object) -> Json:
    """Return a checkpoint of a job (FineTuningJobCheckpoint)."""
    return {"object": "fine_tuning.job.checkpoint", **fields}


def deleted_object(name: str, kind: str) -> Json:
    """Return the response to the deletion of an object."""
    return {"id": name, "object": kind, "deleted": True}


def list_object(objects: Sequence[Json]) -> Json:
    """Return a list without pages."""
    return {"object": "list", "data": list(objects)}


def list_page(objects: Sequence[Json], *, has_more: bool) -> Json:
    """Return one page of a list."""
    return {**list_object(objects), "has_more": has_more}
