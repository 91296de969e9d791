"""What the tests of processes that run apart wait for, and what their lab teaches."""

from __future__ import annotations

import httpx

from merlin.core.errors import MerlinError
from tests.support.waiting import longest, wait_until

SERVE_S = 60


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


def wait_for_answer(telegram, words):
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
