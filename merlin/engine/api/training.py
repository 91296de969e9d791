"""Routes of training: /v1/files, /v1/fine_tuning/jobs, /v1/models, /v1/webhook_endpoints.

/v1/files: training files.

/v1/fine_tuning/jobs: jobs, their events, their checkpoints.

/v1/models: the bases that can be tuned, then the tuned models, newest first.

/v1/webhook_endpoints: webhooks for ended jobs, in the format of the openai package.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from merlin.core import durable_files
from merlin.engine.auth import check_owner, client_of, owner_of
from merlin.engine.bases import RECALL, RECALL_CREATED
from merlin.engine.context import Engine, engine_of
from merlin.engine.database import IdempotencyKey, Row, build_idempotency_key, page_of
from merlin.engine.job_events import event_object, protocol_language
from merlin.engine.jobs import MAX_METADATA, Job, job_object, read_job
from merlin.engine.requests import Fields, form_of, json_object, write_upload
from merlin.engine.storage import PURPOSE, checkpoint_of, file_of, model_of
from merlin.engine.webhooks.delivery import WebhookSender
from merlin.engine.webhooks.endpoints import EVENT_TYPES, EventType, endpoint_object, read_endpoint
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.responses import deleted_object, list_object, list_page

router = APIRouter(prefix="/v1", dependencies=[Depends(check_owner)])

MAX_FILES = 10_000
_MAX_NAME_LENGTH = 255


@router.post("/files")
async def upload_file(request: Request) -> Response:
    """Store an upload; repeating the Idempotency-Key and file returns the first response."""
    engine = engine_of(request)
    files = engine.repositories.files
    async with form_of(request) as form:
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
        name = _name(upload.filename)
        part = files.path(f".{secrets.token_hex(8)}.part")
        try:
            digest = await write_upload(upload, part)
            key = request.headers.get("idempotency-key", "")
            idempotency = build_idempotency_key(
                "files", key, [name, purpose, digest], owner_of(request)
            )
            check = partial(engine.clients.check_storage, client_of(request))
            answer = await run_in_threadpool(files.add, name, part, idempotency, check)
        finally:
            durable_files.remove_durably(part)
    return Response(answer, media_type="application/json")


def _name(upload_name: str) -> str:
    name = upload_name.replace("\\", "/").rsplit("/", 1)[-1]
    if not name.endswith(".jsonl"):
        raise bad_field("file", "Invalid file format: a .jsonl file is needed for fine-tuning.")
    if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise bad_field(
            "file", f"The file's name must be printable, {_MAX_NAME_LENGTH} characters at most."
        )
    return name


@router.get("/files")
def list_files(request: Request) -> Response:
    """List files, newest first unless `order=asc`."""
    query = request.query_params
    page = page_of(query, MAX_FILES, MAX_FILES)
    purpose, files = query.get("purpose", ""), engine_of(request).repositories.files
    rows, has_more = files.list(purpose, page, owner_of(request))
    return JSONResponse(list_page([file_of(row) for row in rows], has_more=has_more))


@router.get("/files/{file_id}")
def retrieve_file(request: Request, file_id: str) -> Response:
    """Return a File."""
    return JSONResponse(file_of(engine_of(request).repositories.files.get(file_id)))


@router.get("/files/{file_id}/content")
def content(request: Request, file_id: str) -> Response:
    """Return a file's bytes as they were uploaded.

    The protocol's description says application/json, but JSON Lines are not JSON, and its own
    clients read the bytes.
    """
    files = engine_of(request).repositories.files
    path = files.path(str(files.get(file_id)["id"]))
    return FileResponse(path, media_type="application/octet-stream")


@router.delete("/files/{file_id}")
def delete_file(request: Request, file_id: str) -> Response:
    """Delete a file; a job that still needs it fails."""
    engine_of(request).repositories.files.delete(file_id)
    return JSONResponse(deleted_object(file_id, "file"))


MOST = 1000
_PAGE = 20
_CHECKPOINTS = 10
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)


@router.post("/fine_tuning/jobs")
async def create_job(request: Request) -> Response:
    """Create a job; repeating the Idempotency-Key and body returns the first response."""
    body = await json_object(request)
    key = request.headers.get("idempotency-key", "")
    idempotency = build_idempotency_key("jobs", key, body, owner_of(request))
    answer = await run_in_threadpool(_create_job, request, body, idempotency)
    return Response(answer, media_type="application/json")


def _create_job(request: Request, body: Mapping[str, object], idempotency: IdempotencyKey) -> bytes:
    engine = engine_of(request)
    stored = engine.repositories.idempotency_store.answer(idempotency)
    if stored is not None:
        return stored
    job = read_job(body, engine.bases)
    requested = {"training_file": job.training_file, "validation_file": job.validation_file}
    for param, file_id in requested.items():
        if file_id is not None and not engine.repositories.files.has(file_id, idempotency.owner):
            message = f"invalid {param}: there is no file {file_id}; upload it first"
            raise bad_field(param, message)
    check = partial(engine.clients.check_queue, client_of(request))
    answer = engine.repositories.jobs.create(job, idempotency, check)
    engine.work.wake()
    return answer


@router.get("/fine_tuning/jobs")
def list_jobs(request: Request) -> Response:
    """List the jobs with all requested `metadata[key]=value` pairs, newest first."""
    query = request.query_params
    page = page_of(query, _PAGE, MOST)
    requested = {
        match[1]: value for name, value in query.items() if (match := _METADATA.fullmatch(name))
    }
    if len(requested) > MAX_METADATA:
        raise bad_field("metadata", f"a job has {MAX_METADATA} pairs of metadata at most")
    jobs, more = engine_of(request).repositories.jobs.list(requested, page, owner_of(request))
    language = protocol_language(request)
    return JSONResponse(list_page([job_object(job, language) for job in jobs], has_more=more))


@router.get("/fine_tuning/jobs/{job_id}")
def retrieve_job(request: Request, job_id: str) -> Response:
    """Return a job."""
    job = engine_of(request).repositories.jobs.get(job_id)
    return JSONResponse(job_object(job, protocol_language(request)))


@router.post("/fine_tuning/jobs/{job_id}/cancel")
def cancel(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    return _move_job(request, job_id, engine_of(request).repositories.jobs.cancel)


@router.post("/fine_tuning/jobs/{job_id}/pause")
def pause(request: Request, job_id: str) -> Response:
    """Pause a job after its current step."""
    return _move_job(request, job_id, engine_of(request).repositories.jobs.pause)


@router.post("/fine_tuning/jobs/{job_id}/resume")
def resume(request: Request, job_id: str) -> Response:
    """Put a paused job back in the queue."""
    return _move_job(request, job_id, engine_of(request).repositories.jobs.resume)


def _move_job(request: Request, job_id: str, move: Callable[[str], Job]) -> Response:
    job = move(job_id)
    engine_of(request).work.wake()
    return JSONResponse(job_object(job, protocol_language(request)))


@router.get("/fine_tuning/jobs/{job_id}/events")
def events(request: Request, job_id: str) -> Response:
    """List a job's events, newest first."""
    repositories = engine_of(request).repositories
    page = page_of(request.query_params, _PAGE, MOST)
    rows, has_more = repositories.job_events.page(repositories.jobs.get(job_id).job_id, page)
    return JSONResponse(list_page([event_object(row) for row in rows], has_more=has_more))


@router.get("/fine_tuning/jobs/{job_id}/checkpoints")
def checkpoints(request: Request, job_id: str) -> Response:
    """List a job's checkpoints, newest first; the last ten are kept."""
    repositories = engine_of(request).repositories
    page = page_of(request.query_params, _CHECKPOINTS, MOST)
    rows, has_more = repositories.models.checkpoints(repositories.jobs.get(job_id).job_id, page)
    return JSONResponse(list_page([checkpoint_of(row) for row in rows], has_more=has_more))


@router.get("/models")
def list_models(request: Request) -> Response:
    """List all models without checkpoints, which are listed by job."""
    engine = engine_of(request)
    models = [model_of(base.name, RECALL_CREATED, base) for base in engine.bases.values()]
    models += [_tuned(engine, row) for row in engine.repositories.models.final(owner_of(request))]
    return JSONResponse(list_object(models))


@router.get("/models/{name:path}")
def retrieve_model(request: Request, name: str) -> Response:
    """Return a model, base, tuned or checkpoint."""
    engine = engine_of(request)
    if name in engine.bases:
        return JSONResponse(model_of(name, RECALL_CREATED, engine.bases[name]))
    return JSONResponse(_tuned(engine, engine.repositories.models.get(name)))


@router.delete("/models/{name:path}")
def delete_model(request: Request, name: str) -> Response:
    """Delete a tuned model or a checkpoint with its weights."""
    if name in engine_of(request).bases:
        raise ApiError(403, f"`{name}` is a base model: only tuned models can be deleted.")
    engine_of(request).repositories.models.delete(name)
    return JSONResponse(deleted_object(name, "model"))


def _tuned(engine: Engine, row: Row) -> dict[str, object]:
    base = engine.bases.get(row["base"], engine.bases[RECALL])
    return model_of(row["name"], row["created_at"], base)


_MAX_ENDPOINTS = 100


@router.get("/webhook_event_types")
def event_types() -> Response:
    """List the event types."""
    return JSONResponse({"object": "list", "data": list(EVENT_TYPES)})


@router.post("/webhook_endpoints")
async def create_endpoint(request: Request) -> Response:
    """Create an endpoint; its secret is returned only here."""
    change = read_endpoint(await json_object(request), is_new=True)
    sender = _sender(request)
    sender.guard.check(change.url or "")
    row = await run_in_threadpool(sender.endpoints.add, change, owner_of(request))
    return _endpoint_answer(sender, row, with_secret=True)


@router.get("/webhook_endpoints")
def list_endpoints(request: Request) -> Response:
    """List endpoints, newest first."""
    sender = _sender(request)
    page = page_of(request.query_params, _PAGE, _MAX_ENDPOINTS)
    rows, has_more = sender.endpoints.list(page, owner_of(request))
    objects = [_endpoint_object(sender, row) for row in rows]
    return JSONResponse(list_page(objects, has_more=has_more))


@router.get("/webhook_endpoints/{endpoint_id}")
def retrieve_endpoint(request: Request, endpoint_id: str) -> Response:
    """Return an endpoint with its delivery state."""
    sender = _sender(request)
    return _endpoint_answer(sender, sender.endpoints.get(endpoint_id))


@router.post("/webhook_endpoints/{endpoint_id}")
async def update_endpoint(request: Request, endpoint_id: str) -> Response:
    """Update an endpoint; one that was paused or gone is on again."""
    change = read_endpoint(await json_object(request), is_new=False)
    sender = _sender(request)
    if change.url is not None:
        sender.guard.check(change.url)
    row = await run_in_threadpool(sender.endpoints.update, endpoint_id, change)
    sender.wake()
    return _endpoint_answer(sender, row)


@router.delete("/webhook_endpoints/{endpoint_id}")
def delete_endpoint(request: Request, endpoint_id: str) -> Response:
    """Delete an endpoint and its pending deliveries."""
    _sender(request).endpoints.delete(endpoint_id)
    return JSONResponse(deleted_object(endpoint_id, "webhook_endpoint.deleted"))


class RotateRequest(Fields):
    """The body of POST …/rotate_secret."""

    keep_old_secret_active_for_24_hours: bool | None = None


class TestRequest(Fields):
    """The body of POST …/test: the event type of the sample."""

    event_type: EventType


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
async def rotate_secret(request: Request, endpoint_id: str) -> Response:
    """Rotate the secret and return the new one; the old one can stay valid for 24 hours."""
    rotation, sender = RotateRequest.read(await json_object(request)), _sender(request)
    keeps_old = bool(rotation.keep_old_secret_active_for_24_hours)
    rotate = partial(sender.endpoints.rotate, endpoint_id, keeps_old=keeps_old)
    return _endpoint_answer(sender, await run_in_threadpool(rotate), with_secret=True)


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def test_endpoint(request: Request, endpoint_id: str) -> Response:
    """Send a sample event and return the endpoint's response status."""
    kind = TestRequest.read(await json_object(request)).event_type
    sender = _sender(request)
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


def _sender(request: Request) -> WebhookSender:
    return engine_of(request).webhook_sender


def _endpoint_object(sender: WebhookSender, row: Row) -> dict[str, object]:
    return endpoint_object(row, sender.endpoints.waiting(row["id"]))


def _endpoint_answer(sender: WebhookSender, row: Row, *, with_secret: bool = False) -> Response:
    secret = {"signing_secret": row["secret"]} if with_secret else {}
    return JSONResponse(_endpoint_object(sender, row) | secret)
