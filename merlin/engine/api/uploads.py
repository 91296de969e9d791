"""Routes of uploads in parts, /v1/uploads: how the openai package sends a large training file."""

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.clock import utc_now
from merlin.engine.api.training import CountedRequest, check_file_name, check_purpose
from merlin.engine.context import get_engine, require_key
from merlin.engine.database import Row
from merlin.engine.requests import RequestBody
from merlin.engine.storage import build_file
from merlin.engine.uploads import LIFE_S, MAX_BYTES, Uploads
from merlin.openai_protocol.errors import bad_field
from merlin.openai_protocol.requests import read_body
from merlin.openai_protocol.responses import upload_object, upload_part_object

router = APIRouter(prefix="/v1/uploads", dependencies=[Depends(require_key)])

# What a form has beside the part itself.
_FORM_BYTES = 64 * 1024


class UploadRequest(RequestBody):
    """The body of POST /uploads. Source: openapi.yaml, CreateUploadRequest."""

    filename: str
    purpose: str
    bytes: int = Field(ge=1, le=MAX_BYTES)
    mime_type: str
    expires_after: None = None


class CompleteRequest(RequestBody):
    """The body of POST /uploads/{id}/complete. Source: openapi.yaml, CompleteUploadRequest."""

    part_ids: list[str] = Field(min_length=1)
    md5: str | None = None


@router.post("")
async def create_upload(request: Request) -> Response:
    """Begin an upload."""
    body = UploadRequest.parse(await read_body(request))
    check_purpose(body.purpose)
    name = check_file_name(body.filename, "filename")
    uploads = get_engine(request).uploads
    row = await run_in_threadpool(uploads.create, name, body.bytes)
    return _respond(uploads, row)


@router.post("/{upload_id}/parts")
async def add_part(request: Request, upload_id: str) -> Response:
    """Store a part."""
    most = get_engine(request).settings.max_part_bytes + _FORM_BYTES
    counted = CountedRequest(request, most)
    async with counted.form(max_files=1, max_fields=1) as form:
        part = form.get("data")
        if not isinstance(part, UploadFile):
            raise bad_field(
                "data", "Missing required parameter: 'data' must be an upload."
            )
        part_id = await run_in_threadpool(
            get_engine(request).uploads.add_part, upload_id, part.file
        )
    now = int(utc_now().timestamp())
    return JSONResponse(
        upload_part_object(id=part_id, upload_id=upload_id, created_at=now)
    )


@router.post("/{upload_id}/complete")
async def complete_upload(request: Request, upload_id: str) -> Response:
    """Make a file of the parts."""
    body = CompleteRequest.parse(await read_body(request))
    uploads = get_engine(request).uploads
    row = await run_in_threadpool(
        uploads.complete, upload_id, body.part_ids, body.md5 or ""
    )
    return _respond(uploads, row)


@router.post("/{upload_id}/cancel")
def cancel_upload(request: Request, upload_id: str) -> Response:
    """Cancel an upload."""
    uploads = get_engine(request).uploads
    return _respond(uploads, uploads.cancel(upload_id))


def _respond(uploads: Uploads, row: Row) -> Response:
    names = "id", "bytes", "created_at", "filename", "purpose", "status"
    file = uploads.find_file(row)
    return JSONResponse(
        upload_object(
            **{name: row[name] for name in names},
            expires_at=row["created_at"] + LIFE_S,
            file=build_file(file) if file else None,
        )
    )
