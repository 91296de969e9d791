"""The page that makes a dataset: a title, a file, its first examples; save makes one commit."""

import asyncio
from typing import Annotated

from fastapi import Form
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.errors import UploadRoute, page_router
from merlin.api.pages.page import REFUSALS, TeacherContext, refusal_text, render_page
from merlin.api.pages.teach.edit_form import FormResult, base_of, submit_form
from merlin.api.pages.teach.imports import (
    ImportForm,
    describe_plan,
    read_lines,
    take_files,
)
from merlin.api.schema import LINE
from merlin.app import new_datasets
from merlin.app.changes import DatasetFiles
from merlin.app.new_datasets import NewDataset
from merlin.core.errors import Refused
from merlin.core.web.assets import seen_other
from merlin.course.editing import CourseEdits
from merlin.dataset.import_memory import Recalled
from merlin.dataset.import_plan import ImportPlan

router = page_router(route_class=UploadRoute)


class NewDatasetForm(ImportForm):
    """The form of a new dataset; `name` is that of its folder, "" before one is proposed."""

    title: str = Field(default="", max_length=500, pattern=LINE)
    name: str = Field(default="", max_length=500)


@router.get("/datasets/new")
async def begin_dataset(context: TeacherContext) -> Response:
    """Return the form that takes a title and a file."""
    return _render(context, NewDatasetForm(), FormResult(), None)


@router.post("/datasets/new")
async def make_dataset(
    request: Request, context: TeacherContext, form: Annotated[NewDatasetForm, Form()]
) -> Response:
    """Return the dataset as it will be, or submit the commit that makes it."""
    form, wrong = await take_files(request, context, form)
    if wrong:
        return _render(context, form, FormResult(wrong), None)
    try:
        new = await _describe(context, form)
        recalled = await read_lines(request, context, form, new.files)
    except REFUSALS as error:
        return _render(context, form, FormResult(refusal_text(context, error)), None)
    form = form.model_copy(update={"name": new.name})
    if form.act == "show":
        return await _show(context, form, FormResult(), new, recalled)

    def make(_: DatasetFiles) -> CourseEdits:
        plan = new_datasets.plan(context.services, new, *recalled)
        if form.kept and not plan.good_edits:
            raise Refused("nothing new", "import-nothing-new")
        return new_datasets.make_edits(new, plan)

    result, form = await submit_form(
        context,
        new.name,
        make,
        form,
        None,
        "stale-example",
        read=new_datasets.read_unused,
    )
    if isinstance(result, FormResult):
        return await _show(context, form, result, new, recalled)
    return seen_other(f"{base_of(new.name)}?changed={result.id}")


async def _describe(context: TeacherContext, form: NewDatasetForm) -> NewDataset:
    """Return what the form describes, with a proposed name if it has none. Raises Refused."""
    name = form.name.strip() or await context.services.read(
        new_datasets.propose_name, form.title
    )
    return await context.read(
        new_datasets.describe, context.actor, name, form.title, context.language
    )


async def _show(
    context: TeacherContext,
    form: NewDatasetForm,
    result: FormResult,
    new: NewDataset,
    recalled: Recalled,
) -> Response:
    """Return the page with the first rows of the form's file."""
    plan: ImportPlan | None = None
    try:
        plan = await asyncio.to_thread(
            new_datasets.plan, context.services, new, *recalled
        )
        await context.read(new_datasets.read_unused, context.actor, new.name)
    except REFUSALS as error:
        result = FormResult(refusal_text(context, error))
    return _render(context, form, result, plan)


def _render(
    context: TeacherContext,
    form: NewDatasetForm,
    result: FormResult,
    plan: ImportPlan | None,
) -> Response:
    view = {"form": form, "result": result, **describe_plan(plan)}
    status = 422 if result.wrong else 200
    return render_page(context, "teach_new.html", view, status=status)
