"""The protocol's JSON objects as values of the domain, without the `openai` package (40 MB).

What is needed must be there and of the right kind, or InvalidResponse is raised; what is extra or
missing by custom of some servers is overlooked. Source: openai/openai-openapi `openapi.yaml`,
2026-08-21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from merlin.core.messages import Usage
from merlin.openai_protocol.errors import InvalidResponse
from merlin.providers.base import Checkpoint, JobEvent, JobReport, ModelCard, TrainingFile
from merlin.training.evaluate import Answer

Json = Mapping[str, object]
# How servers of the protocol call a model's context length; the protocol itself has no word.
_CONTEXT_WORDS = ("context_window", "context_length", "max_model_len", "max_context_length")
# A hundred times what any model takes; a database could not add up numbers without bounds.
_MOST_TOKENS = 1_000_000_000


def must_text(raw: Json, key: str) -> str:
    """Return a text that cannot be done without."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidResponse(f"{key} is {value!r:.60}")
    return value


def rows(raw: Json) -> list[Json]:
    """Return the objects of a list's page."""
    data = raw.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise InvalidResponse(f"data is {data!r:.60}")
    return data


def training_file(raw: Json, otherwise: TrainingFile) -> TrainingFile:
    """Return a stored file; where the server says only its id, the rest is `otherwise`."""
    size = _number(raw, "bytes")
    return TrainingFile(
        file_id=must_text(raw, "id"),
        name=_text(raw, "filename") or otherwise.name,
        size=otherwise.size if size is None else int(size),
        created_at=_moment(raw, "created_at") or otherwise.created_at,
    )


def job_report(raw: Json) -> JobReport:
    """Return how a job stands; `status` is the server's own word."""
    error = raw.get("error")
    return JobReport(
        provider_job_id=must_text(raw, "id"),
        status=must_text(raw, "status"),
        model_id=_text(raw, "fine_tuned_model") or None,
        trained_tokens=int(_number(raw, "trained_tokens") or 0),
        error=_error(error) if isinstance(error, Mapping) else str(error or ""),
        created_at=_moment(raw, "created_at"),
        finished_at=_moment(raw, "finished_at"),
        metadata=metadata(raw),
    )


def metadata(raw: Json) -> dict[str, str]:
    """Return a job's metadata, empty where the server keeps none."""
    told = raw.get("metadata")
    return {str(k): str(v) for k, v in told.items()} if isinstance(told, Mapping) else {}


def job_event(raw: Json) -> JobEvent:
    """Return one line of a job's diary."""
    data = raw.get("data")
    return JobEvent(
        event_id=must_text(raw, "id"),
        at=_moment(raw, "created_at") or datetime.fromtimestamp(0, UTC),
        level=_text(raw, "level") or "info",
        message=_text(raw, "message"),
        kind=_text(raw, "type") or "message",
        data=dict(data) if isinstance(data, Mapping) else {},
    )


def checkpoint(raw: Json) -> Checkpoint:
    """Return a checkpoint; only metrics that are numbers are kept."""
    told = raw.get("metrics")
    metrics = told if isinstance(told, Mapping) else {}
    return Checkpoint(
        model_id=must_text(raw, "fine_tuned_model_checkpoint"),
        step=int(_number(raw, "step_number") or 0),
        metrics={key: number for key in metrics if (number := _number(metrics, key)) is not None},
    )


def model_card(raw: Json) -> ModelCard:
    """Return what a list says of one model."""
    sizes = (_number(raw, word) for word in _CONTEXT_WORDS)
    context = next((int(size) for size in sizes if size and 0 < size <= _MOST_TOKENS), None)
    return ModelCard(must_text(raw, "id"), _day(_text(raw, "shutdown_date")), context)


def answer(raw: Json) -> Answer:
    """Return a whole chat completion; a refusal is its text where there is no other."""
    choices = raw.get("choices")
    first = choices[0] if isinstance(choices, Sequence) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    if not isinstance(first, Mapping) or not isinstance(message, Mapping):
        raise InvalidResponse(f"choices is {choices!r:.60}")
    return Answer(
        text=_text(message, "content") or _text(message, "refusal"),
        usage=usage(raw.get("usage")) or Usage(),
        known=extension_known(raw.get("merlin")),
        finish_reason=_text(first, "finish_reason") or "stop",
    )


def usage(raw: object) -> Usage | None:
    """Return counted tokens, None where the server did not count, or told what cannot be."""
    if not isinstance(raw, Mapping):
        return None
    spent, made = _number(raw, "prompt_tokens"), _number(raw, "completion_tokens")
    if spent is None and made is None:
        return None
    counted = Usage(int(spent or 0), int(made or 0))
    both = (counted.input_tokens, counted.output_tokens)
    return counted if all(0 <= each <= _MOST_TOKENS for each in both) else None


def extension_known(extension: object) -> bool | None:
    """Return what our engine's extension `merlin` says of an answer."""
    told = extension.get("known") if isinstance(extension, Mapping) else None
    return told if isinstance(told, bool) else None


def _error(error: Json) -> str:
    parts = (_text(error, "code"), _text(error, "message"), _text(error, "param"))
    code, message, param = parts
    where = f" ({param})" if param and message else ""
    return f"{code}: {message}{where}" if code and message else f"{message or code}{where}"


def _text(raw: Json, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _number(raw: Json, key: str) -> float | int | None:
    value = raw.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) < float("inf") else None


def _moment(raw: Json, key: str) -> datetime | None:
    seconds = _number(raw, key)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None
