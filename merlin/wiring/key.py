"""The key of people's words, from the command line: which there are, and a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merlin.app.actor import Actor
from merlin.config import Config, credential
from merlin.core.errors import Refused
from merlin.db import keyring
from merlin.db.audit import Audit
from merlin.db.database import Database
from merlin.db.encryption import CREDENTIAL, key_path, load_or_make_key
from merlin.db.keyring import KeyHolder, KeyHolders, Progress, Reencryption
from merlin.wiring.database import opened

Shown = dict[str, Any]


def listed(config: Config) -> list[Shown]:
    """Return every key, and every key that is missing, with how much it has sealed."""
    given, path = _given(), key_path(config.state_dir)
    with opened(config) as database:
        database.cipher = load_or_make_key(config.state_dir, given)
        counts = Reencryption(database).counts()
    here = keyring.key_ids(path, given)
    missing = sorted(counts.keys() - set(here))
    return [_key_values(key, counts, here) for key in dict.fromkeys([*here, *missing])]


def _key_values(key: str, counts: Mapping[str, int], here: list[str]) -> Shown:
    state = "missing" if key not in here else "seals" if key == here[0] else "opens"
    return {"key": key, "state": state, "sealed": counts.get(key, 0)}


def rotate(config: Config, progress: Progress) -> Shown:
    """Seal everything under a new key, or go on where that was cut off; return what was done.

    A credential is not ours to change: there everything is sealed by the first key that it holds.
    Raises Refused where it leaves nothing to be done, and where a process does not take the key
    that is to seal: then no key goes, and every text can be read as before.
    """
    given = _given()
    with opened(config) as database:
        database.cipher = load_or_make_key(config.state_dir, given)
        if given is not None:
            unreadable = _sealed_by_credential(database, progress)
        else:
            unreadable = _sealed_by_new(config, database, progress)
    return {"key": database.cipher.newest, "unreadable": unreadable, "dropped": given is None}


def _sealed_by_credential(database: Database, progress: Progress) -> int:
    if not Reencryption(database).left():
        raise Refused("nothing is sealed by another key", "key-nothing", name=CREDENTIAL)
    _need_sealing(database, database.cipher.newest, "key-seals-other", CREDENTIAL)
    return _sealed_anew(database, progress)


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
        database.cipher = load_or_make_key(config.state_dir, None)
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
        told = {"processes": ", ".join(map(str, late)), "name": where}
        raise Refused(f"{told['processes']}: {key}", key, **told)


def _sealed_anew(database: Database, progress: Progress) -> int:
    """Seal anew until nothing is left but what no key here opens; return how much that is."""
    work = Reencryption(database)
    while (unreadable := work.run(progress)) != work.left():
        continue  # somebody has sealed by an old key in the meantime
    Audit(database).note(Actor.operator().name, "key.rotate", f"key:{database.cipher.newest}")
    return unreadable


def _given() -> str | None:
    return credential(CREDENTIAL, is_needed=False) or None
