"""`merlin users add|name|password`: accounts of users without Telegram."""

import io
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from merlin.account.accounts import FIRST_ID, Accounts, verify_password
from merlin.db.audit import Audit
from merlin.db.database import open_database
from tests.cli.user_commands import make_config, run, show_json
from tests.support.standard_input import pipe
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture
def folder(tmp_path):
    return make_config(tmp_path)


@pytest.fixture
def typed(monkeypatch):
    """Return a function that pipes the next password to standard input."""

    def type_(expected):
        pipe(monkeypatch, io.StringIO(expected))

    return type_


def read_database(folder, read):
    with open_database(
        f"sqlite://{folder}/state/merlin.db", read_only=True
    ) as database:
        return read(database)


def password_of(folder, name):
    return read_database(
        folder, lambda database: Accounts(database).find_by_name(name).password
    )


def test_user_without_telegram_is_added_with_a_password_shown_once(folder, capsys):
    document = show_json(
        capsys, folder, "add", "Boris", "--role", "teacher", "--scope", "algorithms"
    )
    assert document["user"] >= FIRST_ID
    assert (document["name"], document["role"], document["scopes"]) == (
        "boris",
        "teacher",
        ["algorithms"],
    )
    assert verify_password(password_of(folder, "boris"), document["password"])
    assert len(document["password"]) >= 22  # 128 bits, six a letter
    entries = read_database(folder, lambda database: Audit(database).list_newest())
    actions = {entry.action for entry in entries}
    assert actions == {"account.name", "account.password", "role.grant"}
    assert document["password"] not in repr(entries)
    (card,) = show_json(capsys, folder, "list", str(document["user"]))["users"]
    assert card["account"] == "boris"


def test_new_password_is_shown_once(folder, capsys):
    first = show_json(capsys, folder, "add", "petrova")["password"]
    second = show_json(capsys, folder, "password", "petrova")["password"]
    code, captured = run(capsys, folder, "password", "petrova")
    third = captured.out.strip().removeprefix("Password, shown only once: ")
    assert (code, len({first, second, third})) == (0, 3)
    assert "new password set, signed out everywhere" in captured.err
    stored = password_of(folder, "petrova")
    passwords = (first, second, third)
    assert [verify_password(stored, each) for each in passwords] == [False, False, True]


def add_at_terminal(folder, *lines):
    """Add petrova, each question answered by a line; return exit code, stdout and the terminal."""
    keyboard, terminal = pty.openpty()
    config = ["--config", str(folder / "config.yaml")]
    words = [sys.executable, "-m", "merlin", "users", "add", "petrova", "--ask"]
    given = {"stdin": terminal, "stdout": subprocess.PIPE, "stderr": terminal}
    shown = b""
    with subprocess.Popen([*words, *config], **given, start_new_session=True) as added:
        os.close(terminal)
        for line in lines:
            asked = len(shown)
            while not shown[asked:].endswith(b": "):
                shown += os.read(keyboard, 1024)
            os.write(keyboard, f"{line}\n".encode())
        printed, _ = added.communicate(timeout=longest())
    with suppress(OSError):  # the other end is closed
        while part := os.read(keyboard, 1024):
            shown += part
    os.close(keyboard)
    return added.returncode, printed, shown.decode()


def test_password_is_typed_twice_at_a_terminal_and_not_shown(folder):
    password = "семь зелёных слонов"
    code, printed, shown = add_at_terminal(folder, password, "семь серых слонов")
    assert (code, printed) == (1, b"")
    code, printed, shown_again = add_at_terminal(folder, password, password)
    assert (code, printed) == (0, b"")
    assert "слонов" not in shown + shown_again
    assert verify_password(password_of(folder, "petrova"), password)


def test_password_can_be_entered_instead(folder, capsys, typed):
    typed("семь зелёных слонов\n")
    document = show_json(capsys, folder, "add", "petrova", "--ask")
    assert document["password"] is None
    assert verify_password(password_of(folder, "petrova"), "семь зелёных слонов")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "Б"),
        ("add", "petrova", "--role", "teacher"),
        ("add", "petrova", "--scope", "algorithms"),
        ("name", "1001", "no good"),
        ("name", "1002", "petrova"),
        ("password", "nobody"),
    ],
)
def test_invalid_account_is_refused_and_changes_nothing(folder, capsys, arguments):
    code, captured = run(capsys, folder, *arguments)
    assert code == 1
    assert captured.err.startswith("merlin: ")
    assert read_database(
        folder, lambda database: database.sql("SELECT COUNT(*) FROM account")
    ) == [(0,)]
    assert read_database(
        folder, lambda database: database.sql("SELECT COUNT(*) FROM person")
    ) == [(1,)]


def test_user_of_telegram_can_get_a_sign_in_name(folder, capsys):
    assert show_json(capsys, folder, "name", "1001", "Boris") == {
        "user": 1001,
        "name": "boris",
    }
    code, captured = run(capsys, folder, "list")
    assert code == 0
    assert "boris" in captured.out
    assert run(capsys, folder, "add", "boris")[0] == 1
