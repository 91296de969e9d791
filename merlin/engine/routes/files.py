"""/v1/files: what jobs train on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from merlin.core import durable
from merlin.engine.body import form_of, spill
from merlin.engine.caller import let_keep, owner_of
from merlin.engine.files import PURPOSE, file_object
from merlin.engine.paging import list_object, page_of
from merlin.engine.refusal import bad
from merlin.engine.repeats import wish_of
from merlin.engine.services import engine_of

router = APIRouter()

MOST_FILES = 10_000
_LONGEST_NAME = 255


@router.post("/files")
async def create(request: Request) -> Response:
    """Keep an upload; the same Idempotency-Key and file give the first answer again."""
    files = engine_of(request).shelves.files
    async with form_of(request) as form:
        upload, purpose = form.get("file"), form.get("purpose")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise bad("file", "Missing required parameter: 'file' must be an upload with a name.")
        if purpose != PURPOSE:
            raise bad("purpose", f"purpose must be '{PURPOSE}': this engine keeps no other files")
        if any(name.startswith("expires_after") for name in form):
            raise bad("expires_after", "This engine keeps files until they are deleted.")
        name = _name(upload.filename)
        part = files.beside()
        try:
            digest = await spill(upload, part)
            key = request.headers.get("idempotency-key", "")
            wish = wish_of("files", key, [name, purpose, digest], owner_of(request))
            answer = await run_in_threadpool(files.add, name, part, wish, let_keep(request))
        finally:
            durable.remove(part)
    return Response(answer, media_type="application/json")


def _name(told: str) -> str:
    name = told.replace("\\", "/").rsplit("/", 1)[-1]
    if not name.endswith(".jsonl"):
        raise bad("file", "Invalid file format: a .jsonl file is needed for fine-tuning.")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise bad("file", f"The file's name must be printable, {_LONGEST_NAME} characters at most.")
    return name


@router.get("/files")
def listed(request: Request) -> Response:
    """List files, newest first unless `order=asc`."""
    query = request.query_params
    page = page_of(query, MOST_FILES, MOST_FILES)
    purpose, files = query.get("purpose", ""), engine_of(request).shelves.files
    found = files.list(purpose, page, owner_of(request))
    return JSONResponse(list_object(found, file_object))


@router.get("/files/{file_id}")
def retrieve(request: Request, file_id: str) -> Response:
    """Return a File."""
    return JSONResponse(file_object(engine_of(request).shelves.files.get(file_id)))


@router.get("/files/{file_id}/content")
def content(request: Request, file_id: str) -> Response:
    """Return a file's bytes as they were uploaded.

    The protocol's description calls them application/json; lines of JSON are none, and its own
    clients ask for the bytes.
    """
    files = engine_of(request).shelves.files
    path = files.path(str(files.get(file_id)["id"]))
    return FileResponse(path, media_type="application/octet-stream")


@router.delete("/files/{file_id}")
def delete(request: Request, file_id: str) -> Response:
    """Delete a file; a job that still needs it fails and says so."""
    engine_of(request).shelves.files.delete(file_id)
    return JSONResponse({"id": file_id, "object": "file", "deleted": True})
