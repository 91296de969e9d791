"""Routes of training: /v1/files, /v1/fine_tuning/jobs, /v1/models, /v1/webhook_endpoints.

/v1/files: training files.

/v1/fine_tuning/jobs: jobs, their events, their checkpoints.

/v1/models: the bases that can be tuned, then the tuned models, newest first.

/v1/webhook_endpoints: webhooks for ended jobs, in the format of the openai package.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from merlin.config.engine import RECALL
from merlin.core import durable_files
from merlin.engine.auth import check_owner, get_client, get_owner
from merlin.engine.bases import RECALL_CREATED
from merlin.engine.context import Engine, get_engine
from merlin.engine.database import IdempotencyKey, Row, build_idempotency_key, find_response
from merlin.engine.job_events import event_object, protocol_language
from merlin.engine.jobs import Job, job_object, read_job
from merlin.engine.requests import RequestBody, open_form, write_upload
from merlin.engine.storage import PURPOSE, build_checkpoint, build_file, build_model
from merlin.engine.webhooks.delivery import WebhookSender
from merlin.engine.webhooks.endpoints import EVENT_TYPES, EventType, endpoint_object, read_endpoint
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import (
    CHECKPOINTS_PAGE_SIZE,
    MAX_FILES,
    parse_metadata_filter,
    parse_page,
    read_body,
)
from merlin.openai_protocol.responses import deleted_object, list_object, list_page

router = APIRouter(prefix="/v1", dependencies=[Depends(check_owner)])

_MAX_NAME_LENGTH = 255


@router.post("/files")
async def upload_file(request: Request) -> Response:
    """Store an upload; repeating the Idempotency-Key and file returns the first response."""
    engine = get_engine(request)
    files = engine.repositories.files
    async with open_form(request) as form:
        upload, purpose = form.get("file"), form.get("purpose")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise bad_field(
                "file", "Missing required parameter: 'file' must be an upload with a name."
            )
        if purpose != PURPOSE:
            raise bad_field(
                "purpose", f"purpose must be '{PURPOSE}': this engine keeps no other files"
            )
        if any(name.startswith("expires_after") for name in form):
            raise bad_field("expires_after", "This engine keeps files until they are deleted.")
        name = upload.filename.replace("\\", "/").rsplit("/", 1)[-1]
        if not name.endswith(".jsonl"):
            raise bad_field("file", "Invalid file format: a .jsonl file is needed for fine-tuning.")
        if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
            raise bad_field(
                "file", f"The file's name must be printable, {_MAX_NAME_LENGTH} characters at most."
            )
        part = files.path(f".{secrets.token_hex(8)}.part")
        try:
            digest = await write_upload(upload, part)
            key = request.headers.get("idempotency-key", "")
            idempotency = build_idempotency_key(
                "files", key, [name, purpose, digest], get_owner(request)
            )
            check = partial(engine.clients.check_storage, get_client(request))
            answer = await run_in_threadpool(files.add, name, part, idempotency, check)
        finally:
            durable_files.remove_durably(part)
    return Response(answer, media_type="application/json")


@router.get("/files")
def list_files(request: Request) -> Response:
    """List files, newest first unless `order=asc`."""
    query = request.query_params
    page = parse_page(query, MAX_FILES, MAX_FILES)
    purpose, files = query.get("purpose", ""), get_engine(request).repositories.files
    rows, has_more = files.list(purpose, page, get_owner(request))
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
    """Create a job; repeating the Idempotency-Key and body returns the first response."""
    body = await read_body(request)
    key = request.headers.get("idempotency-key", "")
    idempotency = build_idempotency_key("jobs", key, body, get_owner(request))
    answer = await run_in_threadpool(_create_job, request, body, idempotency)
    return Response(answer, media_type="application/json")


def _create_job(request: Request, body: Mapping[str, object], idempotency: IdempotencyKey) -> bytes:
    engine = get_engine(request)
    stored = find_response(engine.repositories.database, idempotency)
    if stored is not None:
        return stored
    job = read_job(body, engine.bases)
    requested = {"training_file": job.training_file, "validation_file": job.validation_file}
    for param, file_id in requested.items():
        if file_id is not None and not engine.repositories.files.has(file_id, idempotency.owner):
            message = f"invalid {param}: there is no file {file_id}; upload it first"
            raise bad_field(param, message)
    check = partial(engine.clients.check_queue, get_client(request))
    answer = engine.repositories.jobs.create(job, idempotency, check)
    engine.work.wake()
    return answer


@router.get("/fine_tuning/jobs")
def list_jobs(request: Request) -> Response:
    """List the jobs with all requested `metadata[key]=value` pairs, newest first."""
    query, language = request.query_params, protocol_language(request)
    jobs, more = get_engine(request).repositories.jobs.list(
        parse_metadata_filter(query), parse_page(query), get_owner(request)
    )
    return JSONResponse(list_page([job_object(job, language) for job in jobs], has_more=more))


@router.get("/fine_tuning/jobs/{job_id}")
def retrieve_job(request: Request, job_id: str) -> Response:
    """Return a job."""
    job = get_engine(request).repositories.jobs.get(job_id)
    return JSONResponse(job_object(job, protocol_language(request)))


@router.post("/fine_tuning/jobs/{job_id}/cancel")
def cancel_job(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    return _move_job(request, job_id, get_engine(request).repositories.jobs.cancel)


@router.post("/fine_tuning/jobs/{job_id}/pause")
def pause_job(request: Request, job_id: str) -> Response:
    """Pause a job after its current step."""
    return _move_job(request, job_id, get_engine(request).repositories.jobs.pause)


@router.post("/fine_tuning/jobs/{job_id}/resume")
def resume_job(request: Request, job_id: str) -> Response:
    """Put a paused job back in the queue."""
    return _move_job(request, job_id, get_engine(request).repositories.jobs.resume)


def _move_job(request: Request, job_id: str, move: Callable[[str], Job]) -> Response:
    job = move(job_id)
    get_engine(request).work.wake()
    return JSONResponse(job_object(job, protocol_language(request)))


@router.get("/fine_tuning/jobs/{job_id}/events")
def list_events(request: Request, job_id: str) -> Response:
    """List a job's events, newest first."""
    repositories = get_engine(request).repositories
    page = parse_page(request.query_params)
    rows, has_more = repositories.job_events.list(repositories.jobs.get(job_id).job_id, page)
    return JSONResponse(list_page([event_object(row) for row in rows], has_more=has_more))


@router.get("/fine_tuning/jobs/{job_id}/checkpoints")
def list_checkpoints(request: Request, job_id: str) -> Response:
    """List a job's checkpoints, newest first; the last ten are kept."""
    repositories = get_engine(request).repositories
    page = parse_page(request.query_params, CHECKPOINTS_PAGE_SIZE)
    rows, has_more = repositories.models.list_checkpoints(
        repositories.jobs.get(job_id).job_id, page
    )
    return JSONResponse(list_page([build_checkpoint(row) for row in rows], has_more=has_more))


@router.get("/models")
def list_models(request: Request) -> Response:
    """List all models without checkpoints, which are listed by job."""
    engine = get_engine(request)
    models = [build_model(base.name, RECALL_CREATED, base) for base in engine.bases.values()]
    models += [
        _build_tuned(engine, row)
        for row in engine.repositories.models.list_final(get_owner(request))
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
    """Delete a tuned model or a checkpoint with its weights."""
    if name in get_engine(request).bases:
        raise ApiError(403, f"`{name}` is a base model: only tuned models can be deleted.")
    get_engine(request).repositories.models.delete(name)
    return JSONResponse(deleted_object(name, "model"))


def _build_tuned(engine: Engine, row: Row) -> dict[str, object]:
    base = engine.bases.get(row["base"], engine.bases[RECALL])
    return build_model(row["name"], row["created_at"], base)


_MAX_ENDPOINTS = 100


@router.get("/webhook_event_types")
def list_event_types() -> Response:
    """List the event types."""
    return JSONResponse({"object": "list", "data": list(EVENT_TYPES)})


@router.post("/webhook_endpoints")
async def create_endpoint(request: Request) -> Response:
    """Create an endpoint; its secret is returned only here."""
    change = read_endpoint(await read_body(request), is_new=True)
    sender = _get_sender(request)
    sender.guard.check(change.url or "")
    row = await run_in_threadpool(sender.endpoints.add, change, get_owner(request))
    return _render_endpoint(sender, row, with_secret=True)


@router.get("/webhook_endpoints")
def list_endpoints(request: Request) -> Response:
    """List endpoints, newest first."""
    sender = _get_sender(request)
    page = parse_page(request.query_params, most=_MAX_ENDPOINTS)
    rows, has_more = sender.endpoints.list(page, get_owner(request))
    objects = [_build_endpoint(sender, row) for row in rows]
    return JSONResponse(list_page(objects, has_more=has_more))


@router.get("/webhook_endpoints/{endpoint_id}")
def retrieve_endpoint(request: Request, endpoint_id: str) -> Response:
    """Return an endpoint with its delivery state."""
    sender = _get_sender(request)
    return _render_endpoint(sender, sender.endpoints.get(endpoint_id))


@router.post("/webhook_endpoints/{endpoint_id}")
async def update_endpoint(request: Request, endpoint_id: str) -> Response:
    """Update an endpoint; one that was paused or gone is on again."""
    change = read_endpoint(await read_body(request), is_new=False)
    sender = _get_sender(request)
    if change.url is not None:
        sender.guard.check(change.url)
    row = await run_in_threadpool(sender.endpoints.update, endpoint_id, change)
    sender.wake()
    return _render_endpoint(sender, row)


@router.delete("/webhook_endpoints/{endpoint_id}")
def delete_endpoint(request: Request, endpoint_id: str) -> Response:
    """Delete an endpoint and its pending deliveries."""
    _get_sender(request).endpoints.delete(endpoint_id)
    return JSONResponse(deleted_object(endpoint_id, "webhook_endpoint.deleted"))


class RotateRequest(RequestBody):
    """The body of POST …/rotate_secret."""

    keep_old_secret_active_for_24_hours: bool | None = None


class TestRequest(RequestBody):
    """The body of POST …/test: the event type of the sample."""

    event_type: EventType


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
async def rotate_secret(request: Request, endpoint_id: str) -> Response:
    """Rotate the secret and return the new one; the old one can stay valid for 24 hours."""
    rotation, sender = RotateRequest.parse(await read_body(request)), _get_sender(request)
    keeps_old = bool(rotation.keep_old_secret_active_for_24_hours)
    rotate = partial(sender.endpoints.rotate_secret, endpoint_id, keeps_old=keeps_old)
    return _render_endpoint(sender, await run_in_threadpool(rotate), with_secret=True)


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def test_endpoint(request: Request, endpoint_id: str) -> Response:
    """Send a sample event and return the endpoint's response status."""
    kind = TestRequest.parse(await read_body(request)).event_type
    sender = _get_sender(request)
    row = await run_in_threadpool(sender.endpoints.get, endpoint_id)
    outcome = await asyncio.wrap_future(sender.test(row, kind))
    if outcome.status is None:
        message = f"The endpoint gave no answer: {outcome.error}."
        raise ApiError(400, message, code="webhook_endpoint_unreachable")
    result = {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint_id,
        "event_type": kind,
        "status_code": outcome.status,
        "success": True,
    }
    return JSONResponse(result)


def _get_sender(request: Request) -> WebhookSender:
    return get_engine(request).webhook_sender


def _build_endpoint(sender: WebhookSender, row: Row) -> dict[str, object]:
    return endpoint_object(row, sender.endpoints.read_delivery_state(row["id"]))


def _render_endpoint(sender: WebhookSender, row: Row, *, with_secret: bool = False) -> Response:
    secret = {"signing_secret": row["secret"]} if with_secret else {}
    return JSONResponse(_build_endpoint(sender, row) | secret)
