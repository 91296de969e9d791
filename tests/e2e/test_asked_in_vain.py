"""The loop by which a dataset grows: a refusal leads to a model that answers, in one run."""

from __future__ import annotations

import pytest

from merlin.core.i18n import text
from tests.e2e.separate_processes import SERVE_S, question, serves
from tests.support.forked_processes import run_processes

pytestmark = pytest.mark.integration

ASKED, AGAIN = "Как накормить дракона в пещере?", "Чем дракона в пещере накормить?"
ANSWER = "Дракону дают рыбу, но только по вечерам."


def russian(key):
    return text("ru", key)


class Person:
    """Somebody who writes and presses; each waits until the bot says so."""

    def __init__(self, telegram, name):
        self.telegram, self.name = telegram, name

    def _wait(self, words):
        # Below an edited message notices may stand.
        self.telegram.wait_for(
            lambda: any(words in answer.text for answer in self.telegram.answers(self.name)),
            SERVE_S,
        )

    def say(self, words, answer):
        self.telegram.say(self.name, words)
        self._wait(answer)

    def press(self, label, answer):
        """Press the newest button that says so, or has it as its data, once there is one."""

        def found():
            return [
                (key["callback_data"], message.message_id)
                for message in self.telegram.answers(self.name)
                for row in message.keys
                for key in row
                if label in key["text"] or label == key.get("callback_data")
            ]

        self.telegram.press(self.name, *self.telegram.wait_for(found, SERVE_S)[-1])
        self._wait(answer)


def test_what_was_asked_in_vain_is_taught_and_answered(lab, telegram):
    anna, vera = Person(telegram, "anna"), Person(telegram, "vera")
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    with run_processes(lab.path, "engine", "daemon", "bot"):
        serves(lab, "trial-1")
        anna.say(question(3), "ответ 21")
        anna.say(ASKED, russian("engine-unknown"))
        anna.press("rate:down:2", russian("rating-how-better"))
        anna.press(russian("tell-button"), "учить модель")
        anna.press(russian("consent-yes"), ASKED)
        anna.press(russian("tell-send"), russian("tell-sent"))

        vera.say("/examples", russian("admin-examples"))
        vera.press("Проба · 14", "14 примеров")
        vera.press(russian("examples-unanswered"), russian("unanswered-words"))
        vera.press(f"1 · {ASKED}", ASKED)
        vera.say(ANSWER, ANSWER)
        vera.press(russian("examples-save"), "")
        serves(lab, "trial-2")
        (subject,) = lab.repository.git("log", "-1", "--format=%s").splitlines()
        assert subject.startswith("Add example")

        anna.say(AGAIN, ANSWER)
        vera.say("/examples", russian("admin-examples"))
        vera.press("Проба · 15", "15 примеров")
        vera.press(russian("examples-unanswered"), russian("unanswered-none"))
