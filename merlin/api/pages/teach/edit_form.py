"""A form that edits a file of a dataset: its commit, or why it was not saved."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import Depends
from pydantic import BaseModel, Field

from merlin.api.pages.formatting import state_text
from merlin.api.pages.page import (
    FIELD_LABELS,
    PATTERN,
    REFUSALS,
    PageContext,
    TeacherContext,
    form_token,
    refusal_text,
)
from merlin.api.schema import Name
from merlin.app import changes, examples
from merlin.app.changes import ChangeView, EditNotGood, Make, Read, StaleEdit
from merlin.app.examples import DatasetHeading
from merlin.app.near import NearExample
from merlin.dataset.finding import Finding

# A form field: label, the person's value, the other value.
Clashes = Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class FormResult:
    """Why a form was not saved: a message, and what the checker found.

    `clashes` None: no concurrent edit; `may_allow`: the findings are personal data only. `text` is
    that of a file which is no example. `near` are examples that may ask the same.
    """

    wrong: str = ""
    clashes: Clashes | None = None
    findings: Sequence[Finding] = ()
    may_allow: bool = False
    text: str = ""
    near: Sequence[NearExample] = ()


class EditForm(BaseModel):
    """A form that edits a file of a dataset; `revision` is the version that its editor saw."""

    revision: str = ""
    once: str = Field(default_factory=form_token, pattern=PATTERN)

    def text_of(self, name: str, context: PageContext) -> str:
        """Return a field's value as its form shows it."""
        value = getattr(self, name)
        if isinstance(value, bool):
            return context.say("value-yes" if value else "value-no")
        return state_text(
            context, f"page-{name}", str(value).strip().replace("\r\n", "\n")
        )


F = TypeVar("F", bound=EditForm)


def find_clashes(context: PageContext, yours: EditForm, theirs: EditForm) -> Clashes:
    """Return the fields of two versions of a form that have other values."""
    names = [name for name in FIELD_LABELS if name in type(yours).model_fields]
    both = (
        (name, yours.text_of(name, context), theirs.text_of(name, context))
        for name in names
    )
    return [
        (context.say(FIELD_LABELS[name]), one, other)
        for name, one, other in both
        if one != other
    ]


async def submit_form(
    context: PageContext,
    dataset: str,
    make: Make,
    form: F,
    read_theirs: Callable[[StaleEdit], Awaitable[F]] | None,
    stale: str,
    allow: str | None = None,
    read: Read = changes.read_files,
) -> tuple[ChangeView | FormResult, F]:
    """Submit the commit of a form; return also the form for the next attempt.

    After a concurrent edit `read_theirs` returns the current version (None: it is the same form),
    which is shown with the text `stale`. `allow` is the reason why personal data may be saved, None
    where it never may; `read` is as in `submit`. Raises NotFound if the file no longer exists.
    """
    # A form submitted again with other values creates another change.
    once = form.model_dump_json()
    try:
        change = await changes.submit(
            context.services,
            context.actor,
            dataset,
            make,
            once,
            allow=allow or "",
            read=read,
        )
    except StaleEdit as error:
        theirs = await read_theirs(error) if read_theirs else form
        clashes = find_clashes(context, form, theirs)
        # The person has now seen the current version.
        form = form.model_copy(update={"revision": error.revision})
        return FormResult(context.say(stale), clashes=clashes), form
    except EditNotGood as error:
        findings = [*error.preview.findings, *error.preview.around]
        may_allow = allow is not None and bool(error.preview.personal)
        wrong = context.say("allow-ask" if may_allow else "has-errors")
        return FormResult(wrong, findings=findings, may_allow=may_allow), form
    except REFUSALS as error:
        return FormResult(refusal_text(context, error)), form
    return change, form


async def require_edited_dataset(
    context: TeacherContext, dataset: Name
) -> DatasetHeading:
    """Return a dataset whose examples the person may edit. Raises NotFound."""
    return await context.read(examples.get_heading, context.actor, dataset)


EditedDataset = Annotated[DatasetHeading, Depends(require_edited_dataset)]


def base_of(dataset: str, room: str = "examples") -> str:
    """Return the address of a dataset's examples, or of another of its pages."""
    return f"/datasets/{quote(dataset, safe='')}/{room}"
