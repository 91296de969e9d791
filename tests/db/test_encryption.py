"""Encrypted texts: decrypted by the key that encrypted them; errors reveal no key."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merlin.core.errors import ConfigError
from merlin.db.encryption import Cipher, DecryptionFailed, load_or_make_key

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ONE, TWO = bytes(range(32)), bytes(range(32, 64))
GIVEN = base64.urlsafe_b64encode(TWO).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_can_be_opened(words):
    cipher = Cipher({"a": ONE}, "a")
    assert cipher.open(cipher.seal(words)) == words


def test_half_a_character_stops_no_sealing():
    cipher = Cipher({"a": ONE}, "a")
    assert cipher.open(cipher.seal("пол \ud83d")) == "пол ?"


def test_the_same_words_never_look_the_same_and_are_not_seen():
    cipher = Cipher({"a": ONE}, "a")
    first, second = cipher.seal("секрет"), cipher.seal("секрет")
    assert first != second
    assert first.startswith("1.a.")
    assert "секрет" not in first


def test_an_older_key_opens_what_it_sealed():
    sealed = Cipher({"old": ONE}, "old").seal("давно")
    both = Cipher({"old": ONE, "new": TWO}, "new")
    assert both.open(sealed) == "давно"
    assert both.seal("теперь").startswith("1.new.")


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
def test_a_changed_text_does_not_open(change):
    cipher = Cipher({"a": ONE, "b": TWO}, "a")
    with pytest.raises(DecryptionFailed):
        cipher.open(change(cipher.seal("слова")))


def test_the_newest_key_must_be_there():
    with pytest.raises(ValueError, match="newest"):
        Cipher({"a": ONE}, "b")


def test_the_first_process_makes_a_key_file_for_its_owner_alone(tmp_path):
    sealed = load_or_make_key(tmp_path / "state", None).seal("слова")
    path = tmp_path / "state" / "text.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(path.read_bytes())) == 32
    assert [file.name for file in path.parent.iterdir()] == ["text.key"]
    assert load_or_make_key(tmp_path / "state", None).open(sealed) == "слова"


def test_racing_processes_agree_on_one_key(tmp_path):
    code = (
        "import sys, pathlib\nfrom merlin.db.encryption import load_or_make_key\n"
        "print(load_or_make_key(pathlib.Path(sys.argv[1]), None).seal('слова').split('.')[1])"
    )

    def start(_):
        command = [sys.executable, "-c", code, str(tmp_path)]
        completed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return completed.stdout.splitlines()[-1]

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(start, range(3)))) == 1


def test_a_given_key_seals_and_makes_no_file(tmp_path):
    cipher = load_or_make_key(tmp_path, GIVEN)
    assert cipher.open(cipher.seal("слова")) == "слова"
    assert not list(tmp_path.iterdir())


def test_the_file_still_opens_when_a_key_is_given_later(tmp_path):
    sealed = load_or_make_key(tmp_path, None).seal("слова")
    later = load_or_make_key(tmp_path, GIVEN)
    assert later.open(sealed) == "слова"
    assert later.seal("слова").split(".")[1] != sealed.split(".")[1]


@pytest.mark.parametrize("given", ["", "short", "ключ", GIVEN[:-4], GIVEN + "AAAA", "!" * 44])
def test_a_wrong_key_is_named_and_not_shown(given, tmp_path):
    with pytest.raises(ConfigError, match="MERLIN_TEXT_KEY") as caught:
        load_or_make_key(tmp_path, given)
    if given:
        assert given not in str(caught.value.arguments)


def test_a_damaged_key_file_is_told(tmp_path):
    (tmp_path / "text.key").write_bytes("ключ".encode())
    with pytest.raises(ConfigError, match=r"text\.key"):
        load_or_make_key(tmp_path, None)
