"""A full disk and a damaged file under a database: the right error, and no data lost."""

import subprocess

import pytest

from merlin.app.bot_settings import BOT_NAME, Settings
from merlin.core.i18n import text
from merlin.db.database import open_database
from merlin.db.driver_errors import DatabaseAway
from tests.support.migrated_databases import create_migrated
from tests.support.pipeline_lab import run_command
from tests.support.small_disk import fill_disk, small_disk
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_commit_refused_by_a_full_disk_is_reported_and_succeeds_with_space(tmp_path):
    with small_disk(tmp_path / "state", "2m"):
        url = f"sqlite://{tmp_path}/state/merlin.db"
        create_migrated(url)
        with open_database(url) as database:
            settings = Settings(database)
            settings.put(BOT_NAME, "before", "bot")
            filler = fill_disk(tmp_path / "state")
            # The COMMIT finds no room for its log.
            with pytest.raises(DatabaseAway) as caught:
                settings.put(BOT_NAME, "meanwhile" * 10_000, "bot")
            assert text("en", caught.value.key) == text("en", "store-full")
            filler.unlink()
            settings.put(BOT_NAME, "after", "bot")
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


def is_away(read):
    """Return whether the database is unavailable to a read."""
    try:
        read()
    except DatabaseAway:
        return True
    return False


def test_deleted_or_replaced_file_is_not_written_any_more(tmp_path):
    path, aside = tmp_path / "merlin.db", tmp_path / "aside.db"
    create_migrated(f"sqlite://{path}")
    with open_database(f"sqlite://{path}") as database:
        settings = Settings(database)
        settings.put(BOT_NAME, "before", "bot")
        path.rename(aside)
        wait_until(lambda: is_away(lambda: settings.get(BOT_NAME)))
        with pytest.raises(DatabaseAway):
            settings.put(BOT_NAME, "into a file without a name", "bot")
        aside.rename(path)
        assert settings.get(BOT_NAME) == "before"
        create_migrated(f"sqlite://{aside}")
        aside.replace(path)
        wait_until(lambda: settings.get(BOT_NAME) != "before")
        settings.put(BOT_NAME, "after", "bot")
    with open_database(f"sqlite://{path}") as database:
        assert Settings(database).get(BOT_NAME) == "after"


def test_writes_in_a_deleted_log_are_not_lost(tmp_path):
    url = f"sqlite://{tmp_path}/merlin.db"
    create_migrated(url)
    with open_database(url) as database, open_database(url) as other:
        Settings(database).put(BOT_NAME, "before", "bot")
        assert Settings(other).get(BOT_NAME) == "before"
        (log := tmp_path / "merlin.db-wal").unlink()
        wait_until(lambda: Settings(database).get(BOT_NAME) == "before" and log.exists())
        with open_database(url) as new:
            assert Settings(new).get(BOT_NAME) == "before"
            Settings(new).put(BOT_NAME, "after", "bot")
        wait_until(lambda: Settings(other).get(BOT_NAME) == "after")
        other.quick_check()


@pytest.mark.parametrize("garbled", [b"CREATE TABEL", b"CREATE TABL\xff"])
def test_damaged_schema_is_reported_and_not_as_a_bug(tmp_path, garbled):
    (tmp_path / "config.yaml").write_text("state_dir: state\nrepository: {url: there}\n")
    path = tmp_path / "state" / "merlin.db"
    create_migrated(f"sqlite://{path}")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", garbled))
    code, _, error = run_command("status", "--config", str(tmp_path / "config.yaml"))
    assert (code, "The database is damaged" in error) == (1, True), error
