"""Common parts of the HTTP servers: listening, the watchdog of systemd, free ports."""

import asyncio
import secrets
import socket

import pytest

from merlin.core.errors import ConfigError
from merlin.core.i18n import text
from merlin.core.server import free_ports, listen, notify_watchdog

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("is_well", [True, False])
def test_watchdog_is_notified_only_while_the_work_is_alive(is_well):
    beats = []

    async def run():
        task = asyncio.create_task(
            notify_watchdog(lambda: beats.append(1), lambda: is_well)
        )
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    assert beats == [1] * is_well


def test_address_in_use_is_reported_with_its_setting():
    with listen("api.listen", "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"engine.listen: 127.0.0.1:{port}"
        ) as caught:
            listen("engine.listen", "127.0.0.1", port)
    message = text("ru", caught.value.key, **caught.value.arguments)
    assert "Address already in use" in message
    assert message.endswith("задайте другой engine.listen")


def test_host_that_is_none_is_reported_with_its_setting():
    with pytest.raises(ConfigError, match=r"api.listen: a\.\.b:80"):
        listen("api.listen", "a..b", 80)


def test_free_ports_are_distinct_usable_and_below_the_ephemeral_range():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert max(ports) < 32_768
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


def test_port_that_is_taken_is_passed_over(monkeypatch):
    ports = free_ports(2)
    choose = secrets.randbelow
    first = iter([ports[0] - 20_000, ports[1] - 20_000])
    monkeypatch.setattr(
        secrets, "randbelow", lambda most: next(first, None) or choose(most)
    )
    assert free_ports(1)[0] not in ports
    assert list(first) == []
