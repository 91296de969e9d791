"""People's own presets and the models that providers list, on both databases."""

import pytest

from merlin.chat.model_catalogue import Windows
from merlin.chat.sessions import OwnPresets
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.db.tables import PRESET

pytestmark = pytest.mark.integration

ANNA, BORIS = 1001, 1002


@pytest.fixture
def presets(database):
    return OwnPresets(database)


def test_presets_are_ordered_and_private_to_their_owner(presets):
    poet = presets.put(ANNA, "Поэт", "Стихами.")
    boris_preset = presets.put(BORIS, "Поэт", "Прозой.")
    strict = presets.put(ANNA, "Строгий", "Кратко.")
    assert presets.list_of_user(ANNA) == [poet, strict]
    assert presets.find(ANNA, boris_preset.preset_id) is None
    assert presets.find(BORIS, boris_preset.preset_id) == boris_preset
    assert poet.key == f"own:{poet.preset_id}"


def test_preset_of_the_same_name_keeps_its_id(presets):
    poet = presets.put(ANNA, "Поэт", "Стихами.")
    same_preset = presets.put(ANNA, "Поэт", "Хокку.")
    assert (same_preset.preset_id, presets.list_of_user(ANNA)) == (poet.preset_id, [same_preset])


def test_undecryptable_preset_is_omitted(presets, database, url):
    presets.put(ANNA, "Поэт", "Стихами.")
    with open_database(url, cipher=Cipher({"other": bytes(32)}, "other")) as other_database:
        assert OwnPresets(other_database).list_of_user(ANNA) == []
    (row,) = database.rows(PRESET.select())
    assert "Поэт" not in row["name"]


def test_new_model_list_replaces_the_previous_one(database):
    windows = Windows(database)
    windows.store_list("engine", {"recall": 8192, "old": 4096, "silent": None})
    windows.store_list("other", {"old": 1})
    windows.store_list("engine", {"recall": 16_000, "silent": None, "new": None})
    assert windows.read_windows("engine") == {"new": None, "recall": 16_000, "silent": None}
    assert (windows.get("engine", "old"), windows.get("engine", "silent")) == (None, None)
    assert windows.read_windows("other") == {"old": 1}


def test_window_learned_from_a_refusal_is_kept_if_the_provider_lists_none(database):
    windows = Windows(database)
    windows.store_list("engine", {"a": None, "b": 9000})
    windows.put("engine", {"a": 600, "b": 700})
    windows.store_list("engine", {"a": None, "b": 9000})
    assert windows.read_windows("engine") == {"a": 600, "b": 9000}
