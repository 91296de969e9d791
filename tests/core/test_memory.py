"""Optional imports: a library is imported without hidden modules, which can be imported later."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.functional

PROGRAM = """
import json, sys
from merlin.core.memory import without_modules

with without_modules(*sys.argv[1:]):
    from merlin.db import driver_errors

def list_drivers():
    return [error.__module__.partition(".")[0] for error in driver_errors.driver_error_types()]

before = list_drivers()
from merlin.db.connections import connect
connect("postgresql://localhost/merlin", read_only=False, busy_s=1)
print(json.dumps([before, list_drivers()]))
"""


@pytest.mark.parametrize(
    ("hidden", "drivers"),
    [(["psycopg"], ["peewee", "sqlite3"]), ([], ["peewee", "sqlite3", "psycopg"])],
)
def test_driver_of_postgresql_is_loaded_with_its_first_database(hidden, drivers):
    command = [sys.executable, "-c", PROGRAM, *hidden]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(process.stdout) == [drivers, ["peewee", "sqlite3", "psycopg"]]
