"""Orders: mine, and the truth about one; also where people come back to from the page of payment.

/orders                 mine, newest first
/orders/{id}            one: looked at anew when it is opened, and every few seconds after that
/orders/{id}/live       the part that changes, for the script
/orders/{id}/pay        GET: leads to the till's page; POST: asks the till for it (again)
/orders/{id}/cancel     gives it up
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from merlin.api.caller import Person
from merlin.api.own_page import own_page
from merlin.api.pages.answering import part, shown
from merlin.api.pages.checkout import led_to_pay
from merlin.api.pages.order_view import OrderRow, OrderView, order_row, order_view, read_order
from merlin.api.pages.shop import may_be_led_to, may_be_paid_here
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit, Visiting
from merlin.api.till import desk
from merlin.billing.purchase import ID_LENGTH, LOOKED_FOR, Purchase, Till
from merlin.core.errors import NotFound
from merlin.core.web.answering import NEVER_KEPT, seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FROM_HERE = [Depends(own_page)]
OrderId = Annotated[str, Path(max_length=100)]
Said = Annotated[str, Query(max_length=20)]
_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")
_MOST = 100
# The end of what a page `was` that told of a till that did not answer.
SILENT = ".silent"
# So long a page waits for a till; it is looked at all the same, and told by the next look.
LOOK_S = 4.0
# An open page asks every few seconds for two minutes, then slower, and in the end no more; every
# quarter of a minute the till itself is looked at.
_OFTEN_S, _SELDOM_S, _LOOK_EACH_S = 3, 15, 15
_SLOWER_AFTER_S, _OVER_AFTER_S = 120, 3600


@dataclass(frozen=True, slots=True)
class OrdersView:
    """My orders."""

    rows: tuple[OrderRow, ...]
    has_more: bool


@router.get("/orders")
async def show_orders(visit: Visiting, caller: Person) -> Response:
    """Return my orders, newest first."""
    books = visit.services.rows.books
    read = visit.services.store.read
    found = await read(lambda: books.purchases.of(caller.user_id, _MOST + 1))
    rows = tuple(order_row(visit, each) for each in found[:_MOST])
    view = OrdersView(rows, len(found) > _MOST)
    return shown(visit, "orders.html", v=view, keep=NEVER_KEPT)


@router.get("/orders/{order_id}")
async def show_order(
    visit: Visiting, caller: Person, order_id: OrderId, said: Said = ""
) -> Response:
    """Return one order as it is now; `said` tells that the till was asked in vain just now."""
    purchase = await _mine(visit, caller.user_id, order_id)
    if purchase is None:
        return _lost(visit)
    is_silent = said == "silent"
    if not is_silent:
        purchase, is_silent = await _looked(visit, purchase)
    view = await _view(visit, purchase, 0, is_silent=is_silent)
    return shown(visit, "order.html", v=view, keep=NEVER_KEPT)


@router.get("/orders/{order_id}/live")
async def show_live(
    visit: Visiting,
    caller: Person,
    order_id: OrderId,
    since: Annotated[int, Query(ge=0, le=2**53 - 1)],
    was: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Return the part that changes, or nothing while it is what it `was` since then."""
    purchase = await _mine(visit, caller.user_id, order_id)
    if purchase is None:
        return _lost(visit)
    age = max(int(visit.services.clock().timestamp()) - since, 1)
    if age % _LOOK_EACH_S < _OFTEN_S:
        purchase, _ = await _looked(visit, purchase)
    is_silent = was.endswith(SILENT) and was.startswith(f"{purchase.state.value}.")
    view = await _view(visit, purchase, age, is_silent=is_silent)
    if view.now == was and view.live_href:
        return Response(status_code=204, headers={"Cache-Control": NEVER_KEPT})
    return part(visit, "order_part.html", v=view)


@router.get("/orders/{order_id}/pay")
async def lead(visit: Visiting, caller: Person, order_id: OrderId) -> Response:
    """Lead to the till's page of payment.

    By a page of its own: no form may lead away from this site (`form-action 'self'`), and a
    redirect after a form would be that.
    """
    purchase = await _mine(visit, caller.user_id, order_id)
    if purchase is None:
        return _lost(visit)
    is_open = purchase.may_be_paid(visit.services.clock())
    if not (is_open and may_be_led_to(visit, purchase)):
        return seen_other(f"/orders/{order_id}")
    order = f"/orders/{order_id}"
    return shown(visit, "pay.html", address=purchase.pay_url, order=order, keep=NEVER_KEPT)


@router.post("/orders/{order_id}/pay", dependencies=_FROM_HERE)
async def ask_again(visit: Visiting, caller: Person, order_id: OrderId) -> Response:
    """Ask the till for its page (again): the same order, under the same key."""
    purchase = await _mine(visit, caller.user_id, order_id)
    if purchase is None:
        return _lost(visit)
    is_open = purchase.may_be_paid(visit.services.clock())
    if not (is_open and may_be_paid_here(visit, purchase)):
        return seen_other(f"/orders/{order_id}")
    return await led_to_pay(visit, order_id)


@router.post("/orders/{order_id}/cancel", dependencies=_FROM_HERE)
async def cancel(visit: Visiting, caller: Person, order_id: OrderId) -> Response:
    """Give an order up; one that is over already stays as it is."""
    if await _mine(visit, caller.user_id, order_id) is None:
        return _lost(visit)
    await desk.given_up(visit.services, order_id)
    return seen_other(f"/orders/{order_id}")


async def _mine(visit: Visit, user_id: int, order_id: str) -> Purchase | None:
    """Return one of the person's own orders, None for what is another's or not there at all."""
    books = visit.services.rows.books
    if not _ID.fullmatch(order_id):
        return None

    def read() -> Purchase | None:
        try:
            found = books.purchases.get(order_id)
        except NotFound:
            return None
        return found if found.user_id == user_id else None

    return await visit.services.store.read(read)


async def _looked(visit: Visit, purchase: Purchase) -> tuple[Purchase, bool]:
    """Return the order after a look at its till, and whether that was too slow to tell."""
    is_ours = visit.services.payments is not None and purchase.order.till is Till.YOOKASSA
    is_young = visit.services.clock() - purchase.created_at < LOOKED_FOR
    if purchase.state.is_paid or not (is_ours and (is_young or purchase.state.is_open)):
        return purchase, False
    look = asyncio.ensure_future(desk.looked(visit.services, purchase.purchase_id))
    done, _ = await asyncio.wait({look}, timeout=LOOK_S)
    if not done:
        _going_on.add(look)
        look.add_done_callback(_going_on.discard)
        return purchase, True
    return look.result(), False


# Looks that outlive the page that began them; a task that nobody holds may be forgotten.
_going_on: set[asyncio.Future[Purchase]] = set()


async def _view(visit: Visit, purchase: Purchase, age: int, *, is_silent: bool) -> OrderView:
    """Return what the page shows that has been open for `age` seconds."""
    told = await visit.services.store.read(lambda: read_order(visit, purchase))
    view = order_view(visit, told, is_silent=is_silent)
    if not view.may_check or age > _OVER_AFTER_S:
        return view
    wait = _OFTEN_S if age < _SLOWER_AFTER_S else _SELDOM_S
    now = f"{view.now}.{wait}{SILENT if is_silent else ''}"
    since = int(visit.services.clock().timestamp()) - age
    asked = urlencode({"since": since, "was": now})
    href = f"/orders/{purchase.purchase_id}/live?{asked}"
    return replace(view, now=now, live_href=href, live_s=wait)


def _lost(visit: Visit) -> Response:
    """Return what is said of an order that is not this person's, or not there: the same words."""
    return shown(visit, "shop_lost.html", about="order", status=404, keep=NEVER_KEPT)
