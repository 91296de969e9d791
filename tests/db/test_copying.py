"""Copying a whole SQLite database into an empty PostgreSQL with the command."""

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
import yaml

from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.core.heartbeat import Heartbeat
from merlin.db.copying import SEEDED
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.processes import Heartbeats
from tests.support.archives import unpack

pytestmark = pytest.mark.integration

PACKED = Path(__file__).parents[1] / "upgrade/state.tar.xz"


@pytest.fixture
def config_path(tmp_path):
    """Return a configuration with the database of a busy installation."""
    unpack(PACKED, tmp_path / "unpacked")
    (database,) = (tmp_path / "unpacked").rglob("merlin.db")
    (tmp_path / "state").mkdir()
    database.rename(tmp_path / "state/merlin.db")
    config = {
        "state_dir": str(tmp_path / "state"),
        "repository": {"url": str(tmp_path)},
        "providers": [{"name": "p", "base_url": "http://127.0.0.1:9/v1"}],
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@pytest.fixture
def empty_postgresql(postgresql):
    address = postgresql.create()
    yield address
    postgresql.drop(address)


def run(capsys, *words):
    capsys.readouterr()
    return main(["migrate-db", *map(str, words)]), capsys.readouterr()


def sqlite_path(config_path):
    return sqlite3.connect(config_path.parent / "state/merlin.db")


def test_database_that_cannot_store_every_character_is_refused(
    config_path, empty_postgresql, capsys
):
    name = "only_ascii"
    encoding = "SQL_ASCII"
    with psycopg.connect(empty_postgresql, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
    code, printed = run(
        capsys,
        empty_postgresql.rpartition("/")[0] + f"/{name}",
        "--config",
        config_path,
    )
    assert code == 2
    assert f"has the encoding {encoding}" in printed.err


def test_user_without_rights_is_told_what_the_administrator_must_do(
    config_path, empty_postgresql, capsys
):
    with psycopg.connect(empty_postgresql, autocommit=True) as connection:
        connection.execute("CREATE ROLE newcomer LOGIN")
    address = empty_postgresql.replace("postgres@", "newcomer@")
    code, captured = run(capsys, address, "--config", config_path)
    assert (code, "ALTER DATABASE name OWNER" in captured.err) == (1, True), (
        captured.err
    )


def test_every_row_is_copied_and_id_sequences_continue(
    config_path, empty_postgresql, capsys
):
    with open_database(f"sqlite://{config_path.parent}/state/merlin.db") as database:
        migrate(database)
    with sqlite_path(config_path) as source:
        source.execute(
            "UPDATE sqlite_sequence SET seq = seq + 100 WHERE name = 'notice'"
        )
        (given,) = source.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'notice'"
        ).fetchone()
    source.close()
    code, captured = run(capsys, empty_postgresql, "--json", "--config", config_path)
    assert code == 0, captured.err
    copied = {load["table"]: load["rows"] for load in json.loads(captured.out)}
    assert (
        min(
            copied[name]
            for name in ("person", "turn", "purchase", "taught_example", "model")
        )
        > 0
    )
    source = sqlite_path(config_path)
    with open_database(empty_postgresql) as target:
        guessed = "SELECT reltuples FROM pg_class WHERE relname = 'person'"
        assert target.sql(guessed) == [(copied["person"],)], "it is planned by figures"
        for table, rows in copied.items():
            (count,) = source.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608
            assert (
                target.sql(f"SELECT COUNT(*) FROM {table}") == [(count,)] == [(rows,)]  # noqa: S608
            )
        questions = "SELECT id, question, answer FROM turn ORDER BY id"
        assert target.sql(questions) == source.execute(questions).fetchall()
        target.sql(
            "INSERT INTO notice (once, to_whom, key, arguments, created_at)"
            " VALUES ('x', 'admins', 'k', '{}', '2026-11-23')"
        )
        assert target.sql("SELECT id FROM notice WHERE once = 'x'") == [(given + 1,)]
    source.close()
    code, captured = run(capsys, empty_postgresql, "--config", config_path)
    assert code == 1
    assert "already has rows" in captured.err


def test_value_that_postgresql_does_not_take_is_named_with_its_table(
    config_path, empty_postgresql, capsys
):
    with open_database(f"sqlite://{config_path.parent}/state/merlin.db") as database:
        migrate(database)
    with sqlite_path(config_path) as source:
        source.execute("UPDATE person SET language_code = 'e' || char(0)")
    source.close()
    code, captured = run(capsys, empty_postgresql, "--config", config_path)
    assert (code, "person" in captured.err) == (1, True), captured.err
    assert "NUL" in captured.err


def test_copy_is_refused_beside_running_processes_and_to_other_databases(
    config_path, empty_postgresql, capsys
):
    with open_database(f"sqlite://{config_path.parent}/state/merlin.db") as database:
        migrate(database)
        now = utc_now()
        Heartbeats(database).beat(Heartbeat("bot", "here", 1, now, now, "serving", {}))
    code, captured = run(capsys, empty_postgresql, "--config", config_path)
    assert (code, "bot" in captured.err) == (1, True)
    code, captured = run(capsys, "sqlite:///x.db", "--config", config_path)
    assert (code, "PGPASSWORD" in captured.err) == (1, True)
    code, captured = run(
        capsys, "postgresql://nobody@127.0.0.1:9/x", "--config", config_path
    )
    assert code == 1
    assert "Traceback" not in captured.err


def test_copied_rows_are_counted_for_people(config_path, empty_postgresql, capsys):
    code, captured = run(capsys, empty_postgresql, "--config", config_path)
    assert code == 0, captured.err
    rows = dict(line.split() for line in captured.out.splitlines()[1:])
    with open_database(empty_postgresql) as target:
        ((people,),) = target.sql("SELECT COUNT(*) FROM person")
    assert rows["person"] == str(people)
    assert "0" not in rows.values()
    assert captured.err.endswith("Next: merlin config check\n")


def test_database_on_a_server_is_not_copied(config_path, capsys):
    settings = yaml.safe_load(config_path.read_text("utf-8"))
    settings["database"] = "postgresql://nobody@127.0.0.1:9/x"
    config_path.write_text(yaml.safe_dump(settings), "utf-8")
    code, captured = run(
        capsys, "postgresql://nobody@127.0.0.1:9/y", "--config", config_path
    )
    assert (code, captured.out) == (1, "")
    assert "SQLite" in captured.err


def test_tables_filled_by_migrations_are_known(empty_postgresql):
    with open_database(empty_postgresql) as target:
        migrate(target)
        tables = target.sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        filled = {
            name
            for (name,) in tables
            if target.sql(f"SELECT 1 FROM {name} LIMIT 1")  # noqa: S608
        }
    assert filled == SEEDED
