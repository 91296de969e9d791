"""`merlin key`: a new key for people's words, under a running process, stopped and begun again."""

from __future__ import annotations

import base64
import json

import pytest

from merlin.account.user import User
from merlin.chat.dialog import Dialog
from merlin.cli import main
from merlin.store import cipher as cipher_module
from merlin.store import keyring
from merlin.store.audit import AuditRows
from merlin.store.chat_tables import PRESET
from merlin.store.cipher import key_id, load_or_make_key, new_key
from merlin.store.database import open_database
from merlin.store.dialogs import DialogRows
from merlin.store.migrations import migrate
from merlin.store.users import UserRows

pytestmark = pytest.mark.functional

COUNT = 450


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(keyring, "LOOK_S", 0.0)
    monkeypatch.delenv("MERLIN_TEXT_KEY", raising=False)


@pytest.fixture
def place(tmp_path):
    """A configuration whose database holds sealed words in three tables."""
    (tmp_path / "config.yaml").write_text("state_dir: state\n", encoding="utf-8")
    cipher = load_or_make_key(tmp_path / "state", None)
    with opened(tmp_path) as database:
        migrate(database)
        fill(database, cipher)
    return tmp_path


def opened(place):
    return open_database(f"sqlite://{place}/state/merlin.db")


def fill(database, cipher):
    users = UserRows(database, cipher=cipher)
    users.seen([User(1001, "ru"), User(1002, "ru")])
    users.set_name(1001, "Анна")
    for chat in (1001, -5):
        DialogRows(database, cipher, 7).put(chat, 1001, Dialog("fix", {"words": "лоб"}))
    row = {"user_id": 1001, "name": cipher.seal("роль"), "created_at": ""}
    presets = ({**row, "prompt": cipher.seal(f"роль {number}")} for number in range(COUNT))
    with database.atomic():
        database.add_many(PRESET, presets)


def read(place, cipher):
    """Return the words as a process with this cipher reads them."""
    with opened(place) as database:
        name = UserRows(database, cipher=cipher).get(1001).shown_name
        dialog = DialogRows(database, cipher, 7).get(-5, 1001)
        rows = database.rows(PRESET.select(PRESET.prompt).order_by(PRESET.id))
    return name, dialog.said, [cipher.open(row["prompt"]) for row in rows]


WORDS = ("Анна", {"words": "лоб"}, [f"роль {number}" for number in range(COUNT)])


def run(capsys, place, verb):
    capsys.readouterr()
    code = main(["key", verb, "--json", "--config", str(place / "config.yaml")])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else told.err


def test_every_text_is_sealed_anew_and_the_old_key_is_dropped(capsys, place):
    running = load_or_make_key(place / "state", None)
    old = running.newest
    code, told = run(capsys, place, "rotate")
    assert (code, told["unreadable"], told["dropped"]) == (0, 0, True)
    assert told["key"] != old
    code, listed = run(capsys, place, "list")
    assert listed == {"keys": [{"key": told["key"], "state": "seals", "sealed": 2 * COUNT + 3}]}
    assert read(place, load_or_make_key(place / "state", None)) == WORDS
    # A process that began before the change reads on.
    assert read(place, running) == WORDS
    assert running.newest == told["key"]


def test_a_change_that_was_cut_off_goes_on_with_the_same_key(capsys, place):
    path = place / "state" / "text.key"
    assert keyring.begin(path)
    assert not keyring.begin(path)
    half = load_or_make_key(place / "state", None)

    def stop(done, _total):
        if done > 200:
            raise KeyboardInterrupt

    with opened(place) as database, pytest.raises(KeyboardInterrupt):
        keyring.Resealing(database, half).run(stop)
    assert read(place, half) == WORDS
    code, listed = run(capsys, place, "list")
    assert [key["state"] for key in listed["keys"]] == ["seals", "opens"]
    assert all(key["sealed"] for key in listed["keys"])
    code, told = run(capsys, place, "rotate")
    assert (code, told["key"], told["dropped"]) == (0, half.newest, True)
    assert read(place, load_or_make_key(place / "state", None)) == WORDS


def test_a_change_that_goes_on_waits_too_until_everybody_reads_the_new_key(place, monkeypatch):
    path = place / "state" / "text.key"
    running = load_or_make_key(place / "state", None)
    keyring.begin(path)
    monkeypatch.setattr(keyring, "LOOK_S", cipher_module.LOOK_S)
    assert not keyring.begin(path), "its beginner may have died at once"
    assert running.is_newest(running.seal("лоб"))


def test_a_change_of_keys_is_noted(capsys, place):
    _, told = run(capsys, place, "rotate")
    with opened(place) as database:
        (entry,) = AuditRows(database).newest()
    assert (entry.action, entry.target) == ("key.rotate", f"key:{told['key']}")
    assert entry.by.startswith("cli:")


def test_words_written_in_between_are_not_overwritten(place):
    cipher = load_or_make_key(place / "state", None)
    keyring.begin(place / "state" / "text.key")
    newer = load_or_make_key(place / "state", None)
    with opened(place) as database:
        work = keyring.Resealing(database, newer)
        rows = database.rows(PRESET.select(PRESET.id, PRESET.prompt).limit(1))
        other = PRESET.update({"prompt": cipher.seal("другое")}).where(PRESET.id == rows[0]["id"])
        database.change(other)
        assert work._seal(PRESET, "prompt", rows) == (0, 0)
        work.run(lambda *_: None)
        stored = database.value(PRESET.select(PRESET.prompt).where(PRESET.id == rows[0]["id"]))
        assert work.left() == 0
    assert newer.open(stored) == "другое"


def test_what_no_key_opens_is_told_and_stays(capsys, place):
    (place / "state" / "text.key").unlink()
    code, told = run(capsys, place, "rotate")
    assert (code, told["unreadable"]) == (0, 2 * COUNT + 3)
    code, listed = run(capsys, place, "list")
    assert [key["state"] for key in listed["keys"]] == ["seals", "missing"]


def test_a_credential_says_itself_which_key_seals(capsys, place, monkeypatch):
    old = base64.urlsafe_b64encode(new_key()).decode()
    monkeypatch.setenv("MERLIN_TEXT_KEY", old)
    code, told = run(capsys, place, "rotate")
    assert (code, told["dropped"]) == (0, False)
    code, said = run(capsys, place, "rotate")
    assert code == 1
    assert "MERLIN_TEXT_KEY" in said
    new = new_key()
    monkeypatch.setenv("MERLIN_TEXT_KEY", f"{base64.urlsafe_b64encode(new).decode()},{old}")
    code, told = run(capsys, place, "rotate")
    assert (code, told["key"]) == (0, key_id(new))


def test_the_progress_is_told_to_people(capsys, place):
    capsys.readouterr()
    assert main(["key", "rotate", "--config", str(place / "config.yaml")]) == 0
    told = capsys.readouterr()
    assert f"{2 * COUNT + 3}" in told.err
    assert main(["key", "list", "--config", str(place / "config.yaml")]) == 0
    assert f"{2 * COUNT + 3}" in capsys.readouterr().out
