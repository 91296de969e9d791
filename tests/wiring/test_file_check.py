"""The whole file is checked after an end that closed nothing, and once a day; not at each start."""

import os
import time

import pytest

from merlin.app.bot_settings import BOT_NAME, Settings
from merlin.engine.database import Database as EngineDatabase
from merlin.wiring.context import open_checked_database
from tests.support.forked_processes import run_forked
from tests.support.migrated_databases import only_sqlite
from tests.support.pipeline_lab import Lab

pytestmark = [pytest.mark.functional, only_sqlite]


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, "http://127.0.0.1:9/v1")


@pytest.fixture
def is_checked(recorded, lab):
    """Return a function: whether a process that starts now checks the file."""

    def start():
        recorded.statements.clear()
        with open_checked_database(lab.config):
            return any("quick_check" in sql for sql, _ in recorded.statements)

    return start


def _end_without_closing(config):
    with open_checked_database(config) as database:
        Settings(database).put(BOT_NAME, "merlin")
        os._exit(7)


def test_first_start_checks_the_file_and_the_next_of_the_day_do_not(is_checked):
    assert [is_checked() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("hours", [-1, 25])
def test_start_a_day_later_checks_the_file_as_does_one_after_a_step_of_the_clock(
    lab, is_checked, hours
):
    assert is_checked()
    then = time.time() - hours * 3600
    os.utime(lab.config.state_dir / "merlin.db.checked", (then, then))
    assert [is_checked() for _ in range(2)] == [True, False]


def test_start_after_an_end_that_closed_nothing_checks_unless_another_process_runs(
    lab, is_checked
):
    assert is_checked()
    assert run_forked(_end_without_closing, lab.config) == 7
    assert [is_checked() for _ in range(2)] == [True, False]
    with open_checked_database(lab.config):
        run_forked(_end_without_closing, lab.config)
        assert not is_checked()


def _leave_engine_open(path):
    columns = {"id": "f", "filename": "f", "purpose": "p", "bytes": 1, "created_at": 1}
    EngineDatabase(path).insert("file", **columns)
    os._exit(7)


def test_engine_checks_its_file_after_an_end_that_closed_nothing(tmp_path, monkeypatch):
    path = tmp_path / "engine.db"
    mark = tmp_path / "engine.db.checked"
    EngineDatabase(path).close()
    old = mark.stat().st_mtime - 3600
    os.utime(mark, (old, old))
    EngineDatabase(path).close()
    assert mark.stat().st_mtime == old
    assert run_forked(_leave_engine_open, path) == 7
    EngineDatabase(path).close()
    assert mark.stat().st_mtime > old
