"""Which addresses are this machine's own, where nobody outside listens in, or of some networks."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

LOOPBACK = ("127.0.0.0/8", "::1")


def is_loopback(host: str | None) -> bool:
    """Return whether `host`, a name or an IP address, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


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
