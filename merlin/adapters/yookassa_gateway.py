"""YooKassa as the till of `billing.till`: payments and refunds, each call over within 10 seconds.

Nothing is asked twice by itself: who asks again does so under the same key, and that is for the
cashier to decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from merlin.adapters.yookassa_call import Call
from merlin.adapters.yookassa_lane import DEADLINE_S, CallLane
from merlin.adapters.yookassa_shapes import (
    money,
    payment_body,
    refund_body,
    seen,
    seen_refund,
)
from merlin.billing.amount import Amount
from merlin.billing.purchase import Purchase
from merlin.billing.selling import YooKassaConfig
from merlin.billing.till import Seen, SeenRefund, Wish
from merlin.core.errors import TillDoubt, TillError
from merlin.core.log import get_logger

if TYPE_CHECKING:
    from merlin.adapters.yookassa_client import ShopClient

log = get_logger(__name__)

T = TypeVar("T")
Body = Mapping[str, Any]
PAGE, MOST_PAGES = 100, 1000
# Ids come in notifications too, which anybody can send: none may lead to another address.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class YooKassaGateway:
    """One shop at YooKassa; fulfils `billing.till.Payments` and `Returns`."""

    def __init__(
        self, shop: YooKassaConfig, shop_id: str, secret: str, deadline_s: float = DEADLINE_S
    ) -> None:
        self._shop = shop
        self._credentials = (shop_id, secret)
        self._lane = CallLane(deadline_s)

    def __repr__(self) -> str:
        return f"YooKassaGateway({self._shop.base_url!r})"

    def close(self) -> None:
        """Cut off what is under way and let the threads go."""
        self._lane.close()

    async def create(self, wish: Wish) -> Seen:
        body = payment_body(wish, self._shop)
        key = wish.purchase.purchase_id
        return await self._write("/payments", key, seen, "payment", body)

    async def find(self, outside_id: str) -> Seen:
        told = await self._read(f"/payments/{_checked(outside_id)}")
        return _same(seen(told), outside_id)

    async def capture(self, purchase: Purchase) -> Seen:
        path = f"/payments/{_checked(purchase.outside_id)}/capture"
        body = {"amount": money(purchase.order.amount)}
        return await self._write(path, f"{purchase.purchase_id}:capture", seen, "capture", body)

    async def cancel(self, purchase: Purchase) -> Seen:
        path = f"/payments/{_checked(purchase.outside_id)}/cancel"
        return await self._write(path, f"{purchase.purchase_id}:cancel", seen)

    async def between(self, since: datetime, until: datetime) -> list[Seen]:
        query = {"created_at.gte": _written(since), "created_at.lt": _written(until)}
        return list(_readable(await self._listed("/payments", query), seen))

    async def refund(
        self,
        key: str,
        payment_id: str,
        amount: Amount,
        words: str,
        bought: Purchase | None = None,
    ) -> SeenRefund:
        body = refund_body(payment_id, amount, words, self._shop.receipt, bought)
        return await self._write("/refunds", key, seen_refund, "refund", body)

    async def find_refund(self, outside_id: str) -> SeenRefund:
        told = await self._read(f"/refunds/{_checked(outside_id)}")
        return _same(seen_refund(told), outside_id)

    async def refunds(self, payment_id: str) -> list[SeenRefund]:
        query = {"payment_id": _checked(payment_id)}
        return list(_readable(await self._listed("/refunds", query), seen_refund))

    async def _write(
        self,
        path: str,
        key: str,
        read: Callable[[Body], T],
        kind: str = "",
        body: Body | None = None,
    ) -> T:
        told = await self._lane.run(lambda call: self._client(call).post(path, key, kind, body))
        try:
            return read(told)
        except TillError as error:
            # It was carried out, whatever it is.
            raise TillDoubt(str(error), code=error.code) from None

    async def _read(self, path: str, query: Mapping[str, str] | None = None) -> Body:
        return await self._lane.run(lambda call: self._client(call).get(path, query))

    async def _listed(self, path: str, query: Mapping[str, str]) -> list[Body]:
        """Return everything that a list holds, page by page."""
        rows: list[Body] = []
        asked, cursors = {**query, "limit": str(PAGE)}, set[str]()
        while len(cursors) < MOST_PAGES:
            page = await self._read(path, asked)
            items, cursor = page.get("items"), page.get("next_cursor")
            rows += [item for item in items or [] if isinstance(item, Mapping)]
            if not isinstance(cursor, str) or not cursor:
                return rows
            if cursor in cursors:
                break
            cursors.add(cursor)
            asked["cursor"] = cursor
        raise TillError("YooKassa's list has no end", code="unreadable")

    def _client(self, call: Call) -> ShopClient:
        # In a thread, and only once somebody buys: the package costs half a second and 23 MB.
        from merlin.adapters.yookassa_client import ShopClient  # noqa: PLC0415 - as said

        return ShopClient(self._shop.base_url, self._credentials, call)


def _checked(outside_id: str) -> str:
    if not _ID.fullmatch(outside_id):
        raise TillError("this is no id of YooKassa's", code="not_found")
    return outside_id


Found = TypeVar("Found", Seen, SeenRefund)


def _same(found: Found, outside_id: str) -> Found:
    if found.outside_id != outside_id:
        raise TillError("YooKassa told of another payment or refund", code="unreadable")
    return found


def _readable(rows: list[Body], read: Callable[[Body], T]) -> Iterator[T]:
    """Yield what can be read; a shop may sell other things too, in other currencies."""
    for row in rows:
        try:
            yield read(row)
        except TillError as error:
            log.warning("a listed payment cannot be read", reason=str(error))


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
