"""A call's body, read no further than it may be long."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import Request


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
