"""YooKassa's stand-in as one ASGI application: the API, the payment page, the control side."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.sandbox.faults import Fault, FaultGate, Faults
from merlin.sandbox.yookassa.acts import Acts
from merlin.sandbox.yookassa.behaviour import Behaviour
from merlin.sandbox.yookassa.control import control_routes
from merlin.sandbox.yookassa.errors import ShopError
from merlin.sandbox.yookassa.keys import Keys
from merlin.sandbox.yookassa.memory import Memory
from merlin.sandbox.yookassa.page import PayPage
from merlin.sandbox.yookassa.post import Post
from merlin.sandbox.yookassa.routes import Handler, ShopRoutes, json_object
from merlin.sandbox.yookassa.shop import Shop

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
