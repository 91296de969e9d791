"""The newest orders, and one payment with its refunds.

A refund needs confirmation: the first form shows amount and reason again, the second submits.
"""

from typing import Annotated, Literal

from fastapi import Form, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import next_href
from merlin.api.pages.orders import orders_part
from merlin.api.pages.page import (
    PATTERN,
    PageContext,
    RefundContext,
    refusal_text,
    render_page,
)
from merlin.api.schema import MAX_ID, Hex, Part
from merlin.app import payments, subscriptions, users
from merlin.app.orders import CANCELED_BY_BUYER
from merlin.app.settlement import reason_key
from merlin.billing.purchases import ID_LENGTH, PurchaseState
from merlin.billing.refunds import (
    MAX_REASON_LENGTH,
    check_reason,
    parse_refund,
    refund_id_of,
)
from merlin.billing.subscriptions import Subscription, SubscriptionState
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.money import Amount
from merlin.core.web.assets import seen_other
from merlin.db.audit import person_reference

router = page_router()


@router.get("/admin/billing")
async def show_billing(
    context: RefundContext,
    page: Part,
    state: PurchaseState | Literal[""] = "",
    person: Annotated[str, Query(max_length=ID_LENGTH)] = "",
) -> Response:
    """Return the newest orders of a state or a person."""
    # The form sends "" for all states.
    chosen = str(state)
    states = _UNPAID if state is PurchaseState.PENDING else (chosen,) if chosen else ()
    purchases = await orders_part(context, page, payments.list_payments, states, person)

    buyers = [person_reference(purchase.user_id) for purchase in purchases]
    view = {
        "orders": purchases,
        "names": await context.services.read(users.find_display_names, buyers),
        "states": SHOWN,
        "chosen": chosen,
        "person": person,
        "next_href": next_href(page),
    }
    return render_page(context, "admin_billing.html", view)


# States that differ for people; `created` and `asking` are shown as `pending`.
SHOWN = (
    PurchaseState.PENDING,
    PurchaseState.PAID,
    PurchaseState.REFUNDED_IN_PART,
    PurchaseState.REFUNDED,
    PurchaseState.CANCELED,
    PurchaseState.EXPIRED,
)
_UNPAID = tuple(state.value for state in PurchaseState if state.is_open)


class RefundForm(BaseModel):
    """The refund form; `amount` "" is all that remains; `sure` is set by the second form."""

    model_config = ConfigDict(frozen=True)

    once: str = Field(pattern=PATTERN)
    grant: int = Field(ge=1, le=MAX_ID)
    amount: str = Field(default="", max_length=30)
    reason: str = Field(default="", max_length=2000)
    sure: bool = False


@router.get("/admin/billing/{purchase_id}")
async def show_payment(context: RefundContext, purchase_id: Hex) -> Response:
    """Return one payment."""
    return await _page(context, purchase_id)


@router.post("/admin/billing/{purchase_id}/refund")
async def refund(
    context: RefundContext, purchase_id: Hex, back: Annotated[RefundForm, Form()]
) -> Response:
    """Ask for confirmation, then request the refund."""
    details = await context.read(payments.show_payment, context.actor, purchase_id)
    remaining = details.remaining_amounts.get(back.grant)
    if remaining is None:
        raise NotFound(f"no grant {back.grant}", "billing-no-payment")
    reason = " ".join(back.reason.split())
    once = f"page:{back.once}"
    refunds_page = seen_other(f"/admin/billing/{purchase_id}#refunds")
    if refund_id_of(once) in {refund.refund_id for refund in details.refunds}:
        # The form was sent twice; nothing may be left of the payment by now.
        return refunds_page
    try:
        amount = parse_refund(back.amount, remaining, context.language)
        check_reason(reason)
        if not back.sure:
            return await _page(context, purchase_id, back, reason, amount)
        request = payments.request_refund
        await context.write(
            request, context.actor, purchase_id, back.grant, amount, reason, once
        )
    except (NotFound, Refused) as error:
        wrong = refusal_text(context, error)
        return await _page(context, purchase_id, back, reason, wrong=wrong)
    return refunds_page


def turn_of(subscription: Subscription) -> str:
    """Return what an admin may do to a renewal, "on" or "off"; "" while Telegram is being told."""
    if subscription.wanted is not None or not subscription.user_id:
        return ""
    return "on" if subscription.state is SubscriptionState.CANCELED else "off"


class RenewalForm(BaseModel):
    """The form that turns a renewal off, or allows it again."""

    model_config = ConfigDict(frozen=True)

    turn: Literal["on", "off"]


@router.post("/admin/billing/{purchase_id}/renewal")
async def change_renewal(
    context: RefundContext, purchase_id: Hex, form: Annotated[RenewalForm, Form()]
) -> Response:
    """Turn the renewal of an order off, or allow it again; the bot tells Telegram."""
    act = subscriptions.change_renewal
    is_on = form.turn == "on"
    try:
        await context.services.write(act, context.actor, purchase_id, is_on=is_on)
    except Refused as error:
        return await _page(context, purchase_id, wrong=refusal_text(context, error))
    return seen_other(f"/admin/billing/{purchase_id}#renewal")


async def _page(
    context: PageContext,
    purchase_id: str,
    back: RefundForm | None = None,
    reason: str = "",
    sure: Amount | None = None,
    wrong: str = "",
) -> Response:
    """Return the page; `sure` asks for confirmation, `wrong` is why the refund was refused."""
    details = await context.read(payments.show_payment, context.actor, purchase_id)
    people = {person_reference(details.purchase.user_id)}
    people |= {refund.by for refund in details.refunds}
    subscription = details.subscription
    view = {
        "payment": details,
        "turn": "" if subscription is None else turn_of(subscription),
        "names": await context.services.read(users.find_display_names, sorted(people)),
        "why_canceled": text(context.language, reason_key(details.purchase.reason)),
        "is_by_buyer": details.purchase.reason == CANCELED_BY_BUYER,
        "grant": back.grant if back else 0,
        "typed": back.amount.strip() if back else "",
        "reason": reason,
        "sure_amount": sure,
        "wrong_words": wrong,
        "most_reason": MAX_REASON_LENGTH,
    }
    return render_page(
        context, "admin_payment.html", view, status=409 if wrong else 200
    )
