"""Processes on SQLite do not load the driver of PostgreSQL."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROGRAM = """
import sys
sys.modules["psycopg"] = None  # importing it fails
import merlin.wiring.api, merlin.wiring.bot, merlin.wiring.daemon
"""


def test_every_process_is_loaded_without_the_driver_of_postgresql():
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


PROBE = """
import sys
from merlin.cli import main
print(main(["health", *sys.argv[1:]]), "psycopg" in sys.modules)
"""


@pytest.mark.parametrize("options", [(), ("--alive",)])
def test_probe_of_a_process_on_sqlite_does_not_load_the_driver(tmp_path, options):
    path = tmp_path / "config.yaml"
    path.write_text(f"state_dir: {tmp_path}\n", "utf-8")
    command = [sys.executable, "-c", PROBE, "bot", *options, "--config", str(path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.stdout.splitlines()[-1:] == ["1 False"], process.stdout + process.stderr
