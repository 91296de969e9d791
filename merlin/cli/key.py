"""`merlin key list|rotate`: the key that encrypts people's texts in the database."""

from collections.abc import Mapping, Sequence

import typer

from merlin.app.actor import Actor
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration, print_result
from merlin.cli.output import print_list, print_message
from merlin.config import Config
from merlin.config.settings import TEXT_KEY
from merlin.core.errors import NotFound, Refused
from merlin.db import keyring
from merlin.db.audit import Audit
from merlin.db.database import Database
from merlin.db.encryption import key_path
from merlin.db.keyring import KeyHolder, KeyHolders, Progress, Reencryption, key_ids
from merlin.wiring.context import make_cipher, open_migrated_database, open_read_only, text_key

app = typer.Typer(name="key", no_args_is_help=True, help="The key that encrypts people's texts.")


@app.command("list")
def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys, and how many texts each encrypts."""
    present, counts = read_keys(configuration(config))
    records = []
    for key in dict.fromkeys([*present, *sorted(counts)]):
        state = "missing" if key not in present else "seals" if key == present[0] else "opens"
        records.append({"key": key, "state": state, "sealed": counts.get(key, 0)})
    columns = "key state=state:key-state sealed"
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
    """Create a new key and re-encrypt every text; can be interrupted and resumed."""

    def progress(done: int, total: int) -> None:
        print_message("key-progress", done=done, total=total)

    settings = configuration(config)
    # A key set as a credential cannot be changed here: everything is re-encrypted with its first
    # key. If nothing needs that, or a running process does not use that key yet, the command is
    # refused and no key is removed, so that every text stays readable.
    is_credential = text_key() is not None
    with open_migrated_database(settings) as database:
        database.cipher = make_cipher(settings, database)
        if is_credential:
            if not Reencryption(database).left():
                raise Refused("nothing is sealed by another key", "key-nothing", name=TEXT_KEY)
            _require_encrypting(database, database.cipher.newest, "key-encrypts-other", TEXT_KEY)
            unreadable = _reencrypt(database, progress)
        else:
            unreadable = _encrypt_with_new_key(settings, database, progress)
    values = {"key": database.cipher.newest, "unreadable": unreadable, "dropped": not is_credential}
    print_result(values, "key-rotated", json=json, name=values["key"], unreadable=unreadable)


def _encrypt_with_new_key(config: Config, database: Database, progress: Progress) -> int:
    """Add a new key and re-encrypt with it; return how many texts cannot be decrypted."""
    path, counts = key_path(config.state_dir), Reencryption(database).count_by_key()
    # A process that encrypts with another key would continue to do so.
    _require_encrypting(database, database.cipher.newest, "key-encrypts-other", str(path))
    is_resumed = any(counts.get(key) for key in database.cipher.holds[1:])
    if not is_resumed:
        # Remove keys that an interrupted run added but never used: it is unknown who loaded them.
        keyring.remove_other_keys(path)
        name = keyring.add_key(path)
        try:
            missing = KeyHolders(database).wait(lambda holder: name in holder.holds)
            _require_none_missing(missing, "key-not-read", str(path))
        except BaseException:
            keyring.remove_other_keys(path)
            raise
        keyring.promote_key(path, name)
        database.cipher = make_cipher(config, database)
        _require_encrypting(database, name, "key-not-encrypting", str(path))
    unreadable = _reencrypt(database, progress)
    keyring.remove_other_keys(path)
    return unreadable


def _require_encrypting(database: Database, name: str, key: str, location: str) -> None:
    """Wait until every running process encrypts with a key. Raises Refused if one does not."""
    missing = KeyHolders(database).wait(lambda holder: holder.holds[:1] == (name,))
    _require_none_missing(missing, key, location)


def _require_none_missing(missing: Sequence[KeyHolder], key: str, location: str) -> None:
    if missing:
        arguments = {"processes": ", ".join(map(str, missing)), "name": location}
        raise Refused(f"{arguments['processes']}: {key}", key, **arguments)


def _reencrypt(database: Database, progress: Progress) -> int:
    """Re-encrypt until only undecryptable texts are left, and return their number."""
    reencryption = Reencryption(database)
    while (unreadable := reencryption.run(progress)) != reencryption.left():
        continue  # a process encrypted with an old key in the meantime
    Audit(database).note(Actor.operator().name, "key.rotate", f"key:{database.cipher.newest}")
    return unreadable
