"""What a call to create a job asks for, checked before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.engine.bases import Base, Bases
from merlin.engine.refusal import bad
from merlin.engine.trainers import SUPERVISED, BadHyperparameter

MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512
LONGEST_SUFFIX = 64
MOST_SEED = 2**31 - 1
# One fixed seed where none is given: the same file gives the same model.
DEFAULT_SEED = 42


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job as asked for; `hyperparameters` are complete ("auto" where the trainer decides)."""

    base: str
    method: str
    training_file: str
    validation_file: str | None
    suffix: str
    seed: int
    metadata: Mapping[str, str]
    hyperparameters: Mapping[str, object]


def order_of(asked: Mapping[str, object], bases: Bases) -> JobOrder:
    """Read the body of POST /fine_tuning/jobs. Raises Refusal 400 that names the field.

    Source: openapi.yaml, CreateFineTuningJobRequest.
    """
    name = _text(asked, "model")
    if name not in bases:
        words = f"The model `{name}` cannot be tuned here; those that can: {', '.join(bases)}."
        raise bad("model", words, "model_not_available")
    if asked.get("integrations"):
        raise bad("integrations", "This engine knows no integrations; leave the field out.")
    method, given = _method(bases[name], asked)
    return JobOrder(
        base=name,
        method=method,
        training_file=_text(asked, "training_file"),
        validation_file=_text(asked, "validation_file") if asked.get("validation_file") else None,
        suffix=_suffix(asked.get("suffix")),
        seed=_seed(asked.get("seed")),
        metadata=_metadata(asked.get("metadata")),
        hyperparameters=_hyperparameters(bases[name], method, given),
    )


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise bad(name, f"Missing required parameter: '{name}' must be a text.")
    return value


def _suffix(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_SUFFIX:
        raise bad("suffix", f"suffix must be a text of 1 to {LONGEST_SUFFIX} characters")
    if not all(sign.isalnum() or sign in "-_." for sign in value):
        raise bad("suffix", "suffix may have letters, digits, '-', '_' and '.' only")
    return value


def _seed(value: object) -> int:
    if value is None:
        return DEFAULT_SEED
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_SEED:
        raise bad("seed", f"seed must be a whole number from 0 to {MOST_SEED}")
    return value


def _metadata(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MOST_METADATA:
        raise bad("metadata", f"metadata must be an object of at most {MOST_METADATA} pairs")
    for key, told in value.items():
        if len(key) > LONGEST_KEY:
            raise bad("metadata", f"metadata: a key has more than {LONGEST_KEY} characters")
        if not isinstance(told, str) or len(told) > LONGEST_VALUE:
            words = f"must be a text of at most {LONGEST_VALUE} characters"
            raise bad(f"metadata.{key}", f"metadata.{key}: {words}")
    return dict(value)


def _method(base: Base, asked: Mapping[str, object]) -> tuple[str, object]:
    """Return the method's name and what is said of its hyper-parameters."""
    method = asked.get("method")
    if method is None:
        return SUPERVISED, asked.get("hyperparameters")
    if not isinstance(method, dict):
        raise bad("method", "method must be an object with a type")
    kind = method.get("type")
    if not isinstance(kind, str) or kind not in base.methods:
        known = ", ".join(f"'{each}'" for each in base.methods)
        raise bad("method", f"method.type must be one of {known} for the model `{base.name}`")
    block = method.get(kind) or {}
    return kind, block.get("hyperparameters") if isinstance(block, dict) else block


def _hyperparameters(base: Base, method: str, given: object) -> dict[str, object]:
    if given is not None and not isinstance(given, dict):
        raise bad("hyperparameters", "hyperparameters must be an object")
    try:
        return base.trainer.hyperparameters(method, given or {})
    except BadHyperparameter as error:
        name = f"hyperparameters.{error.name}"
        raise bad(name, f"{name}: {error}") from error
