"""What changes and their previews look like to a caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import Field

from merlin.api.shape import Shape
from merlin.core.text import text
from merlin.dataset.change import Change, ChangeKind, ChangeState, Edit
from merlin.dataset.editing import FileText
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.preview import Preview, difference

Told = Callable[[str], str | None]


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
                difference=difference(old.get(each.path), each.text, each.path),
            )
            for each in edits
        ],
        tokens=sum(seen.tokens.values()),
    )


def change_shown(batch: Sequence[Change], told: Told, language: str) -> ChangeShown:
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


def _file(change: Change, told: Told) -> FileChange:
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


def _difference(change: Change, path: str, told: Told) -> str | None:
    """Return what the change does to its file; None where one of the texts is not kept here."""
    is_forgotten = change.text is None and change.kind is not ChangeKind.DELETE
    if is_forgotten or change.state is ChangeState.REFUSED:
        return None
    if change.theirs is not None:
        return difference(change.theirs.text, change.text, path)
    old = told(change.before) if change.before else None
    if change.before and old is None:
        return None
    return difference(old, change.text, path)
