"""Listening: where the api listens, by what it is believed to be reached, how much it allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from merlin.core.errors import ConfigError
from merlin.core.loopback import LOOPBACK


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """Who we are to an issuer of OpenID Connect; `credential` names the variable of the secret."""

    client_id: str
    issuer: str = "https://oauth.telegram.org"
    credential: str = "TELEGRAM_LOGIN_SECRET"


@dataclass(frozen=True, slots=True)
class Listening:
    """The api's side towards the world.

    `tls` is the certificate's file and the key's, None for plain http. `proxies` are addresses or
    networks that are believed when they say for whom they call, and whether by https. Of the
    limits, calls a minute and open connections, 0 means none. `openid` None: nobody signs in that
    way. `hooks` names the variable of a hook's secrets, by the hook; `monitoring` are the addresses
    or networks that may read /readyz and /metrics.
    """

    address: tuple[str, int] = ("127.0.0.1", 8701)
    public_url: str = ""
    tls: tuple[Path, Path] | None = None
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    anonymous_per_min: int = 60
    person_per_min: int = 600
    connections_per_address: int = 256
    openid: OpenIdClient | None = None
    hooks: Mapping[str, str] = field(default_factory=dict)
    monitoring: tuple[str, ...] = LOOPBACK

    def faults(self) -> list[str]:
        """Return a line for each thing that cannot be meant as it stands."""
        said = {"proxies": self.proxies, "monitoring": self.monitoring}
        faults = [
            f"api.{key}: {each} is neither an address nor a network"
            for key, networks in said.items()
            for each in networks
            if not _is_network(each)
        ]
        if self.openid is not None and not self.public_url:
            faults.append("api.openid: needs api.public_url, to which people come back")
        return faults


def read_listening(said: Mapping[str, Any], base: Path) -> Listening:
    """Return what the config's `api` says; relative paths count from `base`."""
    tls, usual = said.get("tls"), Listening()
    return Listening(
        address=address_of(said["listen"]) if "listen" in said else usual.address,
        public_url=said.get("public_url", ""),
        tls=(base / tls["certificate"], base / tls["key"]) if tls else None,
        proxies=tuple(said.get("proxies", usual.proxies)),
        hooks={name: hook["credential"] for name, hook in said.get("hooks", {}).items()},
        monitoring=tuple(said.get("monitoring", usual.monitoring)),
        openid=OpenIdClient(**said["openid"]) if "openid" in said else None,
        **said.get("limits", {}),
    )


def address_of(said: str) -> tuple[str, int]:
    """Return host and port of "host:port". Raises ConfigError."""
    host, _, port = said.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"listen: {said!r} is not host:port")
    return host.strip("[]"), int(port)


def _is_network(said: str) -> bool:
    try:
        return bool(ip_network(said))
    except ValueError:
        return False
