"""What datasets, verdicts, changes and their previews look like to a caller, in a language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from merlin.api.schema import Shape
from merlin.app.changes import ChangeView, FileChange, FileDifference, PreviewView
from merlin.app.jobs import JobView
from merlin.app.models import ServingView
from merlin.app.status import DatasetView
from merlin.app.verdicts import VerdictView
from merlin.app.views import Both
from merlin.core.i18n import keys, text
from merlin.dataset.changes import ChangeState
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.verdicts import VerdictStatus


class FindingShown(Shape):
    """What the checker says of one place in a file; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    text: str = Field(description="in the language of the caller")


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


def preview_shown(seen: PreviewView, language: str) -> PreviewShown:
    """Return a preview in a language."""
    return PreviewShown(
        is_good=seen.is_good,
        is_whole=seen.is_whole,
        findings=[finding_shown(each, language) for each in seen.findings],
        around=[finding_shown(each, language) for each in seen.around],
        files=list(seen.files),
        tokens=seen.tokens,
    )


def change_shown(change: ChangeView, language: str) -> ChangeShown:
    """Return a change in a language."""
    reason = text(language, change.reason, **change.arguments) if change.reason else ""
    same = ChangeShown.model_fields.keys() - {"reason", "files"}
    values: dict[str, Any] = {name: getattr(change, name) for name in same}
    return ChangeShown(**values, reason=reason, files=list(change.files))


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
    serving: ServingView | None
    job: JobView | None


class DatasetDetails(DatasetShown):
    """A dataset with what the checker found at its newest commit."""

    findings: list[FindingShown]


def verdict_shown(verdict: VerdictView, language: str) -> VerdictShown:
    """Return a verdict with its findings, in a language."""
    same = VerdictShown.model_fields.keys() - {"reason", "findings"}
    values: dict[str, Any] = {name: getattr(verdict, name) for name in same}
    return VerdictShown(
        **values,
        reason=said(verdict.reason, verdict.arguments, language),
        findings=[finding_shown(each, language) for each in verdict.findings],
    )


def dataset_values(dataset: DatasetView, language: str) -> dict[str, Any]:
    """Return a dataset in a language, as `DatasetShown` wants it."""
    found = dataset.verdict
    verdict = found and NewestVerdict(
        commit=found.commit,
        verdict=found.verdict,
        subject=found.subject,
        updated_at=found.updated_at,
        build=found.build,
        reason=said(found.reason, found.arguments, language),
    )
    same = {name: getattr(dataset, name) for name in ("name", "examples", "serving", "job")}
    return {**same, "title": Both(**dataset.title), "verdict": verdict}


def said(key: str, arguments: Mapping[str, Any], language: str) -> str:
    """Return a stored text in a language; what has no words stays its key."""
    if not key or key not in keys(language):
        return key
    try:
        return text(language, key, **arguments)
    except (KeyError, ValueError, TypeError):
        return key
