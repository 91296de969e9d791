"""YooKassa's stand-in as an ASGI application: API v3, notifications, payment page.

The page is HTML without scripts, where the payer chooses how the payment ends. Tests run the
stand-in in a thread, on its own port.
"""

import asyncio
import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from merlin.core.json_fields import parse_object
from merlin.core.money import Amount, Currency
from merlin.core.web.browser import get_chosen_language, language_of_header
from merlin.sandbox.server import ApiRoute, ApiStandIn
from merlin.sandbox.web import page_response, static_routes
from merlin.sandbox.yookassa.shop import (
    DECLINED,
    GENERAL,
    PAID,
    PENDING,
    Json,
    Payment,
    Shop,
    ShopError,
    bad_request,
)

SEE_OTHER = 303
# Decline reasons offered on the page; YooKassa has more.
REASONS = (
    GENERAL,
    "3d_secure_failed",
    "insufficient_funds",
    "card_expired",
    "fraud_suspected",
    "invalid_csc",
    "issuer_unavailable",
    "payment_method_limit_exceeded",
)


ANSWER_S = 10.0
GOOD = 200
# A notification without a 200 response is posted again: number of attempts, then the first pause
TRIES = 5
RETRY_S = 0.2
SHOP_ID = "100500"
KEY = "test_stand-in"


def notification(event: str, subject: Json) -> Json:
    """Return the notification of an event."""
    return {"type": "notification", "event": event, "object": subject}


class YooKassaStandIn(ApiStandIn):
    """A stand-in of YooKassa; `with YooKassaStandIn() as shop:`.

    `shop_id` and `key` are its credentials; `folder` keeps the state over restarts (None: in
    memory).

    Notifications are posted to `notify_url`, unsigned as YooKassa's are, until they are answered
    with 200. Source: yookassa.ru/developers/using-api/webhooks.
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
        self.shop_id = shop_id
        self.key = key
        path = None if folder is None else folder / "yookassa.json"
        self._notify_url = notify_url
        self._posts: set[asyncio.Task[None]] = set()
        self._shop = Shop(path=path, on_change=self._post_event)
        self._language = language
        super().__init__(
            port,
            self._routes(),
            Route("/", self._show_home),
            Route("/pay/{payment_id}", self._show),
            Route("/pay/{payment_id}", self._choose_on_page, methods=["POST"]),
            *static_routes(),
        )

    async def close(self) -> None:
        """Stop posting notifications; unconfirmed ones are lost."""
        for task in self._posts:
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    def check_key(self, request: Request) -> None:
        """Raise ShopError 401 without the shop's credentials."""
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        expected = base64.b64encode(f"{self.shop_id}:{self.key}".encode())
        if kind.lower() != "basic" or not hmac.compare_digest(
            credentials.encode(), expected
        ):
            message = "Error in shopId or secret key. Check their validity."
            raise ShopError(401, message, param="Authorization")

    def _routes(self) -> list[ApiRoute]:
        """Return the API's routes."""
        return [
            ("payments.create", "POST", "/v3/payments", self._create_payment),
            ("payments.list", "GET", "/v3/payments", self._list_payments),
            (
                "payments.retrieve",
                "GET",
                "/v3/payments/{payment_id}",
                self._payment_json,
            ),
            ("refunds.create", "POST", "/v3/refunds", self._create_refund),
            ("refunds.list", "GET", "/v3/refunds", self._list_refunds),
            ("refunds.retrieve", "GET", "/v3/refunds/{refund_id}", self._refund_json),
        ]

    def _payment_json(self, payment_id: str) -> Json:
        return self._shop.payment(payment_id).as_json()

    def _refund_json(self, refund_id: str) -> Json:
        return self._shop.find_refund(refund_id).as_json()

    async def answer_once(
        self, request: Request, act: Callable[[Json], Json]
    ) -> Response:
        """Execute a request once per Idempotence-Key; a repeated key gets the stored response."""
        content = await request.body()
        try:
            body = parse_object(content or b"{}")
        except ValueError as error:
            raise bad_request("body", "Body is not a JSON object") from error
        call = {"path": request.url.path, "body": body}
        key = request.headers.get("idempotence-key", "")
        return JSONResponse(self._shop.answer_once(key, call, lambda: act(body)))

    async def _create_payment(self, request: Request) -> Response:
        pages = f"{request.base_url}pay/"
        return await self.answer_once(
            request,
            lambda body: self._shop.create(body, pages).as_json(),
        )

    async def _list_payments(self, request: Request) -> Response:
        return self._list(
            request, [each.as_json() for each in self._shop.state.payments.values()]
        )

    async def _create_refund(self, request: Request) -> Response:
        return await self.answer_once(
            request, lambda body: self._shop.refund(body).as_json()
        )

    async def _list_refunds(self, request: Request) -> Response:
        return self._list(
            request, [each.as_json() for each in self._shop.state.refunds.values()]
        )

    def _list(self, request: Request, rows: Sequence[Json]) -> Response:
        """Return the requested rows, newest first. Raises ShopError."""
        query = request.query_params
        try:
            since, until = (
                datetime.fromisoformat(query.get(f"created_at.{side}", default))
                for side, default in (
                    ("gte", "1970-01-01T00:00Z"),
                    ("lt", "9999-01-01T00:00Z"),
                )
            )
        except ValueError as error:
            raise bad_request("query", str(error)) from None
        items = [
            row
            for row in reversed(rows)
            if since <= datetime.fromisoformat(row["created_at"]) < until
            and query.get("payment_id") in {None, row.get("payment_id")}
        ]
        return JSONResponse(self.make_page(query, items))

    def make_page(self, _query: Mapping[str, str], items: list[Json]) -> Json:
        """Return the items of a list, on one page."""
        return {"type": "list", "items": items}

    async def _show_home(self, request: Request) -> Response:
        """Show the newest payments, where somebody trying the demo finds them."""
        newest = [*self._shop.state.payments.values()][:-21:-1]
        return self._page(request, "pay_home.html", payments=newest)

    async def _choose_on_page(self, request: Request) -> Response:
        async with request.form() as form:
            outcome = str(form.get("outcome", ""))
            reason = str(form.get("reason", ""))
        payment = self._find_payment(request)
        if payment is None or outcome not in {PAID, DECLINED, "left"}:
            return await self._show(request)
        try:
            if outcome != "left":
                self._shop.choose(payment, outcome, reason if reason in REASONS else "")
        except ValueError:  # it has ended in the meantime; the page shows how
            return RedirectResponse(f"/pay/{payment.payment_id}", SEE_OTHER)
        return RedirectResponse(payment.return_url, SEE_OTHER)

    def _find_payment(self, request: Request) -> Payment | None:
        return self._shop.state.payments.get(request.path_params["payment_id"])

    async def _show(self, request: Request) -> Response:
        payment = self._find_payment(request)
        if payment is None:
            return self._page(request, "pay_home.html", 404, payments=None)
        template = "pay.html" if payment.status == PENDING else "pay_ended.html"
        # Its forms redirect to the shop's return URL, so the CSP must allow that origin.
        shop = urlsplit(payment.return_url)
        return_origin = f" {shop.scheme}://{shop.netloc}"
        return self._page(
            request,
            template,
            return_origin=return_origin,
            payment=payment,
            reasons=REASONS,
        )

    def _page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        return_origin: str = "",
        **values: object,
    ) -> Response:
        accepted = request.headers.get("accept-language", "")
        language = get_chosen_language(request) or language_of_header(
            accepted, self._language
        )
        response = page_response(
            request,
            "pay-page",
            language,
            template,
            status,
            money=lambda kopecks: Amount(kopecks, Currency.RUB).format(language),
            **values,
        )
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
            f" form-action 'self'{return_origin}"
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def _post_event(self, event: str, subject: Json) -> None:
        """Post an event in the background; dropped while the stand-in is stopped."""
        if self._notify_url:
            with suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                task = loop.create_task(
                    self._post_until_confirmed(notification(event, subject))
                )
                self._posts.add(task)
                task.add_done_callback(self._posts.discard)

    async def _post_until_confirmed(self, body: Json) -> None:
        async with httpx2.AsyncClient(timeout=ANSWER_S) as client:
            for attempt in range(TRIES):
                with suppress(httpx2.HTTPError):
                    if (
                        await client.post(self._notify_url, json=body)
                    ).status_code == GOOD:
                        return
                await asyncio.sleep(RETRY_S * 2**attempt)
