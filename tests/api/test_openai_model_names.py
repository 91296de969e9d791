"""Model names at `/v1`, and the sampling parameters passed to the model."""

import pytest

from merlin.api.openai_compat.requests import (
    Question,
    dataset_of_name,
    name_of,
    request_of_call,
)
from merlin.app.context import Context
from merlin.core.messages import Message
from tests.support.config import make_config

pytestmark = pytest.mark.unit

# Only the configuration is needed to resolve a model name.
CONTEXT = Context(
    config=make_config(
        providers=[{"name": name, "base_url": "http://test/v1"} for name in ("chat", "eyes")],
        chat={
            "assistant": "chat/helper",
            "vision": "eyes/sees",
        },
    ),
    db=None,
    answerers={"chat": None},
)


def chat_question(*talk, dataset="algorithms", system=""):
    return Question("merlin/algorithms", dataset, talk or (Message("user", "Граф?"),), system)


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("merlin", "default"),
        ("merlin/algorithms", "algorithms"),
        ("merlin/нейро", "нейро"),
        ("merlin/", ""),
        ("Merlin", ""),
        ("gpt-4", ""),
        ("", ""),
    ],
)
def test_model_names_are_recognised(name, dataset):
    assert dataset_of_name(name, "default") == dataset


def test_model_name_maps_to_its_dataset():
    assert dataset_of_name(name_of("algorithms"), "other") == "algorithms"
    assert dataset_of_name("merlin", "other") == "other"
    assert dataset_of_name("merlin", None) is None


def test_plain_question_goes_to_the_serving_model():
    request = request_of_call(CONTEXT, chat_question())
    assert (request.dataset, request.chosen, request.system) == ("algorithms", None, "")
    assert request.general == [("chat", None)]


def test_custom_system_prompt_goes_to_the_assistant_model():
    request = request_of_call(CONTEXT, chat_question(system="Отвечай стихами."))
    assert (request.system, request.assistant) == ("Отвечай стихами.", ("chat", "helper"))
