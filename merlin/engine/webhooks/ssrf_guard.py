"""Which addresses a webhook may go to, so that no caller makes the engine ask what is behind it.

Public addresses by https; this machine itself where the engine too listens to it alone; and the
hosts of `engine.webhooks`, which the operator chose. A name is judged by what it resolves to, at
every try, and the address that was judged is the one that is called.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from merlin.core.loopback import is_loopback
from merlin.engine.settings import EngineSettings
from merlin.openai_protocol.errors import ApiError, bad_field

LONGEST = 2048


class Forbidden(OSError):
    """An address that webhooks may not go to."""


class SsrfGuard:
    """The rules of one engine."""

    def __init__(self, settings: EngineSettings) -> None:
        self._named = {urlsplit(each.url).hostname for each in settings.webhooks}
        self._is_on_loopback = is_loopback(settings.host)

    def check(self, url: str) -> None:
        """Raise ApiError 400 for an address that is none, or may not be called."""
        place = _split(url)
        host = place.hostname or ""
        is_own = self._is_on_loopback and is_loopback(host)
        if host in self._named or (is_own and place.scheme == "http"):
            return
        if place.scheme != "https":
            raise bad_field("url", "url must begin with https://")
        if _is_number(host) and not (_is_address(host) and self.lets(host, host)):
            raise bad_field("url", "url must lead to a public address")

    def lets(self, host: str, address: str) -> bool:
        """Return whether `host`, which is at this IP address, may be called."""
        if host in self._named:
            return True
        return is_public(address) or (self._is_on_loopback and is_loopback(address))


class Resolver(AbstractResolver):
    """Names to addresses, those that are forbidden left out."""

    def __init__(self, guard: SsrfGuard) -> None:
        self._guard = guard
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a host may be called. Raises Forbidden, OSError for an unknown name."""
        found = await self._names.resolve(host, port, family)
        let = [each for each in found if self._guard.lets(host, each["host"])]
        if not let:
            raise Forbidden(f"{host} leads to no public address")
        return let

    async def close(self) -> None:
        """Let go of what it holds."""
        await self._names.close()


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet, through any wrapping of IPv4."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        parsed = inner or parsed
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _is_number(host: str) -> bool:
    """Return whether aiohttp takes a host for an IP address, and so asks no resolver."""
    return ":" in host or host.replace(".", "").isdigit()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _split(url: str) -> SplitResult:
    is_plain = url.isascii() and url.isprintable() and " " not in url
    try:
        place = urlsplit(url)
        is_whole = bool(place.hostname) and place.port != 0
    except ValueError as error:
        raise _no_address() from error
    has_user = place.username is not None or place.password is not None
    is_fit = is_plain and is_whole and len(url) <= LONGEST
    if not is_fit or has_user or place.fragment or place.scheme not in {"http", "https"}:
        raise _no_address()
    return place


def _no_address() -> ApiError:
    words = "url must be an https address in ASCII, without a user and without '#'"
    return bad_field("url", f"{words}, {LONGEST} characters at most")
