"""Presets: their texts."""

import pytest

from merlin.chat.sessions import BUILT_IN, TRANSLATOR, built_in_prompt

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_preset_has_a_text_in_each_language(name, language):
    assert len(built_in_prompt(language, name, "ru — en")) > 100


def test_translator_prompt_names_its_languages():
    assert "Languages: French — Greek." in built_in_prompt("en", TRANSLATOR, "French — Greek")
