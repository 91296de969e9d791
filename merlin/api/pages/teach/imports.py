"""Import of a file into a dataset: choose it, see its first rows as examples, save: one commit.

The page holds the file between the steps, so nothing is stored, and no script is required.
"""

import asyncio
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar

from fastapi import Form
from pydantic import Field, TypeAdapter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.errors import UploadRoute, page_router
from merlin.api.pages.page import TeacherContext, refusal_text, render_page
from merlin.api.pages.teach.edit_form import (
    EditedDataset,
    EditForm,
    FormResult,
    base_of,
    submit_form,
)
from merlin.app import changes, examples
from merlin.app.changes import DatasetFiles
from merlin.core.errors import Refused
from merlin.core.table_cells import PARTS
from merlin.core.web.assets import seen_other
from merlin.course.editing import CourseEdits
from merlin.dataset.example_file import parse_example
from merlin.dataset.import_fields import FEW, MAX_FIELDS, FieldChoices
from merlin.dataset.import_lines import ImportedLine, read_import_files
from merlin.dataset.import_plan import ImportPlan

router = page_router(route_class=UploadRoute)

MEGABYTES = 4  # of files; the page holds them in six at most
# A field of a form has at most a megabyte.
_PIECE_CHARACTERS = 500_000
_SHOWN = 10
# What a form keeps: the content of each file, a letter a byte, and its name.
_PAIR = TypeAdapter(tuple[str, str])
_KEPT = TypeAdapter(list[tuple[str, str]])


class FilesForm(EditForm):
    """A form that keeps files in pieces between its steps."""

    kept: list[str] = Field(default=[], max_length=20)

    def keep(self, files: list[tuple[bytes, str]]) -> None:
        """Put files, each with its name, into the form."""
        values = [(content.decode("latin-1"), name) for content, name in files]
        packed = urlsafe_b64encode(zlib.compress(json.dumps(values).encode())).decode()
        starts = range(0, len(packed), _PIECE_CHARACTERS)
        self.kept = [packed[at : at + _PIECE_CHARACTERS] for at in starts]

    def read_kept(self) -> list[tuple[bytes, str]]:
        """Return the files, each with its name. Raises Refused if they were not sent whole."""
        most = MEGABYTES * 1024 * 1024 * 6 + 100_000  # of JSON's escapes
        try:
            packed = urlsafe_b64decode("".join(self.kept))
            values = _KEPT.validate_json(zlib.decompressobj().decompress(packed, most))
            return [(content.encode("latin-1"), name) for content, name in values]
        except (ValueError, zlib.error) as error:
            raise Refused("the file is not whole", "import-no-file") from error


class ImportForm(FilesForm):
    """The form of an import: the files in pieces, and what their fields mean.

    `question` and `answer` are columns. A `meaning` is a list in JSON: a part of an example, leave
    or only, and a field; a value that is `taken` is a list of a field and one of its values.
    """

    question: str = Field(default="", max_length=1000)
    answer: str = Field(default="", max_length=1000)
    meaning: list[str] = Field(default=[], max_length=MAX_FIELDS)
    taken: list[str] = Field(default=[], max_length=MAX_FIELDS * FEW)
    act: Literal["show", "save"] = "show"

    @property
    def choices(self) -> FieldChoices:
        """Return what was said of the fields. Raises Refused for what the page has not sent."""
        parts = {"question": self.question, "answer": self.answer}
        try:
            meant = [_PAIR.validate_json(each) for each in self.meaning if each]
            taken = [_PAIR.validate_json(each) for each in self.taken]
        except ValueError as error:
            raise Refused("no pair of texts", "import-no-file") from error
        only = {
            name: tuple(value for field, value in taken if field == name)
            for kind, name in meant
            if kind == "only"
        }
        return FieldChoices(
            {part: name for part, name in parts.items() if name}
            | {kind: name for kind, name in meant if kind in PARTS},
            only,
            tuple(name for kind, name in meant if kind == "leave"),
        )

    def read_lines(self) -> Iterator[ImportedLine]:
        """Yield the records of the files. Raises Refused for a form that was not sent whole."""
        return read_import_files(self.read_kept(), self.choices)


@router.get("/datasets/{dataset}/import")
async def begin_import(context: TeacherContext, dataset: EditedDataset) -> Response:
    """Return the form that takes a file."""
    return await _render(context, dataset, ImportForm(), FormResult())


@router.post("/datasets/{dataset}/import")
async def import_file(
    request: Request,
    context: TeacherContext,
    dataset: EditedDataset,
    form: Annotated[ImportForm, Form()],
) -> Response:
    """Return the first rows of a file as they will be, or submit the commit of its examples."""
    form, wrong = await take_files(request, context, form)
    if not (wrong or form.kept):
        wrong = context.say("import-no-file")
    if wrong or form.act == "show":
        return await _render(context, dataset, form, FormResult(wrong))

    def make(current: DatasetFiles) -> CourseEdits:
        edits = examples.plan(
            context.services, current, form.read_lines(), form.choices
        )
        if not edits.good_edits:
            raise Refused("nothing new", "import-nothing-new")
        return CourseEdits(tuple(edits.good_edits), edits.subject)

    result, form = await submit_form(
        context, dataset.name, make, form, None, "stale-example"
    )
    if isinstance(result, FormResult):
        return await _render(context, dataset, form, result)
    return seen_other(f"{base_of(dataset.name)}?changed={result.id}")


F = TypeVar("F", bound=ImportForm)


async def take_files(
    request: Request, context: TeacherContext, form: F
) -> tuple[F, str]:
    """Return the form with the files that came with it, and what is wrong with them, else ""."""
    sent = (await request.form()).getlist("file")
    uploads = [each for each in sent if isinstance(each, UploadFile) and each.filename]
    files = [(await each.read(), str(each.filename)) for each in uploads]
    if not files:
        return form, ""
    form = form.model_copy(update=ImportForm(once=form.once).model_dump())
    if sum(len(content) for content, _ in files) > MEGABYTES * 1024 * 1024:
        return form, context.say("import-too-large", megabytes=MEGABYTES)
    form.keep(files)
    return form, ""


async def _render(
    context: TeacherContext,
    dataset: EditedDataset,
    form: ImportForm,
    result: FormResult,
) -> Response:
    """Return the page, with the first rows of the form's file."""
    plan: ImportPlan | None = None
    if form.kept:
        files = await context.read(changes.read_files, context.actor, dataset.name)
        try:
            plan = await asyncio.to_thread(
                examples.plan,
                context.services,
                files,
                form.read_lines(),
                form.choices,
            )
        except Refused as error:
            result = FormResult(refusal_text(context, error))
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "form": form,
        "result": result,
        **describe_plan(plan),
    }
    return render_page(
        context, "teach_import.html", view, status=422 if result.wrong else 200
    )


def describe_plan(plan: ImportPlan | None) -> dict[str, object]:
    """Return what the template shows of a plan, None for none yet."""
    found = [each.arguments for each in (plan.findings if plan else ())]
    columns = next((each for each in found if each.get("names")), {})
    edits = plan.proposed_edits[:_SHOWN] if plan else ()
    return {
        "plan": plan,
        "rows": [parse_example(edit.text) for edit in edits],
        "parts": PARTS,
        "columns": str(columns.get("names", "")).splitlines(),
        "proposed": columns,
        "megabytes": MEGABYTES,
    }
