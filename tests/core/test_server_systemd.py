"""Notifications to systemd, received by a socket like systemd's."""

import socket

import pytest

from merlin.core import server
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture(params=["file", "abstract"])
def listener(request, tmp_path, monkeypatch):
    address = (
        str(tmp_path / "n")
        if request.param == "file"
        else f"@merlin-test-{tmp_path}"[:90]
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        receiver.settimeout(longest())
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield receiver


def test_states_reach_systemd_in_one_message(listener):
    assert server.notify(server.READY, server.status_notice("работает\nхорошо"))
    assert listener.recv(1000).decode() == "READY=1\nSTATUS=работает хорошо"


@pytest.mark.parametrize("address", [None, "@nobody-listens"])
def test_without_systemd_nothing_happens(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert server.notify(server.READY) is False


def test_living_process_shows_the_watchdog_so(listener):
    server.show_alive()
    assert listener.recv(1000) == b"WATCHDOG=1"
