"""YooKassa's stand-in as one ASGI application: API v3, notifications, page, control side.

The page is HTML without script, on which a payer chooses how the payment ends. For tests the
stand-in runs in a thread, on a port of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from merlin.core.errors import NotFound
from merlin.core.money import Amount, Currency
from merlin.core.web.browser import chosen_language, language_of_header
from merlin.sandbox.server import ApiRoute, ApiStandIn
from merlin.sandbox.web import control_route, page_response, static_routes
from merlin.sandbox.yookassa.requests import (
    CaptureRequest,
    PaymentRequest,
    RefundRequest,
    ShopError,
    bad_request,
    money,
    parse,
)
from merlin.sandbox.yookassa.shop import DECLINED, GENERAL, PAID, PENDING, Json, Payment, Shop

SEE_OTHER = 303
SECURE_FAILED = "3d_secure_failed"
# What a person may choose on the page; the vendor has more.
REASONS = (
    GENERAL,
    "insufficient_funds",
    "card_expired",
    "fraud_suspected",
    "invalid_csc",
    "issuer_unavailable",
    "payment_method_limit_exceeded",
)


class PayPage:
    """The routes of the page."""

    def __init__(self, shop: Shop, language: str) -> None:
        self._shop = shop
        self._language = language

    def routes(self) -> list[BaseRoute]:
        """Return the page's routes."""
        return [
            Route("/", self._home),
            Route("/pay/{payment_id}", self._show),
            Route("/pay/{payment_id}", self._choose, methods=["POST"]),
            Route("/pay/{payment_id}/3ds", self._show),
            Route("/pay/{payment_id}/3ds", self._choose, methods=["POST"]),
            *static_routes(),
        ]

    async def _home(self, request: Request) -> Response:
        """Show the newest payments, so that whoever starts the demo finds them."""
        return self._page(request, "pay_home.html", payments=self._shop.payments()[:-21:-1])

    async def _show(self, request: Request) -> Response:
        is_secure = request.url.path.endswith("/3ds")
        return self._payment_page(request, "pay_secure.html" if is_secure else "pay.html")

    async def _choose(self, request: Request) -> Response:
        async with request.form() as form:
            chosen, reason = str(form.get("outcome", "")), str(form.get("reason", ""))
        if request.url.path.endswith("/3ds"):
            return self._end(request, PAID if chosen == PAID else SECURE_FAILED)
        if chosen == "3ds":
            return RedirectResponse(f"{request.url.path}/3ds", SEE_OTHER)
        if chosen not in {PAID, DECLINED, "left"}:
            return self._payment_page(request, "pay.html")
        return self._end(request, chosen, reason if reason in REASONS else "")

    def _end(self, request: Request, outcome: str, reason: str = "") -> Response:
        payment = self._found(request)
        if payment is None:
            return self._payment_page(request, "pay.html")
        try:
            if outcome != "left":
                self._shop.choose(payment.payment_id, outcome, reason)
        except ValueError:  # it ended meanwhile: the page says how
            return RedirectResponse(f"/pay/{payment.payment_id}", SEE_OTHER)
        return RedirectResponse(payment.request.return_url, SEE_OTHER)

    def _found(self, request: Request) -> Payment | None:
        try:
            return self._shop.find(request.path_params["payment_id"])
        except NotFound:
            return None

    def _payment_page(self, request: Request, template: str) -> Response:
        payment = self._found(request)
        if payment is None or not payment.request.return_url:
            return self._page(request, "pay_home.html", 404, payments=None)
        if payment.status != PENDING:
            template = "pay_ended.html"
        # Its forms may lead on to the shop that is returned to.
        shop = urlsplit(payment.request.return_url)
        back = f" {shop.scheme}://{shop.netloc}"
        return self._page(request, template, back=back, payment=payment, reasons=REASONS)

    def _page(
        self, request: Request, template: str, status: int = 200, back: str = "", **values: object
    ) -> Response:
        accepted = request.headers.get("accept-language", "")
        language = chosen_language(request) or language_of_header(accepted, self._language)
        response = page_response(
            request,
            "pay-page-",
            language,
            template,
            status,
            money=lambda kopecks: Amount(kopecks, Currency.RUB).format(language),
            **values,
        )
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
            f" form-action 'self'{back}"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response


ANSWER_S = 10.0
GOOD = 200
# A notification that is not answered 200 is posted again: so often, after so long, then twice that.
TRIES, RETRY_S = 5, 0.2
MAX_PER_PAGE = 100
SHOP_ID, KEY = "100500", "test_stand-in"


class Notifier:
    """Posts notifications: unsigned, as the vendor's are, again until they are answered 200.

    Source: yookassa.ru/developers/using-api/webhooks.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop posting; what was not answered is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def notify(self, event: str, thing: Json) -> None:
        """Post an event in the background; what happens while the stand-in is down is not told."""
        if self.url:
            with suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                task = loop.create_task(self._insist(notification(event, thing)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def post(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int:
        """Post any body once; return the answer's status, 0 without one."""
        if self.url:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
                    session.post(self.url, json=body, headers=headers) as answer,
                ):
                    return answer.status
        return 0

    async def _insist(self, note: Json) -> None:
        for number in range(TRIES):
            if await self.post(note) == GOOD:
                return
            await asyncio.sleep(RETRY_S * 2**number)


def notification(event: str, thing: Json) -> Json:
    """Return what is posted about an event."""
    return {"type": "notification", "event": event, "object": thing}


_PAYMENT, _REFUND = "/v3/payments/{payment_id}", "/v3/refunds/{refund_id}"


class YooKassaStandIn(ApiStandIn):
    """YooKassa, as far as a client can tell; `with YooKassaStandIn() as shop:`.

    `shop_id` and `key` are its credentials, `notify_url` is where it is notified; `folder` keeps
    what was paid over restarts (None: in memory). Wherever a payment is named, its own id or that
    of the purchase it is for will do.
    """

    error = ShopError

    def __init__(
        self,
        shop_id: str = SHOP_ID,
        key: str = KEY,
        notify_url: str = "",
        language: str = "ru",
        folder: Path | None = None,
        port: int = 0,
    ) -> None:
        self.shop_id, self.key = shop_id, key
        path = None if folder is None else folder / "yookassa.json"
        self._notifier = Notifier(notify_url)
        self._shop = Shop(path=path, on_change=self._notifier.notify)
        pages = PayPage(self._shop, language).routes()
        super().__init__(
            port, self._routes(), control_route("/control/choose", self._choose), *pages
        )

    async def close(self) -> None:
        """Stop posting."""
        await self._notifier.close()

    @property
    def base_url(self) -> str:
        """Return what `payments.yookassa.base_url` is set to."""
        return f"http://127.0.0.1:{self.port}/v3"

    def change(self, fields: Mapping[str, Any]) -> Json:
        """Change the behaviour from now on; return all of it. Raises ValueError, TypeError."""
        self._shop.behaviour = replace(self._shop.behaviour, **fields)
        return asdict(self._shop.behaviour)

    def check_key(self, request: Request) -> None:
        """Raise ShopError 401 without the shop's credentials."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        requested = base64.b64encode(f"{self.shop_id}:{self.key}".encode())
        if kind.lower() != "basic" or not hmac.compare_digest(given.encode(), requested):
            words = "Error in shopId or secret key. Check their validity."
            raise ShopError(401, words, param="Authorization")

    def _choose(self, body: Json) -> Json:
        return self._shop.choose(body["payment"], body["outcome"], body.get("reason", ""))

    def _routes(self) -> list[ApiRoute]:
        """Return every address; names are those of faults."""
        return [
            ("payments.create", "POST", "/v3/payments", self._create),
            ("payments.list", "GET", "/v3/payments", self._payments),
            ("payments.retrieve", "GET", _PAYMENT, self._payment),
            ("payments.capture", "POST", f"{_PAYMENT}/capture", self._capture),
            ("payments.cancel", "POST", f"{_PAYMENT}/cancel", self._cancel),
            ("refunds.create", "POST", "/v3/refunds", self._refund),
            ("refunds.list", "GET", "/v3/refunds", self._refunds),
            ("refunds.retrieve", "GET", _REFUND, self._found_refund),
        ]

    def _payment(self, payment_id: str) -> Json:
        return self._shop.payment(payment_id).as_json()

    def _found_refund(self, refund_id: str) -> Json:
        return self._shop.found_refund(refund_id).as_json()

    async def _once(self, request: Request, act: Callable[[Json], Json]) -> Response:
        """Answer a call once for each key: the second of a key gets the first one's answer."""
        content = await request.body()
        try:
            body = json.loads(content or b"null") or {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise bad_request("body", "Body is not a JSON object")
        call = {"path": request.url.path, "body": body}
        key = request.headers.get("idempotence-key", "")
        return JSONResponse(self._shop.answer_once(key, call, lambda: act(body)))

    async def _create(self, request: Request) -> Response:
        pages = f"{request.base_url}pay/"
        return await self._once(
            request, lambda body: self._shop.create(parse(PaymentRequest, body), pages).as_json()
        )

    async def _payments(self, request: Request) -> Response:
        return _page(request, [payment.as_json() for payment in self._shop.payments()])

    async def _capture(self, request: Request) -> Response:
        payment_id = request.path_params["payment_id"]

        def act(body: Json) -> Json:
            amount = parse(CaptureRequest, body).amount
            kopecks = None if amount is None else amount.kopecks
            return self._shop.capture(payment_id, kopecks).as_json()

        return await self._once(request, act)

    async def _cancel(self, request: Request) -> Response:
        payment_id = request.path_params["payment_id"]
        return await self._once(request, lambda _body: self._shop.cancel(payment_id).as_json())

    async def _refund(self, request: Request) -> Response:
        return await self._once(
            request, lambda body: self._shop.refund(parse(RefundRequest, body)).as_json()
        )

    async def _refunds(self, request: Request) -> Response:
        return _page(request, [refund.as_json() for refund in self._shop.state.refunds.values()])

    def notify_to(self, url: str) -> None:
        """Post notifications to an address from now on; "" nowhere."""
        self._notifier.url = url

    def choose(self, which: str, outcome: str, reason: str = "") -> Json:
        """End a payment as a payer would; return it. Raises NotFound, ValueError."""
        return self._access(lambda: self._shop.choose(which, outcome, reason))

    def refund(self, which: str, value: str | None = None) -> Json:
        """Give money back by the shop's own cabinet: "100.00", None for all that is left."""

        def act() -> Json:
            payment = self._shop.find(which)
            amount = money(payment.taken - payment.returned)
            amount = amount if value is None else {**amount, "value": value}
            body = {"payment_id": payment.payment_id, "amount": amount}
            try:
                return self._shop.refund(parse(RefundRequest, body)).as_json()
            except ShopError as error:
                raise ValueError(str(error)) from error

        return self._access(act)

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """End a refund that is under way: "succeeded" or a reason."""
        return self._access(lambda: self._shop.finish_refund(refund_id, outcome))

    def revoke(self, method_id: str) -> None:
        """Let a saved method be one no more."""
        self._access(lambda: self._shop.state.methods.update({method_id: False}))

    def payments(self) -> list[Json]:
        """Return every payment that was really made, oldest first."""
        return self._access(lambda: [payment.as_json() for payment in self._shop.payments()])

    def payment(self, which: str) -> Json:
        """Return one payment. Raises NotFound."""
        return self._access(lambda: self._shop.find(which).as_json())

    def refunds(self) -> list[Json]:
        """Return every refund, oldest first."""
        return self._access(
            lambda: [refund.as_json() for refund in self._shop.state.refunds.values()]
        )

    def receipts(self) -> list[Json]:
        """Return every receipt that was registered, oldest first."""
        return self._access(lambda: list(self._shop.state.receipts))

    def notify(self, which: str, event: str = "", times: int = 1) -> list[int]:
        """Post a notification of a payment (again); return the statuses. "" is the true event."""
        payment = self.payment(which)
        note = notification(event or f"payment.{payment['status']}", payment)
        return [self.forge(note) for _ in range(times)]

    def forge(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int:
        """Post any body to the address; return the status that it was answered with, 0: none."""
        return self.run(self._notifier.post(body, headers))


def _page(request: Request, rows: Sequence[Json]) -> Response:
    """Answer one page of a list, newest first, and the cursor of the next. Raises ShopError."""
    query = request.query_params
    try:
        since, until = (
            datetime.fromisoformat(query.get(f"created_at.{side}", usual))
            for side, usual in (("gte", "1970-01-01T00:00Z"), ("lt", "9999-01-01T00:00Z"))
        )
        limit = int(query.get("limit", 10))
    except ValueError as error:
        raise bad_request("query", str(error)) from None
    if not 1 <= limit <= MAX_PER_PAGE:
        raise bad_request("limit", f"Limit must be from 1 to {MAX_PER_PAGE}")
    found = [
        row
        for row in reversed(rows)
        if since <= datetime.fromisoformat(row["created_at"]) < until
        and query.get("payment_id") in {None, row.get("payment_id")}
    ]
    ids = [row["id"] for row in found]
    start = ids.index(query["cursor"]) if query.get("cursor") in ids else 0
    page: Json = {"type": "list", "items": found[start : start + limit]}
    if start + limit < len(ids):
        page["next_cursor"] = ids[start + limit]
    return JSONResponse(page)
