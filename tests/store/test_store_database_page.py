"""The drawing of the database is the database."""

from __future__ import annotations

import pytest
from database_page import PAGE, ROWS, columns, drawn, rooms

from merlin.store.database import open_database
from merlin.store.migrations import migrate

pytestmark = pytest.mark.integration
TABLES = {name: table for tables in rooms().values() for name, table in tables.items()}


def test_the_page_shows_every_table_as_the_migrations_make_it():
    assert PAGE.read_text(encoding="utf-8") == drawn(), "make docs"


def test_every_table_says_what_one_row_is():
    assert sorted(ROWS) == sorted(TABLES)


def test_the_tables_of_the_code_have_the_columns_of_the_schema(tmp_path):
    with open_database(f"sqlite://{tmp_path}/merlin.db") as database:
        migrate(database)
        made = {name: {each.name for each in columns(database, name)} for name in TABLES}
    assert made == {name: set(table._columns) for name, table in TABLES.items()}
