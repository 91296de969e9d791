"""A document as a material: choose it, see its text and what is left out, save: one commit.

The page holds the text and the document between the steps, so nothing is stored.
"""

import asyncio
from pathlib import PurePath
from typing import Annotated, Literal

from fastapi import Form
from pydantic import Field, TypeAdapter
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from merlin.api.pages.errors import UploadRoute, page_router
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import (
    REFUSALS,
    LedCourse,
    TeacherContext,
    course_href,
    refusal_text,
    render_page,
)
from merlin.api.pages.teach.course import find_next_lesson
from merlin.api.pages.teach.edit_form import FormResult, submit_form
from merlin.api.pages.teach.imports import FilesForm
from merlin.api.rest.teaching import MaterialBody
from merlin.api.schema import Texts
from merlin.app import teaching, unread_documents
from merlin.app.changes import ChangeView, DatasetFiles
from merlin.core.errors import Refused
from merlin.core.server import run_while_connected
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import KINDS, Course
from merlin.course.documents import Document, read_document, split_text
from merlin.course.editing import MAX_ORIGINAL_BYTES, CourseEdits, MaterialDraft
from merlin.dataset.layout import MATERIALS

_DOCUMENT = TypeAdapter(Document)


router = page_router(route_class=UploadRoute)

MEGABYTES = 6  # of the document; the page then holds its text


class DocumentForm(FilesForm):
    """The form of a document; it keeps what was read, and the document if it is small.

    `path` is that of one that lies in git, to be read.
    """

    title_ru: str = Field(default="", max_length=500)
    title_en: str = Field(default="", max_length=500)
    kind: str = KINDS[0]
    lesson: int = 1
    path: str = Field(default="", max_length=500)
    act: Literal["show", "save"] = "show"

    def draft(self) -> MaterialDraft:
        """Return what its materials have in common. Raises ValidationError."""
        title = Texts(
            ru=self.title_ru.strip() or None, en=self.title_en.strip() or None
        )
        body = MaterialBody(title=title, type=self.kind, lesson=self.lesson, text="…")
        return body.draft()

    def read_document(self) -> tuple[Document, tuple[bytes, str]]:
        """Return what was read, and the document with its name. Raises Refused."""
        (content, _), original = self.read_kept()
        return _DOCUMENT.validate_json(content), original


@router.get("/courses/{course_id}/edit/document")
async def begin_document(context: TeacherContext, course: LedCourse) -> Response:
    """Return the form that takes a document."""
    form = DocumentForm(lesson=await find_next_lesson(context, course))
    return await _render(context, course, form, FormResult())


@router.post("/courses/{course_id}/edit/document")
async def add_document(
    request: Request,
    context: TeacherContext,
    course: LedCourse,
    form: Annotated[DocumentForm, Form()],
) -> Response:
    """Return the text of a document as it will be, or submit the commit of its materials."""
    sent = (await request.form()).get("file")
    try:
        if isinstance(sent, UploadFile) and sent.filename:
            content = await sent.read()
            name = PurePath(sent.filename).name
            form = await _read(request, context, form, content, name)
        elif form.path:
            content = await _read_committed(context, course, form.path)
            form = await _read(request, context, form, content, form.path)
        elif not form.kept:
            raise Refused("no file", "document-no-file")
    except REFUSALS as error:
        wrong = FormResult(refusal_text(context, error))
        return await _render(context, course, form, wrong)
    if form.act == "show":
        return await _render(context, course, form, FormResult())

    def make(files: DatasetFiles) -> CourseEdits:
        document, original = form.read_document()
        return teaching.add_document(document, form.draft(), original, files)

    result: ChangeView | FormResult
    result, form = await submit_form(
        context, course.dataset, make, form, None, "stale-course"
    )
    if isinstance(result, FormResult):
        return await _render(context, course, form, result)
    return seen_other(f"{course_href(course)}/edit?changed={result.id}")


async def _read_committed(context: TeacherContext, course: Course, path: str) -> bytes:
    """Return a document that lies in git. Raises Refused."""
    unread = await context.read(
        unread_documents.list_unread, context.actor, course.dataset
    )
    return await asyncio.to_thread(
        unread_documents.read_unread,
        context.services,
        course.dataset,
        path,
        unread.get(path, ""),
    )


async def _read(
    request: Request,
    context: TeacherContext,
    form: DocumentForm,
    content: bytes,
    name: str,
) -> DocumentForm:
    """Return the form with what was read of a document, and the title that it has."""
    reading = read_document(content, name, context.services.document_reader)
    document = await run_while_connected(request, reading)
    if document is None:
        raise ClientDisconnect
    title = {f"title_{context.language}": document.title[:200]}
    form = form.model_copy(update={**title, "act": "show"})
    is_there = name.startswith(MATERIALS)
    kept = b"" if is_there or len(content) > MAX_ORIGINAL_BYTES else content
    files = [
        (_DOCUMENT.dump_json(document), ""),
        (kept, name if is_there or kept else ""),
    ]
    await asyncio.to_thread(form.keep, files)
    return form


async def _render(
    context: TeacherContext, course: Course, form: DocumentForm, result: FormResult
) -> Response:
    """Return the page, with the text of the form's document."""
    document: Document | None = None
    parts = list[str]()
    name = ""
    if form.kept:
        try:
            document, (_, name) = form.read_document()
            parts = [
                (await asyncio.to_thread(render_markdown, part, context.language))[0]
                for part in split_text(document.markdown)
            ]
        except REFUSALS as error:
            result = FormResult(refusal_text(context, error))
    view = {
        "course": course,
        "form": form,
        "result": result,
        "kinds": KINDS,
        "unread": await context.read(
            unread_documents.list_unread, context.actor, course.dataset
        ),
        "document": document,
        "is_kept": bool(name),
        "notes": document.notes(context.language) if document else (),
        "parts": parts,
        "megabytes": MEGABYTES,
        "kilobytes": MAX_ORIGINAL_BYTES // 1000,
    }
    return render_page(
        context, "teach_document.html", view, status=422 if result.wrong else 200
    )
