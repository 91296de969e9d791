"""What a process tells systemd, heard by a socket such as systemd's."""

from __future__ import annotations

import socket

import pytest

from merlin.core import server
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture(params=["file", "abstract"])
def listener(request, tmp_path, monkeypatch):
    shown = str(tmp_path / "n") if request.param == "file" else f"@merlin-test-{tmp_path}"[:90]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(shown.replace("@", "\0", 1) if shown[0] == "@" else shown)
        line.settimeout(longest())
        monkeypatch.setenv("NOTIFY_SOCKET", shown)
        yield line


def test_words_reach_systemd_in_one_message(listener):
    assert server.notify(server.READY, server.status_notice("работает\nхорошо"))
    assert listener.recv(1000).decode() == "READY=1\nSTATUS=работает хорошо"


@pytest.mark.parametrize("word", [server.WATCHDOG, server.STOPPING])
def test_single_words_reach_systemd(listener, word):
    assert server.notify(word)
    assert listener.recv(1000).decode() == word


@pytest.mark.parametrize("address", [None, "", "relative", "/no/such/socket", "@nobody-listens"])
def test_without_systemd_nothing_happens(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert server.notify(server.READY) is False
