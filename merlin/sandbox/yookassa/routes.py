"""The addresses of API v3: who asks, under which key, and what they are answered."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.clock import utc_now
from merlin.sandbox.yookassa.acts import Acts
from merlin.sandbox.yookassa.errors import ShopError, bad_request
from merlin.sandbox.yookassa.keys import Keys
from merlin.sandbox.yookassa.objects import Told, page_of, wanted
from merlin.sandbox.yookassa.reading import (
    check_key,
    read_amount,
    read_payment,
    read_receipt,
    read_refund,
)

Handler = Callable[[Request], Awaitable[Response]]
_PAYMENT = "/v3/payments/{payment_id}"


class ShopRoutes:
    """Reads requests, acts on the shop, writes the vendor's objects."""

    def __init__(self, acts: Acts, keys: Keys, credentials: tuple[str, str]) -> None:
        self._acts = acts
        self._shop = acts.shop
        self._keys = keys
        self._credentials = credentials

    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Return (name, method, path, handler) of every address; names are those of faults."""
        return [
            ("payments.create", "POST", "/v3/payments", self._create),
            ("payments.list", "GET", "/v3/payments", self._payments),
            ("payments.retrieve", "GET", _PAYMENT, self._payment),
            ("payments.capture", "POST", f"{_PAYMENT}/capture", self._capture),
            ("payments.cancel", "POST", f"{_PAYMENT}/cancel", self._cancel),
            ("refunds.create", "POST", "/v3/refunds", self._refund),
            ("refunds.list", "GET", "/v3/refunds", self._refunds),
            ("refunds.retrieve", "GET", "/v3/refunds/{refund_id}", self._found_refund),
            ("receipts.create", "POST", "/v3/receipts", self._receipt),
            ("receipts.list", "GET", "/v3/receipts", self._receipts),
            ("receipts.retrieve", "GET", "/v3/receipts/{receipt_id}", self._found_receipt),
        ]

    def check(self, request: Request) -> None:
        """Judge who asks. Raises ShopError."""
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        wanted = base64.b64encode(":".join(self._credentials).encode())
        if kind.lower() != "basic" or not hmac.compare_digest(said.encode(), wanted):
            words = "Error in shopId or secret key. Check their validity."
            raise ShopError(401, words, parameter="Authorization")

    async def _once(self, request: Request, act: Callable[[dict[str, Any]], Told]) -> Response:
        """Answer a call once for each key: the second of a key gets the first one's answer."""
        key = check_key(request.headers.get("idempotence-key"))
        body = await json_object(request)
        call = {"path": request.url.path, "body": body}
        life_s = self._shop.behaviour.key_s
        return JSONResponse(self._keys.answer(key, call, life_s, lambda: act(body)))

    async def _create(self, request: Request) -> Response:
        pages = f"{request.base_url}pay/"

        def act(body: dict[str, Any]) -> Told:
            return self._acts.told(self._shop.create(read_payment(body), pages))

        return await self._once(request, act)

    async def _payment(self, request: Request) -> Response:
        payment = self._shop.payment(request.path_params["payment_id"])
        return JSONResponse(self._acts.told(payment))

    async def _payments(self, request: Request) -> Response:
        self._shop.expire()
        until = utc_now() - timedelta(seconds=self._shop.behaviour.list_lag_s)
        kept = [each for each in self._shop.payments.values() if each.created_at <= until]
        return _page(request, [self._acts.told(each) for each in kept])

    async def _capture(self, request: Request) -> Response:
        payment_id = request.path_params["payment_id"]

        def act(body: dict[str, Any]) -> Told:
            kopecks = read_amount(body["amount"], "amount") if "amount" in body else None
            if "receipt" in body:
                whole = self._shop.payment(payment_id).asked.kopecks
                read_receipt(body["receipt"], whole if kopecks is None else kopecks)
            return self._acts.told(self._shop.capture(payment_id, kopecks))

        return await self._once(request, act)

    async def _cancel(self, request: Request) -> Response:
        payment_id = request.path_params["payment_id"]
        return await self._once(
            request, lambda _body: self._acts.told(self._shop.cancel(payment_id))
        )

    async def _refund(self, request: Request) -> Response:
        return await self._once(
            request, lambda body: self._acts.told(self._shop.refund(read_refund(body)))
        )

    async def _refunds(self, request: Request) -> Response:
        return _page(request, [self._acts.told(each) for each in self._shop.refunds.values()])

    async def _found_refund(self, request: Request) -> Response:
        refund = self._shop.found_refund(request.path_params["refund_id"])
        return JSONResponse(self._acts.told(refund))

    async def _receipt(self, request: Request) -> Response:
        return await self._once(request, self._keep_receipt)

    def _keep_receipt(self, body: dict[str, Any]) -> Told:
        owner = str(body.get("payment_id") or body.get("refund_id") or "")
        if owner not in self._shop.payments and owner not in self._shop.refunds:
            raise bad_request("payment_id", "Payment or refund doesn't exist")
        return self._shop.keep_receipt(body)

    async def _receipts(self, request: Request) -> Response:
        query = request.query_params
        owner = {name: query[name] for name in ("payment_id", "refund_id") if name in query}
        rows = [
            row
            for row in reversed(self._shop.receipts)
            if all(row.get(name) == value for name, value in owner.items())
        ]
        return JSONResponse(page_of(rows, query))

    async def _found_receipt(self, request: Request) -> Response:
        return JSONResponse(dict(self._shop.receipt(request.path_params["receipt_id"])))


def _page(request: Request, rows: list[Told]) -> Response:
    query = request.query_params
    newest_first = list(filter(wanted(query), reversed(rows)))
    return JSONResponse(page_of(newest_first, query))


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of a call's body, empty for an empty one. Raises ShopError."""
    content = await request.body()
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        body = None
    # The SDK writes null where it has nothing to say.
    if body is None and content.strip() == b"null":
        return {}
    if not isinstance(body, dict):
        raise bad_request("body", "Body is not a JSON object")
    return body
