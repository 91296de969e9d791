"""What follows from several keys of config.yaml: models, prices, processes, the installation."""

from datetime import date
from pathlib import Path

import pytest

from merlin.config import (
    installation_id,
    is_engine,
    is_our_engine,
    process_names,
    require_provider,
    require_repository,
    schema,
)
from merlin.config.reading import load
from merlin.core.errors import ConfigError, NotFound
from merlin.training.policy import reached_warning
from tests.support.config import make_config
from tests.support.refusals import catch, refusal_key

pytestmark = pytest.mark.unit

PRICE = {"input": 1, "output": 2, "training": 3}
FREE = {"input": 0, "output": 0, "training": 3}
OUTSIDE = {"name": "out", "base_url": "https://p.example/v1"}
ENGINE = {"name": "engine", "base_url": "http://localhost:8702/v1"}


def test_models_of_the_engine_join_those_of_the_table():
    table = {
        "a": {"context": 10, "sunset": "2027-01-02"},
        "b": {"context": 20, "training_example": 5, "price": PRICE},
    }
    own = {"a": {"hub": "x/a", "context": 30}, "c": {"hub": "x/c"}}
    config = make_config(models=table, engine={"models": own})
    assert config.context_lengths == {"a": 30, "b": 20}
    assert config.example_tokens == {"b": 5}
    assert config.sunsets == {"a": date(2027, 1, 2)}
    assert [config.is_free("engine", name) for name in "abcd"] == [
        True,
        False,
        True,
        False,
    ]


def test_price_is_the_providers_own_before_that_of_the_table():
    provider = {**OUTSIDE, "prices": {"a": FREE}}
    config = make_config(models={"a": {"price": PRICE}}, providers=[provider])
    assert config.price("out", "tuned", "a").input_micro == 0
    assert config.price("elsewhere", "tuned", "a").input_micro == 1_000_000
    assert config.price("out", "tuned") is None


@pytest.mark.parametrize(
    ("sections", "assistant"),
    [
        ({}, None),
        ({"providers": [OUTSIDE]}, ("out", None)),
        ({"providers": [OUTSIDE, {**ENGINE, "model": "m"}]}, ("engine", "m")),
        ({"providers": [ENGINE], "chat": {"assistant": "out/n"}}, ("out", "n")),
    ],
)
def test_assistant_is_the_chosen_model_else_the_first_that_is_named(
    sections, assistant
):
    config = make_config(**sections)
    assert config.assistant == assistant
    assert [*config.named_models] == (["assistant"] if "chat" in sections else [])


@pytest.mark.parametrize(
    ("sections", "names"),
    [
        ({}, ["bot", "api"]),
        ({"providers": [OUTSIDE]}, ["bot", "api"]),
        (
            {"providers": [ENGINE], "repository": {"url": "/srv/datasets"}},
            ["engine", "daemon", "bot", "api"],
        ),
    ],
)
def test_processes_are_those_that_something_is_configured_for(sections, names):
    assert process_names(make_config(**sections)) == names


def test_what_a_caller_needs_is_there_or_named():
    config = make_config(providers=[OUTSIDE], repository={"url": "/srv/datasets"})
    assert require_repository(config).url == "/srv/datasets"
    assert require_provider(config, "out").base_url == OUTSIDE["base_url"]
    assert (
        refusal_key(ConfigError, require_repository, make_config())
        == "config-no-repository"
    )
    assert (
        catch(NotFound, require_provider, config, "other").arguments["provider"]
        == "other"
    )


def test_engine_of_another_machine_is_ours_by_its_key():
    far = {"name": "far", "base_url": "https://gpu:8702/v1"}
    config = make_config(
        providers=[ENGINE, {**far, "credential": "MERLIN_ENGINE_KEY"}, OUTSIDE]
    )
    near, far, outside = config.providers
    assert [is_engine(config, each) for each in (near, far, outside)] == [
        True,
        False,
        False,
    ]
    assert [is_our_engine(config, each) for each in (near, far, outside, None)] == [
        True,
        True,
        False,
        False,
    ]


def test_installation_is_known_by_its_folder(tmp_path):
    first, second = (make_config(state_dir=str(tmp_path / name)) for name in "ab")
    assert installation_id(first) == ""
    for config in (first, second):
        config.state_dir.mkdir()
    assert len(installation_id(first)) == 16
    assert installation_id(first) == installation_id(first) != installation_id(second)


def test_database_is_in_the_state_folder_unless_it_is_named(tmp_path):
    named = f"sqlite:///{tmp_path}/other.db"
    assert make_config(state_dir="/srv/m").database == "sqlite:////srv/m/merlin.db"
    assert make_config(database=named).database == named


def test_schema_describes_every_key():
    assert {"state_dir", "providers"} <= {*schema()["properties"]}


def test_shipped_configuration_has_the_last_day_of_whisper():
    models = load(Path(__file__).parents[2] / "config.yaml").models
    sunset = models["whisper-1"].sunset
    assert sunset == date(2027, 2, 26)
    assert reached_warning(sunset, date(2026, 11, 20)) is None
    assert reached_warning(sunset, date(2027, 2, 1)) == 30


def test_models_of_voices_and_photos_are_those_that_are_named():
    assert make_config().named_models == {}
    chat = {"transcription": "engine/hear-1", "vision": "engine/see-1"}
    assert make_config(providers=[ENGINE], chat=chat).named_models == {
        "transcription": ("engine", "hear-1"),
        "vision": ("engine", "see-1"),
    }
