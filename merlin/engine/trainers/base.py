"""Trainers: what a job may train with, behind one small Protocol.

A trainer knows nothing of jobs, files' rows or HTTP. It gets files and a folder, tells what
happened, and writes models. Which bases it trains stands in `bases`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merlin.core.durable_files import is_full
from merlin.core.messages import Message
from merlin.engine.training_file import BadFile

Conversation = Sequence[Message]
SUPERVISED, DPO = "supervised", "dpo"
_FILE = "training_file"


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """Where a base model lies and how it is loaded.

    `dtype`: "auto" (bf16 where the device has it), "float32", "bfloat16"; `quantised`: "none",
    "8bit", "4bit"; `longest`: tokens of one training example, 0 for the model's own window.
    """

    folder: Path
    dtype: str = "auto"
    quantised: str = "none"
    longest: int = 0


@dataclass(frozen=True, slots=True)
class TrainingDevices:
    """Where to work: devices of this machine ("cpu", "cuda:0"), or workers of a Ray cluster."""

    devices: Sequence[str] = ("cpu",)
    cluster: str = ""
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on: files already checked, complete hyper-parameters, and a seed.

    The same task gives the same model on the same machine. `base` is None where the trainer has
    its own. `folder` belongs to this job alone: what a trainer keeps there it finds again when
    the job is begun anew after a kill; whoever ends the job removes it.
    """

    method: str
    train: Path
    test: Path | None
    hyperparameters: Mapping[str, object]
    seed: int
    folder: Path
    base: BaseFiles | None = None
    place: TrainingDevices = TrainingDevices()


@dataclass(frozen=True, slots=True)
class Step:
    """Some steps are done since the last one told; `metrics` as in Epoch."""

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the examples is done: a model that can be served.

    `metrics` are named as the job's events show them; `save` writes the model as it is after this
    epoch to a path (a file or a folder), at any later time. `tokens` were shown so far, epochs
    counted.
    """

    number: int
    step: int
    metrics: Mapping[str, float]
    save: Callable[[Path], None] = field(compare=False)
    tokens: int


@dataclass(frozen=True, slots=True)
class ResolvedHyperparameters:
    """Told first, once the files were read: what "auto" came to, and how much there is to do.

    `steps` there will be, 0 where nobody knows yet; `done` were done by an earlier run whose work
    goes on, 0 where this one begins from the start.
    """

    hyperparameters: Mapping[str, object]
    steps: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class TrainerNote:
    """Something a person should read in the job's events: a Fluent key and its arguments."""

    key: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class Untrainable(Exception):
    """The job cannot be trained; `key` and `arguments` say why, and what to do, in a Fluent text.

    `param` is the field of the job that is to blame, None where it is none.
    """

    def __init__(self, code: str, key: str, param: str | None = _FILE, **arguments: object) -> None:
        super().__init__(f"{code}: {key} {arguments}")
        self.code = code
        self.key = key
        self.param = param
        self.arguments: Mapping[str, object] = arguments


def untrainable_of(error: Exception, memory_key: str) -> Untrainable | None:
    """Return why a job cannot be trained, from what was raised; None for a bug.

    `memory_key` is the text for a memory that ran out.
    """
    if isinstance(error, BadFile):
        return Untrainable("invalid_training_file", error.key, _FILE, **error.arguments)
    if isinstance(error, MemoryError):
        return Untrainable("out_of_memory", memory_key, None)
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename or _FILE)).name
        return Untrainable("file_not_found", "engine-file-gone", _FILE, name=name)
    if isinstance(error, OSError) and is_full(error):
        return Untrainable("disk_full", "engine-disk-full", None)
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return Untrainable("disk_error", "engine-disk-refuses", None, reason=reason)
    return error if isinstance(error, Untrainable) else None


class BadHyperparameter(ValueError):
    """A hyper-parameter is unknown to the trainer or out of range; `name` says which."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


AUTO: Final = "auto"
Auto = Literal["auto"]


class Hyperparameters(BaseModel):
    """What every trainer's methods take; "auto" is for the trainer to decide."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    n_epochs: Auto | Annotated[int, Field(ge=1, le=200)] = AUTO
    batch_size: Auto | Annotated[int, Field(ge=1, le=256)] = AUTO
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=100)] = AUTO


def check_hyperparameters(
    method: str, known: type[Hyperparameters], given: Mapping[str, object]
) -> dict[str, object]:
    """Return every known hyper-parameter of a method, "auto" where not given.

    Raises BadHyperparameter.
    """
    try:
        values = {name: value for name, value in given.items() if value is not None}
        return known.model_validate(values).model_dump()
    except ValidationError as error:
        found = error.errors(include_url=False)
        name = str(found[0]["loc"][0])
        words = " or ".join(each["msg"] for each in found if each["loc"][0] == name)
        if name not in known.model_fields:
            words = f"unknown hyper-parameter; known for {method}: {', '.join(known.model_fields)}"
        raise BadHyperparameter(name, words) from error


# None: nothing is to be told yet; the caller may look whether the job is still wanted, so nobody
# waits for a large base that is being loaded for a job that was cancelled.
Progress = ResolvedHyperparameters | Step | Epoch | TrainerNote | None


class Trainer(Protocol):
    """One way to train."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters of a method, "auto" where the trainer decides.

        Raises BadHyperparameter; KeyError for a method it has not.
        """

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train, telling what happened; the last epoch told is the final model.

        ResolvedHyperparameters come first.

        None may stand anywhere, and must where nothing else is told for long.

        Where an earlier epoch is better, that one is told again at the end.

        The caller may stop between two of them by closing the iterator, and call again with the
        same task: the training goes on from what the folder holds, or from its start, and ends as
        an unbroken one would. What was told may be told again, in the same words. Raises
        Untrainable.
        """
