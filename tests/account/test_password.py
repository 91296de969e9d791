"""Passwords and user names: which are accepted, how they are stored, how guessing is slowed."""

from __future__ import annotations

import pytest

from merlin.account.accounts import (
    FIRST_ID,
    LAST_ID,
    check_name,
    check_own_name,
    check_password_strength,
    hash_password,
    is_telegram_id,
    new_id,
    verify_password,
)
from merlin.account.sign_ins import browser_name, mask_ip_address
from merlin.core.errors import Refused

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "password",
    [
        "семь зелёных слонов",
        "correct horse battery",
        "x7#Kq9!mLp2$",
        "   много   пробелов   тут",
        "🐘🦊🐝🐙🦉 и ещё сова",
    ],
)
def test_a_few_words_that_nobody_says_are_a_good_password(password):
    check_password_strength(password, "boris")


@pytest.mark.parametrize(
    "password",
    [
        "password123!",
        "P@ssw0rd2026",
        "qwertyuiop",
        "йцукенгшщз",
        "Пароль12345",
        "1234567890",
        "0987654321",
        "abcdefghijkl",
        "aaaaaaaaaaaaaa",
        "abababababab",
        "dragondragon",
        "boris-boris",
        "Boris2026!!",
        "merlin-2026!",
        "ＰＡＳＳＷＯＲＤ１２３",
    ],
)
def test_what_stands_in_every_list_is_none(password):
    with pytest.raises(Refused) as caught:
        check_password_strength(password, "boris")
    assert caught.value.key == "account-password-common"


@pytest.mark.parametrize("password", ["", "короткий", "x" * 257])
def test_a_password_is_neither_short_nor_endless(password):
    with pytest.raises(Refused) as caught:
        check_password_strength(password, "boris")
    assert caught.value.key == "account-password-length"


def test_a_password_is_kept_as_its_argon2id_hash_with_a_salt():
    first, second = hash_password("семь слонов ё"), hash_password("семь слонов ё")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(first, "семь слонов ё")  # another Unicode composition
    assert not verify_password(first, "семь слонов е")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$x$y"])
def test_what_is_no_hash_matches_nothing(stored):
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
    ],
)
def test_a_name_has_one_spelling(entered, stored):
    assert check_name(entered) == stored


@pytest.mark.parametrize(
    "name",
    ["", "a", "1a", "-a", "a-", "a..b", "борис", "a b", "a/b", "a" * 33, "a\nb", "a\0b", "аnna"],
)
def test_what_could_be_taken_for_another_name_is_none(name):
    with pytest.raises(Refused):
        check_name(name)


@pytest.mark.parametrize("name", ["admin", "MERLIN", "boris"])
def test_names_of_teachers_and_of_the_house_are_not_taken_but_given(name):
    with pytest.raises(Refused) as caught:
        check_own_name(name, frozenset({"boris"}))
    assert caught.value.key == "account-name-reserved"
    assert check_own_name("petrov", frozenset({"boris"})) == "petrov"


def test_people_without_telegram_have_numbers_of_their_own():
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(FIRST_ID <= user_id <= LAST_ID and not is_telegram_id(user_id) for user_id in ids)
    assert is_telegram_id(FIRST_ID - 1)


@pytest.mark.parametrize(
    ("header", "agent"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko Firefox/140.0", "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_words_of_ours_alone(header, agent):
    assert browser_name(header) == agent


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.*.*"),
        ("2001:db8:1:2::7", "2001:db8:*"),
        ("::ffff:203.0.113.7", "203.0.*.*"),
        ("fe80::1%eth0", "fe80:0:*"),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_a_place_is_an_address_without_its_end(address, place):
    assert mask_ip_address(address) == place
