"""Hooks of Telegram, git, providers and YooKassa: what they call when something has happened.

Telegram's update is stored before it is answered, so none is lost. The others are believed in
nothing: they only wake somebody who asks the service itself, and must prove that they know the
hook's secret, in the form of their service:

    X-Hub-Signature-256: sha256=…        GitHub, Gitea, Forgejo; Bitbucket without "-256"
    X-Gitea-Signature: …                 Gitea; Forgejo, Gogs by their own names
    X-Gitlab-Token: …                    GitLab, the secret itself
    webhook-id, -timestamp, -signature   Standard Webhooks: our engine, OpenAI, GitLab

A hook without a secret is called by programs of this machine alone, which no proxy called for.

A flood of calls must not become a flood of writes, whoever calls: what a hook asks for is done at
most once in `rest_s`, always once more after the last call, and again after a failure.

A notification of YooKassa is not signed, so nothing that it says counts: it says at most which
order to look at now. Whoever is not in YooKassa's networks is turned away, as a second wall: a
forged one that comes through makes us read a payment, and no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.problems import HOOK_BYTES, Problem, problems, read_body
from merlin.api.services import ApiServices
from merlin.app.inbox import Inbox, Update, read_update
from merlin.billing.purchases import Purchase, Purchases, PurchaseState
from merlin.core.errors import MerlinError, NotFound
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.loopback import LOOPBACK, is_in_networks, is_loopback
from merlin.core.webhook_signing import is_signed
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.providers.payments import Gateway

log = get_logger(__name__)

REST_S = 5.0
AFTER_FAILURE_S = 2.0


class Debouncer:
    """Rung by hooks, answered by the task that runs `serve`."""

    def __init__(self, name: str, deed: Callable[[], Awaitable[None]], rest_s: float = REST_S):
        self._name = name
        self._deed = deed
        self._rest_s = rest_s
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Ask for the deed; returns at once."""
        self._rung.set()

    async def serve(self) -> None:
        """Do the deed whenever somebody rings, until cancelled; then once more if one waits."""
        try:
            while True:
                await self._rung.wait()
                await asyncio.sleep(self._rest_s if await self._done() else AFTER_FAILURE_S)
        finally:
            if self._rung.is_set():
                await self._done()

    async def _done(self) -> bool:
        self._rung.clear()
        try:
            await self._deed()
        except MerlinError as error:
            log.warning("a hook's wish waits", hook=self._name, reason=str(error))
        except Exception:
            log.exception("a hook's wish failed", hook=self._name)
        except asyncio.CancelledError:
            self._rung.set()
            raise
        else:
            return True
        self._rung.set()
        return False


def daemon_request(services: ApiServices, kind: RequestKind) -> Callable[[], Awaitable[None]]:
    """Return what asks the daemon for this, unless what was asked last still waits."""
    asked: int | None = None

    def ask() -> None:
        # Noted where it is stored: whoever rang may be gone by the time it is.
        nonlocal asked
        requests = Requests(services.db)
        if asked is not None:
            with suppress(NotFound):  # old requests are cleared away
                if requests.get(asked).state is RequestState.WAITING:
                    return
        asked = requests.ask(kind, {}, "api:hook")

    async def submit() -> None:
        await services.store.do(ask)

    return submit


_PREFIXED = ("x-hub-signature-256", "x-hub-signature")
_PLAIN = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
_TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
_FORWARDED = ("x-forwarded-for", "forwarded")


def may_call(request: Request, hook: str, body: bytes) -> bool:
    """Return whether a call of a hook proves the secret, or needs none."""
    services: ApiServices = request.app.state.services
    secrets = services.hook_secrets.get(hook, ())
    if not secrets:
        return is_near(request, LOOPBACK)
    return is_proven(secrets, request.headers, body)


def is_near(request: Request, networks: tuple[str, ...]) -> bool:
    """Return whether a call comes from one of these networks.

    One that a proxy passed on comes from where the proxy says, and never from this machine, also
    where the proxy is not believed.
    """
    host = request.client.host if request.client else ""
    is_passed_on = any(name in request.headers for name in _FORWARDED)
    return not (is_passed_on and is_loopback(host)) and is_in_networks(host, networks)


def is_proven(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether headers prove one of these secrets, each compared in constant time."""
    return any(
        _is_digest(secret, headers, body)
        or _is_same(headers.get(_TOKEN, ""), secret)
        or is_signed(secret, headers, body)
        for secret in secrets
    )


def _is_digest(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = [headers.get(name, "") for name in _PLAIN]
    prefix = "sha256="
    signed = (headers.get(name, "") for name in _PREFIXED)
    given += [each.removeprefix(prefix) for each in signed if each.startswith(prefix)]
    return any(_is_same(each, digest) for each in given)


def _is_same(given: str, secret: str) -> bool:
    # Header bytes come as latin-1; a secret that is longer than ASCII was sent as UTF-8.
    return hmac.compare_digest(given.encode("latin-1"), secret.encode())


_MOST_WORD = 64
_OF_PAYMENTS = "payment."
_OF_REFUNDS = "refund."


@dataclass(frozen=True, slots=True)
class PaymentWebhook:
    """What a notification is about; "" for what it does not say."""

    event: str = ""
    payment_id: str = ""
    purchase_id: str = ""


def read_webhook(body: bytes) -> PaymentWebhook:
    """Return what a notification says, as far as it can be read; ValueError for no JSON object."""
    try:
        said = json.loads(body)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(said, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for what cannot be read
    event, thing = _short_text(said, "event"), _part(said, "object")
    is_refund = event.startswith(_OF_REFUNDS)
    return PaymentWebhook(
        event=event,
        payment_id=_short_text(thing, "payment_id" if is_refund else "id"),
        purchase_id=_short_text(_part(thing, "metadata"), "purchase"),
    )


def _part(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, Mapping) else None


def _short_text(said: object, name: str) -> str:
    """Return a short word that can be asked for, "" for anything else."""
    word: Any = _part(said, name)
    is_word = isinstance(word, str) and len(word) <= _MOST_WORD and word.isascii()
    return word if is_word and word.isprintable() else ""


async def mark_order_due(services: ApiServices, hint: PaymentWebhook) -> bool:
    """Let an order be looked at now; False, and nothing is written, where there is none to be."""
    found = await services.store.read(lambda: _meant(services, hint))
    if found is None:
        return False
    look, now = Purchases(services.db, services.clock).look, services.clock()
    return await services.store.do(lambda: look(found.purchase_id, now))


def _meant(services: ApiServices, hint: PaymentWebhook) -> Purchase | None:
    """Return the order that a notification is about, where anything may be new of it."""
    purchases = Purchases(services.db, services.clock)
    known = purchases.by_outside(Gateway.YOOKASSA, hint.payment_id)
    if known is None and hint.purchase_id:
        known = _asked_for(services, hint.purchase_id)
    if known is None or (known.state.is_paid and hint.event.startswith(_OF_PAYMENTS)):
        return None
    return known


def _asked_for(services: ApiServices, purchase_id: str) -> Purchase | None:
    """Return an order that was asked for, and of whose payment we never learnt the id."""
    try:
        found = Purchases(services.db, services.clock).get(purchase_id)
    except NotFound:
        return None
    was_asked = found.asked_at is not None and not found.outside_id
    return found if was_asked and found.state is not PurchaseState.PENDING else None


router = APIRouter(prefix="/hooks", tags=["hooks"])

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
# Only who knows the secret gets so far; a refusal would make Telegram send it for ever.
TELEGRAM_BYTES = 1024 * 1024
EMPTY: dict[str, Any] = {"description": "Nothing more is said", "content": {}}
_RUNG: dict[int | str, dict[str, Any]] = {202: EMPTY, **problems(400, 401, 413)}
_SECRET = {
    "name": SECRET_HEADER,
    "in": "header",
    "description": "the word that Telegram was told when the hook was set",
    "schema": {"type": "string"},
}
_UPDATE = {
    "description": "https://core.telegram.org/bots/api#update",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/telegram",
    summary="An update of Telegram",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 401, 404, 413)},
    openapi_extra={"parameters": [_SECRET], "requestBody": _UPDATE},
)
async def telegram(request: Request) -> Response:
    """Store one update, then answer 200; whatever else is answered, Telegram sends it again."""
    services: ApiServices = request.app.state.services
    if services.webhook_bot is None or not services.telegram_secret:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    given = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(given.encode("latin-1"), services.telegram_secret.encode()):
        raise _refused(request, "telegram")
    update = _update_in(await read_body(request, TELEGRAM_BYTES))
    inbox = Inbox(services.db, services.webhook_bot)
    # Without an owner: whoever serves the chat is woken.
    await services.store.do(lambda: inbox.store([update], None))
    kill_point("update.stored")
    return Response(status_code=HTTPStatus.OK)


def _update_in(body: bytes) -> Update:
    try:
        return read_update(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error


@router.post(
    "/git",
    summary="The repository has a new commit",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=_RUNG,
)
async def git(request: Request) -> Response:
    """Let the daemon fetch the repository now."""
    return await _rung(request, "git")


@router.post(
    "/provider",
    summary="A fine-tune job has news",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=_RUNG,
)
async def provider(request: Request) -> Response:
    """Let the daemon look at its fine-tune jobs now."""
    return await _rung(request, "provider")


async def _rung(request: Request, name: str) -> Response:
    body = await read_body(request, HOOK_BYTES)
    if not may_call(request, name, body):
        raise _refused(request, name)
    request.app.state.bells[name].ring()
    return Response(status_code=HTTPStatus.ACCEPTED)


def _refused(request: Request, name: str) -> Problem:
    request.app.state.traffic.hooks_refused[name] += 1
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")


_EVENT = {
    "description": "https://yookassa.ru/developers/using-api/webhooks",
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/payment",
    summary="A payment has news",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 403, 404, 413)},
    openapi_extra={"requestBody": _EVENT},
)
async def payment(request: Request) -> Response:
    """Let the payment be read again now; what the notification says of it is not believed.

    Answered before anybody is asked, and alike whether an order is known or not.
    """
    services: ApiServices = request.app.state.services
    shop = services.config.payments.yookassa
    if shop is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    host = request.client.host if request.client else ""
    if not is_in_networks(host, shop.networks):
        _turned_away(request, host)
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    try:
        told = read_webhook(await read_body(request, HOOK_BYTES))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    if await mark_order_due(services, told):
        request.app.state.payment_worker.ring()
    return Response(status_code=HTTPStatus.OK)


def _turned_away(request: Request, host: str) -> None:
    refused = request.app.state.traffic.hooks_refused
    refused["payment"] += 1
    log.warning("a notification from elsewhere", address=host, count=refused["payment"])
