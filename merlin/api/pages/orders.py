"""Checkout, orders, and the state of an order by row, ledger and gateway.

GET  /checkout/{plan}   the price
POST /checkout/{plan}   stores the order, asks YooKassa, redirects to its payment page
/orders                 the person's orders, newest first
/orders/{id}            one order; refreshed when opened, and every few seconds after that
/orders/{id}/live       the part that changes, for the script
/orders/{id}/pay        GET: redirects to the payment page; POST: asks YooKassa for it (again)
/orders/{id}/cancel     cancels it
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import next_href, when
from merlin.api.pages.page import (
    PageContext,
    SignedInContext,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.pages.plans import (
    PLANS,
    PlanName,
    can_open_payment_page,
    can_pay_here,
    plan_features,
    takes_roubles,
)
from merlin.api.problems import Problem
from merlin.api.rate_limits import Limits
from merlin.api.schema import Hex, Pagination, Part
from merlin.app import orders
from merlin.app.bot_settings import bot_link
from merlin.app.context import Context
from merlin.app.orders import CANCELED_BY_BUYER, OrderDetails
from merlin.app.plans import read_terms
from merlin.app.settlement import reason_key
from merlin.app.shop import place_order
from merlin.billing.ledger import pack_key
from merlin.billing.purchases import POLL_DURATION, Purchase, PurchaseState, promise_of
from merlin.billing.quota import Plan, QuestionPack, Quotas, plan_named
from merlin.billing.terms import term_end
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.core.money import MAX_MINOR
from merlin.core.web.assets import seen_other
from merlin.providers.payments import Gateway, format_contact, normalise_contact

log = get_logger(__name__)
router = page_router()
# Longer than any address; a longer value is refused, not truncated.
_MAX_INPUT_LENGTH = 500


class CheckoutForm(BaseModel):
    """The checkout form; `price` is the price on its button, in kopecks.

    `ends` is when the person's plan ends, as the page said, "" without one.
    """

    model_config = ConfigDict(frozen=True)

    price: int = Field(default=0, ge=0, le=MAX_MINOR)
    ends: str = Field(default="", max_length=_MAX_INPUT_LENGTH)
    contact: str = Field(default="", max_length=_MAX_INPUT_LENGTH)


@router.get("/checkout/{name}")
async def show_checkout(context: SignedInContext, name: PlanName) -> Response:
    """Return the checkout page of a plan."""
    plan = plan_named(context.services.plans, name)
    if plan is None or not plan.is_sold:
        raise NotFound(f"nothing for sale: {name}")
    newest = await context.read(orders.list_orders, context.actor, 1)
    contact = format_contact(newest[0].order.contact) if newest else ""
    return await _page(context, plan, CheckoutForm(contact=contact))


@router.post("/checkout/{name}")
async def buy(
    context: SignedInContext, name: PlanName, form: Annotated[CheckoutForm, Form()]
) -> Response:
    """Store the order, request its payment page, and redirect there."""
    plan = plan_named(context.services.plans, name)
    if plan is None or not takes_roubles(context, plan):
        raise NotFound(f"nothing for sale: {name}")
    needs_contact = _needs_contact(context)
    address = normalise_contact(form.contact) if needs_contact else ""
    if needs_contact and not address:
        message = context.say(
            "contact-wrong" if form.contact.strip() else "contact-none"
        )
        return await _page(context, plan, form, wrong_contact=message)
    if plan.rub is None or plan.rub.minor != form.price:
        return await _page(context, plan, form, context.say("price-changed"))
    terms = await context.read(read_terms, context.actor)
    ends = term_end(terms, plan.name, context.services.clock())
    if ends is not None and ends.isoformat() != form.ends:
        # The page is older than the last payment: it was opened before, or returned to.
        return await _page(context, plan, form, context.say("bought-already"))
    try:
        purchase = await context.write(
            place_order, context.actor, plan.name, Gateway.YOOKASSA, address
        )
    except (NotFound, Refused) as error:
        return await _page(context, plan, form, refusal_text(context, error))
    return await redirect_to_payment(context, purchase.purchase_id)


async def redirect_to_payment(context: PageContext, purchase_id: str) -> Response:
    """Redirect to the payment page, or to the order, which states why there is none."""
    order = f"/orders/{purchase_id}"
    try:
        purchase = await orders.pay_order(context.services, context.actor, purchase_id)
    except PaymentError as error:
        reason = redact(str(error))
        log.warning(
            "a payment gateway call failed", purchase=purchase_id, reason=reason
        )
        return seen_other(f"{order}?said=silent")
    except MerlinError:
        # It is over or of another gateway: the order's page explains it.
        return seen_other(order)
    has_page = purchase.state.is_open and can_open_payment_page(context, purchase)
    return seen_other(f"{order}/pay" if has_page else order)


def _needs_contact(context: PageContext) -> bool:
    shop = context.services.config.payments.yookassa
    return shop is not None and shop.receipt is not None


async def _page(
    context: PageContext,
    plan: Plan,
    form: CheckoutForm,
    wrong: str = "",
    wrong_contact: str = "",
) -> Response:
    shop = context.services.config.payments.yookassa
    terms = await context.read(read_terms, context.actor)
    ends = term_end(terms, plan.name, context.services.clock())
    view = {
        "plan": plan,
        "ends": ends,
        "promise": promise_of(plan),
        "brings": plan_features(context, plan),
        # The price on the button, so that no one pays a price they have not seen.
        "total": plan.rub if takes_roubles(context, plan) else None,
        "bot_href": await context.services.read(bot_link, PLANS) if plan.xtr else "",
        "typed": form,
        "needs_contact": _needs_contact(context),
        "wrong_contact": wrong_contact,
        "is_test": shop is not None and shop.test,
        "wrong_words": wrong,
    }
    status = 409 if wrong else 422 if wrong_contact else 200
    return render_page(context, "checkout.html", view, status=status)


def _describe_state(
    context: PageContext,
    details: OrderDetails,
    state: PurchaseState,
    *,
    is_silent: bool,
) -> str:
    """Return the state of the order in one or two sentences."""
    purchase = details.purchase
    name = state.value
    order = purchase.order
    if state is PurchaseState.CANCELED and purchase.reason == CANCELED_BY_BUYER:
        name = "given-up"
    elif state is PurchaseState.PENDING and is_silent:
        name = "look-silent"
    elif state.is_unasked:
        by_card = "silent" if is_silent else "asking"
        name = by_card if order.gateway is Gateway.YOOKASSA else "pending"
    return context.say(
        f"order-lead-{name}",
        amount=purchase.amount.format(context.language),
        until=when(context, purchase.expires_at),
        gateway=order.gateway.value,
        why=text(context.language, reason_key(purchase.reason)),
    )


def _buy_again_href(
    context: PageContext, purchase: Purchase, state: PurchaseState
) -> str:
    """Return where to buy the same again, if this order is over and the plan is still sold."""
    if state.is_open:
        return ""
    name = purchase.order.promise.plan
    plan = plan_named(context.services.plans, name)
    if plan is None or not plan.is_sold:
        return ""
    return f"/checkout/{name}" if state.rank == PurchaseState.EXPIRED.rank else ""


NoticeName = Annotated[str, Query(max_length=20)]
# Timeout of a page for the gateway; the check continues, and the next poll shows it.
GATEWAY_TIMEOUT_S = 4.0
# How often an open page asks, which asks the gateway, and for how long after the order.
_POLL_S = 6
_POLLED = timedelta(hours=1)


async def _find_own_order(context: SignedInContext, order_id: Hex) -> Purchase:
    """Return one of the person's own orders. Raises NotFound if it does not exist for them."""
    return await context.read(orders.show_order, context.actor, order_id)


OwnOrder = Annotated[Purchase, Depends(_find_own_order)]


async def orders_part(
    context: PageContext,
    page: Pagination,
    list_newest: Callable[..., Sequence[Purchase]],
    *which: object,
) -> Sequence[Purchase]:
    """Return one part of the orders that `list_newest` returns, and set the Link header.

    Raises Problem 422 for an unknown cursor.
    """
    try:
        purchases = await context.read(
            list_newest, context.actor, page.size + 1, page.after(""), *which
        )
    except NotFound:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor") from None
    return page.take_part(purchases, lambda purchase: purchase.purchase_id)


@router.get("/orders")
async def show_orders(context: SignedInContext, page: Part) -> Response:
    """Return a part of the person's orders, newest first."""
    purchases = await orders_part(context, page, orders.list_orders)
    view = {"orders": purchases, "next_href": next_href(page)}
    return render_page(context, "orders.html", view)


@router.get("/orders/{order_id}")
async def show_order(
    context: SignedInContext, purchase: OwnOrder, said: NoticeName = ""
) -> Response:
    """Return one order; `said` "silent": the gateway has just not responded."""
    is_silent = said == "silent"
    if not is_silent:
        purchase, is_silent = await _refresh(context, purchase)
    view = await _view(context, purchase, is_silent=is_silent)
    return render_page(context, "order.html", view)


@router.get("/orders/{order_id}/live")
async def show_live(
    context: SignedInContext,
    purchase: OwnOrder,
    was: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Return the part that changes, or nothing if it still equals `was`."""
    purchase, is_silent = await _refresh(context, purchase)
    view = await _view(context, purchase, is_silent=is_silent)
    if view["now"] == was and view["live_href"]:
        return Response(status_code=204)
    return render_fragment(context, "order_part.html", view)


@router.get("/orders/{order_id}/pay")
async def redirect_to_gateway(context: SignedInContext, purchase: OwnOrder) -> Response:
    """Redirect to the gateway's payment page.

    Through a page of its own: `form-action 'self'` forbids a form, and a redirect after a form, to
    leave this site.
    """
    is_open = purchase.may_be_paid(context.services.clock())
    order = f"/orders/{purchase.purchase_id}"
    if not (is_open and can_open_payment_page(context, purchase)):
        return seen_other(order)
    view = {"address": purchase.pay_url, "order": order}
    return render_page(context, "pay.html", view)


@router.post("/orders/{order_id}/pay")
async def ask_again(context: SignedInContext, purchase: OwnOrder) -> Response:
    """Request the payment page again: the same order, the same idempotency key."""
    is_open = purchase.may_be_paid(context.services.clock())
    if not (is_open and can_pay_here(context, purchase)):
        return seen_other(f"/orders/{purchase.purchase_id}")
    return await redirect_to_payment(context, purchase.purchase_id)


@router.post("/orders/{order_id}/cancel")
async def cancel(context: SignedInContext, purchase: OwnOrder) -> Response:
    """Cancel an order; one that is over stays as it is."""
    await context.write(orders.cancel_order, context.actor, purchase.purchase_id)
    return seen_other(f"/orders/{purchase.purchase_id}")


async def _refresh(context: PageContext, purchase: Purchase) -> tuple[Purchase, bool]:
    """Return the order after a gateway check, and whether the gateway was too slow."""
    is_ours = (
        context.services.gateway is not None
        and purchase.order.gateway is Gateway.YOOKASSA
    )
    is_young = context.services.clock() - purchase.created_at < POLL_DURATION
    if purchase.state.is_paid or not (is_ours and (is_young or purchase.state.is_open)):
        return purchase, False
    limits: Limits = context.request.app.state.limits
    if not limits.may_poll(purchase.purchase_id):
        return purchase, False
    ctx = context.services
    actor = context.actor
    try:
        return await orders.poll_order(
            ctx, actor, purchase.purchase_id, GATEWAY_TIMEOUT_S
        ), False
    except TimeoutError:
        return purchase, True


async def _view(
    context: PageContext, purchase: Purchase, *, is_silent: bool
) -> dict[str, object]:
    """Return the template values of an order's page.

    `lead` describes the state; `is_silent`: the gateway has not answered. `has_page`: a payment
    page exists; `may_ask`: it can be requested. `again_href` buys the same again. The script polls
    every `live_s` seconds whether `now` has changed; `live_href` "": it no longer changes.
    """
    services = context.services
    actor = context.actor

    def read() -> tuple[OrderDetails, list[QuestionPack], str]:
        details = orders.show_order_details(services, actor, purchase.purchase_id)
        return details, _list_packs(services, details), bot_link(services, PLANS)

    details, packs, bot_href = await services.store.read(read)
    purchase = details.purchase
    state = purchase.state_at(services.clock())
    has_page = state.is_open and can_open_payment_page(context, purchase)
    may_ask = state.is_open and can_pay_here(context, purchase)
    may_check = state.is_open and purchase.order.gateway is Gateway.YOOKASSA
    is_young = services.clock() - purchase.created_at < _POLLED
    now = f"{state.value}.{has_page:d}.{is_silent:d}"
    href = ""
    if may_check and is_young:
        href = f"/orders/{purchase.purchase_id}/live?{urlencode({'was': now})}"
    return {
        "details": details,
        "purchase": purchase,
        "contact": format_contact(purchase.order.contact),
        "packs": packs,
        "bot_href": bot_href,
        "moment": services.clock(),
        "lead": _describe_state(context, details, state, is_silent=is_silent),
        "is_paid": state.is_paid,
        "has_page": has_page,
        "may_ask": may_ask and not has_page,
        "may_check": may_check,
        "may_cancel": state.is_open,
        "again_href": _buy_again_href(context, purchase, state),
        "is_good": state is PurchaseState.PAID,
        "now": now,
        "live_href": href,
        "live_s": _POLL_S,
    }


def _list_packs(services: Context, details: OrderDetails) -> list[QuestionPack]:
    """Return the packs of questions that the grants of an order have brought."""
    purchase = details.purchase
    keys = {
        pack_key(grant.entry_id, kind)
        for grant in details.grants
        for kind in purchase.order.promise.pack
    }
    packs = Quotas(services.db, services.bot_id).packs.list_all(purchase.user_id)
    return [pack for pack in packs if pack.key in keys]
