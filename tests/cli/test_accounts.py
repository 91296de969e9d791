"""`merlin users add|name|password`: accounts of users without Telegram."""

import io
import sys

import pytest

from merlin.account.accounts import FIRST_ID, Accounts, verify_password
from merlin.db.audit import Audit
from merlin.db.database import open_database
from tests.cli.user_commands import make_config, run, show_json

pytestmark = pytest.mark.functional


@pytest.fixture
def folder(tmp_path):
    return make_config(tmp_path)


@pytest.fixture
def typed(monkeypatch):
    """Return a function that pipes the next password to standard input."""

    def type_(expected):
        monkeypatch.setattr(sys, "stdin", io.StringIO(expected))

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
