"""A lab for separate processes: a daemon, a bot and an engine over one repository."""

import pytest

from merlin.sandbox.demo.place import Ports
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import TelegramStandIn

ENGINE_KEY = "the-engine-key-of-tests"
VERA = 1003


@pytest.fixture
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def lab(tmp_path, telegram, monkeypatch):
    monkeypatch.setenv("MERLIN_ENGINE_KEY", ENGINE_KEY)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", telegram.token)
    port = Ports.free().engine
    lab = Lab(
        tmp_path,
        "",
        providers=[
            {
                "name": "engine",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "settle_s": 0,
            }
        ],
        engine={"listen": f"127.0.0.1:{port}"},
        telegram={
            "base_url": telegram.page_url.rstrip("/"),
            "admins": [VERA],
        },
    )
    recipe = {"provider": "engine", "base_model": "recall", "suffix": "trial"}
    lab.repository.commit_dataset(count=14, recipe=recipe)
    return lab
