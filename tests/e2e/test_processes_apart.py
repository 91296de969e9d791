"""Each process is stopped in turn: what goes on without it, and what catches up after it."""

from __future__ import annotations

import httpx
import pytest
from forked import running
from waiting import longest, wait_until
from world import Lab

from merlin.core.errors import MerlinError
from merlin.sandbox.demo.place import Ports
from merlin.sandbox.telegram.server import TelegramStandIn

pytestmark = pytest.mark.integration

ENGINE_KEY = "the-engine-key-of-tests"
SERVE_S = 60


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
                "poll_s": 0.1,
            }
        ],
        engine={"listen": f"127.0.0.1:{port}"},
        telegram={
            "base_url": telegram.page_url.rstrip("/"),
            "limits": {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0},
        },
    )
    recipe = {"provider": "engine", "base_model": "recall", "suffix": "trial"}
    lab.repository.dataset(count=14, recipe=recipe)
    lab.repository.commit()
    return lab


def serves(lab, build):
    """Wait until another process lets this build serve."""

    def looked():
        try:
            serving = lab.status()["serving"]
        except (MerlinError, KeyError):
            return False
        return bool(serving) and serving["build"] == build

    wait_until(looked, SERVE_S, lambda: (lab.folder / "daemon.log").read_text()[-3000:])


def question(number):
    return f"Что значит слово номер {number}, понятие {chr(0x430 + number % 32) * 4}?"


def answered(telegram, words):
    """Return the bot's newest message once it holds these words."""

    def look():
        answers = telegram.answers("anna")
        return answers[-1] if answers and words in answers[-1].text else None

    return telegram.wait_for(look, timeout_s=SERVE_S)


def engine_is_up(lab):
    """Wait until the engine answers: whoever asks before is told that it does not."""
    address = lab.config.providers[0].base_url.removesuffix("/v1")

    def looked():
        try:
            return httpx.get(f"{address}/healthz", timeout=longest()).is_success
        except httpx.TransportError:
            return False

    wait_until(looked, SERVE_S, lambda: (lab.folder / "engine.log").read_text()[-3000:])


def test_each_process_goes_on_without_the_others(lab, telegram):
    with running(lab.path, "engine"):
        with running(lab.path, "daemon", "bot"):
            serves(lab, "trial-1")
            telegram.say("anna", question(3))
            answered(telegram, "ответ 21")
        with running(lab.path, "bot"):  # no daemon: the bot answers
            telegram.say("anna", question(5))
            answered(telegram, "ответ 35")
        with running(lab.path, "daemon"):  # no bot: the daemon trains; a question waits
            telegram.say("anna", question(77))
            lab.repository.example("trial", 77)
            lab.repository.commit()
            serves(lab, "trial-2")
        with running(lab.path, "bot"):
            answered(telegram, "ответ 539")
    with running(lab.path, "bot"):  # no engine: honest words, then an answer again
        telegram.say("anna", question(3))
        answered(telegram, "не отвечает")
        with running(lab.path, "engine"):
            engine_is_up(lab)
            telegram.say("anna", question(6))
            answered(telegram, "ответ 42")
