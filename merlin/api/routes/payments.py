"""Payments: what was bought and paid by everybody, money that goes back, sums.

For admins who are signed in; no key of a program opens any of it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account import audit
from merlin.account.role import Permission
from merlin.api.caller import Caller, Person
from merlin.api.described import NAMED, problems
from merlin.api.idempotent import once
from merlin.api.language import headers_of, language_of_request
from merlin.api.paging import USUAL, Page, cursor, links, page_of, read_cursor
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.api.shape import WHOLE, Body, Hex, Line, Shape
from merlin.api.teaching.right import services_of
from merlin.api.till.shapes import (
    PaymentDetails,
    PaymentShown,
    RefundShown,
    payment_details,
    payment_shown,
    refund_shown,
)
from merlin.billing.amount import MOST_MINOR, Amount
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchase import PurchaseState
from merlin.billing.refund import MOST_REASON, Refund
from merlin.core.errors import NotFound, Refused

router = APIRouter(prefix="/api/payments", tags=["payments"])


async def _refunding(caller: Person) -> Caller:
    """Return somebody who may send money back. Raises Problem 403; no key opens this."""
    if not caller.may(Permission.REFUNDS):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return caller


Refunding = Annotated[Caller, Depends(_refunding)]


class PaymentList(Shape):
    """Orders of everybody, newest first."""

    payments: list[PaymentShown]


class RefundBody(Body):
    """How much is to go back, and why."""

    minor: Annotated[int, Field(ge=1, le=MOST_MINOR, strict=True), WHOLE] | None = Field(
        default=None, description="kopecks, or Stars; null: all that is left. Stars go back whole"
    )
    reason: Annotated[Line, Field(min_length=1, max_length=MOST_REASON)]


@router.get("", summary="Payments", responses=problems(401, 403, 422))
async def list_payments(
    request: Request,
    response: Response,
    caller: Refunding,  # noqa: ARG001 - a right
    page: Annotated[Page, Depends(page_of)],
    state: Annotated[PurchaseState | None, Query(description="only those that stand so")] = None,
) -> PaymentList:
    """Return one part of all orders, paid or not, the newest first."""
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, str)
    last = str(after[0]) if after else ""

    def found() -> list[PaymentShown]:
        newest = services.rows.books.purchases.newest
        try:
            part = newest(limit + 1, last, state.value if state else "")
        except NotFound:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor") from None
        return [payment_shown(each, language_of_request(request)) for each in part]

    told = await services.store.read(found)
    following = cursor(told[limit - 1].id) if len(told) > limit else None
    response.headers.update({**links(request, following), **_spoken(request)})
    return PaymentList(payments=told[:limit])


@router.get("/{order_id}", summary="A payment", responses=problems(401, 403, 404, 422))
async def show_payment(
    request: Request,
    response: Response,
    caller: Refunding,  # noqa: ARG001 - a right
    order_id: Hex,
) -> PaymentDetails:
    """Return one order with its rows of the ledger and its refunds."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    books = services.rows.books

    def read() -> PaymentDetails:
        purchase = books.purchases.get(order_id)
        entries, refunds = books.ledger.entries(order_id), books.refunds.of(order_id)
        return payment_details(purchase, entries, refunds, language)

    return await services.store.read(read)


@router.post(
    "/{order_id}/refund",
    summary="Send money back",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        202: {"model": RefundShown, "description": "The refund, which is sent within seconds"},
        **problems(400, 401, 403, 404, 409, 422),
    },
)
async def refund_payment(
    request: Request, caller: Refunding, order_id: Hex, body: RefundBody
) -> Response:
    """Write down that money is to go back; what was granted for it ends with it.

    409 for more than is left, for a part of a payment in Stars, and while another is under way.
    With an `Idempotency-Key` it is sent once, however often this call comes.
    """
    services = services_of(request)

    async def want(number: int) -> Response:
        by, key = audit.user(caller.user_id), f"api:{caller.user_id}:{number}"
        refund = await services.store.do(lambda: _wanted(services, order_id, body, by, key))
        request.app.state.cashier.ring()
        told = refund_shown(refund).model_dump(mode="json")
        headers = {"Location": f"/api/payments/{order_id}"}
        return JSONResponse(told, HTTPStatus.ACCEPTED, headers)

    return await once(request, caller, want)


def _wanted(services: ApiServices, order_id: str, body: RefundBody, by: str, key: str) -> Refund:
    books = services.rows.books
    purchase = books.purchases.get(order_id)
    grant = _refundable(services, books.ledger.entries(order_id))
    amount = None if body.minor is None else Amount(body.minor, purchase.order.amount.currency)
    return books.refunds.want(grant.entry_id, amount, body.reason, by, key)


def _refundable(services: ApiServices, entries: list[Entry]) -> Entry:
    """Return the newest grant of which money is left, or the newest. Raises Refused for none."""
    grants = [each for each in reversed(entries) if each.kind is EntryKind.GRANT]
    if not grants:
        raise Refused("nothing was paid", "pay-nothing-paid")
    rest = services.rows.books.ledger.rest
    return next((each for each in grants if rest(each.entry_id).minor), grants[0])


def _spoken(request: Request) -> dict[str, str]:
    return headers_of(language_of_request(request))
