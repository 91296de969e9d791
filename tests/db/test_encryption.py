"""Encrypted texts: decrypted by the key that encrypted them; errors reveal no key."""

import base64
import stat
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from hypothesis import given, strategies as st

from merlin.core.errors import ConfigError
from merlin.core.log import redact
from merlin.db.encryption import Cipher, DecryptionFailed, load_or_make_key
from tests.support.forked_processes import FORKS
from tests.support.waiting import longest

pytestmark = pytest.mark.unit

ONE = bytes(range(32))
TWO = bytes(range(32, 64))
CIPHER = Cipher({"a": ONE}, "a")
GIVEN = base64.urlsafe_b64encode(TWO).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encrypted_text_can_be_decrypted(words):
    assert CIPHER.open(CIPHER.seal(words)) == words


def test_lone_surrogate_is_replaced_before_encryption():
    assert CIPHER.open(CIPHER.seal("пол \ud83d")) == "пол ?"


def test_same_text_is_encrypted_differently_each_time():
    first = CIPHER.seal("секрет")
    second = CIPHER.seal("секрет")
    assert first != second
    assert first.startswith("1.a.")
    assert "секрет" not in first


def test_older_key_decrypts_what_it_encrypted():
    sealed = Cipher({"old": ONE}, "old").seal("давно")
    both = Cipher({"old": ONE, "new": TWO}, "new")
    assert both.open(sealed) == "давно"
    assert both.seal("теперь").startswith("1.new.")


def test_ids_and_marks_are_of_the_encrypting_key_first():
    both = Cipher({"old": ONE, "new": TWO}, "new")
    assert (both.newest, both.holds) == ("new", ("new", "old"))
    old = Cipher({"old": ONE}, "old").marks("7")
    new = Cipher({"new": TWO}, "new").marks("7")
    assert both.marks("7") == [*new, *old]
    assert new != old


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed.replace("1.a.", "1.b."),
        lambda sealed: sealed.replace("1.a.", "2.a."),
        lambda sealed: sealed.replace("1.a.", "1.c."),
        lambda sealed: sealed[:-6] + "AAAAAA",
        lambda sealed: sealed[:12],
        lambda sealed: sealed + "?",
        lambda _: "",
        lambda _: "plain words",
    ],
)
def test_changed_ciphertext_cannot_be_decrypted(change):
    cipher = Cipher({"a": ONE, "b": TWO}, "a")
    with pytest.raises(DecryptionFailed):
        cipher.open(change(cipher.seal("слова")))


def test_first_process_creates_a_key_file_readable_only_by_its_owner(tmp_path):
    sealed = load_or_make_key(tmp_path / "state", None).seal("слова")
    path = tmp_path / "state" / "text.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(path.read_bytes())) == 32
    assert [file.name for file in path.parent.iterdir()] == ["text.key"]
    assert load_or_make_key(tmp_path / "state", None).open(sealed) == "слова"


def find_key(folder):
    return load_or_make_key(folder, None).seal("слова").split(".")[1]


def test_concurrent_processes_agree_on_one_key(tmp_path):
    with ProcessPoolExecutor(3, mp_context=FORKS) as pool:
        assert len(set(pool.map(find_key, [tmp_path] * 3))) == 1


def test_threads_that_begin_at_once_agree_on_one_key(tmp_path):
    begin = threading.Barrier(8)

    def find_key_at_once(_):
        begin.wait(longest())
        return load_or_make_key(tmp_path, None).newest

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(find_key_at_once, range(8)))) == 1


def test_given_key_encrypts_and_creates_no_file(tmp_path):
    cipher = load_or_make_key(tmp_path, GIVEN)
    assert cipher.open(cipher.seal("слова")) == "слова"
    assert not list(tmp_path.iterdir())


def test_each_of_several_given_keys_is_hidden_in_logs(tmp_path):
    keys = [
        base64.urlsafe_b64encode(bytes([number] * 32)).decode() for number in (101, 102)
    ]
    load_or_make_key(tmp_path, "\n".join(keys))
    assert redact(f"read {keys[1]}, {keys[0]}") == "read [hidden], [hidden]"


def test_key_file_still_decrypts_when_a_key_is_given_later(tmp_path):
    sealed = load_or_make_key(tmp_path, None).seal("слова")
    later = load_or_make_key(tmp_path, GIVEN)
    assert later.open(sealed) == "слова"
    assert later.seal("слова").split(".")[1] != sealed.split(".")[1]


@pytest.mark.parametrize(
    "given", ["", "short", "ключ", GIVEN[:-4], GIVEN + "AAAA", "!" * 44]
)
def test_wrong_key_is_named_and_not_shown(given, tmp_path):
    with pytest.raises(ConfigError, match="MERLIN_TEXT_KEY") as caught:
        load_or_make_key(tmp_path, given)
    if given:
        assert given not in str(caught.value.arguments)


def test_damaged_key_file_is_reported(tmp_path):
    (tmp_path / "text.key").write_bytes("ключ".encode())
    with pytest.raises(ConfigError, match=r"text\.key"):
        load_or_make_key(tmp_path, None)
