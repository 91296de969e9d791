"""The values that providers are sent and return.

Source of the shapes: openai/openai-openapi, `openapi.yaml`, 2026-08-21.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from merlin.core.errors import ModelUnapplied, ProviderError
from merlin.core.messages import Message, Usage
from merlin.openai_protocol.errors import BAD_KEY, NO_CREDIT

LAUNCH_KEY = "merlin_launch"
NOT_COUNTED = Usage()
# The code of a list of which each page promises another.
ENDLESS_LIST = "endless_list"
# The longest wait for one answer.
ANSWER_TOTAL_S = 120.0
UNAUTHORISED = 401
_NO_PERMISSION = 403


def is_account_rejected(refusal: ProviderError) -> bool:
    """Return whether the account is rejected, not the call: an admin must fix its key or credit."""
    return refusal.status == UNAUTHORISED or refusal.code in (BAD_KEY, NO_CREDIT)


def is_forbidden(refusal: ProviderError) -> bool:
    """Return whether this account has no permission to train here: a retry is useless.

    Source: OpenAI's "Deprecations": organisations that never fine-tuned get 403.
    """
    return refusal.status == _NO_PERMISSION


@dataclass(frozen=True, slots=True)
class JobReport:
    """A snapshot of a job at the provider; `status` is the provider's own value.

    The fields after `metadata` are what it was started with, "" if the provider does not tell:
    files by id, and method and hyper-parameters as the provider names them.
    """

    provider_job_id: str
    status: str
    model_id: str | None = None
    trained_tokens: int = 0
    error: str = ""
    created_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    base_model: str = ""
    train_file: str = ""
    test_file: str = ""
    method: str = ""
    hyperparameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event of a job's log at the provider; `data` holds metrics, if any."""

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
class StoredFile:
    """A file of purpose fine-tune that an account stores."""

    file_id: str
    name: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model in the response of `GET /models`."""

    model_id: str
    shutdown_date: date | None = None
    context_window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to start.

    `hyperparameters` go under `method.<method>.hyperparameters`; `metadata` contains
    `merlin_launch` (the launch key), `merlin_build` (version) and `merlin_dataset`.
    """

    base_model: str
    train_file: str
    test_file: str | None
    method: str
    hyperparameters: Mapping[str, object]
    suffix: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer of a model, or one piece of a stream; every field may be empty.

    `known` is the model's own report (False: "I do not know"), None if the provider does not
    send it. `nearest` are similar trained questions for an answer that is not known, best first;
    `if_meant`: its text has the answer to the first of them, by its name.
    `composed_from` are those whose answers it is near to, if an engine has checked what its
    language model wrote. In a stream all fields but `text` come once, near the end. `model` is the
    one that the provider says has answered, "" if it does not; `is_applied`: it has proved that
    this is the trained one.
    `reasoning` is what a piece of a stream has beside its text: thoughts that the server separates.
    The text of a piece that `is_replacing` stands for that of all earlier ones: they were thoughts.
    """

    text: str = ""
    usage: Usage = NOT_COUNTED
    known: bool | None = None
    finish_reason: str | None = None
    nearest: tuple[str, ...] = ()
    if_meant: bool = False
    model: str = ""
    is_applied: bool = False
    is_replacing: bool = False
    composed_from: tuple[str, ...] = ()
    reasoning: str = ""


def check_answering_model(answer: Answer, model_id: str, base: str) -> None:
    """Raise ModelUnapplied if the base has answered in place of the model trained on it.

    Other names say nothing: providers name the same model by an alias or a date.
    """
    if model_id != base and base and answer.model == base:
        raise ModelUnapplied(f"{base} has answered in place of {model_id}")


class ModelClient(Protocol):
    """A client that requests complete answers from one provider's models."""

    def ask(
        self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0
    ) -> Answer:
        """Return the answer. Raises ProviderError, ModelGone, ProviderBusy."""
