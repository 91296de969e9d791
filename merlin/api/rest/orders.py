"""Plans on sale; a person's orders.

Purchases by card, SBP or wallet at YooKassa. Ordering twice creates one order; other people's
orders answer 404. API keys cannot buy: these calls require a personal sign-in.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Anyone, Caller, Person, Reader
from merlin.api.problems import Problem, problems
from merlin.api.schema import (
    Body,
    Hex,
    Line,
    Page,
    Part,
    Shape,
    operation_router,
    view_response,
)
from merlin.app import orders, shop
from merlin.app.settlement import reason_key
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.quota import Format, Plan, allowance_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.money import Amount
from merlin.providers.payments import MAX_CONTACT_LENGTH, Gateway, normalise_contact

Days = Annotated[
    int | None,
    Field(description="Duration in days; null for a question pack, which does not expire."),
]
Pack = Annotated[
    dict[Format, int], Field(description="Questions in the pack by format; empty for a plan.")
]


class OrderShown(Shape):
    """An order."""

    id: str = Field(validation_alias="purchase_id")
    state: PurchaseState
    gateway: Gateway
    plan: str
    title: str = Field(
        description="Title of the purchase at the time of the order, in the caller's language."
    )
    days: Days
    pack: Pack
    amount: Amount = Field(
        description="What was paid in all, for several payments too; the price before that."
    )
    is_test: bool
    pay_url: str = Field(
        description='URL of the payment page; "" if there is none or it is no longer needed.'
    )
    reason: str = Field(
        description='Reason for the cancellation, in the caller\'s language; "" for none.'
    )
    created_at: datetime
    expires_at: datetime


def order_view(purchase: Purchase, language: str) -> OrderShown:
    """Return an order as its owner sees it, in their language."""
    order, promise = purchase.order, purchase.order.promise
    is_canceled = purchase.state is PurchaseState.CANCELED
    values = {
        **asdict(promise),
        **asdict(order),
        **asdict(purchase),
        "amount": purchase.amount,
        "title": promise.title_in(language),
        "pay_url": purchase.pay_url if purchase.state is PurchaseState.PENDING else "",
        "reason": text(language, reason_key(purchase.reason)) if is_canceled else "",
    }
    return OrderShown.from_object(values, language)


async def orders_part(
    caller: Caller,
    page: Page,
    list_newest: Callable[..., Sequence[Purchase]],
    *which: object,
) -> Sequence[Purchase]:
    """Return one part of the orders that `list_newest` returns, and set the Link header.

    Raises Problem 422 for an unknown cursor.
    """
    try:
        purchases = await caller.read(
            list_newest, caller.actor, page.size + 1, page.after(""), *which
        )
    except NotFound:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor") from None
    return page.take_part(purchases, lambda purchase: purchase.purchase_id)


order_router = operation_router(prefix="/api/orders", tags=["orders"])

_MAX_NAME_LENGTH = 100


class OrderBody(Body):
    """The order to create."""

    plan: Annotated[Line, Field(min_length=1, max_length=_MAX_NAME_LENGTH)]
    gateway: Literal[Gateway.YOOKASSA] = Field(
        default=Gateway.YOOKASSA,
        description="Payment gateway; orders paid in Telegram Stars are created in the bot.",
    )
    contact: Annotated[Line, Field(max_length=MAX_CONTACT_LENGTH)] = Field(
        default="", description='Email address or phone number for the receipt; "" for none.'
    )


OrderList = TypedDict("OrderList", {"orders": list[OrderShown]})


_PayUrl = Annotated[
    str, Field(description='URL of YooKassa\'s payment page; "" if the order is already paid.')
]
# The payment page of an order.
PayPage = TypedDict("PayPage", {"pay_url": _PayUrl, "order": OrderShown})


@order_router.post(
    "",
    summary="Create an order",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    responses={
        201: {"model": OrderShown, "description": "The unpaid order"},
        **problems(400, 404, 409),
    },
)
async def place_order(caller: Person, body: OrderBody) -> Response:
    """Create an order at the plan's current price.

    If an identical unpaid order exists, it is returned instead.
    """
    contact = normalise_contact(body.contact)
    if body.contact.strip() and not contact:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "contact")
    requested = (body.plan, body.gateway, contact)
    purchase = await caller.write(shop.place_order, caller.actor, *requested)
    view = order_view(purchase, caller.language)
    return view_response(view, caller.language, HTTPStatus.CREATED, f"/api/orders/{view.id}")


@order_router.get("", summary="List my orders")
async def list_orders(caller: Reader, page: Part) -> OrderList:
    """Return the caller's orders, newest first, including those placed in the bot."""
    purchases = await orders_part(caller, page, orders.list_orders)
    return {"orders": [order_view(purchase, caller.language) for purchase in purchases]}


@order_router.get("/{order_id}", summary="Get an order")
async def show_order(caller: Reader, order_id: Hex) -> OrderShown:
    """Return one of the caller's orders."""
    purchase = await caller.read(orders.show_order, caller.actor, order_id)
    return order_view(purchase, caller.language)


@order_router.post("/{order_id}/pay", summary="Pay an order", responses=problems(409, 502))
async def pay_order(caller: Person, order_id: Hex) -> PayPage:
    """Return the order's payment page; repeated calls return the same page.

    409 if the order is final: create a new one. 502 if YooKassa declines. 503 with `Retry-After` if
    YooKassa does not respond: nothing was charged, and a retry does not create a second payment.
    """
    purchase = await orders.pay_order(caller.services, caller.actor, order_id)
    view = order_view(purchase, caller.language)
    return {"pay_url": view.pay_url, "order": view}


@order_router.delete(
    "/{order_id}", summary="Cancel an order", status_code=204, responses=problems(409)
)
async def give_up_order(caller: Person, order_id: Hex) -> None:
    """Cancel an unpaid order; 409 if it is in any other state."""
    if not await caller.write(orders.cancel_order, caller.actor, order_id):
        raise Refused("not open", "pay-not-open")


plan_router = operation_router(prefix="/api/plans", tags=["plans"])


_Roubles = Annotated[
    Amount | None,
    Field(description="Price at YooKassa (card, SBP, wallet); null if not sold there."),
]
_Stars = Annotated[
    Amount | None, Field(description="Price in Telegram Stars, in the bot; null if not sold there.")
]
# A plan's price; null if it is not sold this way.
PriceShown = TypedDict("PriceShown", {"roubles": _Roubles, "stars": _Stars})


# The limits of one question format.
AllowanceShown = TypedDict("AllowanceShown", {"day": int | None, "month": int | None})


class PlanShown(Shape):
    """A plan, or a question pack that adds to any plan."""

    name: str
    title: str = Field(description="Title in the caller's language.")
    about: str = Field(description='Description in the caller\'s language; "" if there is none.')
    is_default: bool = Field(description="Whether this is the plan of users without another one.")
    formats: dict[Format, AllowanceShown] = Field(
        description="Limits of each question format by period; null if unlimited."
    )
    window: int | None = Field(
        description="Maximum tokens of a conversation; null for the model's maximum."
    )
    models: list[str] = Field(
        description="Name patterns of the models that can be selected; empty for all."
    )
    sessions: int | None = Field(
        description="Maximum number of stored sessions; null if unlimited."
    )
    courses: list[str] = Field(description="Courses that the plan applies to; empty for all.")
    price: PriceShown | None = Field(description="Price; null if the plan is not for sale.")
    days: Days
    pack: Pack


PlansShown = TypedDict("PlansShown", {"plans": list[PlanShown]})


@plan_router.get("", summary="List plans")
async def list_plans(caller: Anyone) -> PlansShown:
    """Return the plans with prices; the free plan is the first."""
    every = caller.services.plans
    return {
        "plans": [
            _plan_answer(plan, caller.language, is_default=plan is every[0]) for plan in every
        ]
    }


def _plan_answer(plan: Plan, language: str, *, is_default: bool) -> PlanShown:
    values = {
        **dict(plan),
        "name": plan.name,
        "title": plan.title_in(language),
        "about": plan.description_in(language),
        "is_default": is_default,
        "formats": {kind: dict(allowance_of(plan, kind)) for kind in Format},
        "price": {"roubles": plan.rub, "stars": plan.xtr} if plan.is_sold else None,
        "pack": plan.questions,
    }
    return PlanShown.from_object(values, language)
