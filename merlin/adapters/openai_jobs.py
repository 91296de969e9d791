"""Fine-tune jobs at a server of the OpenAI protocol."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar

import openai

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_errors import provider_errors
from merlin.adapters.openai_pages import pages
from merlin.adapters.openai_wire import Raw, json_object
from merlin.core.errors import ProviderError
from merlin.job.provider import LAUNCH_KEY, Checkpoint, JobEvent, JobReport, LaunchOrder

# "toplevel": hyper-parameters beside `model`, as some servers know them alone (Nebius).
Dialect = Literal["openai", "toplevel"]
_PAGE = 100
_NO_SUCH_CALL = frozenset({404, 405, 501})
_LONG_AGO = datetime.fromtimestamp(0, UTC)
T = TypeVar("T")


class OpenAIJobs:
    """Fulfils FineTuneJobs."""

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
        def ask(cursor: dict[str, str]) -> Raw:
            wanted = {LAUNCH_KEY: launch_key}
            return self._jobs.list(limit=_PAGE, metadata=wanted, extra_query=cursor)

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

        def ask(cursor: dict[str, str]) -> Raw:
            return self._jobs.list_events(provider_job_id, limit=_PAGE, extra_query=cursor)

        return _or_none(lambda: _newest(ask, known))

    def checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Fulfil FineTuneJobs; a server that keeps no checkpoints has none."""

        def ask(cursor: dict[str, str]) -> Raw:
            listed = self._jobs.checkpoints
            return listed.list(provider_job_id, limit=_PAGE, extra_query=cursor)

        def read() -> list[Checkpoint]:
            kept = [shapes.checkpoint(row) for page in pages(ask) for row in page]
            return sorted(kept, key=lambda checkpoint: checkpoint.step)

        return _or_none(read)


def _newest(ask: Callable[[dict[str, str]], Raw], known: frozenset[str]) -> list[JobEvent]:
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
