"""Files, jobs, models and the judge's answers by the `openai` package.

One call is one request; nothing is tried twice here. Answers are read from their JSON, not from
the SDK's classes, which let wrong kinds of values through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, cast

import openai

from merlin.core.clock import utc_now
from merlin.core.errors import ProviderError
from merlin.core.messages import Message
from merlin.providers import openai_objects as shapes
from merlin.providers.base import (
    LAUNCH_KEY,
    Checkpoint,
    JobEvent,
    JobReport,
    LaunchOrder,
    ModelCard,
    TrainingFile,
)
from merlin.providers.openai_chat import ANSWER_TOTAL_S, request_messages
from merlin.providers.openai_client import (
    RawResponse,
    json_object,
    pages,
    patience,
    provider_errors,
    sync_client,
)
from merlin.training.evaluate import Answer

_KEEP = 4


class OpenAIAsker:
    """One account at one server, asked for whole answers."""

    def __init__(self, base_url: str, credential: str) -> None:
        """Take one entry of `providers`."""
        self._client = sync_client(base_url, credential, ANSWER_TOTAL_S, keep=_KEEP)

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the whole answer, at most `timeout_s` from now."""
        completions = self._client.chat.completions.with_raw_response
        with provider_errors():
            raw = completions.create(
                model=model_id,
                messages=cast("Any", request_messages(messages)),
                # The first byte comes when the last word is found: silence is no sign here.
                timeout=patience(timeout_s, between_s=timeout_s),
            )
            return shapes.answer(json_object(raw))

    def close(self) -> None:
        """Let all connections go."""
        self._client.close()


PURPOSE: Literal["fine-tune"] = "fine-tune"
UPLOAD_S = 600.0
_FILES_PER_PAGE = 1000
_GONE = 404


class OpenAIFiles:
    """Training files at one server."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._files = client.files.with_raw_response

    def upload(self, name: str, path: Path) -> TrainingFile:
        size = path.stat().st_size
        # The name holds the digest of the content, and letters that no header may have.
        key = hashlib.sha256(name.encode()).hexdigest()[:32]
        with path.open("rb") as content, provider_errors(creates=True):
            raw = self._files.create(
                file=(name, content, "application/jsonl"),
                purpose=PURPOSE,
                extra_headers={"Idempotency-Key": key},
                timeout=patience(UPLOAD_S),
            )
            return shapes.training_file(json_object(raw), TrainingFile("", name, size, utc_now()))

    def find(self, name: str) -> list[TrainingFile]:
        def ask(cursor: dict[str, str]) -> RawResponse:
            return self._files.list(purpose=PURPOSE, limit=_FILES_PER_PAGE, extra_query=cursor)

        otherwise = TrainingFile("", name, 0, utc_now())
        with provider_errors():
            stored = [
                shapes.training_file(row, otherwise)
                for page in pages(ask)
                for row in page
                if row.get("filename") == name and row.get("purpose", PURPOSE) == PURPOSE
            ]
        return sorted(stored, key=lambda file: (file.created_at, file.file_id))

    def delete(self, file_id: str) -> None:
        try:
            with provider_errors():
                self._files.delete(file_id)
        except ProviderError as refusal:
            if refusal.status != _GONE:
                raise


# "toplevel": hyper-parameters beside `model`, as some servers know them alone (Nebius).
Dialect = Literal["openai", "toplevel"]
_JOBS_PER_PAGE = 100
_NO_SUCH_CALL = frozenset({404, 405, 501})
_LONG_AGO = datetime.fromtimestamp(0, UTC)
T = TypeVar("T")


class OpenAIJobs:
    """Fine-tune jobs at one server."""

    def __init__(self, client: openai.OpenAI, dialect: Dialect = "openai") -> None:
        self._jobs = client.fine_tuning.jobs.with_raw_response
        self._dialect = dialect

    def create(self, order: LaunchOrder) -> JobReport:
        with provider_errors(creates=True):
            raw = self._jobs.create(
                model=order.base_model,
                training_file=order.train_file,
                validation_file=order.test_file or openai.omit,
                suffix=order.suffix or openai.omit,
                metadata=dict(order.metadata),
                extra_headers={"Idempotency-Key": order.metadata[LAUNCH_KEY]},
                extra_body=self._method(order),
            )
            return shapes.job_report(json_object(raw))

    def _method(self, order: LaunchOrder) -> dict[str, object]:
        wanted = dict(order.hyperparameters)
        if self._dialect == "openai":
            block = {"hyperparameters": wanted} if wanted else {}
            return {"method": {"type": order.method, order.method: block}}
        method = {} if order.method == "supervised" else {"method": {"type": order.method}}
        return {**method, "hyperparameters": wanted} if wanted else {**method}

    def find(self, launch_key: str) -> list[JobReport]:
        def ask(cursor: dict[str, str]) -> RawResponse:
            wanted = {LAUNCH_KEY: launch_key}
            return self._jobs.list(limit=_JOBS_PER_PAGE, metadata=wanted, extra_query=cursor)

        with provider_errors():
            found = [
                shapes.job_report(row)
                for page in pages(ask)
                for row in page
                if shapes.metadata(row).get(LAUNCH_KEY) == launch_key
            ]
        return sorted(found, key=lambda job: (job.created_at or _LONG_AGO, job.provider_job_id))

    def report(self, provider_job_id: str) -> JobReport:
        with provider_errors():
            return shapes.job_report(json_object(self._jobs.retrieve(provider_job_id)))

    def cancel(self, provider_job_id: str) -> JobReport:
        with provider_errors():
            return shapes.job_report(json_object(self._jobs.cancel(provider_job_id)))

    def events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Fulfil FineTuneJobs; a server that keeps no diary has an empty one."""

        def ask(cursor: dict[str, str]) -> RawResponse:
            return self._jobs.list_events(provider_job_id, limit=_JOBS_PER_PAGE, extra_query=cursor)

        return _or_none(lambda: _newest(ask, known))

    def checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Fulfil FineTuneJobs; a server that keeps no checkpoints has none."""

        def ask(cursor: dict[str, str]) -> RawResponse:
            listed = self._jobs.checkpoints
            return listed.list(provider_job_id, limit=_JOBS_PER_PAGE, extra_query=cursor)

        def read() -> list[Checkpoint]:
            kept = [shapes.checkpoint(row) for page in pages(ask) for row in page]
            return sorted(kept, key=lambda checkpoint: checkpoint.step)

        return _or_none(read)


def _newest(ask: Callable[[dict[str, str]], RawResponse], known: frozenset[str]) -> list[JobEvent]:
    """Return the events before the first page that shows a known one, and that page's new ones."""
    new: list[JobEvent] = []
    for page in pages(ask):
        events = [shapes.job_event(row) for row in page]
        new += [event for event in events if event.event_id not in known]
        if any(event.event_id in known for event in events):
            break
    # Within one second the server's own order, newest first, is all that is known.
    new.reverse()
    return sorted(new, key=lambda event: event.at)


def _or_none(read: Callable[[], list[T]]) -> list[T]:
    try:
        with provider_errors():
            return read()
    except ProviderError as refusal:
        if refusal.status in _NO_SUCH_CALL:
            return []
        raise


class OpenAIProvider:
    """`files` fulfils TrainingFiles, `jobs` FineTuneJobs, the provider itself ModelList."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        dialect: Dialect = "openai",
        timeout_s: float = 60.0,
        language: str = "",
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet.

        `timeout_s` is the whole of one call; an upload has ten minutes. `language` is that of
        whoever reads why a job failed, "" whatever the server speaks.
        """
        self._client = sync_client(base_url, credential, timeout_s, keep=0, language=language)
        self.files = OpenAIFiles(self._client)
        self.jobs = OpenAIJobs(self._client, dialect)

    def models(self) -> list[ModelCard]:
        with provider_errors():
            listed = json_object(self._client.models.with_raw_response.list())
            return [shapes.model_card(row) for row in shapes.rows(listed)]

    def delete(self, model_id: str) -> None:
        try:
            with provider_errors():
                self._client.models.delete(model_id)
        except ProviderError as refusal:
            if refusal.status != _GONE:
                raise

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
