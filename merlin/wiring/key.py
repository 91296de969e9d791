"""The key of people's words, from the command line: which there are, and a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from merlin.config import Config, credential
from merlin.core.errors import Refused
from merlin.store import keyring
from merlin.store.audit import AuditRows
from merlin.store.cipher import CREDENTIAL, key_path, load_or_make_key
from merlin.wiring.database import opened
from merlin.wiring.users import operator

Shown = dict[str, Any]


def listed(config: Config) -> list[Shown]:
    """Return every key, and every key that is missing, with how much it has sealed."""
    given, path = _given(), key_path(config.state_dir)
    with opened(config) as database:
        cipher = load_or_make_key(config.state_dir, given)
        counts = keyring.Resealing(database, cipher).counts()
    here = keyring.ids(path, given)
    missing = sorted(counts.keys() - set(here))
    return [_shown(key, counts, here) for key in dict.fromkeys([*here, *missing])]


def _shown(key: str, counts: Mapping[str, int], here: list[str]) -> Shown:
    state = "missing" if key not in here else "seals" if key == here[0] else "opens"
    return {"key": key, "state": state, "sealed": counts.get(key, 0)}


def rotate(config: Config, progress: Callable[[int, int], None]) -> Shown:
    """Seal everything under a new key, or go on where that was cut off; return what was done.

    A credential is not ours to change: there everything is sealed by the first key that it holds.
    Raises Refused where it leaves nothing to be done.
    """
    given, path = _given(), key_path(config.state_dir)
    cipher = load_or_make_key(config.state_dir, given)
    with opened(config) as database:
        if given is None:
            keyring.begin(path)
            cipher = load_or_make_key(config.state_dir, None)
        work = keyring.Resealing(database, cipher)
        if given is not None and not work.left():
            raise Refused("nothing is sealed by another key", "key-nothing", name=CREDENTIAL)
        unreadable = _until_done(work, progress)
        AuditRows(database).note(operator(), "key.rotate", f"key:{cipher.newest}")
    if given is None:
        keyring.end(path)
    return {"key": cipher.newest, "unreadable": unreadable, "dropped": given is None}


def _until_done(work: keyring.Resealing, progress: Callable[[int, int], None]) -> int:
    """Seal anew until nothing is left but what no key here opens; return how much that is."""
    while (unreadable := work.run(progress)) != work.left():
        continue  # somebody has sealed by an old key in the meantime
    return unreadable


def _given() -> str | None:
    return credential(CREDENTIAL, is_needed=False) or None
