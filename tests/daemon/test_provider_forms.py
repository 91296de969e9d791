"""Providers with other APIs than OpenAI's: commits are trained there, and builds can move there."""

import asyncio

import pytest

from merlin.cli import main
from merlin.core.errors import ConfigError
from merlin.core.messages import Message
from merlin.wiring.context import create_chat_clients
from tests.support.pipeline_lab import STAND_INS, YANDEX_BASE, Lab, make_recipe, provider_entry

pytestmark = pytest.mark.integration
FREE = {"currency": "USD", "input": 0, "output": 0, "training": 0}


@pytest.fixture(params=["mistral", "yandex"])
def form(request):
    return request.param


@pytest.fixture
def form_provider(form):
    with STAND_INS[form](key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture
def lab(tmp_path, form, form_provider):
    return Lab(
        tmp_path, form_provider.base_url, providers=[provider_entry(form, form_provider.base_url)]
    )


def test_commits_are_trained_evaluated_and_served_there(lab, form, form_provider):
    lab.repository.dataset(recipe=make_recipe(form))
    lab.repository.commit()
    status = lab.until_serving("trial-1")
    assert status["verdict"] == "serving"

    async def ask():
        (chat,) = create_chat_clients(lab.config).values()
        messages = (Message("user", "Что значит слово номер 3, понятие гггг?"),)
        texts = [piece.text async for piece in chat.stream(status["serving"]["model"], messages)]
        await chat.aclose()
        return "".join(texts)

    assert "Понятие 3 значит ответ 21." in asyncio.run(ask())
    form_provider.behave(states=["SHUFFLING"] * 3)
    lab.repository.example("trial", 50)
    lab.repository.commit()
    assert lab.until_serving("trial-2")["verdict"] == "serving", "an unknown state is waited for"
    assert (len(form_provider.jobs_created()), len(form_provider.files())) == (2, 4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "dpo"}, "held-no-method"),
        ({"hyperparameters": {"batch_size": 4}}, "held-hyperparameters"),
        ({"hyperparameters": {"batch_size": "auto"}}, ""),
    ],
)
def test_unsupported_recipe_is_held_with_the_reason(lab, form, form_provider, change, reason):
    lab.repository.dataset(recipe={**make_recipe(form), **change}, count=12)
    if "method" in change:
        for path in (lab.repository.folder / "datasets/trial/examples").glob("*.yaml"):
            path.write_text(path.read_text() + "rejected: Не знаю.\n")
    lab.repository.commit()
    lab.tick("fetch", "launch")
    assert lab.status()["reason"] == reason
    assert len(form_provider.jobs_created()) == (not reason)


def test_build_is_migrated_there_from_an_openai_provider(tmp_path, provider, form, form_provider):
    moved = {**provider_entry(form, form_provider.base_url, "other"), "prices": {YANDEX_BASE: FREE}}
    providers = [provider_entry("openai", provider.base_url), moved]
    lab = Lab(
        tmp_path, provider.base_url, providers=providers, models={"stand-in-base": {"price": FREE}}
    )
    lab.repository.dataset()
    lab.repository.commit()
    lab.until_serving("trial-1")
    base = make_recipe(form)["base_model"]
    arguments = ["migrate", "trial", "--to", f"other/{base}", "--config", str(lab.path)]
    assert main(arguments) == 0
    for _ in range(40):
        lab.tick()
        if lab.status()["serving"]["provider"] == "other":
            break
    assert (lab.status()["verdict"], len(form_provider.jobs_created())) == ("serving", 1)


def test_yandex_needs_its_folder(tmp_path):
    entry = {**provider_entry("yandex", "https://llm.api.cloud.yandex.net/v1"), "folder": ""}
    with pytest.raises(ConfigError, match="folder"):
        Lab(tmp_path, "", providers=[entry])
