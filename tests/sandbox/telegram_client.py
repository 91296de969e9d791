"""python-telegram-bot's own client against a stand-in, and plain HTTP for what it never sends."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

from telegram import Bot
from telegram.request import HTTPXRequest
from waiting import longest

from merlin.sandbox.telegram.server import TelegramStandIn

# A busy machine answers late; its own 5 s would be over.
Ask = Callable[[Callable[[Bot], Awaitable[Any]]], Any]


def bot_of(standin: TelegramStandIn, token: str = "") -> Bot:
    """Return the real client, pointed at the stand-in."""
    urls = {"base_url": standin.base_url, "base_file_url": standin.base_file_url}
    # Reading the system's certificates takes longer than a whole test on the loopback.
    patience = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), longest())
    requests = [HTTPXRequest(**patience, httpx_kwargs={"verify": False}) for _ in range(2)]
    return Bot(token or standin.token, **urls, request=requests[0], get_updates_request=requests[1])


def asking(standin: TelegramStandIn) -> Ask:
    """Return a function that runs one coroutine with the real client."""

    async def once(act: Callable[[Bot], Awaitable[Any]]) -> Any:
        async with bot_of(standin) as bot:
            return await act(bot)

    return lambda act: asyncio.run(once(act))


def fetch(url: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Return (status, parsed body) of one JSON call; errors are answers too."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, sent)  # noqa: S310 - the stand-in's own address
    try:
        with urllib.request.urlopen(request, timeout=longest()) as answer:  # noqa: S310 - as above
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")
