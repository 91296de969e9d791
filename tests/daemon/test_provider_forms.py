"""Providers of another form than OpenAI's: commits train there, and a build can move there."""

from __future__ import annotations

import asyncio

import pytest

from merlin.cli import main
from merlin.core.errors import ConfigError
from merlin.core.messages import Message
from merlin.wiring.context import create_chat_clients
from tests.support.pipeline_lab import STAND_INS, YANDEX_BASE, Lab, entry_of, recipe_of

pytestmark = pytest.mark.integration
FREE = {"currency": "USD", "input": 0, "output": 0, "training": 0}


@pytest.fixture(params=["mistral", "yandex"])
def form(request):
    return request.param


@pytest.fixture
def other(form):
    with STAND_INS[form](key="stand-in") as made:
        yield made


@pytest.fixture
def lab(tmp_path, form, other):
    return Lab(tmp_path, other.base_url, providers=[entry_of(form, other.base_url)])


def test_a_commit_is_trained_proved_and_served_there(lab, form, other):
    lab.repository.dataset(recipe=recipe_of(form))
    lab.repository.commit()
    assert lab.until_serving("trial-1")["verdict"] == "serving"
    lab.repository.example("trial", 50)
    lab.repository.commit()
    lab.until_serving("trial-2")
    assert (len(other.jobs_created()), len(other.files())) == (2, 4)


def test_people_are_answered_by_the_model_that_was_trained_there(lab, form):
    lab.repository.dataset(recipe=recipe_of(form))
    lab.repository.commit()
    model = lab.until_serving("trial-1")["serving"]["model"]

    async def ask():
        (chat,) = create_chat_clients(lab.config).values()
        asked = (Message("user", "Что значит слово номер 3, понятие гггг?"),)
        texts = [piece.text async for piece in chat.stream(model, asked)]
        await chat.aclose()
        return "".join(texts)

    assert "Понятие 3 значит ответ 21." in asyncio.run(ask())


def test_a_state_never_seen_is_told_and_waited_for(lab, form, other):
    other.behave(states=["SHUFFLING"] * 3)
    lab.repository.dataset(recipe=recipe_of(form))
    lab.repository.commit()
    assert lab.until_serving("trial-1")["verdict"] == "serving"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "dpo"}, "held-no-method"),
        ({"hyperparameters": {"batch_size": 4}}, "held-hyperparameters"),
        ({"hyperparameters": {"batch_size": "auto"}}, ""),
    ],
)
def test_what_it_does_not_offer_is_held_with_the_reason(lab, form, other, change, reason):
    lab.repository.dataset(recipe={**recipe_of(form), **change}, count=12)
    if "method" in change:
        for path in (lab.repository.folder / "datasets/trial/examples").glob("*.yaml"):
            path.write_text(path.read_text() + "rejected: Не знаю.\n")
    lab.repository.commit()
    lab.tick("fetch", "launch")
    assert lab.status()["reason"] == reason
    assert len(other.jobs_created()) == (not reason)


def test_a_build_moves_there_from_a_provider_of_openais_form(tmp_path, provider, form, other):
    moved = {**entry_of(form, other.base_url, "other"), "prices": {YANDEX_BASE: FREE}}
    both = [entry_of("openai", provider.base_url), moved]
    lab = Lab(
        tmp_path, provider.base_url, providers=both, models={"stand-in-base": {"price": FREE}}
    )
    lab.repository.dataset()
    lab.repository.commit()
    lab.until_serving("trial-1")
    base = recipe_of(form)["base_model"]
    words = ["migrate", "trial", "--to", f"other/{base}", "--config", str(lab.path)]
    assert main(words) == 0
    for _ in range(40):
        lab.tick()
        if lab.status()["serving"]["provider"] == "other":
            break
    assert (lab.status()["verdict"], len(other.jobs_created())) == ("serving", 1)


def test_yandex_needs_its_folder(tmp_path):
    entry = {**entry_of("yandex", "https://llm.api.cloud.yandex.net/v1"), "folder": ""}
    with pytest.raises(ConfigError, match="folder"):
        Lab(tmp_path, "", providers=[entry])
