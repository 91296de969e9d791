"""Webhooks of Telegram, git hosts, providers and YooKassa.

A Telegram update is stored before it is acknowledged, so none is lost. The payload of the other
hooks is not trusted: a call only triggers a request to the service itself. It must prove that the
sender knows the hook's secret, in the form of that service:

    X-Hub-Signature-256: sha256=…        GitHub, Gitea, Forgejo
    X-Gitlab-Token: …                    GitLab, the secret itself
    webhook-id, -timestamp, -signature   Standard Webhooks: OpenAI, GitLab

A hook without a secret accepts calls from this machine only, and not through a proxy.

Triggers are debounced so that many calls do not cause many writes: the action runs at most once in
`rest_s`, once more after the last call, and again after a failure.

YooKassa's notifications are not signed, so their content is not trusted either: they only name the
order to check. Addresses outside YooKassa's networks are refused as a second line of defence; a
forged notification that passes only causes one read of a payment.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.problems import HOOK_BYTES, Problem, problems, read_body
from merlin.api.schema import operation_router
from merlin.api.services import ApiServices, services_of
from merlin.app.inbox import Inbox, read_update
from merlin.app.orders import mark_order_due
from merlin.core.errors import MerlinError, NotFound
from merlin.core.json_fields import get_object, get_text, parse_object
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.core.network import LOOPBACK, is_in_networks, is_loopback
from merlin.core.webhook_signing import is_signed
from merlin.db.requests import RequestKind, Requests, RequestState

log = get_logger(__name__)

REST_S = 5.0
AFTER_FAILURE_S = 2.0


class Debouncer:
    """Runs an action in the task of `serve` when hooks trigger it, at a limited rate."""

    def __init__(self, name: str, action: Callable[[], Awaitable[None]], rest_s: float = REST_S):
        self._name = name
        self._action = action
        self._rest_s = rest_s
        self._trigger = asyncio.Event()

    def trigger(self) -> None:
        """Trigger the action; returns at once."""
        self._trigger.set()

    async def serve(self) -> None:
        """Run the action for each trigger until cancelled, then again if one is pending."""
        try:
            while True:
                await self._trigger.wait()
                await asyncio.sleep(self._rest_s if await self._run_action() else AFTER_FAILURE_S)
        finally:
            if self._trigger.is_set():
                await self._run_action()

    async def _run_action(self) -> bool:
        self._trigger.clear()
        try:
            await self._action()
        except MerlinError as error:
            log.warning("the action of a webhook is waiting", hook=self._name, reason=str(error))
        except Exception:
            log.exception("the action of a webhook failed", hook=self._name)
        except asyncio.CancelledError:
            self._trigger.set()
            raise
        else:
            return True
        self._trigger.set()
        return False


def daemon_request(services: ApiServices, kind: RequestKind) -> Callable[[], Awaitable[None]]:
    """Return a function that stores a daemon request unless the previous one is still waiting."""
    request_id: int | None = None

    def ask() -> None:
        # Set inside the transaction: the triggering call may have ended before the commit.
        nonlocal request_id
        requests = Requests(services.db)
        if request_id is not None:
            with suppress(NotFound):  # old requests are deleted
                if requests.get(request_id).state is RequestState.WAITING:
                    return
        request_id = requests.ask(kind, {}, "api:hook")

    return partial(services.store.do, ask)


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


def is_authentic(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether the headers prove one of these secrets; compares in constant time."""
    for secret in secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        is_digest = _is_same(headers.get(_SIGNATURE, ""), f"sha256={digest}")
        is_token = _is_same(headers.get(_TOKEN, ""), secret)
        if is_digest or is_token or is_signed(secret, headers, body):
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
    event, thing = _short_text(payload, "event"), get_object(payload, "object")
    payment_id = _short_text(thing, "payment_id" if event.startswith("refund.") else "id")
    return event, payment_id, _short_text(get_object(thing, "metadata"), "purchase")


def _short_text(values: Mapping[str, Any], name: str) -> str:
    """Return a short printable ASCII value, "" for anything else."""
    value = get_text(values, name)
    is_word = len(value) <= _MAX_WORD_LENGTH and value.isascii() and value.isprintable()
    return value if is_word else ""


router = operation_router(prefix="/hooks", tags=["hooks"])

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
# Only calls with the secret get here; Telegram would retry a refused update forever.
TELEGRAM_BYTES = 1024 * 1024
EMPTY: dict[str, Any] = {"description": "Accepted; the response has no content", "content": {}}
_TRIGGER: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_class": Response,
    "responses": {202: EMPTY, **problems(400, 401, 413)},
}
_SECRET = {
    "name": SECRET_HEADER,
    "in": "header",
    "description": "The secret that was passed to Telegram's `setWebhook`.",
    "schema": {"type": "string"},
}
_UPDATE = {
    "description": "https://core.telegram.org/bots/api#update",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/telegram",
    summary="Receive a Telegram update",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 401, 404, 413)},
    openapi_extra={"parameters": [_SECRET], "requestBody": _UPDATE},
)
async def telegram(request: Request) -> Response:
    """Store an update; Telegram resends it unless the status is 200."""
    services = services_of(request)
    if services.webhook_bot is None or not services.telegram_secret:
        raise NotFound("no such hook")
    secret = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(secret.encode("latin-1"), services.telegram_secret.encode()):
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


@router.post("/git", summary="Notify of a new commit", **_TRIGGER)
async def git(request: Request) -> Response:
    """Make the daemon fetch the repository immediately."""
    return await _trigger(request, "git")


@router.post("/provider", summary="Notify of a fine-tune job event", **_TRIGGER)
async def provider(request: Request) -> Response:
    """Make the daemon poll its fine-tune jobs immediately."""
    return await _trigger(request, "provider")


async def _trigger(request: Request, name: str) -> Response:
    """Trigger the hook's action if the call proves the secret or needs none. Raises Problem."""
    body = await read_body(request, HOOK_BYTES)
    secrets = services_of(request).hook_secrets.get(name, ())
    is_local = not secrets and is_from_network(request, LOOPBACK)
    if not (is_local or is_authentic(secrets, request.headers, body)):
        raise _make_refusal(request, name)
    request.app.state.debouncers[name].trigger()
    return Response(status_code=HTTPStatus.ACCEPTED)


def _make_refusal(request: Request, name: str) -> Problem:
    request.app.state.traffic.hooks_refused[name] += 1
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")


_EVENT = {
    "description": "https://yookassa.ru/developers/using-api/webhooks",
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/payment",
    summary="Notify of a payment event",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 403, 404, 413)},
    openapi_extra={"requestBody": _EVENT},
)
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
        log.warning("a notification from elsewhere", address=host, count=refused["payment"])
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    try:
        webhook = read_webhook(await read_body(request, HOOK_BYTES))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    if await mark_order_due(services, *webhook):
        request.app.state.payment_worker.wake()
    return Response(status_code=HTTPStatus.OK)
