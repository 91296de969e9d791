"""Fault injection for the stand-ins.

A fault names an API method, a kind of failure and how often it happens. `apply_faults` wraps a
stand-in's ASGI application.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HANG_S = 60.0


class FaultKind(StrEnum):
    """The kinds of failure."""

    REFUSE = "refuse"  # not executed; the connection closes without a response
    DROP = "drop"  # executed; the connection closes without a response
    CUT = "cut"  # executed; the connection closes in the middle of the response
    STATUS = "status"  # not executed; answered with `status`
    DONE_STATUS = "done_status"  # executed, but answered with `status`
    LAG = "lag"  # executed and answered after `seconds`
    HANG = "hang"  # executed, no response; closed after `seconds` or by the client


_CONFIG = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Fault:
    """One configured failure.

    `method` is the stand-in's name of an API call; `*` matches any part. The first `skip` matching
    calls pass, then `times` calls fail (None: all), each with `probability`. `only` limits the
    fault to calls with these arguments, compared as text: `{"chat_id": "1001"}`.
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
        """Return whether this fault applies to the call."""
        return fnmatchcase(method, self.method) and all(
            arguments.get(name) == value for name, value in self.only.items()
        )


def make_fault(method: str, status: int, times: int | None = None) -> Fault:
    """Return a fault that answers with an HTTP status."""
    return Fault(method, FaultKind.STATUS, times=times, status=status)


class Faults:
    """The faults that have not happened yet. Thread-safe."""

    def __init__(self, *faults: Fault, seed: int = 0) -> None:
        self._pending = list(faults)
        self._random = random.Random(seed)  # noqa: S311 - repeatable faults, not secrets
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, *faults: Fault) -> None:
        """Add faults."""
        with self._lock:
            self._pending.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._pending.clear()

    def list_pending(self) -> list[Fault]:
        """Return the faults that have not happened yet."""
        with self._lock:
            return list(self._pending)

    def take(self, method: str, arguments: Mapping[str, str]) -> Fault | None:
        """Return the fault that applies to this call and count it down, or None."""
        with self._lock:
            for index, fault in enumerate(self._pending):
                if not fault.matches(method, arguments):
                    continue
                if fault.skip:
                    self._pending[index] = replace(fault, skip=fault.skip - 1)
                elif self._random.random() < fault.probability:
                    if fault.times == 1:
                        del self._pending[index]
                    elif fault.times is not None:
                        self._pending[index] = replace(fault, times=fault.times - 1)
                    return fault
        return None


# Returns the call's name and its arguments as text; None for calls that faults never affect.
CallNamer = Callable[[Request], Awaitable[tuple[str, Mapping[str, str]] | None]]
# Builds the service's own error response for a fault.
ErrorResponder = Callable[[Fault], Response]


def apply_faults(
    app: ASGIApp, faults: Faults, name_call: CallNamer, error_response: ErrorResponder
) -> ASGIApp:
    """Wrap an ASGI application: each call meets the fault that matches it, if any."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if not faults or scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        replay = _replay(await request.body(), receive)
        call = await name_call(request)
        if call and (fault := faults.take(*call)):
            await _fail(fault, app, error_response(fault), scope, replay, send)
        else:
            await app(scope, replay, send)

    return serve


async def _fail(
    fault: Fault,
    app: ASGIApp,
    error: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    if fault.kind in {FaultKind.DROP, FaultKind.HANG, FaultKind.DONE_STATUS}:
        await app(scope, receive, _discard)
    match fault.kind:
        case FaultKind.REFUSE | FaultKind.DROP:
            await close_connection(send)
        case FaultKind.STATUS | FaultKind.DONE_STATUS:
            await error(scope, receive, send)
        case FaultKind.LAG:
            await asyncio.sleep(fault.seconds)
            await app(scope, receive, send)
        case FaultKind.HANG:
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.seconds or HANG_S):
                    while (await receive())["type"] != "http.disconnect":
                        pass
            await close_connection(send)
        case FaultKind.CUT:
            await app(scope, receive, _cut(send))


def _cut(send: Send) -> Send:
    """Return a `send` that passes half of a complete body, or two chunks of a stream."""
    indexes = count(0)

    async def send_part(message: Message) -> None:
        index = next(indexes)
        body = message.get("body", b"")
        if index == 0 or (index <= 2 and message.get("more_body")):
            await send(message)
            return
        if index == 1:
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
        await close_connection(send)

    return send_part


async def close_connection(send: Send) -> None:
    """Close the client's connection without sending anything more, as a crashing server does.

    Only uvicorn's own `send` knows the connection; it is the bound method of its cycle.
    """
    cycle = getattr(send, "__self__", None)
    if cycle is not None and not cycle.disconnected:
        # close, not abort: data sent before must still reach the client.
        cycle.message_event.clear()
        cycle.transport.close()
        await cycle.message_event.wait()


def _replay(body: bytes, receive: Receive) -> Receive:
    is_first = True

    async def receive_again() -> Message:
        nonlocal is_first
        if is_first:
            is_first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return receive_again


async def _discard(_message: Message) -> None:
    """Discard a response."""
