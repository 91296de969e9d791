"""The windows of the models that providers list, on both databases."""

import pytest

from merlin.chat.model_catalogue import Windows

pytestmark = pytest.mark.integration


def test_new_model_list_replaces_the_previous_one(database):
    windows = Windows(database)
    windows.store_list("engine", {"recall": 8192, "old": 4096, "silent": None})
    windows.store_list("other", {"old": 1})
    windows.store_list("engine", {"recall": 16_000, "silent": None, "new": None})
    assert windows.read_windows("engine") == {
        "new": None,
        "recall": 16_000,
        "silent": None,
    }
    assert (windows.get("engine", "old"), windows.get("engine", "silent")) == (
        None,
        None,
    )
    assert windows.read_windows("other") == {"old": 1}


def test_window_learned_from_a_refusal_is_kept_if_the_provider_lists_none(database):
    windows = Windows(database)
    windows.store_list("engine", {"a": None, "b": 9000})
    windows.put("engine", {"a": 600, "b": 700})
    windows.store_list("engine", {"a": None, "b": 9000})
    assert windows.read_windows("engine") == {"a": 600, "b": 9000}
