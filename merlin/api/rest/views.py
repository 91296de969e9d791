"""What datasets, verdicts, changes and their previews look like to a caller, in a language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from merlin.api.schema import Both, Shape
from merlin.app.datasets import ServingView
from merlin.app.jobs import JobView
from merlin.app.status import DatasetStatus
from merlin.app.verdicts import VerdictView
from merlin.core.i18n import keys, text
from merlin.dataset.changes import Change, ChangeKind, ChangeState, Edit
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.preview import Preview, unified_diff
from merlin.dataset.verdicts import VerdictStatus

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


def dataset_values(name: str, status: DatasetStatus | None, language: str) -> dict[str, Any]:
    """Return how a dataset stands, as `DatasetShown` wants it."""
    if status is None:
        return {"name": name, "verdict": None, "serving": None, "job": None}
    found = status.verdict
    verdict = found and NewestVerdict(
        commit=found.commit,
        verdict=found.verdict,
        subject=found.subject,
        updated_at=found.updated_at,
        build=found.build,
        reason=said(found.reason, found.arguments, language),
    )
    return {"name": name, "verdict": verdict, "serving": status.serving, "job": status.job}


def said(key: str, arguments: Mapping[str, Any], language: str) -> str:
    """Return a stored text in a language; what has no words stays its key."""
    if not key or key not in keys(language):
        return key
    try:
        return text(language, key, **arguments)
    except (KeyError, ValueError, TypeError):
        return key
