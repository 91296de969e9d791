"""Files and models outlive a database that is empty, cut off, an old copy, or another one's."""

import asyncio
import os
import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from io import BytesIO

import pytest
from structlog.testing import capture_logs

from merlin.config.engine import EngineSettings
from merlin.core.errors import Unstartable
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.engine.context import Engine
from merlin.engine.database import Database
from merlin.engine.jobs import RUNNING, SUCCEEDED, Job
from merlin.engine.storage import Repositories

pytestmark = pytest.mark.functional
LOG = "engine.db-wal"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "engine"


def start(folder):
    """Open the database and clean up as the engine does; return how much was set aside."""
    with closing(Database(folder / "engine.db")) as database:
        return Repositories(database, folder).clean_up()


def add_data(folder, *states):
    """Add a file, and a job of each state with its model, its log and its working folder."""
    database = Database(folder / "engine.db")
    rows = Repositories(database, folder)
    rows.files.add("train.jsonl", BytesIO(b"{}\n"))
    for state in states:
        job = Job("gone", "supervised", "file-1", None, "", 1, {}, {}, status=state)
        rows.jobs.create(job)
        digest = rows.models.write(job, 1, lambda path: path.write_bytes(b"weights"))
        rows.models.record(job, 1, {}, digest, is_final=True)
        rows.get_work_folder(job.job_id).mkdir(parents=True)
        (rows.get_work_folder(job.job_id) / "state").write_bytes(b"step 7")
    return database


def copy_open(folder):
    """Copy the database as it is on the disk of an engine that runs, with its log."""
    place = folder.with_name("copy")
    place.mkdir(exist_ok=True)
    for path in folder.glob("engine.db*"):
        shutil.copy(path, place)
    return place


def read_data(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for name in ("files", "models", "work")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def put_back(folder, place):
    for path in folder.glob("engine.db*"):
        path.unlink()
    for path in place.iterdir():
        shutil.copy(path, folder)


def write(content):
    def harm(folder, _):
        (folder / LOG).unlink(missing_ok=True)
        (folder / "engine.db").write_bytes(content)

    return harm


def empty_beside_its_log(folder, whole):
    put_back(folder, whole)
    (folder / "engine.db").write_bytes(b"")


def remove(folder, _):
    (folder / "engine.db").unlink()


def remove_but_the_log(folder, whole):
    put_back(folder, whole)
    (folder / "engine.db").unlink()


def copy_without_log(folder, whole):
    put_back(folder, whole)
    (folder / LOG).unlink()


def cut(share):
    def harm(folder, _):
        path = folder / "engine.db"
        os.truncate(path, int(path.stat().st_size * share) // 4096 * 4096)

    return harm


def cut_in_a_page(folder, _):
    os.truncate(folder / "engine.db", 5000)


def cut_in_the_first_page(folder, _):
    os.truncate(folder / "engine.db", 200)


def copy_of_the_main_database(folder, _):
    url = f"sqlite:///{folder.with_name('merlin.db')}"
    with open_database(url) as database:
        migrate(database)
    shutil.copy(folder.with_name("merlin.db"), folder / "engine.db")


def copy_old(folder, _):
    shutil.copy(folder.with_name("old.db"), folder / "engine.db")


def copy_of_new_engine(folder, _):
    Database(folder.with_name("new.db")).close()
    shutil.copy(folder.with_name("new.db"), folder / "engine.db")


def copy_of_another_engine(folder, _):
    other = folder.with_name("other")
    other.mkdir()
    add_data(other, RUNNING, SUCCEEDED).close()
    shutil.copy(other / "engine.db", folder)


def forget_rows(folder, _):
    with closing(sqlite3.connect(folder / "engine.db")) as database:
        for table in ("file", "model", "job", "event"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - names above
        database.commit()


REFUSED = [
    write(b""),
    write(b"\n"),
    empty_beside_its_log,
    remove,
    remove_but_the_log,
    copy_without_log,
    cut(0.5),
    cut(0.1),
    cut_in_a_page,
    cut_in_the_first_page,
    write(bytes(8192)),
    copy_of_the_main_database,
]
SET_ASIDE = [copy_old, copy_of_new_engine, copy_of_another_engine, forget_rows]


@pytest.mark.parametrize("harm", [*REFUSED, *SET_ASIDE])
def test_no_model_or_file_is_lost_by_a_wrong_database(folder, harm):
    folder.mkdir()
    database = add_data(folder, RUNNING)
    with closing(sqlite3.connect(folder.with_name("old.db"))) as old:
        database._db.connection().backup(old)
    add_data(folder, SUCCEEDED, RUNNING).close()
    whole = copy_open(folder)
    database.close()
    before = read_data(folder)
    harm(folder, whole)
    if harm in REFUSED:
        log = [*folder.glob(LOG)]
        with pytest.raises(Unstartable):
            start(folder)
        assert read_data(folder) == before
        assert log == [*folder.glob(LOG)]  # it may be all that is left of the rows
    else:
        # Of each job its model and its working folder, and the file it learned from.
        assert start(folder) == (5 if harm is copy_old else 8)
    put_back(folder, whole)
    start(folder)
    ended = {path for path in before if path.parts[0] == "work"} - read_data(
        folder
    ).keys()
    assert len(ended) == 1  # of the job that is over
    assert read_data(folder) == {
        path: content for path, content in before.items() if path not in ended
    }


def test_what_is_set_aside_is_told_and_comes_back_by_itself(folder):
    settings = EngineSettings(folder, "127.0.0.1", 0, "x" * 32, "en")
    with running(settings) as engine:
        file_id = engine.repositories.files.add("a.jsonl", BytesIO(b"{}\n"))["id"]
    whole = copy_open(folder)
    forget_rows(folder, whole)
    (folder / "files" / ".file-1.part").touch()
    with capture_logs() as logs, running(settings):
        pass
    [said] = [each["event"] for each in logs if "aside" in each["event"]]
    assert said.startswith("1 file or folder isn't in the engine's database")
    assert [*(folder / "files").iterdir()] == []
    put_back(folder, whole)
    with running(settings) as engine:
        assert engine.repositories.files.path(file_id).read_bytes() == b"{}\n"


@contextmanager
def running(settings):
    engine = Engine(settings)
    try:
        yield engine
    finally:
        asyncio.run(engine.close())


@pytest.mark.parametrize(("days", "stays"), [(6, True), (8, False)])
def test_what_is_set_aside_stays_for_a_week(folder, days, stays):
    folder.mkdir()
    add_data(folder, RUNNING).close()
    forget_rows(folder, None)
    for path in (folder / "files").iterdir():
        os.utime(path, (0, 0))
    assert start(folder) == 3
    left = [*(folder / "aside").glob("*/*")]
    assert len(left) == 3
    assert [*(folder / "models").iterdir()] == []
    for path in left:
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
    start(folder)
    assert [*(folder / "aside").glob("*/*")] == (left if stays else [])
