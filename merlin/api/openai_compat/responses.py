"""Responses of /v1 in the OpenAI protocol, and their OpenAPI models.

Besides the protocol's fields, an object `merlin` states which model answered and its confidence.

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionResponse and its stream.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from merlin.api.problems import refusal
from merlin.chat.answer import Ending, Reply
from merlin.chat.grounding import source_name, sources_note
from merlin.chat.model_catalogue import CandidateKind
from merlin.core.i18n import text
from merlin.openai_protocol.errors import ApiError
from merlin.openai_protocol.responses import Json, usage_object
from merlin.training.models import Origin

Responses = dict[int | str, dict[str, Any]]


class ErrorShown(BaseModel):
    """The details of an error."""

    message: str = Field(description="In the caller's language.")
    type: str
    param: str | None
    code: str


# An error in the format of the OpenAI protocol.
ErrorAnswer = TypedDict("ErrorAnswer", {"error": ErrorShown})


def _errors(*statuses: int) -> Responses:
    everywhere = (401, 403, 422, 429, 500, 503)
    return {
        status: {"description": HTTPStatus(status).phrase, "model": ErrorAnswer}
        for status in sorted({*statuses, *everywhere})
    }


LISTED = _errors(404)
ANSWERED: Responses = {
    200: {
        "description": (
            "The answer (CreateChatCompletionResponse of the protocol) with an object `merlin`,"
            " or a stream of chunks that ends with [DONE]"
        ),
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {},
        },
    },
    **_errors(400, 404, 409, 413, 422, 502),
}


BUSY_S = 5
_REASONS = {
    Ending.LENGTH: "length",
    # The answer was cut off: clients know only a limit as the reason.
    Ending.CUT: "length",
    Ending.STOPPED: "length",
    Ending.FILTERED: "content_filter",
}
_NOTES: Mapping[object, str] = {
    Ending.CUT: "cut",
    Ending.LENGTH: "length",
    Ending.FILTERED: "filtered",
    CandidateKind.EARLIER: "earlier",
    CandidateKind.BASE: "not-tuned",
    CandidateKind.GENERAL: "not-tuned",
    CandidateKind.ALONE: "never-tuned",
}


def reply_error(reply: Reply, language: str) -> ApiError | None:
    """Return the error of a reply without an answer, else None."""
    if reply.is_answer or reply.ending is Ending.FILTERED:
        return None
    if reply.ending is Ending.TOO_LONG:
        code = "context_length_exceeded"
        limit = str(reply.limit_tokens or "?")
        status = HTTPStatus.BAD_REQUEST
        return refusal(language, status, "window", code, "messages", limit=limit)
    if reply.ending is Ending.EMPTY:
        return refusal(language, HTTPStatus.BAD_GATEWAY, "empty", "empty_answer")
    key = "busy"
    code = "model_busy"
    if reply.ending is Ending.NOBODY:
        key = "no-model-available"
        code = "no_model"
    return refusal(
        language, HTTPStatus.SERVICE_UNAVAILABLE, key, code, retry_after_s=BUSY_S
    )


def finish_reason(reply: Reply) -> str:
    """Return the protocol's reason why an answer ends."""
    return _REASONS.get(reply.ending, "stop")


def usage_of(reply: Reply) -> Json:
    """Return the token counts of an answer."""
    used = reply.usage
    return usage_object(used.input_tokens, used.output_tokens, used.cached_tokens)


def merlin_extension(reply: Reply, origin: Origin | None, language: str) -> Json:
    """Return the object `merlin` of an answer.

    `known` is the model's own report, None without one; `nearest` are the trained questions that
    may have been meant, most similar first; `if_meant`: the text has the answer to the first, by
    its name. `model_role` is None if no model was asked, `build` if the model was not trained here.
    `is_alone`: earlier messages did not fit. `note` is to be shown below the answer, `sources` are
    those of a composed one: one that a model wrote from sources, or near to a taught answer.
    """
    return {
        "known": reply.known,
        "nearest": list(reply.nearest),
        "if_meant": reply.if_meant,
        "model_role": reply.choice.kind.value if reply.choice else None,
        "model": reply.model_id,
        "build": origin.build if origin else None,
        "commit": (origin.commit or None) if origin else None,
        "ending": reply.ending.value,
        "is_alone": reply.limit_tokens is not None,
        "note": answer_note(language, reply),
        "composed": bool(reply.sources),
        "sources": [source_name(source, language) for source in reply.sources],
    }


def answer_note(language: str, reply: Reply) -> str:
    """Return the remark below an answer, "" if there is nothing to remark."""
    signs = (reply.ending, reply.choice.kind if reply.choice else None)
    keys = [_NOTES[sign] for sign in signs if sign in _NOTES]
    keys += ["alone"] if reply.limit_tokens is not None else []
    notes = [text(language, f"openai-note-{key}", model=reply.model_id) for key in keys]
    notes += [sources_note(reply.sources, language)] if reply.sources else []
    return "\n".join(notes)
