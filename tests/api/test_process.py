"""`merlin api` as a process: reports readiness, ends cleanly on a signal."""

import os
import signal

import httpx
import pytest

from tests.support.forked_processes import start, wait_for_exit
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def begin(tmp_path):
    """Return a function that starts an API on a port; its output is in `log`."""

    def api(port):
        config = tmp_path / "config.yaml"
        config.write_text(
            f'state_dir: .\napi: {{listen: "127.0.0.1:{port}"}}\n', "utf-8"
        )
        return start("api", config, tmp_path / "log")

    return api


def is_ready(port):
    try:
        return httpx.get(
            f"http://127.0.0.1:{port}/healthz", timeout=longest()
        ).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_process_is_ready_once_its_port_answers_and_exits_cleanly(
    begin, free_port, tmp_path, ending
):
    process = begin(free_port)
    wait_until(lambda: is_ready(free_port))
    os.kill(process.pid, ending)
    assert wait_for_exit(process) == 0
    text = (tmp_path / "log").read_text("utf-8")
    assert "api stopped" in text
    assert "Traceback" not in text


def test_occupied_port_is_named_in_the_error(begin, taken_port, tmp_path):
    assert wait_for_exit(begin(taken_port)) not in (0, None)
    text = (tmp_path / "log").read_text("utf-8")
    assert f"127.0.0.1:{taken_port}" in text
    assert "Traceback" not in text
