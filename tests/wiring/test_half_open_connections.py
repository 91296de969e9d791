"""Calls that never end do not shut others out: of the api and of the engine, as processes."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from merlin.core.server import free_ports
from tests.support.forked_processes import run_command, start_function
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

# So few that a test can open more.
FILES = 256
KEYS = {"MERLIN_ENGINE_KEY": "key"}
HALF = {
    "head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "body": b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
}


@contextmanager
def serving(verb, folder):
    """Run a process of Merlin that may open few files; give its port."""
    (port,) = free_ports(1)
    config = folder / "config.yaml"
    config.write_text(f'state_dir: .\n{verb}: {{listen: "127.0.0.1:{port}"}}\n', "utf-8")
    process = start_function(limited, [verb, "--config", str(config)], folder / "log", KEYS)
    try:
        wait_until(lambda: is_well(port))
        yield port
    finally:
        process.terminate()
        process.join()


def limited(words, environment, log):
    """Run a command as a process that may open few files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    run_command(words, environment, log)


def is_well(port):
    """Return whether a new connection is served."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=longest()).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("verb", ["api", "engine"])
def test_half_open_requests_do_not_end_a_server(verb, half, tmp_path):
    with serving(verb, tmp_path) as port, ExitStack() as held:
        for _ in range(FILES + 50):
            connection = held.enter_context(
                socket.create_connection(("127.0.0.1", port), longest())
            )
            connection.sendall(HALF[half])
        assert is_well(port)
        figures = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=longest()).text
    prefix = "merlin_http" if verb == "api" else "merlin_engine"
    assert metric_value(figures, f"{prefix}_connections_ended_total", reason="total") > 0
    assert "connections ended" in (tmp_path / "log").read_text("utf-8")
