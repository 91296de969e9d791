"""`merlin users …` as tests give it: a place with one person, a command, what it showed."""

from __future__ import annotations

import json

from merlin.account.users import User, Users
from merlin.cli import main
from merlin.db.database import open_database
from merlin.db.migrations import migrate


def settled(folder):
    """Write a configuration into the folder, and a database that knows anna; return the folder."""
    (folder / "config.yaml").write_text("state_dir: state\n", encoding="utf-8")
    with open_database(f"sqlite://{folder}/state/merlin.db") as database:
        migrate(database)
        Users(database).record_authors([User(1001, "ru")])
    return folder


def run(capsys, place, *words):
    """Return how a command ended, and what it wrote."""
    capsys.readouterr()
    code = main(["users", *words, "--config", str(place / "config.yaml")])
    return code, capsys.readouterr()


def show_json(capsys, place, *words):
    """Return the JSON of a command that must succeed."""
    code, captured = run(capsys, place, *words, "--json")
    assert code == 0, captured.err
    return json.loads(captured.out)
