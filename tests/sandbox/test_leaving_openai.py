"""The commands of the page "Leaving OpenAI before January", run at the demo's account."""

import shlex
from dataclasses import replace

import pytest

from merlin.sandbox.provider.account import demo_account
from tests.support.markdown_pages import read_page
from tests.support.pipeline_lab import Lab, provider_entry, run_command
from tests.support.provider_account import FaultyAccount
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional

MODEL = "ft:gpt-4o-mini-2024-07-18:acme::A1b2C3d4"
PRICE = {"price": {"currency": "USD", "input": 0.3, "output": 1.2, "training": 3}}


@pytest.fixture
def account():
    planted = demo_account("en")
    job = {**planted.jobs[0], "fine_tuned_model": MODEL}
    with FaultyAccount(replace(planted, jobs=[job]), key="stand-in") as stand_in:
        yield stand_in


@pytest.mark.parametrize("language", ["en", "ru"])
def test_commands_of_the_page_lead_to_a_model_of_ones_own(
    language, account, tmp_path, monkeypatch
):
    with ProviderStandIn() as trainer:
        providers = [
            provider_entry(trainer.base_url),
            provider_entry(account.base_url, "openai"),
        ]
        lab = Lab(
            tmp_path, trainer.base_url, providers=providers, models={MODEL: PRICE}
        )
        lab.repository.commit_dataset("algorithms")
        monkeypatch.chdir(lab.repository.folder)
        monkeypatch.setenv("MERLIN_CONFIG", str(lab.path))
        for command in read_page("docs", language, "leaving-openai.md").commands:
            program, *arguments = shlex.split(command)
            if arguments[0] == "log":  # the daemon trains meanwhile
                lab.until_serving("algorithms-1", dataset="algorithms")
            code, _, error = run_command(*arguments)
            assert (program, code) == ("merlin", 0), (command, error)
    last = trainer.calls("chat.create")[-1].body
    assert last["messages"][-1]["content"] == arguments[-1]
    asked = [call.body["model"] for call in account.calls("chat.create")]
    assert asked == [MODEL] * 18
