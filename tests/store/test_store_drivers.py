"""Drivers: a process on SQLite starts without PostgreSQL's, and is not kept from it for good."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.functional

PROGRAM = """
import json, sys
from merlin.db.drivers import skip_unused_driver

skip_unused_driver(sys.argv[1])
from merlin.db import database

was_loaded = sys.modules.get("psycopg") is not None
import psycopg

told = [each.__module__.partition(".")[0] for each in database.DRIVER_ERRORS]
print(json.dumps([was_loaded, told]))
"""


@pytest.mark.parametrize(
    ("url", "loaded", "known"),
    [
        ("sqlite:////tmp/merlin.db", False, ["peewee", "sqlite3"]),
        ("postgresql://merlin@127.0.0.1/merlin", True, ["peewee", "sqlite3", "psycopg"]),
    ],
)
def test_only_the_driver_in_use_is_loaded_and_the_other_may_be_later(url, loaded, known):
    words = [sys.executable, "-c", PROGRAM, url]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [loaded, known]
