"""The payment hook: YooKassa says that a payment or a refund has news."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.body import HOOK_BYTES, read_body
from merlin.api.described import problems
from merlin.api.problems import Problem
from merlin.api.routes.hooks import EMPTY
from merlin.api.services import ApiServices
from merlin.api.till import hint
from merlin.core.log import get_logger
from merlin.core.loopback import is_from

log = get_logger(__name__)

router = APIRouter(prefix="/hooks", tags=["hooks"])

_EVENT = {
    "description": "https://yookassa.ru/developers/using-api/webhooks",
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/payment",
    summary="A payment has news",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 403, 404, 413)},
    openapi_extra={"requestBody": _EVENT},
)
async def payment(request: Request) -> Response:
    """Let the payment be read again now; what the notification says of it is not believed.

    Answered before anybody is asked, and alike whether an order is known or not.
    """
    services: ApiServices = request.app.state.services
    shop = services.selling.yookassa
    if shop is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    host = request.client.host if request.client else ""
    if not is_from(host, shop.networks):
        _turned_away(request, host)
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    try:
        told = hint.read_hint(await read_body(request, HOOK_BYTES))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    if await hint.note(services, told):
        request.app.state.cashier.ring()
    return Response(status_code=HTTPStatus.OK)


def _turned_away(request: Request, host: str) -> None:
    refused = request.app.state.traffic.hooks_refused
    refused["payment"] += 1
    log.warning("a notification from elsewhere", address=host, count=refused["payment"])
