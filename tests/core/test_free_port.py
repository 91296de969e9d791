"""Ports that nobody listens on, and that no outgoing connection takes away."""

from __future__ import annotations

import socket

import pytest

from merlin.core.server import free_ports

pytestmark = pytest.mark.unit


def test_ports_differ_can_be_listened_on_and_lie_below_the_ephemeral_ones():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert max(ports) < 32_768
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
