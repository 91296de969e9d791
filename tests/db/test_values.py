"""Texts as both databases can store them, and encrypted ones that no key opens."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from merlin.db.encryption import Cipher
from merlin.db.values import RowMap, decrypt, storable_text

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Note:
    """A value with an encrypted text."""

    text: str


NOTES = RowMap(Note, sealed=("text",))


@pytest.mark.parametrize("text", ["", "тайна"])
def test_encrypted_text_of_a_row_is_read_back(database, text):
    row = NOTES.write(Note(text), database)
    assert (row["text"] == text) is (text == "")
    assert NOTES.read(SimpleNamespace(**row), database) == Note(text)


def test_text_of_a_key_that_is_gone_is_none_and_a_deleted_one_is_empty(database):
    lost = Cipher({"gone": b"g" * 32}, "gone").seal("тайна")
    assert decrypt(database.cipher, lost) is None
    assert NOTES.read(SimpleNamespace(text=lost), database) == Note("")
    assert decrypt(database.cipher, "") == ""


@pytest.mark.parametrize(
    ("text", "stored"), [("ёж", "ёж"), ("a\0b", "a\ufffdb"), ("a\ud83d", "a?")]
)
def test_character_that_no_database_stores_is_replaced(text, stored):
    assert storable_text(text) == stored
