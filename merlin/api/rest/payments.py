"""All payments, refunds, totals by month, gateway and plan.

For signed-in admins; API keys have no access. Also defines the response models of orders, payments,
refunds and renewals.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Caller, RefundAdmin
from merlin.api.problems import Problem, problems
from merlin.api.schema import (
    WHOLE,
    Body,
    Hex,
    Line,
    Page,
    Part,
    Shape,
    operation_router,
    view_response,
)
from merlin.app import payments
from merlin.app.settlement import reason_key
from merlin.billing.ledger import Entry
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.quota import Format
from merlin.billing.refunds import MAX_REASON_LENGTH, Refund
from merlin.billing.report import Sum
from merlin.billing.subscriptions import RenewalState
from merlin.core.clock import start_of_day, zone_of
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.money import MAX_MINOR, Amount
from merlin.providers.payments import Gateway

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
    saves_payment_method: bool = Field(
        validation_alias="keeps_method",
        description="Whether the payment method is saved for auto-renewal.",
    )
    is_renewal: bool = Field(description="Whether the order was created by an auto-renewal.")
    is_test: bool
    pay_url: str = Field(
        description='URL of the payment page; "" if there is none or it is no longer needed.'
    )
    reason: str = Field(
        description='Reason for the cancellation, in the caller\'s language; "" for none.'
    )
    created_at: datetime
    expires_at: datetime


class PaymentShown(OrderShown):
    """An order with the fields that only admins see."""

    user_id: int = Field(description="Id of the buyer; 0 if they deleted their data.")
    gateway_id: str = Field(
        validation_alias="outside_id",
        description='Gateway\'s id of the payment; "" if there is none.',
    )
    gateway_reason: str = Field(
        description='Gateway\'s reason code for the cancellation; "" if there is none.'
    )


class PaymentDetails(PaymentShown):
    """An order with its ledger entries and refunds."""

    entries: list[Entry]
    refunds: list[Refund]


class RenewalShown(Shape):
    """The auto-renewal of a plan."""

    id: int = Field(validation_alias="renewal_id")
    plan: str
    title: str
    gateway: Gateway
    state: RenewalState
    method: str = Field(
        validation_alias="method_title",
        description='Display name of the payment method; "" if unknown.',
    )
    consented_at: datetime
    next_at: datetime = Field(description="When the plan is charged again, or ends.")


S = TypeVar("S", bound=OrderShown)


def order_view(shape: type[S], purchase: Purchase, language: str, **more: object) -> S:
    """Return an order as a response model for its owner or for admins, with `more` fields."""
    order, promise = purchase.order, purchase.order.promise
    is_canceled = purchase.state is PurchaseState.CANCELED
    values = {
        **asdict(promise),
        **asdict(order),
        **asdict(purchase),
        "amount": purchase.amount,
        "title": promise.title_in(language),
        "is_renewal": order.renewal_id is not None,
        "pay_url": purchase.pay_url if purchase.state is PurchaseState.PENDING else "",
        "reason": text(language, reason_key(purchase.reason)) if is_canceled else "",
        "gateway_reason": purchase.reason,
    }
    return shape.from_object({**values, **more}, language)


payment_router = operation_router(prefix="/api/payments", tags=["payments"])


PaymentList = TypedDict("PaymentList", {"payments": list[PaymentShown]})


class RefundBody(Body):
    """The amount and reason of a refund."""

    minor: Annotated[int, Field(ge=1, le=MAX_MINOR, strict=True), WHOLE] | None = Field(
        default=None,
        description=(
            "Amount in kopecks or Stars; null for all that remains. Stars are refunded only in "
            "full."
        ),
    )
    reason: Annotated[Line, Field(min_length=1, max_length=MAX_REASON_LENGTH)]


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


@payment_router.get("", summary="List payments")
async def list_payments(
    caller: RefundAdmin,
    page: Part,
    state: Annotated[
        PurchaseState | None, Query(description="Return only orders in this state.")
    ] = None,
) -> PaymentList:
    """Return all users' orders, paid or not, newest first."""
    states = [state.value] if state else []
    purchases = await orders_part(caller, page, payments.list_payments, states)
    return {
        "payments": [order_view(PaymentShown, purchase, caller.language) for purchase in purchases]
    }


@payment_router.get("/{order_id}", summary="Get a payment")
async def show_payment(caller: RefundAdmin, order_id: Hex) -> PaymentDetails:
    """Return an order with its ledger entries and refunds."""
    details = await caller.read(payments.show_payment, caller.actor, order_id)
    rows = {"entries": details.entries, "refunds": details.refunds}
    return order_view(PaymentDetails, details.purchase, caller.language, **rows)


@payment_router.post(
    "/{order_id}/refund",
    summary="Refund a payment",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses={
        202: {"model": Refund, "description": "The refund was stored and is sent within seconds"},
        **problems(400, 409),
    },
)
async def refund_payment(
    request: Request, caller: RefundAdmin, order_id: Hex, body: RefundBody
) -> Response:
    """Request a refund; the plan or questions granted for the payment are revoked.

    409 if the amount exceeds the remaining one, for a part of a payment in Stars, and while another
    refund is in progress.
    """
    requested = (order_id, None, body.minor, body.reason)
    refund = await caller.write(payments.request_refund, caller.actor, *requested, is_newest=True)
    request.app.state.payment_worker.wake()
    location = f"/api/payments/{order_id}"
    return view_response(refund, caller.language, HTTPStatus.ACCEPTED, location)


sum_router = operation_router(prefix="/api/billing", tags=["payments"])

# Longer periods: `merlin billing export`.
MAX_SUM_DAYS = 3660
_USUAL_DAYS = 366
_FIRST, _LAST = date(1970, 1, 1), date(9999, 1, 1)
Day = Annotated[
    str,
    Query(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="Date in the configured time zone, such as `2026-11-20`.",
    ),
]


Sums = TypedDict("Sums", {"since": datetime, "until": datetime, "sums": list[Sum]})


@sum_router.get("", summary="Get payment totals")
async def show_billing(
    caller: RefundAdmin, since: Day | None = None, until: Day | None = None
) -> Sums:
    """Return payment and refund totals from `since` until, but not including, `until`.

    The default is the last year, including today.
    """
    zone = zone_of(caller.services.config.timezone)
    today = caller.services.clock().astimezone(zone).date()
    last = _day(until, today + timedelta(days=1))
    first = _day(since, last - timedelta(days=_USUAL_DAYS))
    if not timedelta(0) <= last - first <= timedelta(days=MAX_SUM_DAYS):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MAX_SUM_DAYS)
    starts, ends = start_of_day(first, zone), start_of_day(last, zone)
    sums = await caller.read(payments.list_sums, caller.actor, starts, ends, zone)
    return {"since": starts, "until": ends, "sums": sums}


def _day(message: str | None, usual: date) -> date:
    try:
        day = usual if message is None else date.fromisoformat(message)
    except ValueError:
        day = date.max
    # Leaves room for a time zone offset.
    if not _FIRST <= day <= _LAST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MAX_SUM_DAYS)
    return day
