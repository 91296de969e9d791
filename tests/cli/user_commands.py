"""Helpers to run `merlin users …`: a database with one user, a command, its output."""

import json

from merlin.account.users import User, Users
from merlin.cli import main
from merlin.db.database import open_database
from merlin.db.migrations import migrate


def make_config(folder):
    """Write a configuration and a database with anna into the folder; return the folder."""
    (folder / "config.yaml").write_text("state_dir: state\n", encoding="utf-8")
    with open_database(f"sqlite://{folder}/state/merlin.db") as database:
        migrate(database)
        Users(database).record([User(1001, "ru")])
    return folder


def run(capsys, folder, *arguments):
    """Run a command; return its exit code and output."""
    capsys.readouterr()
    code = main(["users", *arguments, "--config", str(folder / "config.yaml")])
    return code, capsys.readouterr()


def show_json(capsys, folder, *arguments):
    """Return the JSON of a command that must succeed."""
    code, captured = run(capsys, folder, *arguments, "--json")
    assert code == 0, captured.err
    return json.loads(captured.out)
