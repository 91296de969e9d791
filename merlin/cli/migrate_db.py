"""`merlin migrate-db`: go from SQLite to PostgreSQL."""

from __future__ import annotations

from typing import Annotated

import typer

from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration, require_stopped
from merlin.cli.output import print_json, print_list, print_message, record, show_progress
from merlin.core.errors import Refused
from merlin.db.connections import sqlite_path
from merlin.db.database import open_database
from merlin.db.migrations import migrate

app = typer.Typer()


@app.command("migrate-db")
def migrate_db(
    to: Annotated[str, typer.Argument(help="An empty database: postgresql://USER@HOST/NAME.")],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Copy the SQLite database into an empty PostgreSQL, and compare every row."""
    from merlin.db.copying import copy_database

    settings = configuration(config)
    if not settings.database.startswith("sqlite:"):
        raise Refused("the database is not SQLite", "migrate-db-source")
    if not to.startswith(("postgresql:", "postgres:")):
        raise Refused("not PostgreSQL", "migrate-db-target")
    with require_stopped(settings):
        with open_database(settings.database) as database:
            migrate(database)
        with open_database(to) as database:
            migrate(database)
        with show_progress("migrate-db-progress") as advance:
            copied = copy_database(sqlite_path(settings.database), to, advance)
    if json:
        print_json([record(each) for each in copied])
        return
    print_list([record(each) for each in copied if each.rows], "table rows", json=False)
    rows = sum(each.rows for each in copied)
    print_message("migrate-db-done", rows=rows, tables=len(copied))
