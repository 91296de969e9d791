"""Processes on SQLite load no driver of another database."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROGRAM = """
import sys
sys.modules["psycopg"] = None  # to import it fails from here on
import merlin.wiring.api, merlin.wiring.bot, merlin.wiring.daemon
"""


def test_every_process_is_loaded_without_the_driver_of_postgresql():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
