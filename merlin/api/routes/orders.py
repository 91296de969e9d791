"""Orders: what a person buys by card, SBP or wallet at YooKassa, from the first tap to the end.

Ordering twice is one order, and another's order is not there. Nobody's program buys: these calls
are for people who are signed in.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.key import Scope
from merlin.api.caller import Caller, Person, holding
from merlin.api.described import NAMED, problems
from merlin.api.idempotent import once
from merlin.api.language import headers_of, language_of_request
from merlin.api.paging import MOST
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.api.shape import Body, Hex, Line, Shape
from merlin.api.teaching.right import services_of
from merlin.api.till import desk
from merlin.api.till.shapes import OrderShown, order_shown
from merlin.billing.buying import Wanted
from merlin.billing.contact import MOST_CONTACT, contact_of
from merlin.billing.purchase import Purchase, Till
from merlin.core.errors import NotFound, Refused

router = APIRouter(prefix="/api/orders", tags=["orders"])

Reader = Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]
_MOST_NAME, _MOST_CODE = 100, 64


class OrderBody(Body):
    """What is wanted."""

    plan: Annotated[Line, Field(min_length=1, max_length=_MOST_NAME)]
    till: Literal[Till.YOOKASSA] = Field(
        default=Till.YOOKASSA, description="for Stars the bot sells, within Telegram"
    )
    promo: Annotated[Line, Field(max_length=_MOST_CODE)] = Field(
        default="", description="a code that makes it cheaper"
    )
    contact: Annotated[Line, Field(max_length=MOST_CONTACT)] = Field(
        default="", description="e-mail or telephone for the receipt, where the shop sends one"
    )
    keep_method: bool = Field(
        default=False,
        strict=True,
        description="true: the person agrees that the plan is renewed by what they pay with",
    )


class OrderList(Shape):
    """A person's newest orders, newest first."""

    orders: list[OrderShown]


class PayPage(Shape):
    """Where an order is paid."""

    pay_url: str = Field(description='YooKassa\'s page; "" for an order that is paid already')
    order: OrderShown


@router.post(
    "",
    summary="Order a plan",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        201: {"model": OrderShown, "description": "The order, which waits to be paid"},
        **problems(400, 401, 403, 404, 409, 422),
    },
)
async def place_order(request: Request, caller: Person, body: OrderBody) -> Response:
    """Store an order; the same one that still waits to be paid is returned again.

    The price is what the plan costs now. With an `Idempotency-Key` it is stored once.
    """
    wanted = _wanted(caller, body)

    async def place(_number: int) -> Response:
        purchase = await desk.placed(services_of(request), wanted)
        language = language_of_request(request)
        told = order_shown(purchase, language).model_dump(mode="json")
        headers = {"Location": f"/api/orders/{purchase.purchase_id}", **headers_of(language)}
        return JSONResponse(told, HTTPStatus.CREATED, headers)

    return await once(request, caller, place)


def _wanted(caller: Caller, body: OrderBody) -> Wanted:
    contact = contact_of(body.contact)
    if body.contact.strip() and not contact:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "contact")
    return Wanted(
        user_id=caller.user_id,
        plan=body.plan,
        till=body.till,
        promo=body.promo,
        contact=contact,
        keeps_method=body.keep_method,
    )


@router.get("", summary="My orders", responses=problems(401, 403))
async def list_orders(request: Request, response: Response, caller: Reader) -> OrderList:
    """Return the newest hundred, those of the bot among them."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    purchases = services.rows.books.purchases
    found = await services.store.read(lambda: purchases.of(caller.user_id, MOST))
    return OrderList(orders=[order_shown(each, language) for each in found])


@router.get("/{order_id}", summary="An order", responses=problems(401, 403, 404, 422))
async def show_order(
    request: Request, response: Response, caller: Reader, order_id: Hex
) -> OrderShown:
    """Return one of mine as it stands; another's is not there."""
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    return order_shown(await mine(services_of(request), caller, order_id), language)


@router.post(
    "/{order_id}/pay",
    summary="Pay an order",
    responses=problems(401, 403, 404, 409, 422, 502),
)
async def pay_order(request: Request, response: Response, caller: Person, order_id: Hex) -> PayPage:
    """Return the page on which it is paid; asked for again it is the same page.

    409 for an order that is over: order anew. 503 with `Retry-After` where YooKassa is silent: then
    nothing was paid, and calling again makes no second payment. 502 where YooKassa refuses.
    """
    services, language = services_of(request), language_of_request(request)
    await mine(services, caller, order_id)
    purchase = await desk.asked(services, order_id)
    response.headers.update(headers_of(language))
    shown = order_shown(purchase, language)
    return PayPage(pay_url=shown.pay_url, order=shown)


@router.delete(
    "/{order_id}",
    summary="Give up an order",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 409, 422),
)
async def give_up_order(request: Request, caller: Person, order_id: Hex) -> None:
    """End an order that waits to be paid; 409 for one that does not."""
    services = services_of(request)
    await mine(services, caller, order_id)
    if not await desk.given_up(services, order_id):
        raise Refused("not open", "pay-not-open")


async def mine(services: ApiServices, caller: Caller, order_id: str) -> Purchase:
    """Return an order of the caller's. Raises NotFound, for another's as for none."""
    purchases = services.rows.books.purchases
    found = await services.store.read(lambda: purchases.get(order_id))
    if found.user_id != caller.user_id:
        raise NotFound("another's order", "billing-no-purchase")
    return found
