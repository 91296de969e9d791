"""Faults on demand: the one mechanism by which a stand-in misbehaves.

A fault names a method, a kind and how often; `FaultGate` stands before a stand-in's application
and acts on it. Faults are set in Python (`Faults.add`) or over HTTP (`/control/faults`).
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.sandbox.web import control_route, view_route

HANG_S = 60.0


class FaultKind(StrEnum):
    """What goes wrong; the words are those of `/control/faults`."""

    REFUSE = "refuse"  # not carried out, the connection closes without an answer
    DROP = "drop"  # carried out, the connection closes without an answer
    CUT = "cut"  # carried out, the connection closes in the middle of the answer
    STATUS = "status"  # not carried out, answered with `status`
    DONE_STATUS = "done_status"  # carried out, and yet answered with `status`
    LAG = "lag"  # carried out and answered, `seconds` later
    HANG = "hang"  # carried out, no answer; closed after `seconds` or by the client


_CONFIG = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Fault:
    """One thing that goes wrong.

    `method` is the stand-in's name of a call, with `*` for any part. The first `skip` matching
    calls pass, then `times` calls are hit (None: all), each with `probability`. `only` narrows to
    calls with these arguments, compared as text: `{"chat_id": "1001"}`.
    """

    method: str
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    status: int = 500
    retry_after_s: int | None = None
    seconds: float = 0.0
    only: Mapping[str, str] = field(default_factory=dict)

    def matches(self, method: str, arguments: Mapping[str, str]) -> bool:
        """Return whether this fault speaks of that call."""
        return fnmatchcase(method, self.method) and all(
            arguments.get(name) == value for name, value in self.only.items()
        )


class Faults:
    """The faults that wait to happen; safe to change from another thread."""

    def __init__(self, *waiting: Fault, seed: int = 0) -> None:
        self._waiting = list(waiting)
        self._random = random.Random(seed)  # noqa: S311 - repeatable faults, not secrets
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, *faults: Fault) -> None:
        """Let these happen too."""
        with self._lock:
            self._waiting.extend(faults)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def all(self) -> list[Fault]:
        """Return what still waits to happen."""
        with self._lock:
            return list(self._waiting)

    def take(self, method: str, arguments: Mapping[str, str]) -> Fault | None:
        """Return the fault that hits this call, counting it down; None for a call that passes."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if not fault.matches(method, arguments):
                    continue
                if fault.skip:
                    self._waiting[place] = replace(fault, skip=fault.skip - 1)
                elif self._random.random() < fault.probability:
                    if fault.times == 1:
                        del self._waiting[place]
                    elif fault.times is not None:
                        self._waiting[place] = replace(fault, times=fault.times - 1)
                    return fault
        return None


# The call's name and its arguments as text; None for what faults never hit.
Naming = Callable[[Request], Awaitable[tuple[str, Mapping[str, str]] | None]]
# From fault: the service's own error answer.
ErrorAnswer = Callable[[Fault], Response]


class FaultGate:
    """ASGI application around another one, in which faults happen."""

    def __init__(self, app: ASGIApp, faults: Faults, name: Naming, answer: ErrorAnswer) -> None:
        self._app = app
        self._faults = faults
        self._name = name
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call, with the fault that waits for it, if any."""
        if not self._faults or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        again = _replay(await request.body(), receive)
        named = await self._name(request)
        fault = self._faults.take(*named) if named else None
        if fault is None:
            await self._app(scope, again, send)
        else:
            await self._misbehave(fault, scope, again, send)

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind in {FaultKind.DROP, FaultKind.HANG, FaultKind.DONE_STATUS}:
            await self._app(scope, receive, _swallow)
        match fault.kind:
            case FaultKind.REFUSE | FaultKind.DROP:
                await close_connection(send)
            case FaultKind.STATUS | FaultKind.DONE_STATUS:
                await self._answer(fault)(scope, receive, send)
            case FaultKind.LAG:
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case FaultKind.HANG:
                with suppress(TimeoutError):
                    async with asyncio.timeout(fault.seconds or HANG_S):
                        while (await receive())["type"] != "http.disconnect":
                            pass
                await close_connection(send)
            case FaultKind.CUT:
                await self._app(scope, receive, _cut(send))


def _cut(send: Send) -> Send:
    """Return a `send` that lets half of a whole body, or two pieces of a stream, through."""
    pieces = count(0)

    async def cut(message: Message) -> None:
        piece, body = next(pieces), message.get("body", b"")
        if piece == 0 or (piece <= 2 and message.get("more_body")):  # noqa: PLR2004 - head and two
            await send(message)
            return
        if piece == 1:
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
        await close_connection(send)

    return cut


async def close_connection(send: Send) -> None:
    """Close the client's connection with nothing (more) said, as a dying server does.

    Only uvicorn's own `send` knows the connection; it is the bound method of its cycle.
    """
    cycle = getattr(send, "__self__", None)
    if cycle is not None and not cycle.disconnected:
        # close, not abort: what was sent before must still reach the client.
        cycle.message_event.clear()
        cycle.transport.close()
        await cycle.message_event.wait()


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _swallow(_message: Message) -> None:
    """Take an answer that nobody shall see."""


PATH = "/control/faults"


def fault_routes(faults: Faults) -> list[Route]:
    """Return the routes; each answers with what now waits to happen."""

    def show() -> list[dict[str, Any]]:
        return [asdict(fault) for fault in faults.all()]

    def add(body: Any) -> object:
        faults.add(*(Fault(**one) for one in (body if isinstance(body, list) else [body])))
        return show()

    async def clear(_request: Request) -> Response:
        faults.clear()
        return JSONResponse([])

    return [
        view_route(PATH, show),
        control_route(PATH, add),
        Route(PATH, clear, methods=["DELETE"]),
    ]
