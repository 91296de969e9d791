"""Half-open requests do not exhaust the connections of the API and the engine."""

import resource
import socket
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from merlin.core.server import free_ports
from tests.support.ending import end
from tests.support.forked_processes import run_command, start_function
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

# The limit of open files of a server; a test opens more connections.
MAX_FILES = 256
KEYS = {"MERLIN_ENGINE_KEY": "key"}
HALF_REQUESTS = {
    "head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "body": b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
}


@contextmanager
def run_server(verb, folder):
    """Run a process of Merlin with a low limit of open files; yield its port."""
    (port,) = free_ports(1)
    config = folder / "config.yaml"
    config.write_text(
        f'state_dir: .\n{verb}: {{listen: "127.0.0.1:{port}"}}\n', "utf-8"
    )
    process = start_function(
        run_command_limited, [verb, "--config", str(config)], folder / "log", KEYS
    )
    try:
        wait_until(lambda: is_healthy(port))
        yield port
    finally:
        end(process)


def run_command_limited(arguments, environment, log):
    """Run a command with a low limit of open files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    run_command(arguments, environment, log)


def is_healthy(port):
    """Return whether the server answers on a new connection."""
    try:
        return (
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=longest()).status_code
            == 200
        )
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("part", HALF_REQUESTS)
@pytest.mark.parametrize("verb", ["api", "engine"])
def test_half_open_requests_do_not_stop_a_server(verb, part, tmp_path):
    with run_server(verb, tmp_path) as port, ExitStack() as stack:
        for _ in range(MAX_FILES + 50):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), longest())
            )
            connection.sendall(HALF_REQUESTS[part])
        assert is_healthy(port)
