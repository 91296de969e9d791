"""Presets: their texts and their configuration."""

import pytest
import yaml

from merlin.chat.sessions import BUILT_IN, TRANSLATOR, built_in_prompt
from merlin.config import load
from merlin.config.settings import ChatConfig, Preset
from merlin.core.errors import ConfigError

pytestmark = pytest.mark.unit

ENGINE = {"name": "engine", "base_url": "http://127.0.0.1:1/v1"}
TITLE = {"ru": "Репетитор", "en": "Tutor"}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_preset_has_a_text_in_each_language(name, language):
    assert len(built_in_prompt(language, name, "ru — en")) > 100


def test_translator_prompt_names_its_languages():
    assert "Languages: French — Greek." in built_in_prompt("en", TRANSLATOR, "French — Greek")


def test_preset_has_a_title_in_every_language():
    assert Preset(title=TITLE, prompt="Ask.").title_in("en-GB") == "Tutor"


def test_presets_keep_the_order_of_the_config():
    presets = {
        "b": {"title": TITLE, "prompt": " B. "},
        "a": {"title": TITLE, "prompt": "A"},
    }
    first, second = ChatConfig.model_validate({"presets": presets}).presets.values()
    assert (first.name, first.prompt) == ("b", "B.")
    assert (second.name, second.prompt) == ("a", "A")


@pytest.fixture
def write_config(tmp_path):
    def write(presets):
        path = tmp_path / "config.yaml"
        settings = {"state_dir": ".", "providers": [ENGINE], "chat": {"presets": presets}}
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load(path)

    return write


def test_configured_preset_is_loaded(write_config):
    config = write_config({"tutor": {"title": TITLE, "prompt": "Ask."}})
    (tutor,) = config.chat.presets.values()
    assert (tutor.name, tutor.title_in("en"), tutor.prompt) == ("tutor", "Tutor", "Ask.")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("voice", {}, "voice isn't valid; an example: tutor"),
        ("Tutor", {}, "Tutor isn't valid"),
        ("tutor", {"prompt": " "}, "isn't valid"),
        ("tutor", {"prompt": "x" * 4001}, "too long: at most 4000 characters"),
        ("tutor", {"title": {"ru": "Только"}}, "tutor.title: the key en is missing"),
        ("tutor", {"model": "engine/m"}, "presets are answered by chat.assistant"),
    ],
)
def test_invalid_preset_is_reported(write_config, name, fields, message):
    with pytest.raises(ConfigError, match=message):
        write_config({name: {"title": TITLE, "prompt": "Ask.", **fields}})
