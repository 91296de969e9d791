"""Settings of voices, photos and documents in config.yaml: defaults and refused values."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from merlin.config.reading import load
from merlin.core.errors import ConfigError
from merlin.training.policy import reached_warning

pytestmark = pytest.mark.unit

ENGINE = {"name": "engine", "base_url": "http://127.0.0.1:1/v1"}


@pytest.fixture
def write_settings(tmp_path):
    def write(**chat):
        path = tmp_path / "config.yaml"
        config = {"state_dir": ".", "providers": [ENGINE], "chat": chat}
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return load(path)

    return write


def test_voice_and_photos_are_off_by_default(write_settings):
    config = write_settings()
    assert (config.chat.transcription, config.chat.vision, config.named_models) == (
        None,
        None,
        {},
    )


def test_transcription_and_vision_models_are_named(write_settings):
    config = write_settings(
        transcription="engine/hear-1",
        vision="engine/see-1",
    )
    assert config.named_models == {
        "transcription": ("engine", "hear-1"),
        "vision": ("engine", "see-1"),
    }


@pytest.mark.parametrize(
    ("chat", "message"),
    [
        ({"transcription": "no/a"}, "no isn't one of providers"),
        ({"vision": "engine"}, "engine isn't valid; for example: engine/"),
        ({"video_s": 5}, "video_s: unknown key"),
    ],
)
def test_invalid_settings_are_reported(write_settings, chat, message):
    with pytest.raises(ConfigError, match=message):
        write_settings(**chat)


def test_shipped_configuration_has_the_last_day_of_whisper():
    models = load(Path(__file__).parents[2] / "config.yaml").models
    sunset = models["whisper-1"].sunset
    assert sunset == date(2027, 2, 26)
    assert reached_warning(sunset, date(2026, 11, 20)) is None
    assert reached_warning(sunset, date(2027, 2, 1)) == 30
