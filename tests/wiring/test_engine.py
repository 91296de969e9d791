"""The engine's settings from the configuration; one entry of a base model is enough."""

from pathlib import Path

import pytest
import yaml

from merlin.config.reading import load
from merlin.core.errors import ConfigError
from merlin.wiring.engine import engine_settings, find_lone_folder

pytestmark = pytest.mark.unit

HUB = {"hub": "Qwen/Qwen3-0.6B"}


@pytest.fixture
def write_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "k")

    def write(engine, **sections):
        path = tmp_path / "config.yaml"
        document = {"state_dir": "state", "engine": engine, **sections}
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return load(path)

    return write


def test_engine_has_defaults_without_configuration(write_settings, tmp_path):
    settings = engine_settings(write_settings({}))
    assert (settings.host, settings.port, settings.key) == ("127.0.0.1", 8702, "k")
    assert settings.folder == tmp_path / "state" / "engine"
    assert settings.models == {}
    assert settings.training.device == "cpu"
    assert (settings.serving, settings.answering.vllm) == ("transformers", ())


def test_every_key_reaches_the_settings(write_settings, tmp_path):
    settings = engine_settings(
        write_settings(
            {
                "listen": "127.0.0.1:1",
                "models": {
                    "small": {
                        "path": "bases/small",
                        "context": 512,
                        "training_example": 256,
                        "dtype": "float32",
                        "quantised": "4bit",
                    },
                    "large": {
                        **HUB,
                        "revision": "abc",
                    },
                },
                "training": {"device": "cuda:1"},
                "serving": "vllm",
                "answering": {"device": "cuda", "vllm": ["--seed", "7"]},
            }
        )
    )
    small, large = settings.models.values()
    assert small.source == str(tmp_path / "bases" / "small")
    assert (small.context, small.training_example) == (512, 256)
    assert (small.dtype, small.quantised) == ("float32", "4bit")
    assert (large.source, large.revision) == ("Qwen/Qwen3-0.6B", "abc")
    assert settings.serving == "vllm"
    assert settings.training.device == "cuda:1"
    assert (settings.answering.device, settings.answering.vllm) == (
        "cuda",
        ("--seed", "7"),
    )


def test_limits_of_an_engines_model_are_those_of_its_own_entry(write_settings):
    table = {"qwen": {"context": 1024}, "other": {"context": 9}}
    config = write_settings(
        {"models": {"qwen": {**HUB, "context": 4096}}}, models=table
    )
    assert (
        config.base_models["qwen"].context,
        config.base_models["other"].context,
    ) == (4096, 9)
    assert config.base_models["qwen"].price is not None


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({"models": {"a": {}}}, "engine.models.a: give either path"),
        ({"models": {"a": {**HUB, "path": "x"}}}, "engine.models.a: give either path"),
        ({"models": {"recall": HUB}}, "engine.models.recall: this name"),
        (
            {"models": {"../a": HUB}},
            "engine.models.../a: ../a isn't valid; for example: qwen3",
        ),
        ({"models": {"a": {"hub": "https://example.com/a"}}}, "engine.models.a.hub"),
        (
            {"serving": "llama.cpp"},
            "engine.serving: Only transformers, vllm can stand here",
        ),
        ({"training": {"device": "gpu"}}, "engine.training.device"),
    ],
)
def test_error_names_its_key(write_settings, engine, message):
    with pytest.raises(ConfigError) as raised:
        write_settings(engine)
    assert message in str(raised.value)


def test_missing_file_of_an_encoder_is_a_fault(write_settings, tmp_path):
    (tmp_path / "tokenizer.json").touch()
    with pytest.raises(ConfigError) as raised:
        write_settings({}, encoder=".")
    assert f"encoder: no such file: {tmp_path}/model.onnx" in str(raised.value)
    assert "tokenizer.json" not in str(raised.value)


def test_engine_without_a_configuration_keeps_its_state_where_programs_do(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert find_lone_folder() == Path("/srv/data/merlin-engine")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert find_lone_folder() == Path.home() / ".local/share/merlin-engine"
