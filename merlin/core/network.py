"""The network: addresses, calls of a URL, and the parameters of a PostgreSQL URL."""

import re
from email.message import Message
from functools import lru_cache
from http.client import HTTPException
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from ssl import SSLContext
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from merlin.core.errors import ConfigError
from merlin.core.log import redact

# A server that listens on all addresses is reached over loopback.
_LOCAL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
LOOPBACK = ("127.0.0.0/8", "::1")
# Letters of every script, as in IDN; "_" is in the names of containers.
_LABEL = r"\w(?:[\w-]{0,61}\w)?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return an IP address without its zone, None for anything else.

    A server that listens on all addresses of IPv6 sees those of IPv4 as ::ffff:203.0.113.7.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_host(text: str) -> bool:
    """Return whether `text` is an IP address or can be the name of a host."""
    return parse_address(text) is not None or bool(_HOST_NAME.fullmatch(text))


def is_loopback(host: str | None) -> bool:
    """Return whether `host`, a name or an IP address, is this machine."""
    address = parse_address(host or "")
    return host == "localhost" if address is None else address.is_loopback


def url_place(address: tuple[str, int]) -> str:
    """Return the host and port for a local URL to a listening address."""
    host = _LOCAL_ADDRESSES.get(address[0], address[0])
    return f"{f'[{host}]' if ':' in host else host}:{address[1]}"


def fetch_url(
    url: str, timeout_s: float, tls: SSLContext | None = None
) -> tuple[Message, bytes]:
    """Return the response's headers and body; the environment's proxies are for other machines.

    Raises OSError, also for a response that is not HTTP.
    """
    proxies: dict[str, str] | None = {} if is_loopback(urlsplit(url).hostname) else None
    opener = build_opener(ProxyHandler(proxies), HTTPSHandler(context=tls))
    request = Request(url)  # noqa: S310 - judged when it was read
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return response.headers, response.read()
    except HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}".strip()) from error


def is_in_networks(host: str, networks: tuple[str, ...]) -> bool:
    """Return whether an IP address is in one of the networks."""
    address = parse_address(host)
    return address is not None and any(
        address in each for each in _parse_networks(networks)
    )


@lru_cache(maxsize=32)
def _parse_networks(
    addresses: tuple[str, ...],
) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(address) for address in addresses)


def postgresql_parameters(url: str) -> dict[str, str]:
    """Return libpq's connection parameters by name, from a URL and the environment.

    Raises ConfigError if libpq cannot parse the URL.
    """
    import psycopg  # noqa: PLC0415 - SQLite does without it

    parser = psycopg.pq.Conninfo
    try:
        options = [*parser.get_defaults(), *parser.parse(url.encode())]
        return {
            option.keyword.decode(): option.val.decode()
            for option in options
            if option.val is not None
        }
    except psycopg.Error as error:
        reason = redact(str(error)).strip()
        raise ConfigError(reason, "config-database-url", reason=reason) from error
