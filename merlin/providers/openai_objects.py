"""JSON objects of any server of the OpenAI protocol: of requests, and of responses.

A required field that is missing or of the wrong type raises InvalidResponse; extra fields, and
fields that some servers omit, are ignored. Source: openai/openai-openapi, `openapi.yaml`,
2026-08-21.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from merlin.core.errors import ProviderError
from merlin.core.formatted_text import join_surrogates, remove_controls
from merlin.core.json_fields import get_list, get_object, get_text
from merlin.core.log import get_logger
from merlin.core.messages import NEW_LIMIT, OLD_LIMIT, Message, ParameterRefused, Usage
from merlin.core.thoughts import ThoughtFilter
from merlin.openai_protocol.errors import (
    TOO_LONG,
    InvalidResponse,
    Json,
    describe_error,
)
from merlin.providers.base import (
    NOT_COUNTED,
    Answer,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
    StoredFile,
)

log = get_logger(__name__)
# Servers' field names for a model's context length; the protocol itself defines none.
_CONTEXT_FIELDS = (
    "context_window",
    "context_length",
    "max_model_len",
    "max_context_length",
)
# The finish reason of an answer that its model has ended.
STOP = "stop"
# Of tokens or steps; unbounded values would overflow sums in the database.
_MAX_COUNT = 10**12
# Of an id, a status or a model's name, in characters: they are shown, sent and compared.
_MAX_NAME_LENGTH = 512
# Similar questions that a server suggests: how many are shown; characters of each.
MAX_SUGGESTIONS = 8
MAX_SUGGESTION_LENGTH = 300


def require_text(raw: Json, key: str, *, is_in_address: bool = True) -> str:
    """Return a required name. Raises InvalidResponse as `_read_name`, and if there is none."""
    if not (value := _read_name(raw, key, is_in_address=is_in_address)):
        raise _missing_field(raw, key)
    return value


def _read_name(raw: Json, key: str, *, is_in_address: bool = True) -> str:
    """Return a name, "" without one.

    Raises InvalidResponse for one that is too long, that has characters which nobody sees, such as
    direction marks, or by which an address would be another one: changed, it is another name.
    """
    value = get_text(raw, key)
    if len(value) > _MAX_NAME_LENGTH:
        raise InvalidResponse(f"{key} has {len(value)} characters")
    if not value.isprintable():
        raise InvalidResponse(f"{key} has invisible characters: {value!a:.80}")
    if is_in_address and {".", ".."} & {*value.split("/")}:
        raise InvalidResponse(f"{key} leads to another address: {value:.80}")
    return value


def _missing_field(raw: Json, key: str) -> InvalidResponse:
    """Return the error for a required field; some servers send an error with status 200."""
    why = f"; {describe_error(raw['error'])}" if raw.get("error") else ""
    return InvalidResponse(f"{key} is {raw.get(key)!r:.60}{why}")


def read_rows(raw: Json) -> list[Json]:
    """Return the objects of one page of a list. Raises InvalidResponse."""
    data = raw.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise _missing_field(raw, "data")
    return data


def parse_job(raw: Json) -> JobReport:
    """Parse a job; `status` is the server's own value."""
    error = raw.get("error")
    method = get_object(raw, "method")
    own = get_object(method, get_text(method, "type"))
    return JobReport(
        provider_job_id=require_text(raw, "id"),
        status=require_text(raw, "status"),
        model_id=_read_name(raw, "fine_tuned_model") or None,
        trained_tokens=_read_count(raw, "trained_tokens"),
        error=_format_error(error) if isinstance(error, Mapping) else str(error or ""),
        created_at=parse_timestamp(raw, "created_at"),
        metadata=parse_metadata(raw),
        base_model=_read_name(raw, "model", is_in_address=False),
        train_file=_read_name(raw, "training_file"),
        test_file=_read_name(raw, "validation_file"),
        method=get_text(method, "type"),
        # What "auto" came to is in the block of the job, the only one that Nebius has.
        hyperparameters={
            **get_object(own, "hyperparameters"),
            **get_object(raw, "hyperparameters"),
        },
    )


def parse_file(raw: Json) -> StoredFile:
    """Parse a stored file."""
    created_at = parse_timestamp(raw, "created_at")
    name = remove_controls(get_text(raw, "filename"))
    return StoredFile(require_text(raw, "id"), name, created_at)


def parse_metadata(raw: Json) -> dict[str, str]:
    """Return a job's metadata, empty if the server keeps none."""
    return {str(k): str(v) for k, v in get_object(raw, "metadata").items()}


def parse_job_event(raw: Json) -> JobEvent:
    """Parse one event of a job."""
    return JobEvent(
        event_id=require_text(raw, "id"),
        at=parse_timestamp(raw, "created_at") or datetime.fromtimestamp(0, UTC),
        level=get_text(raw, "level") or "info",
        message=get_text(raw, "message"),
        kind=get_text(raw, "type") or "message",
        data=dict(get_object(raw, "data")),
    )


def parse_checkpoint(raw: Json) -> Checkpoint:
    """Parse a checkpoint; metrics that are not numbers are dropped."""
    metrics = get_object(raw, "metrics")
    return Checkpoint(
        model_id=require_text(raw, "fine_tuned_model_checkpoint"),
        step=_read_count(raw, "step_number"),
        metrics={
            key: number
            for key in metrics
            if (number := _read_number(metrics, key)) is not None
        },
    )


def parse_models(rows: Iterable[Json]) -> list[ModelCard]:
    """Parse a list of models; one whose name cannot be shown is left out, for the others' sake."""
    cards = []
    for row in rows:
        if get_text(row, "id").isprintable():
            cards.append(parse_model_card(row))
        else:
            log.warning("a model's name is not taken", name=ascii(row["id"])[:80])
    return cards


def parse_model_card(raw: Json) -> ModelCard:
    """Parse one entry of the list of models."""
    context = next(
        filter(None, (_read_count(raw, name) for name in _CONTEXT_FIELDS)), None
    )
    return ModelCard(
        # llama.cpp names a model by its path.
        require_text(raw, "id", is_in_address=False),
        _parse_date(get_text(raw, "shutdown_date")),
        context,
    )


def parse_answer(raw: Json) -> Answer:
    """Parse a chat completion; its text is the first of content, refusal and reasoning.

    Servers that separate thoughts give a whole answer as `reasoning` if no mark ends a thought.
    """
    first = _find_choice(get_list(raw, "choices"))
    message = first.get("message")
    if not isinstance(message, Mapping):
        raise _missing_field(raw, "choices")
    reason = get_text(first, "finish_reason") or STOP
    text = _read_content(message) or get_text(message, "refusal")
    text = ThoughtFilter().drop(join_surrogates(text), is_last=True)
    if not text.strip() and reason == STOP:
        reasoning = join_surrogates(_read_reasoning(message))
        text = ThoughtFilter().drop(reasoning, is_last=True)
    return Answer(
        text=text,
        usage=parse_usage(raw.get("usage")),
        finish_reason=reason,
        model=get_text(raw, "model"),
        **_read_extension(raw),
    )


def _find_choice(choices: Sequence[object]) -> Json:
    """Return the first of several answers, empty without one: pieces of others come between."""
    for choice in choices:
        if isinstance(choice, Mapping) and choice.get("index") in (0, None):
            return choice
    return {}


# The types of a message's parts with text to show. Mistral's reasoning models send their thoughts
# as a part beside it.
_SHOWN_PARTS = ("text", "output_text", "refusal")


def _read_content(message: Json) -> str:
    """Return the text of a message or of a piece of one; the content may be a list of parts."""
    content = message.get("content")
    parts = (
        content if isinstance(content, list) else [{"type": "text", "text": content}]
    )
    texts = [
        part.get("text") or part.get("refusal")
        for part in parts
        if isinstance(part, Mapping) and part.get("type") in _SHOWN_PARTS
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _read_reasoning(message: Json) -> str:
    """Return the thoughts that a server has separated: vLLM, OpenRouter; DeepSeek, llama.cpp."""
    return get_text(message, "reasoning") or get_text(message, "reasoning_content")


def parse_usage(raw: object) -> Usage:
    """Return token counts, NOT_COUNTED if they are missing or implausible."""
    if not isinstance(raw, Mapping):
        return NOT_COUNTED
    sent, answered = (
        _read_count(raw, name) for name in ("prompt_tokens", "completion_tokens")
    )
    cached = _read_count(get_object(raw, "prompt_tokens_details"), "cached_tokens")
    if not (sent or answered):
        return NOT_COUNTED
    return Usage(sent, answered, cached if cached <= sent else 0)


def _read_extension(raw: Json) -> dict[str, Any]:
    """Return what our engine's extension `merlin` says of an answer, empty without one.

    `nearest`: similar trained questions that it suggests, one line each; `if_meant`: the answer has
    that to the first of them, too. `composed_from`: those
    near whose answers it was written.
    """
    extension = get_object(raw, "merlin")
    if not extension:
        return {}
    is_known = extension.get("known")
    nearest = [
        line
        for line in _lines(extension, "nearest")
        if 0 < len(line) <= MAX_SUGGESTION_LENGTH
    ]
    composed_from = [
        line[:MAX_SUGGESTION_LENGTH] for line in _lines(extension, "composed_from")
    ]
    return {
        "known": is_known if isinstance(is_known, bool) else None,
        "nearest": tuple(nearest[:MAX_SUGGESTIONS]),
        "if_meant": bool(nearest) and extension.get("if_meant") is True,
        "composed_from": tuple(composed_from[:MAX_SUGGESTIONS]),
        "is_applied": extension.get("applied") is True,
    }


def _lines(extension: Json, key: str) -> Iterator[str]:
    listed = get_list(extension, key)
    return (
        " ".join(question.split()) for question in listed if isinstance(question, str)
    )


def _format_error(error: Json) -> str:
    parts = (
        get_text(error, "code"),
        get_text(error, "message"),
        get_text(error, "param"),
    )
    code, message, param = parts
    where = f" ({param})" if param and message else ""
    return (
        f"{code}: {message}{where}" if code and message else f"{message or code}{where}"
    )


def _read_number(raw: Json, key: str) -> float | int | None:
    value = raw.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) < float("inf") else None


def _read_count(raw: Json, key: str) -> int:
    """Return a number of tokens or steps, 0 if it is missing or implausible."""
    count = int(_read_number(raw, key) or 0)
    return count if 0 <= count <= _MAX_COUNT else 0


def parse_timestamp(raw: Json, key: str) -> datetime | None:
    """Return a Unix timestamp as a UTC datetime, None if it is missing or invalid."""
    seconds = _read_number(raw, key)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def parse_chunk(chunk: Json) -> Answer:
    """Parse one chunk of a stream, or the whole answer of a server that does not stream.

    Raises InvalidResponse if it has no list of choices; null is an empty one.
    """
    choices = [] if chunk.get("choices", "") is None else chunk.get("choices")
    if not isinstance(choices, list):
        raise InvalidResponse(f"a chunk without choices: {chunk!r:.60}")
    first = _find_choice(choices)
    reason = first.get("finish_reason")
    message = get_object(first, "delta") or get_object(first, "message")
    return Answer(
        text=_read_content(message) or get_text(message, "refusal"),
        reasoning=_read_reasoning(message),
        usage=parse_usage(chunk.get("usage")),
        finish_reason=reason if isinstance(reason, str) else None,
        model=get_text(chunk, "model"),
        **_read_extension(chunk),
    )


# Both names mean the same parameter.
_LIMITS = {NEW_LIMIT: OLD_LIMIT}
_REFUSAL_STATUSES = (400, 422)
# What names no field: vLLM 0.32.0 says this of a JSON schema that it can't follow.
_GRAMMAR = "Grammar error: "
_FORMAT = "response_format"


def find_refused_parameter(
    error: ProviderError, sent: Mapping[str, object]
) -> ParameterRefused | None:
    """Return the refusal of one of the `sent` parameters, None for any other error.

    Some servers name the field in `param`, others only mention it in the message.
    """
    if error.status not in _REFUSAL_STATUSES or error.code == TOO_LONG:
        return None
    # vLLM 0.32.0 names a field by its place in the request: "body.response_format.type".
    field = error.param.removeprefix("body.").partition(".")[0]
    field = field or (_FORMAT if _GRAMMAR in str(error) else "")
    if not field:
        field = next(
            (name for name in sent if re.search(rf"\b{name}\b", str(error))), ""
        )
    field_names = {_LIMITS.get(name, name) for name in sent}
    field = _LIMITS.get(field, field)
    return ParameterRefused(field, str(error)) if field in field_names else None


def build_messages(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return messages in the protocol's format, without `weight`, which only training uses."""
    records = [message.as_json() for message in messages]
    return [{key: row[key] for key in row if key != "weight"} for row in records]
