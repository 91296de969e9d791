"""Optional imports: a library is imported without hidden modules, which can be imported later."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.functional

PROGRAM = """
import json, sys
from merlin.core.optional_imports import without_modules

with without_modules(*sys.argv[1:]):
    from merlin.db import driver_errors

was_loaded = sys.modules.get("psycopg") is not None
import psycopg

modules = [error.__module__.partition(".")[0] for error in driver_errors.DRIVER_ERRORS]
print(json.dumps([was_loaded, modules]))
"""


@pytest.mark.parametrize(
    ("hidden", "loaded", "drivers"),
    [
        (["psycopg"], False, ["peewee", "sqlite3"]),
        ([], True, ["peewee", "sqlite3", "psycopg"]),
    ],
)
def test_only_the_used_driver_is_loaded_and_the_other_can_be_later(hidden, loaded, drivers):
    command = [sys.executable, "-c", PROGRAM, *hidden]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(process.stdout) == [loaded, drivers]
