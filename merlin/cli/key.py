"""`merlin key list|rotate`: the key under which people's words lie in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from merlin.app.actor import Actor
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_list, print_message
from merlin.config import Config
from merlin.config.settings import TEXT_KEY
from merlin.core.errors import Refused
from merlin.db import keyring
from merlin.db.audit import Audit
from merlin.db.database import Database
from merlin.db.encryption import key_path
from merlin.db.keyring import KeyHolder, KeyHolders, Progress, Reencryption, key_ids
from merlin.wiring.context import make_cipher, opened, text_key

app = typer.Typer(name="key", no_args_is_help=True, help="The key that encrypts people's texts.")


@app.command("list")
def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys, and how many texts each encrypts."""
    settings = configuration(config)
    with opened(settings) as database:
        database.cipher = make_cipher(settings)
        counts = Reencryption(database).counts()
    here = key_ids(key_path(settings.state_dir), text_key())
    missing = sorted(counts.keys() - set(here))
    found = [_key_values(key, counts, here) for key in dict.fromkeys([*here, *missing])]
    columns = "key state=state:key-state sealed"
    print_list(found, columns, json=json, under="keys", prefix="key-col")


def _key_values(key: str, counts: Mapping[str, int], here: list[str]) -> dict[str, Any]:
    state = "missing" if key not in here else "seals" if key == here[0] else "opens"
    return {"key": key, "state": state, "sealed": counts.get(key, 0)}


@app.command()
def rotate(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Create a new key and encrypt every text again; can be stopped and resumed."""

    def progress(done: int, total: int) -> None:
        print_message("key-progress", done=done, total=total)

    settings = configuration(config)
    # A credential is not ours to change: there everything is sealed by the first key it holds.
    # Where that leaves nothing to be done, or a process does not take the key that is to seal,
    # no key goes, and every text can be read as before.
    is_given = text_key() is not None
    with opened(settings) as database:
        database.cipher = make_cipher(settings)
        if is_given:
            if not Reencryption(database).left():
                raise Refused("nothing is sealed by another key", "key-nothing", name=TEXT_KEY)
            _need_sealing(database, database.cipher.newest, "key-seals-other", TEXT_KEY)
            unreadable = _sealed_anew(database, progress)
        else:
            unreadable = _sealed_by_new(settings, database, progress)
    values = {"key": database.cipher.newest, "unreadable": unreadable, "dropped": not is_given}
    if json:
        print_json(values)
        return
    print_message("key-rotated", name=values["key"], unreadable=unreadable)


def _sealed_by_new(config: Config, database: Database, progress: Progress) -> int:
    """Give the database a new key; return how many texts no key here opens."""
    path, counts = key_path(config.state_dir), Reencryption(database).counts()
    # Who seals by another key now would go on with it.
    _need_sealing(database, database.cipher.newest, "key-seals-other", str(path))
    is_under_way = any(counts.get(key) for key in database.cipher.holds[1:])
    if not is_under_way:
        # One that was added and has never sealed goes: nobody knows who holds it.
        keyring.remove_old_keys(path)
        name = keyring.add_key(path)
        try:
            late = KeyHolders(database).wait(lambda each: name in each.holds)
            _need_nobody(late, "key-not-read", str(path))
        except BaseException:
            keyring.withdraw_key(path, name)
            raise
        keyring.promote_key(path, name)
        database.cipher = make_cipher(config)
        _need_sealing(database, name, "key-not-sealing", str(path))
    unreadable = _sealed_anew(database, progress)
    keyring.remove_old_keys(path)
    return unreadable


def _need_sealing(database: Database, name: str, key: str, where: str) -> None:
    """Wait until every living process seals by a key. Raises Refused where one does not."""
    late = KeyHolders(database).wait(lambda each: each.holds[:1] == (name,))
    _need_nobody(late, key, where)


def _need_nobody(late: Sequence[KeyHolder], key: str, where: str) -> None:
    if late:
        arguments = {"processes": ", ".join(map(str, late)), "name": where}
        raise Refused(f"{arguments['processes']}: {key}", key, **arguments)


def _sealed_anew(database: Database, progress: Progress) -> int:
    """Seal anew until nothing is left but what no key here opens; return how much that is."""
    work = Reencryption(database)
    while (unreadable := work.run(progress)) != work.left():
        continue  # somebody has sealed by an old key in the meantime
    Audit(database).note(Actor.operator().name, "key.rotate", f"key:{database.cipher.newest}")
    return unreadable
