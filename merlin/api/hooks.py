"""Webhooks of Telegram, git hosts and YooKassa.

A Telegram update is stored before it is acknowledged, so none is lost. The payload of a push is not
trusted: it only makes the daemon fetch. It must prove the hook's secret, as its git host does:

    X-Hub-Signature-256: sha256=…        GitHub, Gitea, Forgejo
    X-Gitlab-Token: …                    GitLab, the secret itself

Without a secret only calls from this machine are accepted, and not through a proxy.

YooKassa's notifications are not signed, so their content is not trusted either: they only name the
order to check. Addresses outside YooKassa's networks are refused as a second line of defence; a
forged notification that passes only causes one read of a payment.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.problems import HOOK_BYTES, Problem, read_body
from merlin.api.services import services_of
from merlin.app.inbox import Inbox, read_update
from merlin.app.orders import mark_order_due
from merlin.app.requests import fetch_pushed
from merlin.core.errors import NotFound
from merlin.core.json_fields import get_object, get_text, parse_object
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.network import LOOPBACK, is_in_networks, is_loopback

log = get_logger(__name__)

_SIGNATURE = "x-hub-signature-256"
_TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
_FORWARDED = ("x-forwarded-for", "forwarded")


def is_from_network(request: Request, networks: tuple[str, ...]) -> bool:
    """Return whether a call comes from one of these networks.

    For a proxied call the address that the proxy reports counts; it never counts as this machine,
    even if the proxy is not trusted.
    """
    host = request.client.host if request.client else ""
    is_passed_on = any(name in request.headers for name in _FORWARDED)
    return not (is_passed_on and is_loopback(host)) and is_in_networks(host, networks)


def is_authentic(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes
) -> bool:
    """Return whether the headers prove one of these secrets; compares in constant time."""
    for secret in secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        is_digest = _is_same(headers.get(_SIGNATURE, ""), f"sha256={digest}")
        is_token = _is_same(headers.get(_TOKEN, ""), secret)
        if is_digest or is_token:
            return True
    return False


def _is_same(value: str, secret: str) -> bool:
    # Header bytes are decoded as latin-1; a non-ASCII secret was sent as UTF-8.
    return hmac.compare_digest(value.encode("latin-1"), secret.encode())


_MAX_WORD_LENGTH = 64


def read_webhook(body: bytes) -> tuple[str, str, str]:
    """Return event, payment id and order id of a notification, "" for each that is missing.

    Raises ValueError if the body is not a JSON object.
    """
    payload = parse_object(body)
    event = _short_text(payload, "event")
    thing = get_object(payload, "object")
    payment_id = _short_text(
        thing, "payment_id" if event.startswith("refund.") else "id"
    )
    return event, payment_id, _short_text(get_object(thing, "metadata"), "purchase")


def _short_text(values: Mapping[str, Any], name: str) -> str:
    """Return a short printable ASCII value, "" for anything else."""
    value = get_text(values, name)
    is_word = len(value) <= _MAX_WORD_LENGTH and value.isascii() and value.isprintable()
    return value if is_word else ""


router = APIRouter(prefix="/hooks", include_in_schema=False)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
# Only calls with the secret get here; Telegram would retry a refused update forever.
TELEGRAM_BYTES = 1024 * 1024


@router.post("/telegram")
async def telegram(request: Request) -> Response:
    """Store an update; Telegram resends it unless the status is 200."""
    services = services_of(request)
    if services.webhook_bot is None or not services.telegram_secret:
        raise NotFound("no such hook")
    secret = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(
        secret.encode("latin-1"), services.telegram_secret.encode()
    ):
        raise _make_refusal(request, "telegram")
    try:
        update = read_update(parse_object(await read_body(request, TELEGRAM_BYTES)))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    inbox = Inbox(services.db, services.webhook_bot)
    # Without an owner: the process that serves the chat is woken.
    await services.store.do(lambda: inbox.store([update], None))
    kill_point("update.stored")
    return Response(status_code=HTTPStatus.OK)


@router.post("/git")
async def git(request: Request) -> Response:
    """Make the daemon fetch the repository immediately."""
    body = await read_body(request, HOOK_BYTES)
    services = services_of(request)
    secrets = services.git_secrets
    is_local = not secrets and is_from_network(request, LOOPBACK)
    if not (is_local or is_authentic(secrets, request.headers, body)):
        raise _make_refusal(request, "git")
    await services.write(fetch_pushed)
    return Response(status_code=HTTPStatus.ACCEPTED)


def _make_refusal(request: Request, name: str) -> Problem:
    request.app.state.traffic.hooks_refused[name] += 1
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")


@router.post("/payment")
async def payment(request: Request) -> Response:
    """Make Merlin read the payment from YooKassa; the notification's content is not trusted.

    The response is the same for known and unknown orders.
    """
    services = services_of(request)
    shop = services.config.payments.yookassa
    if shop is None:
        raise NotFound("no such hook")
    host = request.client.host if request.client else ""
    if not is_in_networks(host, shop.networks):
        refused = request.app.state.traffic.hooks_refused
        refused["payment"] += 1
        log.warning(
            "a notification from elsewhere", address=host, count=refused["payment"]
        )
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    try:
        webhook = read_webhook(await read_body(request, HOOK_BYTES))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    if await mark_order_due(services, *webhook):
        request.app.state.payment_worker.wake()
    return Response(status_code=HTTPStatus.OK)
