"""`merlin users key`: a key for a user's programs, its secret shown once."""

from functools import partial

import pytest

from merlin.account.api_keys import ApiKeys, Scope, is_secret
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from tests.cli.user_commands import make_config, run as given

pytestmark = pytest.mark.functional


@pytest.fixture
def folder(tmp_path):
    return make_config(tmp_path)


@pytest.fixture
def run(folder, capsys):
    return partial(given, capsys, folder, "key")


def find_key(folder, secret):
    url = f"sqlite://{folder}/state/merlin.db"
    cipher = load_or_make_key(folder / "state", None)
    with open_database(url, read_only=True, cipher=cipher) as database:
        key = ApiKeys(database).find(secret)
        who = database.sql("SELECT by_whom FROM audit WHERE action = 'key.give'")
    return key, who


def test_created_keys_secret_is_alone_on_stdout(folder, run):
    code, captured = run(
        "1001", "--scope", "chat:write", "--scope", "account:read", "--days", "30"
    )
    secret = captured.out.strip()
    assert code == 0
    assert is_secret(secret)
    key, who = find_key(folder, secret)
    assert (key.user_id, set(key.scopes)) == (
        1001,
        {Scope.CHAT_WRITE, Scope.ACCOUNT_READ},
    )
    assert key.expires_at is not None
    assert who[0][0].startswith("cli:")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["1001", "--scope", "jobs:admin"], 1),
        (["1002", "--scope", "chat:write"], 1),
        (["1001", "--scope", "everything"], 2),
        (["1001"], 2),
        (["1001", "--scope", "chat:write", "--label", "x" * 81], 1),
    ],
)
def test_invalid_key_is_refused_and_not_created(folder, run, arguments, code):
    found_code, captured = run(*arguments)
    assert found_code == code
    assert captured.out == ""
    with open_database(
        f"sqlite://{folder}/state/merlin.db", read_only=True
    ) as database:
        assert database.sql("SELECT * FROM api_key") == []
