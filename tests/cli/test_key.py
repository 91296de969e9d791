"""`merlin key`: rotation of the text key with running processes, interrupted and resumed."""

import base64
import json
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from merlin.account.users import User, Users
from merlin.app.inbox import Dialog, Dialogs
from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.db import encryption as cipher_module
from merlin.db import keyring
from merlin.db.audit import Audit
from merlin.db.database import open_database
from merlin.db.encryption import Cipher, key_id, load_or_make_key, new_key
from merlin.db.migrations import migrate
from merlin.db.tables import SESSION
from tests.support.machine import require_root
from tests.support.small_disk import fill_disk, small_disk
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

COUNT = 450


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(keyring, "LOOK_S", 0.0)
    monkeypatch.delenv("MERLIN_TEXT_KEY", raising=False)


@pytest.fixture
def folder(tmp_path):
    """A folder whose database has encrypted texts in three tables."""
    (tmp_path / "config.yaml").write_text("state_dir: state\n", encoding="utf-8")
    cipher = load_or_make_key(tmp_path / "state", None)
    with open_place(tmp_path, cipher) as database:
        migrate(database)
        fill(database, cipher)
    return tmp_path


def open_place(folder, cipher=None):
    return open_database(f"sqlite://{folder}/state/merlin.db", cipher=cipher)


def fill(database, cipher):
    users = Users(database)
    users.record_authors([User(1001, "ru"), User(1002, "ru")])
    users.set_name(1001, "Анна")
    for chat in (1001, -5):
        Dialogs(database, 7).put(chat, 1001, Dialog("fix", {"words": "лоб"}))
    row = {"bot_id": 7, "chat_id": 1001, "user_id": 1001, "is_open": 0, "created_at": ""}
    row["title"] = cipher.seal("роль")
    sessions = ({**row, "system": cipher.seal(f"роль {number}")} for number in range(COUNT))
    with database.atomic():
        database.add_many(SESSION, sessions)


def read_texts(folder, cipher):
    """Return the texts as a process with this cipher reads them."""
    with open_place(folder, cipher) as database:
        name = Users(database).get(1001).shown_name
        dialog = Dialogs(database, 7).get(-5, 1001)
        rows = database.rows(SESSION.select(SESSION.system).order_by(SESSION.id))
    return name, dialog.replies, [cipher.open(row["system"]) for row in rows]


WORDS = ("Анна", {"words": "лоб"}, [f"роль {number}" for number in range(COUNT)])


def run(capsys, folder, verb):
    capsys.readouterr()
    code = main(["key", verb, "--json", "--config", str(folder / "config.yaml")])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else captured.err


def test_every_text_is_encrypted_anew_and_the_old_key_dropped(capsys, folder):
    running = load_or_make_key(folder / "state", None)
    old = running.newest
    code, document = run(capsys, folder, "rotate")
    assert (code, document["unreadable"], document["dropped"]) == (0, 0, True)
    assert document["key"] != old
    code, listed = run(capsys, folder, "list")
    assert listed == {"keys": [{"key": document["key"], "state": "seals", "sealed": 2 * COUNT + 3}]}
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS
    # A process started before the rotation can still read.
    assert read_texts(folder, running) == WORDS
    assert running.newest == document["key"]


def begin_key_change(path):
    """Begin a rotation: the new key is in use, and nothing is re-encrypted yet."""
    keyring.promote_key(path, keyring.add_key(path))


def test_interrupted_rotation_continues_with_the_same_key(capsys, folder):
    begin_key_change(folder / "state" / "text.key")
    half = load_or_make_key(folder / "state", None)

    def stop(done, _total):
        if done > 200:
            raise KeyboardInterrupt

    with open_place(folder, half) as database, pytest.raises(KeyboardInterrupt):
        keyring.Reencryption(database).run(stop)
    assert read_texts(folder, half) == WORDS
    code, listed = run(capsys, folder, "list")
    assert [key["state"] for key in listed["keys"]] == ["seals", "opens"]
    assert all(key["sealed"] for key in listed["keys"])
    code, document = run(capsys, folder, "rotate")
    assert (code, document["key"], document["dropped"]) == (0, half.newest, True)
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS


def test_unused_key_of_an_interrupted_rotation_is_dropped(capsys, folder):
    path = folder / "state" / "text.key"
    left = keyring.add_key(path)
    code, document = run(capsys, folder, "rotate")
    assert (code, document["unreadable"]) == (0, 0)
    assert document["key"] != left
    assert keyring.key_ids(path, None) == [document["key"]]
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS


class Process:
    """A process that encrypts all the time, and reports which keys it holds."""

    def __init__(self, folder, cipher, name="bot"):
        self._place, self._cipher, self._name = folder, cipher, name
        self._is_over = threading.Event()
        self._is_seen = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.said = []

    def __enter__(self):
        self._thread.start()
        assert self._is_seen.wait(longest())
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        with open_place(self._place, self._cipher) as database:
            holders = keyring.KeyHolders(database)
            rows = Dialogs(database, 7)
            while not self._is_over.wait(0.02):
                holders.tell(self._name, utc_now())
                self._is_seen.set()
                words = f"слово {len(self.said)}"
                rows.put(1001, -len(self.said) - 100, Dialog("fix", {"words": words}))
                self.said.append(words)

    def heard(self):
        """Return what a newly started process reads of its texts."""
        cipher = load_or_make_key(self._place / "state", None)
        with open_place(self._place, cipher) as database:
            rows = Dialogs(database, 7)
            found = [rows.get(1001, -number - 100) for number in range(len(self.said))]
        return [each and each.replies["words"] for each in found]


def test_text_encrypted_during_a_rotation_stays_readable(capsys, folder, monkeypatch):
    monkeypatch.setattr(keyring, "LOOK_S", cipher_module.LOOK_S)
    with Process(folder, load_or_make_key(folder / "state", None)) as process:
        code, document = run(capsys, folder, "rotate")
    assert (code, document["unreadable"], document["dropped"]) == (0, 0, True)
    assert process.heard() == process.said
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS


def test_process_that_does_not_read_the_new_key_is_named_and_nothing_is_lost(
    capsys, folder, monkeypatch
):
    monkeypatch.setattr(keyring, "CONFIRM_S", 1.0)
    path = folder / "state" / "text.key"
    before, cipher = path.read_bytes(), load_or_make_key(folder / "state", None)
    # It does not reload the file, as if it had no permission.
    deaf = Cipher(dict(cipher._raw), cipher.newest)
    with Process(folder, deaf, "daemon") as process:
        code, output = run(capsys, folder, "rotate")
    assert code == 1
    assert "daemon" in output
    assert str(path) in output
    assert path.read_bytes() == before
    assert process.heard() == process.said
    assert read_texts(folder, cipher) == WORDS


def test_process_with_another_key_is_named_before_anything_changes(capsys, folder, monkeypatch):
    monkeypatch.setattr(keyring, "CONFIRM_S", 0.2)
    path, given = folder / "state" / "text.key", base64.urlsafe_b64encode(new_key()).decode()
    before = path.read_bytes()
    with Process(folder, load_or_make_key(folder / "state", given)):
        code, output = run(capsys, folder, "rotate")
    assert code == 1
    assert "MERLIN_TEXT_KEY" in output
    assert path.read_bytes() == before


def test_ended_process_is_not_waited_for(capsys, folder):
    deaf = Cipher({"a": new_key()}, "a")
    with open_place(folder, deaf) as database:
        keyring.KeyHolders(database).tell("bot", utc_now() - timedelta(minutes=1))
    code, document = run(capsys, folder, "rotate")
    assert (code, document["dropped"]) == (0, True)


def test_key_file_keeps_its_owner_when_root_rotates_it(capsys, folder):
    require_root("give a file to another user")
    path = folder / "state" / "text.key"
    os.chown(path, 65534, 65533)
    path.chmod(0o640)
    code, _ = run(capsys, folder, "rotate")
    now = path.stat()
    assert (code, now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (0, 65534, 65533, 0o640)


def test_key_created_by_root_belongs_to_the_owner_of_its_folder(tmp_path):
    require_root("give a folder to another user")
    os.chown(tmp_path, 65534, 65533)
    load_or_make_key(tmp_path, None)
    now = (tmp_path / "text.key").stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (65534, 65533, 0o600)


def test_rotation_removes_the_keys_that_killed_processes_left_beside(capsys, folder):
    left = folder / "state/.text.key.cut-off"
    left.mkdir()
    (left / "text.key").write_bytes(b"a key")
    assert run(capsys, folder, "rotate")[0] == 0
    assert not left.exists()


def test_key_that_a_full_disk_cuts_off_is_not_left_beside(tmp_path):
    with small_disk(tmp_path / "state", "64k"):
        state = tmp_path / "state"
        filler = fill_disk(state)
        with pytest.raises(OSError, match="No space") as raised:
            load_or_make_key(state, None)
        assert raised.value.filename.startswith(str(state))
        assert [*state.iterdir()] == [filler]
        filler.unlink()
        load_or_make_key(state, None)
        assert [*state.iterdir()] == [state / "text.key"]


def test_unreadable_key_file_is_read_again_later():
    require_root("become another user")
    # The owner is corrected without changing the content; other users cannot read pytest's folders.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "text.key"
        cipher = load_or_make_key(Path(folder), None)
        name = keyring.add_key(path)
        os.seteuid(65534)
        try:
            cipher.refresh()
        finally:
            os.seteuid(0)
        assert name not in cipher.holds
        cipher.refresh()
        assert cipher.holds == tuple(keyring.key_ids(path, None))


def test_rotation_is_recorded_in_the_audit(capsys, folder):
    _, document = run(capsys, folder, "rotate")
    with open_place(folder) as database:
        (entry,) = Audit(database).list_newest()
    assert (entry.action, entry.target) == ("key.rotate", f"key:{document['key']}")
    assert entry.by.startswith("cli:")


def test_text_written_meanwhile_is_not_overwritten(folder):
    cipher = load_or_make_key(folder / "state", None)
    begin_key_change(folder / "state" / "text.key")
    newer = load_or_make_key(folder / "state", None)
    with open_place(folder, newer) as database:
        work = keyring.Reencryption(database)
        rows = database.rows(SESSION.select(SESSION.id, SESSION.system).limit(1))
        other = SESSION.update({"system": cipher.seal("другое")}).where(SESSION.id == rows[0]["id"])
        database.change(other)
        assert work._seal(SESSION, "system", rows) == (0, 0)
        work.run(lambda *_: None)
        stored = database.value(SESSION.select(SESSION.system).where(SESSION.id == rows[0]["id"]))
        assert work.left() == 0
    assert newer.open(stored) == "другое"


def test_unreadable_texts_are_counted_and_kept(capsys, folder):
    with open_place(folder) as database:
        database.sql("UPDATE chat_session SET system = system || 'A' WHERE id = 7")
    code, document = run(capsys, folder, "rotate")
    assert (code, document["unreadable"]) == (0, 1)
    code, listed = run(capsys, folder, "list")
    assert [key["state"] for key in listed["keys"]] == ["seals", "missing"]


def test_rotation_without_the_key_of_the_texts_is_refused_and_makes_none(capsys, folder):
    path = folder / "state" / "text.key"
    (name,) = keyring.key_ids(path, None)
    path.unlink()
    code, output = run(capsys, folder, "rotate")
    assert code == 2
    assert name in output
    assert not path.exists()


def test_credential_decides_which_key_encrypts(capsys, folder, monkeypatch):
    old = base64.urlsafe_b64encode(new_key()).decode()
    monkeypatch.setenv("MERLIN_TEXT_KEY", old)
    code, document = run(capsys, folder, "rotate")
    assert (code, document["dropped"]) == (0, False)
    code, output = run(capsys, folder, "rotate")
    assert code == 1
    assert "MERLIN_TEXT_KEY" in output
    new = new_key()
    monkeypatch.setenv("MERLIN_TEXT_KEY", f"{base64.urlsafe_b64encode(new).decode()},{old}")
    code, document = run(capsys, folder, "rotate")
    assert (code, document["key"]) == (0, key_id(new))


def test_progress_is_shown(capsys, folder):
    capsys.readouterr()
    assert main(["key", "rotate", "--config", str(folder / "config.yaml")]) == 0
    captured = capsys.readouterr()
    assert f"{2 * COUNT + 3}" in captured.err
    assert main(["key", "list", "--config", str(folder / "config.yaml")]) == 0
    assert f"{2 * COUNT + 3}" in capsys.readouterr().out


def test_archive_of_before_a_rotation_needs_the_old_key_and_the_command_says_so(capsys, folder):
    config = ("--config", str(folder / "config.yaml"))
    key_file = folder / "state" / "text.key"
    copy, old = key_file.read_bytes(), load_or_make_key(folder / "state", None).newest
    assert main(["backup", str(folder / "archives"), *config]) == 0
    (archive,) = (folder / "archives").iterdir()
    capsys.readouterr()
    assert main(["key", "rotate", *config]) == 0
    assert "Backups made before need the older keys" in "".join(capsys.readouterr())
    assert main(["restore", str(archive), "--replace", *config]) == 0
    assert f"encrypted with key {old}" in "".join(capsys.readouterr())
    key_file.write_bytes(copy)
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS
