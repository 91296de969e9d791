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
