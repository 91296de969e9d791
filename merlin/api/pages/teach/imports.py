"""Import of a file into a dataset: choose it, see its first rows as examples, save: one commit.

The page holds the file between the steps, so nothing is stored, and no script is required. Beside
it the export: the examples as a file.
"""

import asyncio
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from fastapi import Form
from pydantic import Field, TypeAdapter
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
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
from merlin.core.server import run_while_connected
from merlin.core.web.assets import seen_other
from merlin.course.editing import CourseEdits
from merlin.dataset.entries import FileText
from merlin.dataset.example_file import parse_example
from merlin.dataset.export_files import ExportForm
from merlin.dataset.import_fields import (
    CHOSEN_PARTS,
    FEW,
    MAX_FIELDS,
    FieldChoices,
)
from merlin.dataset.import_memory import Recalled
from merlin.dataset.import_plan import ImportPlan
from merlin.dataset.import_reading import (
    File,
    pack_files,
    recall_apart,
    unpack_files,
)
from merlin.dataset.layout import EXAMPLES

router = page_router(route_class=UploadRoute)

MEGABYTES = 4  # of files; the page holds them in six at most
# A field of a form has at most a megabyte.
_PIECE_CHARACTERS = 500_000
_SHOWN = 10
# The files and their names; of a document, the text that was read of it too.
_MAX_UNPACKED = 4 * MEGABYTES * 1024 * 1024
_PAIR = TypeAdapter(tuple[str, str])


class FilesForm(EditForm):
    """A form that keeps files in pieces between its steps."""

    kept: list[str] = Field(default=[], max_length=20)

    def keep(self, files: list[File]) -> None:
        """Put files into the form."""
        packed = urlsafe_b64encode(zlib.compress(pack_files(files))).decode()
        starts = range(0, len(packed), _PIECE_CHARACTERS)
        self.kept = [packed[at : at + _PIECE_CHARACTERS] for at in starts]

    def read_kept(self) -> list[File]:
        """Return the files. Raises Refused for a form that was not sent whole."""
        if not self.kept:
            return []
        try:
            packed = urlsafe_b64decode("".join(self.kept))
            return unpack_files(zlib.decompressobj().decompress(packed, _MAX_UNPACKED))
        except (ValueError, zlib.error) as error:
            raise Refused("the file is not whole", "import-no-file") from error


class ImportForm(FilesForm):
    """The form of an import: the files in pieces, and what their fields mean.

    `question` and `answer` are columns. A `meaning` is a list in JSON: a part of an example, leave
    or only, and a field; a value that is `taken` is a list of a field and one of its values.
    `as_name` is that under which these are remembered, "" before one is proposed.
    """

    question: str = Field(default="", max_length=1000)
    answer: str = Field(default="", max_length=1000)
    meaning: list[str] = Field(default=[], max_length=MAX_FIELDS)
    taken: list[str] = Field(default=[], max_length=MAX_FIELDS * FEW)
    as_name: str = Field(default="", max_length=200)
    remove_gone: bool = False
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
            | {kind: name for kind, name in meant if kind in CHOSEN_PARTS},
            only,
            tuple(name for kind, name in meant if kind == "leave"),
            # Without a value that is taken they are asked about.
            {name: () for name, values in only.items() if not values},
            name=self.as_name.strip(),
        )


async def read_lines(
    request: Request,
    context: TeacherContext,
    form: ImportForm,
    dataset_files: Sequence[FileText],
) -> Recalled:
    """Return the records of the form's files, and the choices that they were read with.

    Raises Refused. Ends with the visitor.
    """
    files = await asyncio.to_thread(form.read_kept)
    if not files:
        return [], form.choices
    reader = context.services.reader
    reading = recall_apart(dataset_files, files, form.choices, reader)
    recalled = await run_while_connected(request, reading)
    if recalled is None:
        raise ClientDisconnect
    return recalled


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
    if wrong:
        return await _render(context, dataset, form, FormResult(wrong))
    try:
        files = await context.read(changes.read_files, context.actor, dataset.name)
        recalled = await read_lines(request, context, form, files.files)
    except Refused as error:
        refused = FormResult(refusal_text(context, error))
        return await _render(context, dataset, form, refused)
    if form.act == "show":
        return await _render(context, dataset, form, FormResult(), recalled)

    def make(current: DatasetFiles) -> CourseEdits:
        plan = _plan(context, current, form, recalled)
        if not plan.committed:
            raise Refused("nothing new", "import-nothing-new")
        return CourseEdits(tuple(plan.committed), plan.subject)

    result, form = await submit_form(
        context, dataset.name, make, form, None, "stale-example"
    )
    if isinstance(result, FormResult):
        return await _render(context, dataset, form, result, recalled)
    return seen_other(f"{base_of(dataset.name)}?changed={result.id}")


_MEDIA_TYPES: Mapping[ExportForm, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl",
}


@router.get("/datasets/{dataset}/export/{form}")
async def export(
    context: TeacherContext, dataset: EditedDataset, form: ExportForm
) -> Response:
    """Return the examples as a file, which can be edited and imported again."""
    files = await context.read(changes.read_files, context.actor, dataset.name)
    content, _ = await asyncio.to_thread(
        examples.export, context.services, files, form, context.language
    )
    name = quote(f"{dataset.name}.{form}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(content, headers=headers, media_type=_MEDIA_TYPES[form])


def _plan(
    context: TeacherContext, files: DatasetFiles, form: ImportForm, recalled: Recalled
) -> ImportPlan:
    return examples.plan(
        context.services, files, *recalled, removes_gone=form.remove_gone
    )


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
    await asyncio.to_thread(form.keep, files)
    return form, ""


async def _render(
    context: TeacherContext,
    dataset: EditedDataset,
    form: ImportForm,
    result: FormResult,
    recalled: Recalled | None = None,
) -> Response:
    """Return the page, with the first rows of the form's file if they are given."""
    plan: ImportPlan | None = None
    if recalled is not None:
        files = await context.read(changes.read_files, context.actor, dataset.name)
        try:
            plan = await asyncio.to_thread(_plan, context, files, form, recalled)
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
    earlier = plan.earlier if plan else {}
    around = plan.preview.around if plan else ()
    return {
        "plan": plan,
        "found": [
            *(plan.findings if plan else ()),
            *(each for each in around if each.path.startswith(EXAMPLES)),
        ],
        "rows": [
            (parse_example(edit.text), parse_example(earlier.get(edit.path)))
            for edit in edits
        ],
        "gone": [
            parse_example(earlier[edit.path])
            for edit in (plan.gone[:_SHOWN] if plan else ())
        ],
        "parts": CHOSEN_PARTS,
        "columns": str(columns.get("names", "")).splitlines(),
        "proposed": columns,
        "megabytes": MEGABYTES,
    }
