"""`merlin key list|rotate`: the key that encrypts people's texts in the database."""

from collections.abc import Mapping

import typer

from merlin.app.actor import Actor
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    configuration,
    print_result,
    require_stopped,
)
from merlin.cli.output import Column, print_list, print_message
from merlin.config import Config
from merlin.config.settings import TEXT_KEY
from merlin.core.errors import NotFound, Refused
from merlin.db import keyring
from merlin.db.audit import Audit
from merlin.db.encryption import key_path
from merlin.db.keyring import Reencryption, key_ids
from merlin.wiring.context import (
    make_cipher,
    open_migrated_database,
    open_read_only,
    text_key,
)

app = typer.Typer(
    name="key", no_args_is_help=True, help="The key that encrypts people's texts."
)


@app.command("list")
def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys, and how many texts each encrypts."""
    present, counts = read_keys(configuration(config))
    records = []
    for key in dict.fromkeys([*present, *sorted(counts)]):
        state = (
            "missing"
            if key not in present
            else "seals"
            if key == present[0]
            else "opens"
        )
        records.append({"key": key, "state": state, "sealed": counts.get(key, 0)})
    columns: list[str | Column] = ["key", Column("state", family="key-state"), "sealed"]
    print_list(records, columns, json=json, under="keys", prefix="key-col")


def read_keys(config: Config) -> tuple[list[str], Mapping[str, int]]:
    """Return the ids of the present keys, and how many texts each key encrypts.

    Raises NotFound if nothing has been recorded yet.
    """
    with open_read_only(config) as database:
        counts = Reencryption(database).count_by_key()
    return key_ids(key_path(config.state_dir), text_key()), counts


def find_missing_keys(config: Config) -> list[str]:
    """Return the ids of keys that stored texts need and that are not here."""
    try:
        present, counts = read_keys(config)
    except NotFound:
        return []
    return sorted(counts.keys() - set(present))


@app.command()
def rotate(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Create a new key and re-encrypt every text; Merlin must be stopped.

    An interrupted rotation is completed by the next one.
    """

    def progress(done: int, total: int) -> None:
        print_message("key-progress", done=done, total=total)

    settings = configuration(config)
    path = key_path(settings.state_dir)
    # A key set as a credential cannot be changed here: everything is re-encrypted with its first
    # key, and the others stay.
    is_credential = text_key() is not None
    with require_stopped(settings), open_migrated_database(settings) as database:
        database.cipher = make_cipher(settings, database)
        work = Reencryption(database)
        if is_credential and not work.left():
            raise Refused(
                "nothing is sealed by another key", "key-nothing", name=TEXT_KEY
            )
        counts = work.count_by_key()
        is_interrupted = any(counts.get(key) for key in database.cipher.holds[1:])
        if not is_credential and not is_interrupted:
            keyring.add_key(path)
            database.cipher = make_cipher(settings, database)
        unreadable = work.run(progress)
        if not is_credential:
            keyring.remove_older_keys(path)
        name = database.cipher.newest
        Audit(database).note(Actor.operator().name, "key.rotate", f"key:{name}")
    values = {"key": name, "unreadable": unreadable, "dropped": not is_credential}
    print_result(values, "key-rotated", json=json, name=name, unreadable=unreadable)
