"""`merlin key`: rotation of the text key interrupted and resumed."""

import base64
import json
import os
import socket
import stat
import subprocess
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from merlin.account.users import User, Users
from merlin.app.inbox import Dialog, Dialogs
from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.core.errors import Refused
from merlin.core.heartbeat import Heartbeat
from merlin.db import keyring
from merlin.db.database import open_database
from merlin.db.encryption import key_id, load_or_make_key, new_key
from merlin.db.migrations import migrate
from merlin.db.processes import Heartbeats
from merlin.db.tables import SESSION
from tests.support.ending import wait_for_end
from tests.support.machine import become_another_user, require_root
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

COUNT = 450


@pytest.fixture(autouse=True)
def no_credential(monkeypatch):
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
    users.record([User(1001, "ru"), User(1002, "ru")])
    users.set_name(1001, "Анна")
    for chat in (1001, -5):
        Dialogs(database, 7).put(chat, 1001, Dialog("fix", {"words": "лоб"}))
    row = {
        "bot_id": 7,
        "chat_id": 1001,
        "user_id": 1001,
        "is_open": 0,
        "created_at": "",
    }
    row["title"] = cipher.seal("роль")
    sessions = (
        {**row, "system": cipher.seal(f"роль {number}")} for number in range(COUNT)
    )
    with database.atomic():
        database.add_many(SESSION, sessions)


def read_texts(folder, cipher):
    """Return the texts as a process with this cipher reads them."""
    with open_place(folder, cipher) as database:
        name = Users(database).get(1001).shown_name
        dialog = Dialogs(database, 7).get(-5, 1001)
        rows = database.rows(SESSION.select(SESSION.system).order_by(SESSION.id))
    return name, dialog.replies, [cipher.open(row.system) for row in rows]


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
    assert listed == {
        "keys": [{"key": document["key"], "state": "seals", "sealed": 2 * COUNT + 3}]
    }
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS


def test_interrupted_rotation_continues_with_the_same_key(capsys, folder):
    keyring.add_key(folder / "state" / "text.key")
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


def test_rotation_is_refused_while_a_process_runs(capsys, folder):
    path = folder / "state" / "text.key"
    now = utc_now()
    before = path.read_bytes()
    with open_place(folder) as database:
        Heartbeats(database).beat(Heartbeat("bot", "here", os.getpid(), now, now))
    code, output = run(capsys, folder, "rotate")
    assert code == 1
    assert "bot" in output
    assert path.read_bytes() == before


def test_rotation_waits_for_a_process_of_this_host_that_ends(capsys, folder):
    with subprocess.Popen(["sleep", "0.5"]) as ending, open_place(folder) as database:
        now = utc_now()
        for pid in (ending.pid, 2**22 - 1):  # and one that was killed
            name = "bot" if pid == ending.pid else "daemon"
            beat = Heartbeat(name, socket.gethostname(), pid, now, now)
            Heartbeats(database).beat(beat)
        reaping = threading.Thread(target=wait_for_end, args=(ending,))
        reaping.start()
        assert run(capsys, folder, "rotate")[0] == 0
        assert ending.returncode == 0
        wait_for_end(reaping)


def test_rotation_is_refused_at_once_while_a_process_of_this_host_goes_on(
    capsys, folder
):
    name = socket.gethostname()
    stop = threading.Event()

    def go_on():
        with open_place(folder) as database:
            while not stop.wait(0.05):
                beat = Heartbeat("api", name, os.getpid(), utc_now(), utc_now())
                Heartbeats(database).beat(beat)

    living = threading.Thread(target=go_on)
    living.start()
    try:
        with open_place(folder) as database:
            wait_until(lambda: Heartbeats(database).list_all())
        code, output = run(capsys, folder, "rotate")
    finally:
        stop.set()
        wait_for_end(living)
    assert (code, "api" in output) == (1, True), output


def test_key_created_by_root_belongs_to_the_owner_of_its_folder(tmp_path):
    require_root("give a folder to another user")
    os.chown(tmp_path, 65534, 65533)
    load_or_make_key(tmp_path, None)
    now = (tmp_path / "text.key").stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (65534, 65533, 0o600)


def test_key_of_another_user_is_kept_and_the_user_named():
    # The folder of the test itself is closed to others.
    with TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        load_or_make_key(folder, None)
        path = folder / "text.key"
        path.chmod(0o644)
        kept = path.read_bytes()
        with become_another_user(), pytest.raises(Refused) as refused:
            keyring.add_key(path)
        assert (refused.value.key, refused.value.arguments["user"]) == (
            "key-other-owner",
            "0",
        )
        assert path.read_bytes() == kept


def test_unreadable_texts_are_counted_and_kept(capsys, folder):
    with open_place(folder) as database:
        database.sql("UPDATE chat_session SET system = system || 'A' WHERE id = 7")
    code, document = run(capsys, folder, "rotate")
    assert (code, document["unreadable"]) == (0, 1)
    code, listed = run(capsys, folder, "list")
    assert [key["state"] for key in listed["keys"]] == ["seals", "missing"]


def test_rotation_without_the_key_of_the_texts_is_refused_and_makes_none(
    capsys, folder
):
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
    monkeypatch.setenv(
        "MERLIN_TEXT_KEY", f"{base64.urlsafe_b64encode(new).decode()},{old}"
    )
    code, document = run(capsys, folder, "rotate")
    assert (code, document["key"]) == (0, key_id(new))


def test_archive_of_before_a_rotation_needs_the_old_key_and_the_command_says_so(
    capsys, folder
):
    config = ("--config", str(folder / "config.yaml"))
    key_file = folder / "state" / "text.key"
    copy = key_file.read_bytes()
    old = load_or_make_key(folder / "state", None).newest
    assert main(["backup", str(folder / "archives"), *config]) == 0
    (archive,) = (folder / "archives").iterdir()
    capsys.readouterr()
    assert main(["key", "rotate", *config]) == 0
    assert "Earlier backups need the older keys" in "".join(capsys.readouterr())
    assert main(["restore", str(archive), "--replace", *config]) == 0
    assert f"encrypted with key {old}" in "".join(capsys.readouterr())
    key_file.write_bytes(copy)
    assert read_texts(folder, load_or_make_key(folder / "state", None)) == WORDS


def test_credentials_beside_the_configuration_are_read(capsys, folder, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "")
    key = new_key()
    secrets = folder / "credentials"
    secrets.mkdir()
    (secrets / "MERLIN_TEXT_KEY").write_text(base64.urlsafe_b64encode(key).decode())
    (secrets / "PGPASSWORD").write_text("open sesame\n")
    code, document = run(capsys, folder, "list")
    assert (code, document["keys"][0]["key"]) == (0, key_id(key))
    assert os.environ["PGPASSWORD"] == "open sesame", "libpq reads it there"
