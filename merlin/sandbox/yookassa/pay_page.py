"""The payment page: HTML without script, on which a payer chooses how the payment ends."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from merlin.core.errors import NotFound
from merlin.core.money import Amount, Currency
from merlin.core.web.browser import language_of_header
from merlin.sandbox.web import Pages, static_routes
from merlin.sandbox.yookassa.shop import DECLINED, GENERAL, PAID, PENDING, Payment, Shop

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
            Route("/pay/{payment_id}/3ds", self._show_secure),
            Route("/pay/{payment_id}/3ds", self._choose_secure, methods=["POST"]),
            *static_routes(),
        ]

    async def _home(self, request: Request) -> Response:
        """Show the newest payments, so that whoever starts the demo finds them."""
        return self._page(request, "pay_home.html", payments=self._shop.payments()[:-21:-1])

    async def _show(self, request: Request) -> Response:
        return self._payment_page(request, "pay.html")

    async def _show_secure(self, request: Request) -> Response:
        return self._payment_page(request, "pay_secure.html")

    async def _choose(self, request: Request) -> Response:
        async with request.form() as form:
            chosen, reason = str(form.get("outcome", "")), str(form.get("reason", ""))
        if chosen == "3ds":
            return RedirectResponse(f"{request.url.path}/3ds", SEE_OTHER)
        if chosen not in {PAID, DECLINED, "left"}:
            return self._payment_page(request, "pay.html")
        return self._end(request, chosen, reason if reason in REASONS else "")

    async def _choose_secure(self, request: Request) -> Response:
        async with request.form() as form:
            is_paid = form.get("outcome") == PAID
        return self._end(request, PAID if is_paid else SECURE_FAILED)

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
        default = language_of_header(request.headers.get("accept-language", ""), self._language)
        pages = Pages("pay-page-", default)
        language = pages.language_of(request)
        response = pages.render(
            request,
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
