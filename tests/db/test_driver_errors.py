"""A full disk and a damaged file under a database: the right error, and no data lost."""

import subprocess

import pytest

from merlin.app.bot_settings import BOT_NAME, Settings
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.db.database import open_database
from merlin.db.driver_errors import DatabaseAway, driver_errors
from tests.support.migrated_databases import create_migrated
from tests.support.pipeline_lab import run_command
from tests.support.small_disk import fill_disk, small_disk

pytestmark = pytest.mark.integration


def test_commit_refused_by_a_full_disk_is_reported_and_succeeds_with_space(tmp_path):
    with small_disk(tmp_path / "state", "2m"):
        url = f"sqlite://{tmp_path}/state/merlin.db"
        create_migrated(url)
        with open_database(url) as database:
            settings = Settings(database)
            settings.put(BOT_NAME, "before")
            filler = fill_disk(tmp_path / "state")
            # The COMMIT finds no room for its log.
            with pytest.raises(DatabaseAway) as caught:
                settings.put(BOT_NAME, "meanwhile" * 10_000)
            assert text("en", caught.value.key) == text("en", "store-full")
            filler.unlink()
            settings.put(BOT_NAME, "after")
            assert settings.get(BOT_NAME) == "after"
            database.quick_check()


def test_reading_command_names_a_read_only_file_system(tmp_path):
    configuration = tmp_path / "config.yaml"
    configuration.write_text("state_dir: state\nrepository: {url: there}\n")
    command = ("status", "--config", str(configuration))
    with small_disk(tmp_path / "state", "4m"):
        create_migrated(f"sqlite://{tmp_path}/state/merlin.db")
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "state"], check=True)
        code, _, error = run_command(*command)
        assert (code, "The database is read-only" in error) == (1, True), error
        code, _, error = run_command("backup", str(tmp_path / "archives"), *command[1:])
        assert (code, f"{tmp_path}/state/" in error) == (2, True), error


@pytest.mark.parametrize("garbled", [b"CREATE TABEL", b"CREATE TABL\xff"])
def test_damaged_schema_is_reported_and_not_as_a_bug(tmp_path, garbled):
    (tmp_path / "config.yaml").write_text(
        "state_dir: state\nrepository: {url: there}\n"
    )
    path = tmp_path / "state" / "merlin.db"
    create_migrated(f"sqlite://{path}")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", garbled))
    code, _, error = run_command("status", "--config", str(tmp_path / "config.yaml"))
    assert (code, "The database is damaged" in error) == (2, True), error


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Python int too large to convert to SQLite INTEGER", NotFound),
        ("cannot convert float infinity to integer", OverflowError),
    ],
)
def test_number_that_is_larger_than_any_stored_one_is_not_found(message, error):
    """Another overflow is a bug."""
    with pytest.raises(error), driver_errors():
        raise OverflowError(message)
