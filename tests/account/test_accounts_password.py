"""Passwords and user names: which are accepted, how they are stored, how guessing is slowed."""

import pytest

from merlin.account.accounts import (
    FIRST_ID,
    LAST_ID,
    check_name,
    check_own_name,
    check_password_strength,
    hash_new_password,
    new_id,
    verify_password,
)
from merlin.core.errors import Refused
from merlin.core.json_fields import is_telegram_id
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "password",
    [
        "семь зелёных слонов",
        "correct horse battery",
        "x7#Kq9!mLp2$",
        "   много   пробелов   тут",
        "🐘🦊🐝🐙🦉 и ещё сова",
        "мамонтомам",  # five kinds of letters
    ],
)
def test_uncommon_passphrase_is_accepted(password):
    check_password_strength(password, "boris")


@pytest.mark.parametrize(
    "password",
    [
        "password123!",
        "qwertyuiop",
        "1234567890",
        "0987654321",
        "aaaaaaaaaaaaaa",
        "abababababab",
        "карнакарна",
        "+7 916 123-45-67",
        "Boris2026!!",
        "merlin-2026!",
        "ＰＡＳＳＷＯＲＤ１２３",
    ],
)
def test_common_password_is_refused(password):
    assert (
        refusal_key(Refused, check_password_strength, password, "boris")
        == "account-password-common"
    )


@pytest.mark.parametrize("password", ["", "короткий", "x" * 257])
def test_too_short_or_too_long_password_is_refused(password):
    assert (
        refusal_key(Refused, check_password_strength, password, "boris")
        == "account-password-length"
    )


def test_password_is_stored_as_a_salted_argon2id_hash():
    first, second = (hash_new_password("семь слонов ё", "boris") for _ in range(2))
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(first, "семь слонов ё")  # another Unicode composition
    assert not verify_password(first, "семь слонов е")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$x$y"])
def test_invalid_hash_matches_no_password(stored):
    assert not verify_password(stored, "")
    assert not verify_password(stored, "семь слонов ё")


@pytest.mark.parametrize(
    ("entered", "stored"),
    [
        ("Boris", "boris"),
        (" anna.b ", "anna.b"),
        ("ＶＥＲＡ", "vera"),
        ("a1", "a1"),
        ("x-y_z", "x-y_z"),
        ("a" * 32, "a" * 32),
    ],
)
def test_user_name_is_normalised(entered, stored):
    assert check_name(entered) == stored


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "1a",
        "-a",
        "a-",
        "a..b",
        "борис",
        "a b",
        "a/b",
        "a" * 33,
        "a\nb",
        "a\0b",
        "аnna",
    ],
)
def test_invalid_or_confusable_user_name_is_refused(name):
    with pytest.raises(Refused):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["admin", "MERLIN", "root", "security", "webmaster", "boris"]
)
def test_reserved_and_teacher_names_cannot_be_chosen(name):
    assert (
        refusal_key(Refused, check_own_name, name, frozenset({"boris"}))
        == "account-name-reserved"
    )
    assert check_own_name("petrov", frozenset({"boris"})) == "petrov"


def test_users_without_telegram_get_ids_outside_the_telegram_range():
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(
        FIRST_ID <= user_id <= LAST_ID and not is_telegram_id(user_id)
        for user_id in ids
    )
    assert is_telegram_id(FIRST_ID - 1)
