"""The Protocol of trainers, their tasks, progress and errors.

A trainer is independent of jobs, the database and HTTP. It gets files and a folder, yields its
progress, and writes models. `bases` maps bases to trainers.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merlin.core.durable_files import is_disk_full
from merlin.core.messages import Message
from merlin.engine.training_file import BadFile
from merlin.openai_protocol.errors import bad_field

Conversation = Sequence[Message]
SUPERVISED: Final = "supervised"
DPO: Final = "dpo"
KTO: Final = "kto"
# Not a training: an adapter that was trained elsewhere is checked and proved.
ADAPTER = "adapter"
_FILE = "training_file"


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """The location of a base model and how to load it.

    `dtype`: "auto" (see `select_dtype`), "float32", "bfloat16"; `quantised`: "none",
    "8bit", "4bit"; `longest`: maximum tokens of a training example, 0 for the model's own window.
    `source`: its hub id or folder, as configured.
    """

    folder: Path
    dtype: str = "auto"
    quantised: str = "none"
    longest: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """The input of a training: validated files, complete hyper-parameters, and a seed.

    The same task gives the same model on the same machine, up to the rounding of vectors. `base`
    is None if the trainer needs no files. `folder` is this job's working folder, in which a trainer
    finds its state after a restart; it is removed when the job has ended. `weights` are those of an
    adapter that was trained elsewhere: nothing is trained, `method` is the form of the files alone.
    """

    method: str
    train: Path
    test: Path | None
    hyperparameters: Mapping[str, object]
    seed: int
    folder: Path
    base: BaseFiles | None = None
    device: str = "cpu"
    weights: Path | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Progress within an epoch; `metrics` as in Epoch."""

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Epoch:
    """A completed epoch: a model that can be served.

    `metrics` have the names of the job's events; `save` writes the model of this epoch to a path (a
    file or a folder), at any later time. `tokens` is the number of tokens trained on so far, over
    all epochs.
    """

    number: int
    step: int
    metrics: Mapping[str, float]
    save: Callable[[Path], None] = field(compare=False)
    tokens: int


@dataclass(frozen=True, slots=True)
class ResolvedHyperparameters:
    """The first progress: the resolved hyper-parameters."""

    hyperparameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TrainerNote:
    """A remark for the job's events: a Fluent key and its arguments."""

    key: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class Untrainable(Exception):
    """The job cannot be trained; `key` and `arguments` are the Fluent message with the reason.

    `param` is the invalid field of the job, None if there is none.
    """

    def __init__(
        self, code: str, key: str, param: str | None = _FILE, **arguments: object
    ) -> None:
        super().__init__(f"{code}: {key} {arguments}")
        self.code = code
        self.key = key
        self.param = param
        self.arguments: Mapping[str, object] = arguments


def classify_error(error: Exception, memory_key: str) -> Untrainable | None:
    """Return the job's failure for an exception; None for a bug.

    `memory_key` is the Fluent key for exhausted memory.
    """
    if isinstance(error, BadFile):
        return Untrainable("invalid_training_file", error.key, _FILE, **error.arguments)
    if isinstance(error, MemoryError):
        return Untrainable("out_of_memory", memory_key, None)
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename or _FILE)).name
        return Untrainable("file_not_found", "engine-file-gone", _FILE, name=name)
    if isinstance(error, OSError) and is_disk_full(error):
        return Untrainable("disk_full", "engine-disk-full", None)
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return Untrainable("disk_error", "engine-disk-refuses", None, reason=reason)
    return error if isinstance(error, Untrainable) else None


AUTO: Final = "auto"
Auto = Literal["auto"]


class MethodSettings(BaseModel):
    """What a method of a trainer can be told."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Hyperparameters(MethodSettings):
    """The hyper-parameters of all trainings; "auto" is resolved by the trainer."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=200)] = AUTO
    batch_size: Auto | Annotated[int, Field(ge=1, le=256)] = AUTO
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=100)] = AUTO


def check_hyperparameters(
    method: str, known: type[MethodSettings], requested: Mapping[str, object]
) -> dict[str, object]:
    """Validate hyper-parameters and return all of a method, "auto" if not given.

    Raises ApiError 400 if one is unknown or out of range.
    """
    try:
        values = {name: value for name, value in requested.items() if value is not None}
        return known.model_validate(values).model_dump()
    except ValidationError as error:
        errors = error.errors(include_url=False)
        name = str(errors[0]["loc"][0])
        param = f"hyperparameters.{name}"
        message = " or ".join(
            detail["msg"] for detail in errors if detail["loc"][0] == name
        )
        if name not in known.model_fields:
            names = ", ".join(known.model_fields)
            message = f"unknown hyper-parameter; known for {method}: {names}"
        raise bad_field(param, f"{param}: {message}") from error


# None: no progress yet. It lets the caller check for a cancelled job, for example while a large
# base is loading.
Progress = ResolvedHyperparameters | Step | Epoch | TrainerNote | None


class Trainer(Protocol):
    """The interface of a trainer."""

    @property
    def hyperparameters(self) -> Mapping[str, type[MethodSettings]]:
        """Return the hyper-parameters of each method that it supports."""

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train and yield progress; the last epoch yielded is the final model.

        ResolvedHyperparameters come first. None can come at any time, and must come if there is no
        other progress for long.

        The caller can stop by closing the iterator, and call again with the same task: the training
        resumes from its folder, or restarts, with the same result as without interruption. Progress
        can be repeated, with equal values. Raises Untrainable.
        """
