"""The ports of a demo, all on this machine."""

from __future__ import annotations

import socket
from dataclasses import astuple, dataclass, fields

from merlin.core.free_port import free_ports


@dataclass(frozen=True, slots=True)
class Ports:
    """The demo's ports on 127.0.0.1.

    Chat page, api, engine, YooKassa's stand-in, the chat model's, and the newest commit's way as
    JSON.
    """

    chat: int
    api: int
    engine: int
    till: int
    model: int
    way: int

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """Return the usual ports: one after the other."""
        return cls(*(first + number for number in range(len(fields(cls)))))

    @classmethod
    def free(cls) -> Ports:
        """Return ports that nobody listens on now."""
        return cls(*free_ports(len(fields(cls))))

    def taken(self) -> list[int]:
        """Return those that somebody listens on."""
        return [port for port in astuple(self) if _is_open(port)]


def _is_open(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
