"""Routes of training: /v1/files, /v1/fine_tuning/jobs and /v1/models.

/v1/files: training files.

/v1/fine_tuning/jobs: jobs, their events, their checkpoints.

/v1/models: the bases that can be tuned, then the tuned models, newest first.
"""

from collections.abc import AsyncGenerator, Mapping

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from merlin.config.engine import RECALL
from merlin.core.server import read_chunks
from merlin.engine.bases import RECALL_CREATED
from merlin.engine.context import Engine, get_engine, require_key
from merlin.engine.database import Row
from merlin.engine.jobs import event_object, job_object, read_job
from merlin.engine.storage import PURPOSE, build_checkpoint, build_file, build_model
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import (
    body_size_error,
    parse_metadata_filter,
    parse_page,
    read_body,
)
from merlin.openai_protocol.responses import deleted_object, list_object, list_page

router = APIRouter(prefix="/v1", dependencies=[Depends(require_key)])

_MAX_NAME_LENGTH = 255
_SUFFIXES = (".jsonl", ".safetensors")


class CountedRequest(Request):
    """A request whose body is counted while it is read: a chunked one declares no size."""

    def __init__(self, request: Request, most: int) -> None:
        super().__init__(request.scope, request.receive)
        self._whole = request
        self._most = most

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body. Raises ApiError 413 if it has more than `most` bytes."""
        return read_chunks(self._whole, self._most, body_size_error(self._most))


@router.post("/files")
async def upload_file(request: Request) -> Response:
    """Store an upload."""
    engine = get_engine(request)
    files = engine.repositories.files
    counted = CountedRequest(request, engine.settings.max_file_bytes)
    async with counted.form(max_files=1, max_fields=16) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise bad_field(
                "file",
                "Missing required parameter: 'file' must be an upload with a name.",
            )
        check_purpose(form.get("purpose"))
        if any(name.startswith("expires_after") for name in form):
            raise bad_field(
                "expires_after", "This engine keeps files until they are deleted."
            )
        name = check_file_name(upload.filename, "file")
        row = await run_in_threadpool(files.add, name, upload.file)
    return JSONResponse(build_file(row))


def check_purpose(purpose: object) -> None:
    """Raise ApiError 400 for files that the engine does not keep."""
    if purpose != PURPOSE:
        raise bad_field(
            "purpose", f"purpose must be '{PURPOSE}': this engine keeps no other files"
        )


def check_file_name(filename: str, param: str) -> str:
    """Return the name of an upload without folders. Raises ApiError 400, which names `param`."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    if not name.endswith(_SUFFIXES):
        message = "Invalid file format: a .jsonl file is needed for fine-tuning"
        raise bad_field(param, f"{message}, or the .safetensors of an adapter.")
    if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise bad_field(
            param,
            f"The file's name must be printable, {_MAX_NAME_LENGTH} characters at most.",
        )
    return name


@router.get("/files")
def list_files(request: Request) -> Response:
    """List files, newest first unless `order=asc`."""
    query = request.query_params
    page = parse_page(query)
    purpose = query.get("purpose", "")
    files = get_engine(request).repositories.files
    rows, has_more = files.list(purpose, page)
    return JSONResponse(list_page([build_file(row) for row in rows], has_more=has_more))


@router.get("/files/{file_id}")
def retrieve_file(request: Request, file_id: str) -> Response:
    """Return a File."""
    return JSONResponse(build_file(get_engine(request).repositories.files.get(file_id)))


@router.get("/files/{file_id}/content")
def download_file(request: Request, file_id: str) -> Response:
    """Return a file's bytes as they were uploaded.

    The protocol's description says application/json, but JSON Lines are not JSON, and its own
    clients read the bytes.
    """
    files = get_engine(request).repositories.files
    path = files.path(str(files.get(file_id)["id"]))
    return FileResponse(path, media_type="application/octet-stream")


@router.delete("/files/{file_id}")
def delete_file(request: Request, file_id: str) -> Response:
    """Delete a file; a job that still needs it fails."""
    get_engine(request).repositories.files.delete(file_id)
    return JSONResponse(deleted_object(file_id, "file"))


@router.post("/fine_tuning/jobs")
async def create_job(request: Request) -> Response:
    """Create a job."""
    return await run_in_threadpool(_create_job, request, await read_body(request))


def _create_job(request: Request, body: Mapping[str, object]) -> Response:
    engine = get_engine(request)
    job = read_job(body, engine.bases)
    requested = {
        "training_file": job.training_file,
        "validation_file": job.validation_file,
    }
    if job.weights:
        requested["method"] = job.weights
    for param, file_id in requested.items():
        if file_id is not None and not engine.repositories.files.has(file_id):
            message = f"invalid {param}: there is no file {file_id}; upload it first"
            raise bad_field(param, message)
    engine.repositories.jobs.create(job)
    engine.work.wake()
    return JSONResponse(job_object(job))


@router.get("/fine_tuning/jobs")
def list_jobs(request: Request) -> Response:
    """List the jobs with all requested `metadata[key]=value` pairs, newest first."""
    query = request.query_params
    jobs, more = get_engine(request).repositories.jobs.list(
        parse_metadata_filter(query), parse_page(query)
    )
    return JSONResponse(list_page([job_object(job) for job in jobs], has_more=more))


@router.get("/fine_tuning/jobs/{job_id}")
def retrieve_job(request: Request, job_id: str) -> Response:
    """Return a job."""
    job = get_engine(request).repositories.jobs.get(job_id)
    return JSONResponse(job_object(job))


@router.post("/fine_tuning/jobs/{job_id}/cancel")
def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    engine = get_engine(request)
    job = engine.repositories.jobs.cancel(job_id)
    engine.work.wake()
    return JSONResponse(job_object(job))


@router.get("/fine_tuning/jobs/{job_id}/events")
def list_events(request: Request, job_id: str) -> Response:
    """List a job's events, newest first."""
    repositories = get_engine(request).repositories
    page = parse_page(request.query_params)
    rows, has_more = repositories.job_events.list(
        repositories.jobs.get(job_id).job_id, page
    )
    return JSONResponse(
        list_page([event_object(row) for row in rows], has_more=has_more)
    )


@router.get("/fine_tuning/jobs/{job_id}/checkpoints")
def list_checkpoints(request: Request, job_id: str) -> Response:
    """List a job's checkpoints, newest first; the last three are kept."""
    repositories = get_engine(request).repositories
    page = parse_page(request.query_params)
    rows, has_more = repositories.models.list_checkpoints(
        repositories.jobs.get(job_id).job_id, page
    )
    return JSONResponse(
        list_page([build_checkpoint(row) for row in rows], has_more=has_more)
    )


@router.get("/models")
def list_models(request: Request) -> Response:
    """List all models without checkpoints, which are listed by job."""
    engine = get_engine(request)
    models = [
        build_model(base.name, RECALL_CREATED, base) for base in engine.bases.values()
    ]
    models += [
        _build_tuned(engine, row) for row in engine.repositories.models.list_final()
    ]
    return JSONResponse(list_object(models))


@router.get("/models/{name:path}")
def retrieve_model(request: Request, name: str) -> Response:
    """Return a model, base, tuned or checkpoint."""
    engine = get_engine(request)
    if name in engine.bases:
        return JSONResponse(build_model(name, RECALL_CREATED, engine.bases[name]))
    return JSONResponse(_build_tuned(engine, engine.repositories.models.get(name)))


@router.delete("/models/{name:path}")
def delete_model(request: Request, name: str) -> Response:
    """Delete a tuned model or a checkpoint with its weights; with a model its job's results."""
    if name in get_engine(request).bases:
        raise ApiError(
            403, f"`{name}` is a base model: only tuned models can be deleted."
        )
    get_engine(request).repositories.delete_model(name)
    return JSONResponse(deleted_object(name, "model"))


def _build_tuned(engine: Engine, row: Row) -> dict[str, object]:
    base = engine.bases.get(row["base"], engine.bases[RECALL])
    return build_model(row["name"], row["created_at"], base)
