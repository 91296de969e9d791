"""`merlin key list|rotate`: the key under which people's words lie in the database."""

from __future__ import annotations

import typer

from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table, word

COLUMNS = ("key", "state", "sealed")


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="The key of people's texts.")
    group.command("list")(list_keys)
    group.command()(rotate)
    app.add_typer(group, name="key")


def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys by their names, with how many texts each has sealed."""
    from merlin.wiring.key import listed

    found = listed(configuration(config))
    if json:
        as_json({"keys": found})
        return
    lines = [[each["key"], word("key-state", each["state"]), each["sealed"]] for each in found]
    table([f"key-col-{name}" for name in COLUMNS], lines)


def rotate(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Make a new key and seal every text anew; may be stopped and begun again."""
    from merlin.wiring import key

    def progress(done: int, total: int) -> None:
        say("key-progress", done=done, total=total)

    told = key.rotate(configuration(config), progress)
    if json:
        as_json(told)
        return
    say("key-rotated", name=told["key"], unreadable=told["unreadable"])
