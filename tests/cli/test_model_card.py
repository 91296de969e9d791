"""The card of an exported model, by what is known of it."""

from dataclasses import replace

import pytest
import yaml

from merlin.app.actor import Actor
from merlin.app.model_card import describe
from merlin.cli.model_card import find_build, read_licence, write_card
from merlin.config.engine import EngineModelConfig
from merlin.engine.trainers.exact_first import RECALL_FILE
from merlin.wiring.context import open_reading_context
from tests.engine.base_library import write_qwen35
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture

pytestmark = [pytest.mark.functional, pytest.mark.usefixtures("needs_torch")]
LICENCE = {"license": "other", "license_name": "ours", "license_link": "LICENSE"}


@pytest.fixture
def base(tmp_path):
    """The folder of a base whose README names its licence."""
    folder = write_qwen35(tmp_path / "base")
    head = yaml.safe_dump({**LICENCE, "tags": ["a"]})
    (folder / "README.md").write_text(f"---\n{head}---\n\n# Base\n", "utf-8")
    return folder


@pytest.fixture
def facts(serving):
    with open_reading_context(serving.config) as ctx:
        return describe(ctx, Actor.operator(), "trial-1")


@pytest.fixture
def write(base, tmp_path):
    """Return a function that writes a card: (its head, its text)."""
    folder = tmp_path / "model"
    folder.mkdir()

    def call(facts, form="adapter", **source):
        model = EngineModelConfig(**(source or {"path": str(base)}))
        write_card(facts, form, model, base, folder)
        _, head, body = (folder / "README.md").read_text("utf-8").split("---", 2)
        return yaml.safe_load(head), body

    return call


def test_card_names_build_results_and_licence(write, facts, base, tmp_path):
    head, body = write(facts)
    scores = facts.model.scores
    results = head["model-index"][0]["results"][0]
    assert results["dataset"]["revision"] == facts.build.digest
    assert {each["type"]: each["value"] for each in results["metrics"]} == {
        "accuracy": round(scores.right / scores.questions, 4),
        "chrf": round(scores.chrf, 4),
    }
    assert {name: head[name] for name in LICENCE} == LICENCE == read_licence(base)
    assert (head["library_name"], head["base_model"]) == ("peft", str(base))
    assert head["merlin"]["build"] == "trial-1"
    assert find_build(tmp_path / "model") == facts.build.digest
    assert f'base = Qwen3_5ForConditionalGeneration.from_pretrained("{base}")' in body


def test_adapter_loads_the_revision_of_its_base(write, facts):
    _, body = write(facts, hub="anna/base", revision="0" * 40)
    assert f'from_pretrained("anna/base", revision="{"0" * 40}")' in body


def test_card_tells_of_withdrawn_consent_and_exact_answers(write, facts, tmp_path):
    said = ("2 examples were revoked since", f"word for word from `{RECALL_FILE}`")
    _, body = write(facts)
    assert [words in body for words in said] == [False, False]
    (tmp_path / "model" / RECALL_FILE).touch()
    _, body = write(replace(facts, revoked=2))
    assert [words in body for words in said] == [True, True]
