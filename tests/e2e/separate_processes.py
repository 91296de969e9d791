"""Waits and questions of the tests with separate processes."""

import httpx

from tests.support.waiting import longest, wait_until

SERVE_S = 60


def wait_for_serving(lab, build):
    """Wait until this build serves."""
    wait_until(
        lambda: lab.is_serving(build),
        SERVE_S,
        lambda: (lab.folder / "daemon.log").read_text()[-3000:],
    )


def make_question(number):
    return f"Что значит слово номер {number}, понятие {chr(0x430 + number % 32) * 4}?"


def wait_for_answer(telegram, text):
    """Return the bot's newest message once it contains this text."""

    def find_answer():
        answers = telegram.answers("anna")
        return answers[-1] if answers and text in answers[-1].text else None

    return telegram.wait_for(find_answer, timeout_s=SERVE_S)


def wait_for_engine(lab):
    """Wait until the engine answers; before, the bot says that it does not."""
    address = lab.config.providers[0].base_url.removesuffix("/v1")

    def is_up():
        try:
            return httpx.get(f"{address}/healthz", timeout=longest()).is_success
        except httpx.TransportError:
            return False

    wait_until(is_up, SERVE_S, lambda: (lab.folder / "engine.log").read_text()[-3000:])
