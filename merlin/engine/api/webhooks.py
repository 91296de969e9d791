"""/v1/webhook_endpoints: who is told of jobs that ended; shapes as the openai package has them."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.auth import owner_of
from merlin.engine.context import engine_of
from merlin.engine.database import Row, page_of
from merlin.engine.requests import json_object
from merlin.engine.webhooks.delivery import WebhookSender
from merlin.engine.webhooks.endpoints import EVENT_TYPES, endpoint_object, event_type, read_endpoint
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.responses import deleted_object, list_page

router = APIRouter()

_PAGE, _MOST = 20, 100


@router.get("/webhook_event_types")
def event_types() -> Response:
    """List the events that there are."""
    return JSONResponse({"object": "list", "data": list(EVENT_TYPES)})


@router.post("/webhook_endpoints")
async def create(request: Request) -> Response:
    """Keep a new endpoint; its secret is told this once."""
    change = read_endpoint(await json_object(request), is_new=True)
    sender = _sender(request)
    sender.guard.check(change.url or "")
    row = await run_in_threadpool(sender.endpoints.add, change, owner_of(request))
    return _answer(sender, row, with_secret=True)


@router.get("/webhook_endpoints")
def list_endpoints(request: Request) -> Response:
    """List endpoints, newest first."""
    sender = _sender(request)
    page = page_of(request.query_params, _PAGE, _MOST)
    found, more = sender.endpoints.list(page, owner_of(request))
    return JSONResponse(list_page([_object(sender, row) for row in found], has_more=more))


@router.get("/webhook_endpoints/{endpoint_id}")
def retrieve(request: Request, endpoint_id: str) -> Response:
    """Return an endpoint, and how it goes."""
    sender = _sender(request)
    return _answer(sender, sender.endpoints.get(endpoint_id))


@router.post("/webhook_endpoints/{endpoint_id}")
async def update(request: Request, endpoint_id: str) -> Response:
    """Change an endpoint; one that was paused or gone is on again."""
    change = read_endpoint(await json_object(request), is_new=False)
    sender = _sender(request)
    if change.url is not None:
        sender.guard.check(change.url)
    row = await run_in_threadpool(sender.endpoints.update, endpoint_id, change)
    sender.wake()
    return _answer(sender, row)


@router.delete("/webhook_endpoints/{endpoint_id}")
def delete(request: Request, endpoint_id: str) -> Response:
    """Forget an endpoint, with what waits for it."""
    _sender(request).endpoints.delete(endpoint_id)
    return JSONResponse(deleted_object(endpoint_id, "webhook_endpoint.deleted"))


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
async def rotate_secret(request: Request, endpoint_id: str) -> Response:
    """Give an endpoint a new secret, told this once; the old one may sign too for 24 hours."""
    name = "keep_old_secret_active_for_24_hours"
    keeps_old = (await json_object(request)).get(name) or False
    if not isinstance(keeps_old, bool):
        raise bad_field(name, f"{name} must be true or false")
    sender = _sender(request)
    rotate = partial(sender.endpoints.rotate, endpoint_id, keeps_old=keeps_old)
    return _answer(sender, await run_in_threadpool(rotate), with_secret=True)


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def test(request: Request, endpoint_id: str) -> Response:
    """Send a sample now; whatever the endpoint answers is told."""
    kind = event_type((await json_object(request)).get("event_type"))
    sender = _sender(request)
    row = await run_in_threadpool(sender.endpoints.get, endpoint_id)
    outcome = await asyncio.wrap_future(sender.test(row, kind))
    if outcome.status is None:
        words = f"The endpoint gave no answer: {outcome.trouble}."
        raise ApiError(400, words, code="webhook_endpoint_unreachable")
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


def _object(sender: WebhookSender, row: Row) -> dict[str, object]:
    return endpoint_object(row, sender.deliveries.waiting(row["id"]))


def _answer(sender: WebhookSender, row: Row, *, with_secret: bool = False) -> Response:
    secret = {"signing_secret": row["secret"]} if with_secret else {}
    return JSONResponse(_object(sender, row) | secret)
