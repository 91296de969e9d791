"""A body, read no further than it may be long, and all bodies under way together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.exposition import Family, Sample, metric_name
from merlin.core.log import get_logger

log = get_logger(__name__)

# As much of a body is taken of anybody; how many do so at once, `core.connections` bounds.
SMALL = 64 * 1024
# What is longer than this of a form's file lies on the disk (starlette, `spool_max_size`).
_SPOOLED = 1024 * 1024
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
# Given how long a body is, as far as that is known: what refuses it, None where nothing does.
Judge = Callable[[Scope, int], Awaitable[ASGIApp | None]]


class Bodies:
    """How many bytes of bodies are in memory, beyond the first `SMALL` of each."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held = 0
        self.refused = 0

    def take(self, size: int) -> bool:
        """Set bytes aside; False: there is no room for them."""
        if self.held + size > self.most_bytes:
            self.refused += 1
            log.warning("a body was refused", reason="too many under way", held=self.held)
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Let bytes go."""
        self.held -= size

    def families(self, *prefix: str) -> list[Family]:
        """Return what is held and how many bodies were refused, as metrics."""
        held = metric_name(*prefix, "bodies", "bytes")
        refused = metric_name(*prefix, "bodies", "refused", "total")
        about = "Bodies refused because too much was under way."
        return [
            Family(held, "gauge", "Bytes held of large bodies.", [Sample(self.held)]),
            Family(refused, "counter", about, [Sample(self.refused)]),
        ]


class Weight:
    """A layer of an application that bounds bodies: each as `judge` says, and all together.

    `full` answers where there is no room for more of a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        bodies: Bodies,
        full: Callable[[Scope], ASGIApp],
        judge: Judge | None = None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._full = full
        self._judge = judge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call as long as its body is not too long."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        scales = _Scales(scope, receive, send, self)
        try:
            told = Headers(scope=scope).get("content-length", "")
            if told.isascii() and told.isdigit():
                scales.refusal = await self.judged(scope, int(told))
            if scales.refusal is None:
                await self._app(scope, scales.receive, scales.send)
        finally:
            self._bodies.give_back(scales.held)
        if scales.refusal is not None and not scales.is_answered:
            await scales.refusal(scope, receive, send)

    async def judged(self, scope: Scope, size: int) -> ASGIApp | None:
        """Return what refuses a body of this size, None where nothing does."""
        return await self._judge(scope, size) if self._judge is not None else None

    def room(self, scope: Scope, size: int) -> ASGIApp | None:
        """Set bytes aside, or return what refuses them."""
        return None if self._bodies.take(size) else self._full(scope)


class _Scales:
    """One call's body on its way in; once it is refused the caller seems to have gone."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, weight: Weight) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._weight = weight
        self._bytes = 0
        form = Headers(scope=scope).get("content-type", "").startswith("multipart/")
        self._most_held = _SPOOLED if form else None
        self.held = 0
        self.refusal: ASGIApp | None = None
        self.is_answered = False

    async def receive(self) -> Message:
        """Return the next piece."""
        message = await self._receive()
        size = len(message.get("body", b""))
        if size and self.refusal is None:
            self._bytes += size
            self.refusal = await self._refused()
        return {"type": "http.disconnect"} if self.refusal is not None else message

    async def _refused(self) -> ASGIApp | None:
        if self._bytes <= SMALL:
            return None
        refusal = await self._weight.judged(self._scope, self._bytes)
        if refusal is not None:
            return refusal
        held = self._bytes - SMALL
        held = held if self._most_held is None else min(held, self._most_held)
        refusal = self._weight.room(self._scope, held - self.held)
        if refusal is None:
            self.held = held
        return refusal

    async def send(self, message: Message) -> None:
        """Pass an answer on; to what was not read whole there is another one."""
        if self.refusal is not None and not self.is_answered:
            return
        self.is_answered = True
        await self._send(message)


async def pieces(
    request: Request, most_bytes: int, too_large: Exception
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes; raises `too_large` once it is longer than `most_bytes`.

    What the header tells is believed first, so most long bodies are refused unread.
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise too_large
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise too_large
        yield piece


async def joined(parts: AsyncIterable[bytes], most_bytes: int, too_large: Exception) -> bytes:
    """Return a body that comes in parts; raises `too_large` once it is longer than `most_bytes`."""
    got = bytearray()
    async for part in parts:
        got += part
        if len(got) > most_bytes:
            raise too_large
    return bytes(got)
