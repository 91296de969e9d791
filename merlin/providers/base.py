"""The interfaces of providers: training, chat, and their values.

Every method raises ProviderError when asking again changes nothing, ProviderBusy when the same
call may pass later, and ProviderUnknown when nobody knows whether the call was carried out. None
of them retries: how often and how long to try again is the caller's to decide. Source of the
shapes: openai/openai-openapi, `openapi.yaml`, 2026-08-21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from merlin.core.errors import ProviderError
from merlin.core.messages import Message, Usage

LAUNCH_KEY = "merlin_launch"
NOT_COUNTED = Usage()
# The hyper-parameters that forms with one method, supervised, know; one at "auto" is not sent.
HYPERPARAMETERS: Mapping[str, frozenset[str]] = {
    "mistral": frozenset({"n_epochs", "training_steps", "learning_rate", "weight_decay"}),
    "yandex": frozenset({"learning_rate", "n_samples"}),
}
UNAUTHORISED, NO_CREDIT = 401, "insufficient_quota"
_NO_PERMISSION = 403


def is_locked_out(refusal: ProviderError) -> bool:
    """Return whether the account, not the call, is refused: a person mends that, and all waits."""
    return refusal.status == UNAUTHORISED or refusal.code == NO_CREDIT


def is_forbidden(refusal: ProviderError) -> bool:
    """Return whether this account may not train here at all: asking again only annoys.

    Source: OpenAI's "Deprecations": organisations that never tuned are answered 403.
    """
    return refusal.status == _NO_PERMISSION


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a provider says of a job at one moment; `status` is its own word, kept as it is."""

    provider_job_id: str
    status: str
    model_id: str | None = None
    trained_tokens: int = 0
    error: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's diary at the provider; `data` holds metrics where it has any."""

    event_id: str
    at: datetime
    level: str
    message: str
    kind: str = "message"
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A usable intermediate model of a job."""

    model_id: str
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `GET /models` says of one model."""

    model_id: str
    shutdown_date: date | None = None
    context_window: int | None = None


class TrainingApi(Protocol):
    """Where models are trained: its files, its jobs, its list of models."""

    def upload_file(self, name: str, path: Path) -> str:
        """Store the file at `path` under `name`, purpose fine-tune; return its id."""

    def find_files(self, name: str) -> list[str]:
        """Return the ids of the stored files of exactly this name, oldest first."""

    def delete_file(self, file_id: str) -> None:
        """Remove a stored file; no error when it is gone already."""

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
        """Start a job. Sends the launch key as Idempotency-Key too, for servers that honour it.

        `hyperparameters` go under `method.<method>.hyperparameters`; `metadata` carries
        `merlin_launch` (the launch key), `merlin_build` (version) and `merlin_dataset`.
        """

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        """Return the jobs whose metadata carry `launch_key`, oldest first.

        Filters by itself too: some servers ignore the filter.
        """

    def read_job(self, provider_job_id: str) -> JobReport:
        """Say how the job stands now."""

    def cancel_job(self, provider_job_id: str) -> JobReport:
        """Ask the provider to stop the job; return how it stands after."""

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Return the events not in `known`, oldest first; pages until it meets a known one."""

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Return the job's checkpoints by step."""

    def models(self) -> list[ModelCard]:
        """Return the models in the provider's own order."""

    def delete_model(self, model_id: str) -> None:
        """Remove a tuned model or a checkpoint; no error when it is gone already."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, whole or one step of it; every field may be empty.

    `known` is what the model says of itself (False: "I do not know"), None where the provider
    does not tell. `nearest` are taught questions that may have been meant where it does not know,
    best first. Of a stream all but `text` come once, near the end.
    """

    text: str = ""
    usage: Usage = NOT_COUNTED
    known: bool | None = None
    finish_reason: str | None = None
    nearest: tuple[str, ...] = ()


class Asker(Protocol):
    """Something that asks one provider's models, and waits for the whole answer."""

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the answer. Raises ProviderError, ModelGone, ProviderBusy."""
