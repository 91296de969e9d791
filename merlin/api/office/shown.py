"""What builds, jobs, models and verdicts look like to a caller."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from merlin.api.shape import Both, Shape
from merlin.api.teaching.shown import FindingShown, finding_shown
from merlin.build.verdict import Word
from merlin.core.losses import losses_of
from merlin.core.text import keys, text
from merlin.dataset.finding import Finding, Severity
from merlin.job.lifecycle import JobState
from merlin.model.registry import ModelState

Told = Mapping[str, Any]


class ServingShown(Shape):
    """The model that answers for a dataset."""

    model: str
    provider: str
    build: str | None
    since: datetime
    pinned: bool


class JobShown(Shape):
    """A fine-tune job; costs in millionths of `currency`."""

    id: int
    dataset: str
    build: str | None
    provider: str
    provider_job: str | None
    state: JobState
    status: str = Field(description="the provider's own word")
    attempt: int
    recipe: dict[str, Any]
    model: str | None
    trained_tokens: int | None
    estimate_micro: int
    currency: str
    error: str
    created_at: datetime
    updated_at: datetime


class JobMove(Shape):
    """A job's way from one state to another."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    before: str | None = Field(alias="from")
    to: str
    at: datetime


class JobEvent(Shape):
    """One line of a job's diary."""

    at: datetime | None
    level: str
    message: str
    kind: str
    data: Any


class Checkpoint(Shape):
    """A model on the way, with what was measured of it."""

    model: str
    step: int
    metrics: Any


class LossPoint(Shape):
    """A loss at a step."""

    step: float
    loss: float


class Losses(Shape):
    """The losses over the steps; empty where none are known."""

    train: list[LossPoint]
    test: list[LossPoint]


class JobDetails(JobShown):
    """A job with its history, its diary (oldest first), its checkpoints and its losses."""

    changes: list[JobMove]
    events: list[JobEvent]
    checkpoints: list[Checkpoint]
    losses: Losses


class Scores(Shape):
    """How a model answered the test questions."""

    questions: int
    chrf: float | None = Field(description="likeness to the wanted answers, of 100")
    equal_share: float | None
    unknown_share: float | None


class ModelShown(Shape):
    """A tuned model."""

    id: int
    model: str = Field(description="its name at the provider")
    dataset: str
    provider: str
    build: str | None
    job: int | None
    state: ModelState
    serves: bool
    evaluation: Scores | None
    note: str
    created_at: datetime


class PromotionShown(Shape):
    """That another model serves."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: int
    dataset: str
    before: str | None = Field(alias="from")
    to: str
    why: str
    by: str
    at: datetime


class BuildShown(Shape):
    """One version of a dataset's training files."""

    version: str
    dataset: str
    number: int
    digest: str
    train: int
    test: int
    train_tokens: int
    test_tokens: int
    created_at: datetime


class BuildExample(Shape):
    """One example that a build teaches or tests."""

    id: str
    blob: str
    split: str
    tokens: int
    author: str


class BuildDetails(BuildShown):
    """A build with all that it teaches."""

    system: str
    examples: list[BuildExample]


class BuildDiff(Shape):
    """Ids of examples by what became of them; `moved` changed the side of the split alone."""

    old: str
    new: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: list[str]


class VerdictShown(Shape):
    """What a commit led to for a dataset."""

    id: int
    commit: str
    dataset: str
    position: int | None = Field(description="on the branch; null: the commit is there no more")
    verdict: Word
    subject: str
    author: str
    committed_at: datetime
    updated_at: datetime
    build: str | None
    job: int | None
    served_until: datetime | None = Field(
        description="when its model last stopped serving; null: it serves now, or never did"
    )
    reason: str = Field(description="why, in the language of the caller")
    findings: list[FindingShown] = Field(description="the first fifty")


class NewestVerdict(Shape):
    """The newest of a dataset's verdicts."""

    commit: str
    verdict: Word
    subject: str
    updated_at: datetime
    build: str | None
    reason: str


class DatasetShown(Shape):
    """A dataset; what is null did not happen yet."""

    name: str
    title: Both
    examples: int
    verdict: NewestVerdict | None
    serving: ServingShown | None
    job: JobShown | None


class DatasetDetails(DatasetShown):
    """A dataset with what the checker found at its newest commit."""

    findings: list[FindingShown]


_PARTS = ("changes", "events", "checkpoints")


def job_shown(told: Told) -> JobShown:
    """Return a job."""
    return JobShown(**_job(told))


def job_details(told: Told) -> JobDetails:
    """Return a job with all that is known of it."""
    losses = {
        name: [LossPoint(step=step, loss=loss) for step, loss in series if math.isfinite(loss)]
        for name, series in losses_of(told).items()
    }
    bare = {name: value for name, value in _job(told).items() if name not in _PARTS}
    return JobDetails(
        **bare,
        changes=[JobMove(**each) for each in told["changes"]],
        events=[JobEvent(**{**each, "data": finite(each["data"])}) for each in told["events"]],
        checkpoints=[
            Checkpoint(**{**each, "metrics": finite(each["metrics"])})
            for each in told["checkpoints"]
        ],
        losses=Losses(**losses),
    )


def _job(told: Told) -> dict[str, Any]:
    return {**told, "id": told["job"], "recipe": finite(told["recipe"])}


def model_shown(told: Told) -> ModelShown:
    """Return a model."""
    return ModelShown(**told)


def build_shown(told: Told) -> BuildShown:
    """Return a build."""
    return BuildShown(**{**told, "version": told["build"]})


def build_details(told: Told) -> BuildDetails:
    """Return a build with its examples."""
    examples = [
        BuildExample(**each, author=told["authors"].get(each["id"], ""))
        for each in told["manifest"]["examples"]
    ]
    values = {**told, "version": told["build"], "examples": examples}
    return BuildDetails(**values)


def verdict_shown(told: Told, language: str) -> VerdictShown:
    """Return a verdict with its findings."""
    findings = [finding_shown(_finding(each), language) for each in told["findings"]]
    return VerdictShown(**{**told, "reason": reason_of(told, language), "findings": findings})


def dataset_values(name: str, told: Told | None, language: str) -> dict[str, Any]:
    """Return what the status tells of a dataset, as `DatasetShown` wants it."""
    if told is None:
        return {"name": name, "verdict": None, "serving": None, "job": None}
    verdict = None
    if told["verdict"]:
        verdict = NewestVerdict(**{**told, "reason": reason_of(told, language)})
    return {
        "name": name,
        "verdict": verdict,
        "serving": ServingShown(**told["serving"]) if told["serving"] else None,
        "job": job_shown(told["job"]) if told["job"] else None,
    }


def reason_of(told: Told, language: str) -> str:
    """Return the words of a stored reason, "" for none."""
    reason, arguments = told.get("reason") or "", told.get("arguments") or {}
    return said(reason, arguments, language)


def said(key: str, arguments: Mapping[str, Any], language: str) -> str:
    """Return a stored text in a language; what has no words stays its key."""
    if not key or key not in keys(language):
        return key
    try:
        return text(language, key, **arguments)
    except (KeyError, ValueError, TypeError):
        return key


def finite(value: Any) -> Any:
    """Return plain JSON in which numbers that JSON has no words for are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(each) for each in value]
    return value


def _finding(told: Told) -> Finding:
    return Finding(
        path=told["path"],
        line=told["line"],
        column=told["column"],
        rule=told["rule"],
        severity=Severity(told["severity"]),
        arguments=told["arguments"],
    )
