"""The API process ends in time, whatever its threads do."""

import os
import signal
from threading import Event, Thread

import pytest

from merlin.core.server import free_ports
from tests.support.forked_processes import (
    is_ready,
    run_command,
    start_function,
    wait_for_exit,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def run_beside_an_endless_thread(arguments, environment, log):
    """Run a command beside a thread that Python would wait for."""
    Thread(target=Event().wait, name="endless").start()
    run_command(arguments, environment, log)


def test_api_ends_though_a_thread_does_not(tmp_path):
    (port,) = free_ports(1)
    config = tmp_path / "config.yaml"
    config.write_text(f'state_dir: .\napi: {{listen: "127.0.0.1:{port}"}}\n', "utf-8")
    log = tmp_path / "api.log"
    api = start_function(
        run_beside_an_endless_thread, ["api", "--config", str(config)], log, {}
    )
    wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"))
    os.kill(api.pid, signal.SIGTERM)
    assert wait_for_exit(api) == 1
    assert "threading.py" in log.read_text("utf-8"), "what still ran is in the log"
