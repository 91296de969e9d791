"""Clients of stand-ins: python-telegram-bot's own, plain HTTP, and stand-ins as processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.error import BadRequest
from telegram.request import HTTPXRequest

from merlin.core.server import free_ports
from merlin.sandbox.telegram.server import TelegramStandIn
from tests.support.waiting import longest, wait_until

# A busy machine answers late; its own 5 s would be over.
Ask = Callable[[Callable[[Bot], Awaitable[Any]]], Any]


def bot_of(standin: TelegramStandIn) -> Bot:
    """Return the real client, pointed at the stand-in."""
    urls = {"base_url": standin.base_url, "base_file_url": standin.base_file_url}
    # Reading the system's certificates takes longer than a whole test on the loopback.
    patience = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), longest())
    requests = [HTTPXRequest(**patience, httpx_kwargs={"verify": False}) for _ in range(2)]
    return Bot(standin.token, **urls, request=requests[0], get_updates_request=requests[1])


def asking(standin: TelegramStandIn) -> Ask:
    """Return a function that runs one coroutine with the real client."""

    async def once(act: Callable[[Bot], Awaitable[Any]]) -> Any:
        async with bot_of(standin) as bot:
            return await act(bot)

    return lambda act: asyncio.run(once(act))


def refusal(ask, act, kind=BadRequest):
    """Return the words with which a call of the real client is refused."""
    with pytest.raises(kind) as caught:
        ask(act)
    return str(caught.value)


def fetch(url, body=None, headers=None):
    """Return (status, parsed body) of one JSON call; errors are answers too."""
    method = "GET" if body is None else "POST"
    answer = httpx.request(method, url, json=body, headers=headers, timeout=longest())
    return answer.status_code, answer.json()


def send(standin, **fields):
    """Let people do something by the control side; return (status, parsed body)."""
    return fetch(f"{standin.page_url}control/send", fields)


@contextmanager
def as_process(name, folder, *words):
    """Run a stand-in as a process of its own; give it and its address once it listens."""
    (port,) = free_ports(1)
    module = [sys.executable, "-m", f"merlin.sandbox.{name}", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*module, "--folder", str(folder), *words]) as process:
        try:
            wait_until(lambda: _listens(address))
            yield process, address
        finally:
            process.kill()


def _listens(address):
    try:
        return httpx.get(address, timeout=longest())
    except httpx.TransportError:
        return None
