"""Fine-tuning at Mistral: OpenAI's paths for files, jobs and models, with other bodies.

A job takes weighted `training_files` and top-level hyper-parameters, has states in capitals and its
failure in its events, and stores no client metadata. So the first 18 characters of the launch key,
the maximum length, are sent as the suffix of the model's name. Lists have numbered pages. Source:
Mistral's public API description (docs.mistral.ai, "Fine Tuning").
"""

from collections.abc import Iterator
from dataclasses import replace

import httpx2

from merlin.core.json_fields import get_list, get_object
from merlin.openai_protocol.calls import Json, json_object
from merlin.openai_protocol.errors import InvalidResponse
from merlin.providers import openai_objects
from merlin.providers.base import LAUNCH_KEY, Checkpoint, JobEvent, JobReport, ModelCard, NewJob
from merlin.providers.openai_training import MAX_PAGES, Listing, OpenAIProvider, provider_errors

MAX_SUFFIX_LENGTH = 18
_PAGE = 100
# Mistral's names of OpenAI's hyper-parameters; its own ones are passed on unchanged.
_NAMES = {"n_epochs": "epochs"}


class MistralProvider(OpenAIProvider):
    """The TrainingApi of one account at Mistral."""

    def _pages(self, ask: Listing) -> Iterator[list[Json]]:
        seen = 0
        for number in range(MAX_PAGES):
            body = json_object(ask(extra_query={"page": number, "page_size": _PAGE}).content)
            # An empty list has no `data`.
            rows = openai_objects.read_rows({"data": [], **body})
            yield rows
            seen, total = seen + len(rows), body.get("total")
            # Source: Mistral's API description: a list of files can come without its total.
            is_last = seen >= total if isinstance(total, int) else len(rows) < _PAGE
            if is_last or not rows:
                return
        raise InvalidResponse("the list has no end")

    def create_job(self, new_job: NewJob) -> JobReport:
        """Start a job; see TrainingApi. The launch key replaces `suffix`.

        There is only one method, which has no name.
        """
        body = {
            "model": new_job.base_model,
            "training_files": [{"file_id": new_job.train_file, "weight": 1}],
            "validation_files": [new_job.test_file] if new_job.test_file else None,
            "hyperparameters": new_job.choose_hyperparameters(_NAMES),
            "suffix": new_job.metadata[LAUNCH_KEY][:MAX_SUFFIX_LENGTH],
            "auto_start": True,
        }
        with provider_errors(creates=True):
            raw = self._client.post("/fine_tuning/jobs", cast_to=httpx2.Response, body=body)
            return self._report(json_object(raw.content))

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        requested = launch_key[:MAX_SUFFIX_LENGTH]
        return self._find_jobs(
            lambda row: row.get("suffix") == requested, extra_query={"suffix": requested}
        )

    def _report(self, raw: Json) -> JobReport:
        report = openai_objects.parse_job(raw)
        failures = (event.data.get("error") for event in _read_events(raw))
        error = next((str(failure) for failure in failures if failure), "")
        modified_at = openai_objects.parse_timestamp(raw, "modified_at")
        finished_at = modified_at if report.model_id else None
        # Mistral's `metadata` are its own time and cost estimates.
        return replace(report, metadata={}, error=error, finished_at=finished_at)

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Return new state changes, and checkpoints as metrics; see TrainingApi."""
        with provider_errors():
            events = _read_events(self._read(provider_job_id))
        return sorted(
            (event for event in events if event.event_id not in known), key=lambda event: event.at
        )

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Return none: Mistral's checkpoints are metrics, not usable models."""
        del provider_job_id
        return []

    def _card(self, raw: Json) -> ModelCard:
        return openai_objects.parse_model_card({**raw, "shutdown_date": raw.get("deprecation")})


def _read_events(raw: Json) -> list[JobEvent]:
    """Return a job's events and checkpoints as events; ids are generated, because it has none."""
    events: list[JobEvent] = []
    for key, kind in (("events", "message"), ("checkpoints", "metrics")):
        for entry in get_list(raw, key):
            if not isinstance(entry, dict):
                continue
            fields = dict(get_object(entry, "metrics" if kind == "metrics" else "data"))
            if kind == "metrics":
                fields["step"] = entry.get("step_number")
            text = str(fields.get("status") or entry.get("name") or f"step {fields.get('step')}")
            row = {
                "id": f"{kind}:{entry.get('created_at')}:{text}",
                "created_at": entry.get("created_at"),
                "message": text,
                "type": kind,
                "data": {name: value for name, value in fields.items() if value is not None},
                "level": "error" if fields.get("error") else "info",
            }
            events.append(openai_objects.parse_job_event(row))
    return events
