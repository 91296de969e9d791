"""Which addresses are this machine's own, where nobody outside listens in, or of some networks."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

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
def _networks(said: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in said)
