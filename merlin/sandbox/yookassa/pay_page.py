"""The payment page, and the acts of the payer, of the shop's cabinet and of time.

The page is HTML without script: what a payer sees, and the ends they may choose. A test names a
payment by its own id or by the purchase that it is for (`metadata.purchase`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from merlin.core.errors import NotFound
from merlin.core.i18n import LANGUAGES, language_of, text
from merlin.core.money import Amount, Currency
from merlin.sandbox.yookassa.notifications import Post
from merlin.sandbox.yookassa.objects import Told, payment_object, refund_object
from merlin.sandbox.yookassa.requests import RefundAsked, ShopError, read_amount
from merlin.sandbox.yookassa.shop import DECLINED, GENERAL, PAID, PENDING, Payment, Refund, Shop

WEB = Path(__file__).parents[2] / "web"
PREFIX = "pay-page-"
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600
SEE_OTHER = 303
# What the page's buttons choose, on each of its two steps.
_FIRST = {"paid": "paid", "declined": "declined", "left": "left"}
_SECOND = {"paid": "3ds-paid", "failed": "3ds-failed"}


class PayPage:
    """The routes of the page."""

    def __init__(self, acts: Acts, language: str) -> None:
        self._acts = acts
        self._language = language

    def routes(self) -> list[BaseRoute]:
        """Return the page's routes."""
        return [
            Route("/", self._home),
            Route("/pay/{payment_id}", self._show),
            Route("/pay/{payment_id}", self._choose, methods=["POST"]),
            Route("/pay/{payment_id}/3ds", self._show_secure),
            Route("/pay/{payment_id}/3ds", self._choose_secure, methods=["POST"]),
            Mount("/static/sandbox", StaticFiles(directory=WEB / "sandbox" / "static")),
            Mount("/static", StaticFiles(directory=WEB / "static")),
        ]

    async def _home(self, request: Request) -> Response:
        """Show the newest payments, so that whoever starts the demo finds them."""
        newest = list(self._acts.shop.payments.values())[:-21:-1]
        return self._page(request, "pay_home.html", payments=newest)

    async def _show(self, request: Request) -> Response:
        return self._of(request, "pay.html")

    async def _show_secure(self, request: Request) -> Response:
        return self._of(request, "pay_secure.html")

    async def _choose(self, request: Request) -> Response:
        async with request.form() as form:
            chosen, reason = str(form.get("outcome", "")), str(form.get("reason", ""))
        if chosen == "3ds":
            return RedirectResponse(f"{request.url.path}/3ds", SEE_OTHER)
        reason = reason if reason in REASONS else ""
        return self._end(request, _FIRST.get(chosen, ""), reason)

    async def _choose_secure(self, request: Request) -> Response:
        async with request.form() as form:
            chosen = str(form.get("outcome", ""))
        return self._end(request, _SECOND.get(chosen, ""))

    def _end(self, request: Request, outcome: str, reason: str = "") -> Response:
        payment = self._found(request)
        if payment is None or not outcome:
            return self._of(request, "pay.html")
        try:
            self._acts.choose(payment.payment_id, outcome, reason)
        except ValueError:  # it ended meanwhile: the page says how
            return RedirectResponse(f"/pay/{payment.payment_id}", SEE_OTHER)
        return RedirectResponse(payment.asked.return_url, SEE_OTHER)

    def _found(self, request: Request) -> Payment | None:
        try:
            return self._acts.find(request.path_params["payment_id"])
        except NotFound:
            return None

    def _of(self, request: Request, template: str) -> Response:
        payment = self._found(request)
        if payment is None or not payment.asked.return_url:
            return self._page(request, "pay_home.html", 404, payments=None)
        if payment.status != PENDING:
            template = "pay_ended.html"
        return self._page(request, template, payment=payment, reasons=REASONS)

    def _page(
        self, request: Request, template: str, status: int = 200, **shown: object
    ) -> Response:
        wanted = request.query_params.get("lang")
        language = language_of(wanted, self._language_of(request))
        theme = request.cookies.get("merlin_theme", "")
        content = _template(template).render(
            language=language,
            other_language=next(one for one in LANGUAGES if one != language),
            theme=theme if theme in THEMES else "",
            t=lambda name, **said: text(language, PREFIX + name, **said),
            money=lambda kopecks: Amount(kopecks, Currency.RUB).told(language),
            **shown,
        )
        response = HTMLResponse(content, status, headers=_safety(shown.get("payment")))
        if wanted in LANGUAGES:
            response.set_cookie("merlin_language", language, max_age=YEAR_S, samesite="lax")
        return response

    def _language_of(self, request: Request) -> str:
        said = request.cookies.get("merlin_language")
        return language_of(
            said, language_of(request.headers.get("accept-language"), self._language)
        )


def _safety(payment: object) -> dict[str, str]:
    """Return the page's headers; its forms may lead on to the shop that is returned to."""
    back = ""
    if isinstance(payment, Payment):
        parts = urlsplit(payment.asked.return_url)
        back = f" {parts.scheme}://{parts.netloc}"
    policy = (
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
        f" form-action 'self'{back}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "sandbox" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    icons = (WEB / "static" / "icons.svg").read_text(encoding="utf-8")
    # One hidden drawing a page; its symbols are used by name.
    drawing = icons.replace("<svg ", "<svg hidden ", 1)
    environment.globals["icons"] = Markup(drawing)  # noqa: S704 - our own file
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


SECURE_FAILED = "3d_secure_failed"
OUTCOMES = (PAID, DECLINED, "3ds-paid", "3ds-failed", "left", "expired")
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


class Acts:
    """Acts on one shop, and tells of it."""

    def __init__(self, shop: Shop, post: Post, account: str) -> None:
        self._shop = shop
        self._post = post
        self._account = account
        shop.hear = self._hear

    @property
    def shop(self) -> Shop:
        """Return the shop that is acted on."""
        return self._shop

    @property
    def post(self) -> Post:
        """Return what posts its notifications."""
        return self._post

    def _hear(self, event: str, thing: Payment | Refund) -> None:
        self._post.tell(event, self.told(thing), self._shop.behaviour)

    def told(self, thing: Payment | Refund) -> Told:
        """Return a payment or refund as the API tells it."""
        if isinstance(thing, Refund):
            return refund_object(thing)
        return payment_object(self._shop, thing, self._account)

    def find(self, which: str) -> Payment:
        """Return a payment by its id, or the newest of a purchase. Raises NotFound."""
        self._shop.expire()
        if which in self._shop.payments:
            return self._shop.payments[which]
        for payment in reversed(self._shop.payments.values()):
            if payment.asked.metadata.get("purchase") == which:
                return payment
        raise NotFound(f"no payment {which}")

    def choose(self, which: str, outcome: str, reason: str = "") -> Told:
        """End a payment as a payer would. Raises NotFound, ValueError when it ended before."""
        payment = self.find(which)
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}")
        if outcome == "expired":
            self._shop.let_expire(payment)
        elif outcome != "left":
            self._confirm(payment, outcome, reason)
        return self.told(payment)

    def _confirm(self, payment: Payment, outcome: str, reason: str) -> None:
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        payment.is_secured = outcome == "3ds-paid"
        ends = {"3ds-paid": PAID, "3ds-failed": SECURE_FAILED, PAID: PAID}
        self._shop.confirm(payment, ends.get(outcome, reason or DECLINED))

    def refund(self, which: str, value: str | None = None) -> Told:
        """Give money back by the shop's own cabinet; None: all. Raises NotFound, ValueError."""
        payment = self.find(which)
        left = payment.taken - payment.returned
        try:
            amount = {"value": value, "currency": "RUB"}
            kopecks = left if value is None else read_amount(amount, "amount")
            return self.told(self._shop.refund(RefundAsked(payment.payment_id, kopecks)))
        except ShopError as error:
            raise ValueError(str(error)) from error

    def finish_refund(self, refund_id: str, outcome: str) -> Told:
        """End a refund that is under way. Raises NotFound, ValueError."""
        if refund_id not in self._shop.refunds:
            raise NotFound(f"no refund {refund_id}")
        refund = self._shop.refunds[refund_id]
        self._shop.finish(refund, outcome)
        return self.told(refund)

    def revoke(self, method_id: str) -> None:
        """Let a saved method be one no more. Raises NotFound."""
        if method_id not in self._shop.methods:
            raise NotFound(f"no method {method_id}")
        self._shop.methods[method_id].is_alive = False

    async def notify(self, which: str, event: str = "", times: int = 1) -> list[int]:
        """Post a notification (again); "" is the true event. Raises NotFound."""
        thing = self._shop.refunds.get(which) or self.find(which)
        kind = "refund" if isinstance(thing, Refund) else "payment"
        note: Mapping[str, Any] = {
            "type": "notification",
            "event": event or f"{kind}.{thing.status}",
            "object": self.told(thing),
        }
        return [await self._post.post(note) for _ in range(times)]
