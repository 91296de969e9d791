"""YooKassa's stand-in as one ASGI application: API v3, the payment page, the control side.

The addresses of API v3 say who asks, under which key, and what they are answered. The control side
is outcomes, notifications, behaviour, and what was asked.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.core.errors import NotFound
from merlin.sandbox.faults import Fault, FaultGate, Faults, fault_routes
from merlin.sandbox.yookassa.notifications import Post
from merlin.sandbox.yookassa.objects import Told, page_of, wanted
from merlin.sandbox.yookassa.pay_page import Acts, PayPage
from merlin.sandbox.yookassa.requests import (
    ShopError,
    bad_request,
    check_key,
    read_amount,
    read_payment,
    read_receipt,
    read_refund,
)
from merlin.sandbox.yookassa.shop import Behaviour, Keys, Memory, Shop

MOST_CALLS = 50_000
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """What a stand-in is started with: the shop's credentials, and where it is told of things.

    `folder` keeps what was paid over restarts (None: in memory).
    """

    shop_id: str = "100500"
    key: str = "test_stand-in"
    notify_url: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)
    language: str = "ru"
    folder: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ShopCall:
    """One call: when, which, its Idempotence-Key and JSON body, and what it was answered with."""

    at: str
    name: str
    key: str
    body: Mapping[str, Any]
    status: int


@dataclass(slots=True)
class Counter:
    """What outlives a stop and start: the shop, its keys, its post, and who called."""

    acts: Acts
    keys: Keys
    memory: Memory
    calls: deque[ShopCall] = field(default_factory=lambda: deque(maxlen=MOST_CALLS))


def counter_of(settings: ShopSettings) -> Counter:
    """Return a shop with what its folder kept."""
    shop, keys = Shop(settings.behaviour), Keys()
    memory = Memory(settings.folder, shop, keys)
    memory.recall()
    post = Post(settings.notify_url, settings.seed)
    return Counter(Acts(shop, post, settings.shop_id), keys, memory)


class ShopApp:
    """ASGI application; one for each time that the stand-in is started over its state."""

    def __init__(self, settings: ShopSettings, counter: Counter, faults: Faults) -> None:
        self._counter = counter
        self._api = ShopRoutes(counter.acts, counter.keys, (settings.shop_id, settings.key))
        self._routes = [self._route(*one) for one in self._api.table()]
        page = PayPage(counter.acts, settings.language)
        control = control_routes(counter.acts, self._told_calls, faults)
        app = _remembering(
            Starlette(routes=[*self._routes, *control, *page.routes()]), counter.memory
        )
        self._gate = FaultGate(app, faults, self._name, _fault_answer)
        self._clock: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to post, and to look for what expires."""
        await self._counter.acts.post.open()
        self._clock = asyncio.create_task(self._watch_time())

    async def close(self) -> None:
        """End both."""
        if self._clock is not None:
            self._clock.cancel()
            with suppress(asyncio.CancelledError):
                await self._clock
        await self._counter.acts.post.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    async def _watch_time(self) -> None:
        while True:
            self._counter.acts.shop.expire()
            await asyncio.sleep(LOOK_S)

    def _told_calls(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._counter.calls]

    def _route(self, name: str, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            response = await self._guarded(handler, request)
            body: Mapping[str, Any] = {}
            with suppress(ShopError):
                body = await json_object(request)
            key = request.headers.get("idempotence-key", "")
            call = ShopCall(iso(utc_now()), name, key, body, response.status_code)
            self._counter.calls.append(call)
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _guarded(self, handler: Handler, request: Request) -> Response:
        try:
            self._api.check(request)
            return await handler(request)
        except ShopError as error:
            return JSONResponse(error.as_json(), error.status)

    def _name(self, scope: Scope, body: bytes) -> tuple[str, Mapping[str, str]] | None:
        for route in self._routes:
            matched, found = route.matches(scope)
            if matched is Match.FULL:
                told = {name: str(value) for name, value in found["path_params"].items()}
                return str(route.name), {**told, **_named_in(Request(scope), body)}
        return None


def _remembering(app: ASGIApp, memory: Memory) -> ASGIApp:
    """Return an application that writes down what a call changed before it is answered."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                memory.keep()
            await send(message)

        await app(scope, receive, send if scope["method"] in {"GET", "HEAD"} else kept)

    return serve


def _named_in(request: Request, body: bytes) -> Mapping[str, str]:
    """Return by what faults may tell one call from another: its key, and the purchase it is for."""
    told = {"key": request.headers.get("idempotence-key", "")}
    with suppress(ValueError, AttributeError, TypeError):
        said = json.loads(body)
        purchase = (said.get("metadata") or {}).get("purchase", "")
        told |= {"purchase": str(purchase), "payment_id": str(said.get("payment_id", ""))}
    return {name: value for name, value in told.items() if value}


def create_app(settings: ShopSettings, faults: Faults | None = None) -> ShopApp:
    """Return the stand-in with a new shop."""
    return ShopApp(settings, counter_of(settings), faults or Faults(seed=settings.seed))


def _fault_answer(fault: Fault) -> Response:
    error = ShopError(fault.status, f"The stand-in was told to answer {fault.status}.")
    wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return JSONResponse(error.as_json(), fault.status, wait)


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


Said = dict[str, Any]
Act = Callable[[Said], Awaitable[object]]


def control_routes(acts: Acts, calls: Callable[[], list[Any]], faults: Faults) -> list[Route]:
    """Return the routes of `/control/…`."""
    shop, wishes = acts.shop, _Wishes(acts)
    shown: dict[str, Callable[[], object]] = {
        "payments": lambda: [acts.told(each) for each in shop.payments.values()],
        "refunds": lambda: [acts.told(each) for each in shop.refunds.values()],
        "receipts": lambda: shop.receipts,
        "notifications": lambda: [each.as_json() for each in acts.post.posted],
        "calls": calls,
    }
    return [
        *(Route(f"/control/{name}", _shown(look)) for name, look in shown.items()),
        *(
            Route(f"/control/{name}", _done(act), methods=["POST"])
            for name, act in wishes.table().items()
        ),
        *fault_routes(faults),
    ]


class _Wishes:
    """What may be wished for in JSON; the keys are those of `Acts`."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._post = acts.post

    def table(self) -> dict[str, Act]:
        """Return each act by its address."""
        return {
            "choose": self._choose,
            "expire": self._expire,
            "refund": self._refund,
            "notify": self._notify,
            "release": self._release,
            "forge": self._forge,
            "notify-to": self._notify_to,
            "behaviour": self._behave,
        }

    async def _choose(self, said: Said) -> object:
        return self._acts.choose(said["payment"], said["outcome"], said.get("reason", ""))

    async def _expire(self, said: Said) -> object:
        return self._acts.choose(said["payment"], "expired")

    async def _refund(self, said: Said) -> object:
        return self._acts.refund(said["payment"], said.get("amount"))

    async def _notify(self, said: Said) -> object:
        return await self._acts.notify(said["object"], said.get("event", ""), said.get("times", 1))

    async def _release(self, said: Said) -> object:
        return await self._post.release(said.get("order", "kept"), said.get("times", 1))

    async def _forge(self, said: Said) -> object:
        return {"status": await self._post.post(said["body"], said.get("headers"))}

    async def _notify_to(self, said: Said) -> object:
        self._post.url = said["url"]
        return {"url": self._post.url}

    async def _behave(self, said: Said) -> object:
        shop = self._acts.shop
        shop.behaviour = shop.behaviour.changed(said)
        return {"ok": True}


def _shown(look: Callable[[], object]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return JSONResponse(look())

    return answer


def _done(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] != request.headers.get("host"):
            return JSONResponse({"error": "another site may not write here"}, 403)
        try:
            return JSONResponse(await act(await request.json()))
        except NotFound as error:
            return JSONResponse({"error": str(error)}, 404)
        except KeyError as error:
            return JSONResponse({"error": f"{error} is missing"}, 400)
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer
