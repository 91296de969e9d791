"""What builds, jobs, models, verdicts, changes and their previews look like to a caller."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from merlin.api.schema import Both, Shape
from merlin.core.charts import read_losses
from merlin.core.i18n import keys, text
from merlin.dataset.changes import Change, ChangeKind, ChangeState, Edit
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.preview import Preview, unified_diff
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.jobs import JobState
from merlin.training.models import ModelState

Translate = Callable[[str], str | None]


class FindingShown(Shape):
    """What the checker says of one place in a file; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    text: str = Field(description="in the language of the caller")


class FileDifference(Shape):
    """One file of a change that is not asked for yet."""

    path: str = Field(description="within the dataset's folder")
    kind: ChangeKind
    difference: str = Field(description="a unified diff")


class PreviewShown(Shape):
    """What would come of a change; nothing was asked for."""

    is_good: bool = Field(description="false: an error forbids it")
    is_whole: bool = Field(
        description="true: all of course.yaml would be written anew, comments are lost"
    )
    findings: list[FindingShown] = Field(description="at the files that would be changed")
    around: list[FindingShown] = Field(description="what it would bring to the other files")
    files: list[FileDifference]
    tokens: int = Field(description="of the good examples among those files, as a model reads them")


class FileChange(Shape):
    """One file of a change."""

    id: str
    path: str = Field(description="within the dataset's folder")
    kind: ChangeKind
    difference: str | None = Field(description="a unified diff, null where git alone has it")
    is_conflict: bool
    yours: str | None = Field(description="your text, in a conflict; null: no file")
    theirs: str | None = Field(description="what lies there instead, in a conflict")


class ChangeShown(Shape):
    """An edit on its way to a commit; all its files become one commit, or none does."""

    id: str
    dataset: str
    subject: str = Field(description="the first line of the commit")
    state: ChangeState
    reason: str = Field(description='why it waits or was refused, "" where the state says it all')
    commit: str | None
    asked_at: datetime
    files: list[FileChange]


def finding_shown(finding: Finding, language: str) -> FindingShown:
    """Return a finding in a language."""
    return FindingShown(
        path=finding.path,
        line=finding.line,
        column=finding.column,
        rule=finding.rule,
        severity=finding.severity,
        text=finding.text(language),
    )


def preview_shown(
    seen: Preview,
    edits: Sequence[Edit],
    files: Sequence[FileText],
    language: str,
    *,
    is_whole: bool = False,
) -> PreviewShown:
    """Return what the checker says of edits, and what they change."""
    old = {each.path: each.text for each in files}
    return PreviewShown(
        is_good=seen.is_good,
        is_whole=is_whole,
        findings=[finding_shown(each, language) for each in seen.findings],
        around=[finding_shown(each, language) for each in seen.around],
        files=[
            FileDifference(
                path=each.path,
                kind=each.kind,
                difference=unified_diff(old.get(each.path), each.text, each.path),
            )
            for each in edits
        ],
        tokens=sum(seen.tokens.values()),
    )


def change_shown(batch: Sequence[Change], told: Translate, language: str) -> ChangeShown:
    """Return a batch; `told` says what a blob holds, None where that is not kept."""
    first = batch[0]
    reason = next((each for each in batch if each.reason), first)
    return ChangeShown(
        id=first.batch,
        dataset=first.dataset,
        subject=first.subject,
        state=first.state,
        reason=text(language, reason.reason, **reason.arguments) if reason.reason else "",
        commit=first.commit,
        asked_at=first.created_at,
        files=[_file(each, told) for each in batch],
    )


def _file(change: Change, told: Translate) -> FileChange:
    path, theirs = change.path.removeprefix(f"{change.dataset}/"), change.theirs
    return FileChange(
        id=change.change_id,
        path=path,
        kind=change.kind,
        difference=_difference(change, path, told),
        is_conflict=theirs is not None,
        yours=change.text if theirs is not None else None,
        theirs=theirs.text if theirs is not None else None,
    )


def _difference(change: Change, path: str, told: Translate) -> str | None:
    """Return what the change does to its file; None where one of the texts is not kept here."""
    is_forgotten = change.text is None and change.kind is not ChangeKind.DELETE
    if is_forgotten or change.state is ChangeState.REFUSED:
        return None
    if change.theirs is not None:
        return unified_diff(change.theirs.text, change.text, path)
    old = told(change.before) if change.before else None
    if change.before and old is None:
        return None
    return unified_diff(old, change.text, path)


Record = Mapping[str, Any]


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
    verdict: VerdictStatus
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
    verdict: VerdictStatus
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


def job_shown(told: Record) -> JobShown:
    """Return a job."""
    return JobShown(**_job(told))


def job_details(told: Record) -> JobDetails:
    """Return a job with all that is known of it."""
    losses = {
        name: [LossPoint(step=step, loss=loss) for step, loss in series if math.isfinite(loss)]
        for name, series in read_losses(told).items()
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


def _job(told: Record) -> dict[str, Any]:
    return {**told, "id": told["job"], "recipe": finite(told["recipe"])}


def model_shown(told: Record) -> ModelShown:
    """Return a model."""
    return ModelShown(**told)


def build_shown(told: Record) -> BuildShown:
    """Return a build."""
    return BuildShown(**{**told, "version": told["build"]})


def build_details(told: Record) -> BuildDetails:
    """Return a build with its examples."""
    examples = [
        BuildExample(**each, author=told["authors"].get(each["id"], ""))
        for each in told["manifest"]["examples"]
    ]
    values = {**told, "version": told["build"], "examples": examples}
    return BuildDetails(**values)


def verdict_shown(told: Record, language: str) -> VerdictShown:
    """Return a verdict with its findings."""
    findings = [finding_shown(_finding(each), language) for each in told["findings"]]
    return VerdictShown(**{**told, "reason": reason_of(told, language), "findings": findings})


def dataset_values(name: str, told: Record | None, language: str) -> dict[str, Any]:
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


def reason_of(told: Record, language: str) -> str:
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


def _finding(told: Record) -> Finding:
    return Finding(
        path=told["path"],
        line=told["line"],
        column=told["column"],
        rule=told["rule"],
        severity=Severity(told["severity"]),
        arguments=told["arguments"],
    )
