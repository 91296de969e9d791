"""Fine-tuning as Mistral has it: OpenAI's paths for files, jobs and models, other bodies.

A job takes `training_files` with weights and its hyper-parameters at the top, says its states in
capitals and its failure in its events, and keeps no metadata of ours. The launch key therefore goes
as the suffix of the model's name, its first 18 letters: as long as a suffix may be. Lists have
numbered pages. Source: Mistral's public description of its API (docs.mistral.ai, "Fine Tuning").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import httpx2

from merlin.openai_protocol.client import json_object
from merlin.openai_protocol.errors import InvalidResponse
from merlin.providers import openai_chat
from merlin.providers.base import (
    LAUNCH_KEY,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
)
from merlin.providers.openai_chat import Json
from merlin.providers.openai_training import (
    MAX_PAGES,
    OpenAIProvider,
    RawResponse,
    provider_errors,
)

MAX_SUFFIX_LENGTH = 18
_PAGE = 100
# Its words for hyper-parameters of OpenAI's; the others of its own are passed on.
_NAMES = {"n_epochs": "epochs"}


class MistralProvider(OpenAIProvider):
    """The TrainingApi of one account at Mistral."""

    def _pages(self, ask: Callable[..., RawResponse]) -> Iterator[list[Json]]:
        seen = 0
        for number in range(MAX_PAGES):
            body = json_object(ask(extra_query={"page": number, "page_size": _PAGE}).content)
            # A list without anything has no `data` at all.
            rows = openai_chat.rows({"data": [], **body})
            yield rows
            seen, total = seen + len(rows), body.get("total")
            if not rows or not isinstance(total, int) or seen >= total:
                return
        raise InvalidResponse("the list has no end")

    def create_job(
        self,
        base_model: str,
        train_file: str,
        test_file: str | None,
        *,
        method: str,
        hyperparameters: Mapping[str, object],
        suffix: str,
        metadata: Mapping[str, str],
    ) -> JobReport:
        """Fulfil TrainingApi; the launch key stands in the place of `suffix`."""
        del method, suffix  # there is one method, and its name is not told
        body = {
            "model": base_model,
            "training_files": [{"file_id": train_file, "weight": 1}],
            "validation_files": [test_file] if test_file else None,
            "hyperparameters": {
                _NAMES.get(name, name): value
                for name, value in hyperparameters.items()
                if value != "auto"
            },
            "suffix": metadata[LAUNCH_KEY][:MAX_SUFFIX_LENGTH],
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
        # What it calls metadata are its own figures of time and cost.
        report = replace(openai_chat.job_report(raw), metadata={})
        failures = (event.data.get("error") for event in _events(raw))
        return replace(
            report,
            error=next((str(failure) for failure in failures if failure), ""),
            finished_at=openai_chat.moment(raw, "modified_at") if report.model_id else None,
        )

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Fulfil TrainingApi: the job's changes of state, and its checkpoints as metrics."""
        with provider_errors():
            events = _events(self._read(provider_job_id))
        return sorted(
            (each for each in events if each.event_id not in known), key=lambda each: each.at
        )

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Fulfil TrainingApi; its checkpoints are figures, no models that can be asked."""
        del provider_job_id
        return []

    def _card(self, raw: Json) -> ModelCard:
        return openai_chat.model_card({**raw, "shutdown_date": raw.get("deprecation")})


def _events(raw: Json) -> list[JobEvent]:
    """Return what a job tells of itself; neither events nor checkpoints have ids of their own."""
    events: list[JobEvent] = []
    for key, kind in (("events", "message"), ("checkpoints", "metrics")):
        listed = raw.get(key)
        for each in listed if isinstance(listed, list) else []:
            if not isinstance(each, dict):
                continue
            data = each.get("metrics" if kind == "metrics" else "data")
            fields = dict(data) if isinstance(data, Mapping) else {}
            if kind == "metrics":
                fields["step"] = each.get("step_number")
            text = str(fields.get("status") or each.get("name") or f"step {fields.get('step')}")
            row = {
                "id": f"{kind}:{each.get('created_at')}:{text}",
                "created_at": each.get("created_at"),
                "message": text,
                "type": kind,
                "data": {name: value for name, value in fields.items() if value is not None},
                "level": "error" if fields.get("error") else "info",
            }
            events.append(openai_chat.job_event(row))
    return events
