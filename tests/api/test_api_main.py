"""`serve` as a process: says when it is ready, ends well by SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from waiting import longest

pytestmark = pytest.mark.functional

PROGRAM = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from api_world import Desk, services_of
from merlin.api.app import serve
from merlin.config.settings import ApiConfig
from merlin.core.log import set_up_logging
set_up_logging("api")
where = ApiConfig(listen=f"127.0.0.1:{sys.argv[2]}")
serve(services_of(Desk()), where, lambda: print("ready", flush=True))
print("stopped", flush=True)
"""


def process_of(port):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_is_ready_when_it_says_so_and_ends_well(free_port, ending):
    with process_of(free_port) as process:
        assert process.stdout.readline() == "ready\n"
        address = f"http://127.0.0.1:{free_port}"
        with httpx.Client(base_url=address, timeout=longest()) as client:
            assert client.get("/healthz").status_code == 200
            process.send_signal(ending)
            out, err = process.communicate(timeout=longest())
    assert out == "stopped\n"
    assert process.returncode == 0
    assert "Traceback" not in err


def test_an_address_that_is_taken_is_named(taken_port):
    with process_of(taken_port) as process:
        out, err = process.communicate(timeout=longest())
    assert "ready" not in out
    assert f"ConfigError: api.listen: 127.0.0.1:{taken_port}" in err
