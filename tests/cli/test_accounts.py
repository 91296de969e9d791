"""`merlin users add|name|password`: accounts for who has no Telegram at hand."""

from __future__ import annotations

import io
import sys

import pytest

from merlin.account.accounts import FIRST_ID, Accounts, verify_password
from merlin.db.audit import Audit
from merlin.db.database import open_database
from tests.cli.user_commands import run, settled, show_json

pytestmark = pytest.mark.functional


@pytest.fixture
def place(tmp_path):
    return settled(tmp_path)


@pytest.fixture
def typed(monkeypatch):
    """Let the next password come from a pipe."""

    def type_(words):
        monkeypatch.setattr(sys, "stdin", io.StringIO(words))

    return type_


def read_database(place, read):
    with open_database(f"sqlite://{place}/state/merlin.db", read_only=True) as database:
        return read(database)


def password_of(place, name):
    return read_database(place, lambda database: Accounts(database).named(name).password)


def test_somebody_without_telegram_is_added_with_a_password_shown_once(place, capsys):
    document = show_json(
        capsys, place, "add", "Boris", "--role", "teacher", "--scope", "algorithms"
    )
    assert document["user"] >= FIRST_ID
    assert (document["name"], document["role"], document["scopes"]) == (
        "boris",
        "teacher",
        ["algorithms"],
    )
    assert verify_password(password_of(place, "boris"), document["password"])
    assert len(document["password"]) >= 22  # 128 bits, six a letter
    entries = read_database(place, lambda database: Audit(database).newest())
    actions = {entry.action for entry in entries}
    assert actions == {"account.name", "account.password", "role.grant"}
    assert document["password"] not in repr(entries)
    card = show_json(capsys, place, "show", str(document["user"]))
    assert (card["account"], card["reachable"]) == ("boris", False)


def test_a_password_may_be_given_instead(place, capsys, typed):
    typed("семь зелёных слонов\n")
    document = show_json(capsys, place, "add", "petrova", "--ask")
    assert document["password"] is None
    assert verify_password(password_of(place, "petrova"), "семь зелёных слонов")


@pytest.mark.parametrize(
    "words",
    [
        ("add", "Б"),
        ("add", "petrova", "--role", "teacher"),
        ("add", "petrova", "--scope", "algorithms"),
        ("name", "1001", "no good"),
        ("name", "1002", "petrova"),
        ("password", "nobody"),
    ],
)
def test_what_cannot_be_changes_nothing(place, capsys, words):
    code, captured = run(capsys, place, *words)
    assert code == 1
    assert captured.err.startswith("merlin: ")
    assert read_database(place, lambda database: database.sql("SELECT COUNT(*) FROM account")) == [
        (0,)
    ]
    assert read_database(place, lambda database: database.sql("SELECT COUNT(*) FROM users")) == [
        (1,)
    ]


def test_an_easy_password_is_refused_and_the_old_one_stays(place, capsys, typed):
    first = show_json(capsys, place, "add", "petrova")["password"]
    typed("petrova-petrova\n")
    assert run(capsys, place, "password", "petrova", "--ask")[0] == 1
    assert verify_password(password_of(place, "petrova"), first)
    second = show_json(capsys, place, "password", "petrova")["password"]
    assert verify_password(password_of(place, "petrova"), second)
    assert second != first


def test_a_name_is_given_to_who_writes_in_telegram(place, capsys):
    assert show_json(capsys, place, "name", "1001", "Boris") == {"user": 1001, "name": "boris"}
    code, captured = run(capsys, place, "list")
    assert code == 0
    assert "boris" in captured.out
    assert run(capsys, place, "add", "boris")[0] == 1
