"""What datasets, verdicts, changes and their previews look like to a caller, in a language."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from merlin.api.schema import InLanguage, Shape
from merlin.app.changes import FileChange, FileDifference
from merlin.app.jobs import JobView
from merlin.app.models import ServingView
from merlin.app.views import Both
from merlin.dataset.changes import ChangeState
from merlin.dataset.finding import Severity
from merlin.dataset.verdicts import VerdictStatus


class FindingShown(Shape):
    """What the checker says of one place in a file; lines and columns count from 1."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    text: InLanguage = Field(description="in the language of the caller")


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
    reason: InLanguage = Field(
        validation_alias="why",
        description='why it waits or was refused, "" where the state says it all',
    )
    commit: str | None
    asked_at: datetime
    files: list[FileChange]


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
    reason: InLanguage = Field(
        validation_alias="why", description="why, in the language of the caller"
    )
    findings: list[FindingShown] = Field(description="the first fifty")


class NewestVerdict(Shape):
    """The newest of a dataset's verdicts."""

    commit: str
    verdict: VerdictStatus
    subject: str
    updated_at: datetime
    build: str | None
    reason: InLanguage = Field(validation_alias="why")


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
