"""Addresses: which are this machine's own or of some networks, and what one of PostgreSQL says."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from merlin.core.errors import ConfigError
from merlin.core.log import redact

# Who listens on every address is asked on the loopback.
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
LOOPBACK = ("127.0.0.0/8", "::1")


def is_loopback(host: str | None) -> bool:
    """Return whether `host`, a name or an IP address, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def url_place(address: tuple[str, int]) -> str:
    """Return how an address that a process listens on is written in a URL of this machine."""
    host = _HERE.get(address[0], address[0])
    return f"{f'[{host}]' if ':' in host else host}:{address[1]}"


def is_in_networks(host: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address lies in one of these networks."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=32)
def _networks(addresses: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in addresses)


def postgresql_parameters(url: str) -> dict[str, str]:
    """Return what libpq takes from an address, else from the environment, by its names.

    Raises ConfigError where it cannot read the address.
    """
    import psycopg  # noqa: PLC0415 - SQLite does without it

    options = psycopg.pq.Conninfo
    try:
        found = [*options.get_defaults(), *options.parse(url.encode())]
        return {each.keyword.decode(): each.val.decode() for each in found if each.val is not None}
    except psycopg.Error as error:
        reason = redact(str(error)).strip()
        raise ConfigError(reason, "config-database-url", reason=reason) from error
