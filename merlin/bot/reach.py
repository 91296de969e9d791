"""One call of Telegram, as the bot makes it, and what keeps it from being answered."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from telegram import Bot
from telegram.error import InvalidToken, TelegramError, TimedOut

from merlin.bot.transport import CONNECT_S, AiohttpRequest, NotSent, ProxyRefused
from merlin.config import Config
from merlin.config.conflicts import addresses
from merlin.config.credentials import BOT_TOKEN, bot_id, credential, telegram_proxy
from merlin.config.settings import PROXY_LOGIN
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.network import is_loopback

T = TypeVar("T")

READ_S = 15.0
PROBE_S = 5.0
# A call usually takes a fraction of a second.
SLOW_S = 5.0


def ask_telegram(
    config: Config,
    ask: Callable[[Bot], Awaitable[T]],
    *,
    connect_s: float = CONNECT_S,
    read_s: float = READ_S,
    slow_s: float = SLOW_S,
) -> T:
    """Return the answer. Raises MerlinError, which says what is wrong and what to do."""
    token = credential(BOT_TOKEN)
    telegram = config.telegram
    bot_id(token)
    proxy = telegram_proxy(telegram)
    request = AiohttpRequest(read_s, proxy=proxy, connect_s=connect_s)

    async def call() -> T:
        await request.initialize()
        try:
            return await ask(Bot(token, telegram.bot_url, request=request))
        finally:
            await request.shutdown()

    named = {"url": telegram.base_url, "proxy": telegram.proxy}
    begun = time.monotonic()
    try:
        answer = asyncio.run(call())
    except InvalidToken:
        raise ConfigError("Telegram does not know the token", "bot-bad-token") from None
    except ProxyRefused:
        raise _problem("doctor-proxy-login", **named, name=PROXY_LOGIN) from None
    except NotSent as error:
        if _is_busy() and isinstance(error.__context__, TimeoutError):
            raise _slow(named) from None
        raise _no_connection(config, named, str(error)) from None
    except TimedOut:
        raise _slow(named) from None
    except TelegramError as error:
        raise _problem("doctor-telegram-fails", **named, reason=str(error)) from None
    if time.monotonic() - begun > slow_s:
        raise _slow(named)
    return answer


def _problem(key: str, **arguments: object) -> MerlinError:
    return MerlinError(key, key, **arguments)


def _is_busy() -> bool:
    """Return whether more wants to run here than can: then a late answer tells of no network."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def _slow(named: Mapping[str, str]) -> MerlinError:
    return _problem(
        "doctor-telegram-busy" if _is_busy() else "doctor-telegram-slow", **named
    )


def _no_connection(config: Config, named: Mapping[str, str], error: str) -> MerlinError:
    """Return what keeps the bot from Telegram: its proxy, what is behind that, or the network."""
    url = named["url"]
    proxy = named["proxy"]
    if proxy:
        key = "doctor-proxy-down"
        reason = _connection_problem(proxy)
        if not reason:
            key = "doctor-proxy-blocked"
            reason = error
        return _problem(key, **named, reason=reason)
    others = (other for key, other in addresses(config) if key[0] != "telegram")
    far = [other for other in others if not is_loopback(urlsplit(other).hostname)]
    other = next((each for each in far if not _connection_problem(each)), "")
    key = "doctor-telegram-blocked" if other else "doctor-telegram-unreachable"
    return _problem(key, url=url, other=other, reason=_connection_problem(url) or error)


def _connection_problem(url: str) -> str:
    """Return why a server accepts no connection, "" if it does."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    try:
        socket.create_connection((parts.hostname or "", port), PROBE_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
