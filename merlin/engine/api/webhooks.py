"""/v1/webhook_endpoints: who hears of jobs that ended; shapes as the openai package has them."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.engine.auth import owner_of
from merlin.engine.context import engine_of
from merlin.engine.database import Row, page_of
from merlin.engine.files import json_object
from merlin.engine.webhooks.delivery import WebhookSender
from merlin.engine.webhooks.endpoints import EVENT_TYPES, endpoint_object, event_type, wanted_of
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
    wanted = wanted_of(await json_object(request), is_new=True)
    webhook_sender = _webhook_sender(request)
    webhook_sender.guard.check(wanted.url or "")
    row = await run_in_threadpool(webhook_sender.endpoints.add, wanted, owner_of(request))
    return _shown(webhook_sender, row, with_secret=True)


@router.get("/webhook_endpoints")
def listed(request: Request) -> Response:
    """List endpoints, newest first."""
    webhook_sender = _webhook_sender(request)
    page = page_of(request.query_params, _PAGE, _MOST)
    found, more = webhook_sender.endpoints.list(page, owner_of(request))
    return JSONResponse(list_page([_object(webhook_sender, row) for row in found], has_more=more))


@router.get("/webhook_endpoints/{endpoint_id}")
def retrieve(request: Request, endpoint_id: str) -> Response:
    """Return an endpoint, and how it goes."""
    webhook_sender = _webhook_sender(request)
    return _shown(webhook_sender, webhook_sender.endpoints.get(endpoint_id))


@router.post("/webhook_endpoints/{endpoint_id}")
async def update(request: Request, endpoint_id: str) -> Response:
    """Change an endpoint; one that was paused or gone is on again."""
    wanted = wanted_of(await json_object(request), is_new=False)
    webhook_sender = _webhook_sender(request)
    if wanted.url is not None:
        webhook_sender.guard.check(wanted.url)
    row = await run_in_threadpool(webhook_sender.endpoints.change, endpoint_id, wanted)
    webhook_sender.wake()
    return _shown(webhook_sender, row)


@router.delete("/webhook_endpoints/{endpoint_id}")
def delete(request: Request, endpoint_id: str) -> Response:
    """Forget an endpoint, with what waits for it."""
    _webhook_sender(request).endpoints.delete(endpoint_id)
    return JSONResponse(deleted_object(endpoint_id, "webhook_endpoint.deleted"))


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
async def rotate_secret(request: Request, endpoint_id: str) -> Response:
    """Give an endpoint a new secret, told this once; the old one may sign too for 24 hours."""
    asked = await json_object(request)
    keeps_old = asked.get("keep_old_secret_active_for_24_hours") or False
    if not isinstance(keeps_old, bool):
        name = "keep_old_secret_active_for_24_hours"
        raise bad_field(name, f"{name} must be true or false")
    webhook_sender = _webhook_sender(request)

    def rotated() -> Row:
        return webhook_sender.endpoints.rotate(endpoint_id, keeps_old=keeps_old)

    return _shown(webhook_sender, await run_in_threadpool(rotated), with_secret=True)


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def test(request: Request, endpoint_id: str) -> Response:
    """Send a sample now; whatever the endpoint answers is told."""
    kind = event_type((await json_object(request)).get("event_type"))
    webhook_sender = _webhook_sender(request)
    row = await run_in_threadpool(webhook_sender.endpoints.get, endpoint_id)
    outcome = await asyncio.wrap_future(webhook_sender.test(row, kind))
    if outcome.status is None:
        words = f"The endpoint gave no answer: {outcome.trouble}."
        raise ApiError(400, words, code="webhook_endpoint_unreachable")
    told = {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint_id,
        "event_type": kind,
        "status_code": outcome.status,
        "success": True,
    }
    return JSONResponse(told)


def _webhook_sender(request: Request) -> WebhookSender:
    return engine_of(request).webhook_sender


def _object(webhook_sender: WebhookSender, row: Row) -> dict[str, object]:
    return endpoint_object(row, webhook_sender.deliveries.waiting(row["id"]))


def _shown(webhook_sender: WebhookSender, row: Row, *, with_secret: bool = False) -> Response:
    secret = {"signing_secret": row["secret"]} if with_secret else {}
    return JSONResponse(_object(webhook_sender, row) | secret)
