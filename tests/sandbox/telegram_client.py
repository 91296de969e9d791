"""Clients of the stand-ins: python-telegram-bot, plain HTTP; stand-ins as processes."""

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
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest, wait_until

BotCaller = Callable[[Callable[[Bot], Awaitable[Any]]], Any]


def make_bot(standin: TelegramStandIn, kind: type[Bot] = Bot, **options: Any) -> Bot:
    """Return python-telegram-bot's client of the stand-in."""
    urls = {
        "base_url": standin.base_url,
        "base_file_url": f"{standin.page_url}file/bot",
    }
    # Without certificates: reading those of the system takes longer than a test.
    timeouts = dict.fromkeys(
        ("connect_timeout", "read_timeout", "write_timeout"), longest()
    )
    requests = [
        HTTPXRequest(**timeouts, httpx_kwargs={"verify": False}) for _ in range(2)
    ]
    urls |= {"request": requests[0], "get_updates_request": requests[1]}
    return kind(standin.token, **urls, **options)


def make_caller(standin: TelegramStandIn) -> BotCaller:
    """Return a function that runs one coroutine with a client of the stand-in."""

    async def run(act: Callable[[Bot], Awaitable[Any]]) -> Any:
        async with make_bot(standin) as bot:
            return await act(bot)

    return lambda act: asyncio.run(run(act))


def read_refusal(call, act, kind=BadRequest):
    """Return the message with which the stand-in refuses a call of the client."""
    with pytest.raises(kind) as caught:
        call(act)
    return str(caught.value)


def fetch(url, body=None, headers=None):
    """Return (status, parsed body) of one JSON request, also of an error."""
    method = "GET" if body is None else "POST"
    response = httpx.request(method, url, json=body, headers=headers, timeout=longest())
    return response.status_code, response.json()


def send_control(standin, **fields):
    """Perform an action of a person by the control API; return (status, parsed body)."""
    return fetch(f"{standin.page_url}control/send", fields)


@contextmanager
def run_as_process(kind, folder, **settings):
    """Run a stand-in of this class as a process; yield it and its address once it listens."""
    (port,) = free_ports(1)
    settings |= {"folder": str(folder), "port": port}
    program = f"""
import pathlib, signal
from {kind.__module__} import {kind.__name__}
settings = {settings!r}
settings["folder"] = pathlib.Path(settings["folder"])
{kind.__name__}(**settings).start()
signal.pause()
"""
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            wait_until(lambda: _try_connecting(address))
            yield process, address
        finally:
            process.kill()


def _try_connecting(address):
    try:
        return httpx.get(address, timeout=longest())
    except httpx.TransportError:
        return None
