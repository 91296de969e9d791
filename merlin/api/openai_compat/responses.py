"""What /v1 answers in the words of the protocol: a completion, or chunks of one.

Beside the protocol's own fields an object `merlin` says who answered and how sure it is.

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionResponse and its stream.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from merlin.api.problems import Refusal
from merlin.chat.answer import Ending, Reply
from merlin.chat.route import Candidate, CandidateKind
from merlin.core.i18n import text
from merlin.training.model_store import Origin

Json = dict[str, object]
_SAFE = " /:-_.~@+,;=()"
BUSY_S = 5
DONE = "[DONE]"
_REASONS = {
    Ending.LENGTH: "length",
    # What came is all there is: to a program it ends too early, as by a limit.
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


@dataclass(frozen=True, slots=True)
class ResponseMeta:
    """What every part of one answer says: its id, the model as it was called, when."""

    name: str
    created_at: datetime
    language: str
    answer_id: str = ""
    origin: Origin | None = None

    def headed(self, kind: str) -> Json:
        """Return the fields that begin every part."""
        head: Json = {
            "id": self.answer_id,
            "object": kind,
            "created": int(self.created_at.timestamp()),
            "model": self.name,
        }
        # Left out where nobody knows it: the protocol's description lets it not be null.
        return {**head, "system_fingerprint": self.origin.build} if self.origin else head


def new_id() -> str:
    """Return an answer's id."""
    return f"chatcmpl-{secrets.token_hex(12)}"


def refusal_of(reply: Reply) -> Refusal | None:
    """Return why there is no answer, None where there is one."""
    if reply.is_answer or reply.ending is Ending.FILTERED:
        return None
    if reply.ending is Ending.TOO_LONG:
        code = "context_length_exceeded"
        limit = str(reply.limit_tokens or "?")
        return Refusal(HTTPStatus.BAD_REQUEST, "window", code, "messages", limit=limit)
    if reply.ending is Ending.EMPTY:
        return Refusal(HTTPStatus.BAD_GATEWAY, "empty", "empty_answer")
    key, code = ("nobody", "no_model") if reply.ending is Ending.NOBODY else ("busy", "model_busy")
    refusal = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, key, code)
    refusal.retry_after_s = BUSY_S
    return refusal


def completion(sheet: ResponseMeta, reply: Reply) -> Json:
    """Return a whole answer."""
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(reply)}
    return {
        **sheet.headed("chat.completion"),
        "choices": [choice],
        "usage": usage(reply),
        "merlin": extension(sheet, reply),
    }


def first_chunk(sheet: ResponseMeta) -> Json:
    """Return how a stream begins."""
    return _chunk(sheet, {"role": "assistant", "content": ""})


def piece_chunk(sheet: ResponseMeta, piece: str) -> Json:
    """Return a piece of the answer."""
    return _chunk(sheet, {"content": piece})


def last_chunk(sheet: ResponseMeta, reply: Reply) -> Json:
    """Return how a stream ends."""
    return {**_chunk(sheet, {}, _reason(reply)), "merlin": extension(sheet, reply)}


def last_chunks(sheet: ResponseMeta, reply: Reply, *, with_usage: bool) -> list[Json]:
    """Return all that follows the words of a stream but its end."""
    usage_told = [usage_chunk(sheet, reply)] if with_usage else []
    return [last_chunk(sheet, reply), *usage_told]


def usage_chunk(sheet: ResponseMeta, reply: Reply) -> Json:
    """Return what the answer took, for those who asked for it."""
    return {**sheet.headed("chat.completion.chunk"), "choices": [], "usage": usage(reply)}


def event(said: Json | str) -> bytes:
    """Return one server-sent event. Source: WHATWG HTML, 9.2.6: one line, and an empty one."""
    line = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return f"data: {line}\n\n".encode("utf-8", "replace")


def _chunk(sheet: ResponseMeta, delta: Json, reason: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**sheet.headed("chat.completion.chunk"), "choices": [choice]}


def _reason(reply: Reply) -> str:
    return _REASONS.get(reply.ending, "stop")


def usage(reply: Reply) -> Json:
    """Return the tokens as the provider counted them; zeros where it did not."""
    told = reply.usage
    return {
        "prompt_tokens": told.input_tokens,
        "completion_tokens": told.output_tokens,
        "total_tokens": told.input_tokens + told.output_tokens,
    }


def extension(sheet: ResponseMeta, reply: Reply) -> Json:
    """Return what the protocol has no words for.

    `known` is what the model says of itself; `standing` what it was for the question; `note` what
    a person should be told under the answer; `is_alone`: what was said before did not fit.
    """
    return {
        "known": reply.known,
        "standing": reply.choice.standing.value if reply.choice else None,
        "model": reply.model_id,
        "build": sheet.origin.build if sheet.origin else None,
        "commit": (sheet.origin.commit or None) if sheet.origin else None,
        "ending": reply.ending.value,
        "is_alone": reply.limit_tokens is not None,
        "note": note(sheet.language, reply),
    }


def note(language: str, reply: Reply) -> str:
    """Return what is honestly said under an answer, "" where it is what was asked for."""
    signs = (reply.ending, reply.choice.standing if reply.choice else None)
    keys = [_NOTES[sign] for sign in signs if sign in _NOTES]
    keys += ["alone"] if reply.limit_tokens is not None else []
    return "\n".join(text(language, f"door-note-{key}", model=reply.model_id) for key in keys)


def lineage(
    choice: Candidate | None, model_id: str | None, origin: Origin | None
) -> dict[str, str]:
    """Return the headers that name who answers; what nobody knows is left out."""
    told = {
        "Merlin-Model": model_id or "",
        "Merlin-Standing": choice.standing.value if choice else "",
        "Merlin-Build": origin.build if origin else "",
        "Merlin-Commit": origin.commit if origin else "",
    }
    # Names of datasets have letters of any script, headers have not.
    return {name: quote(value, safe=_SAFE) for name, value in told.items() if value}
