"""A probe of a process on SQLite does not load the driver of PostgreSQL."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROBE = """
import sys
from merlin.cli import main
command = ["health", "bot", "--config", sys.argv[1]]
print(main(command), main([*command, "--alive"]), "psycopg" in sys.modules)
"""


def test_probe_of_a_process_on_sqlite_does_not_load_the_driver(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(f"state_dir: {tmp_path}\n", "utf-8")
    command = [sys.executable, "-c", PROBE, str(path)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.stdout.splitlines()[-1:] == ["1 1 False"], process.stdout + process.stderr
