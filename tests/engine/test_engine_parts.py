"""Unit tests of small parts of the engine."""

import errno
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from peewee import OperationalError

from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.engine.child_process import build_environment
from merlin.engine.database import MIGRATIONS, Database
from merlin.engine.jobs import Job, JobEvents, Jobs
from merlin.engine.storage import Models

pytestmark = pytest.mark.unit


@pytest.fixture
def rows(tmp_path):
    database = Database(tmp_path / "engine.db")
    database.change("CREATE TABLE note (id TEXT PRIMARY KEY, kind TEXT, seq INTEGER)")
    yield database
    database.close()


def test_thread_limits_of_the_engine_are_not_inherited_by_its_children():
    code = (
        "import json, os; from merlin.engine import child_process as own; own.limit_own_threads();"
        "print(json.dumps([dict(os.environ), own.build_environment()]))"
    )
    path = os.pathsep.join(filter(None, sys.path))
    completed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "MKL_NUM_THREADS": "3"},
        capture_output=True,
        check=True,
    )
    engine, child = json.loads(completed.stdout)
    assert (engine["OMP_NUM_THREADS"], engine["MKL_NUM_THREADS"]) == ("1", "3")
    assert "OMP_NUM_THREADS" not in child
    assert child["MKL_NUM_THREADS"] == "3"


def test_children_get_no_secret_and_import_nothing_from_the_working_folder(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "secret")
    (tmp_path / "json.py").write_text(
        "raise SystemExit('imported from the working folder')"
    )
    child = subprocess.run(
        [sys.executable, "-c", "import json, os; print(*os.environ)"],
        env=build_environment(ADDED="1"),
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
    )
    names = child.stdout.split()
    assert "ADDED" in names
    assert "MERLIN_ENGINE_KEY" not in names


def test_database_is_created_once_and_opened_again(tmp_path):
    for _ in range(2):
        rows = Database(tmp_path / "engine.db")
        assert rows.select("PRAGMA user_version") == [{"user_version": len(MIGRATIONS)}]
        assert rows.select("PRAGMA synchronous") == [{"synchronous": 2}]
        assert rows.select("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        rows.close()


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def write_garbage(path):
    path.write_text("no database at all, " * 50)


def miscount_free_pages(path):
    """Make a fault that only the check of the whole file finds, which is due again."""
    Path(f"{path}.checked").unlink()
    with path.open("r+b") as file:
        file.seek(36)  # their number in the header of SQLite's file format
        file.write(bytes([0, 0, 0, 9]))


def set_future_version(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 999")


def remove_with_job_left(path):
    path.unlink()
    (path.parent / "models" / "ftjob-1").mkdir(parents=True)


@pytest.mark.parametrize(
    ("harm", "key"),
    [
        (truncate, "engine-db-damaged"),
        (write_garbage, "engine-db-damaged"),
        (miscount_free_pages, "engine-db-damaged"),
        (set_future_version, "engine-db-newer"),
        (remove_with_job_left, "engine-db-missing"),
    ],
)
def test_unusable_database_is_refused_and_left_unchanged(tmp_path, harm, key):
    path = tmp_path / "engine.db"
    Database(path).close()
    harm(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refused) as refused:
        Database(path)
    assert refused.value.key == key
    assert str(path) in text("ru", key, **refused.value.arguments)
    assert [path for path in before if path not in set(tmp_path.rglob("*"))] == []


def test_database_that_is_refused_is_closed(tmp_path):
    path = tmp_path / "engine.db"
    Database(path).close()
    set_future_version(path)
    with pytest.raises(Refused):
        Database(path)
    opened = [each.path for each in psutil.Process().open_files()]
    assert str(path) not in opened


def test_database_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    (tmp_path / "engine.db").mkdir()
    with pytest.raises(OperationalError, match="unable to open"):
        Database(tmp_path / "engine.db")


def test_full_disk_raises_enospc_and_rolls_back(rows):
    insert = "INSERT INTO note VALUES (?, ?, 0)"
    rows.change(insert, "before", b"")
    (size,) = rows.select("PRAGMA page_count")
    rows.select(f"PRAGMA max_page_count = {size['page_count'] + 2}")

    def too_much():
        with rows.transaction():
            rows.change(insert, "little", b"")
            rows.change(insert, "much", bytes(100_000))

    for attempt in (too_much, lambda: rows.change(insert, "much", bytes(100_000))):
        with pytest.raises(OSError, match="No space left") as full:
            attempt()
        assert full.value.errno == errno.ENOSPC
    assert rows.select("SELECT id FROM note") == [{"id": "before"}]
    rows.change(insert, "after", b"")


def test_weights_are_read_before_the_transaction_that_records_them(rows, tmp_path):
    job = Job("recall", "supervised", "file-1", None, "", 1, {}, {})
    Jobs(rows, JobEvents(rows)).create(job)
    models = Models(rows, tmp_path / "models")
    digest = models.write(job, 1, lambda path: path.write_bytes(b"weights"))
    (tmp_path / "models" / job.job_id / "step-1").unlink()
    with rows.transaction():
        models.record(job, 1, {}, digest, is_final=True)
    assert (
        models.get(job.model_name)["digest"] == hashlib.sha256(b"weights").hexdigest()
    )
