"""From an unanswered question to a model that answers it, through the bot and an editor."""

import pytest

from merlin.core.i18n import text
from tests.e2e.separate_processes import SERVE_S, make_question, wait_for_serving
from tests.support.forked_processes import run_processes

pytestmark = pytest.mark.integration

QUESTION, REPHRASED = "Как накормить дракона в пещере?", "Чем дракона в пещере накормить?"
ANSWER = "Дракону дают рыбу, но только по вечерам."


def get_text(key):
    return text("ru", key)


class Person:
    """A person in a chat; each action waits for the bot's answer."""

    def __init__(self, telegram, name):
        self.telegram, self.name = telegram, name

    def _wait(self, text):
        # Notices may follow below an edited message.
        self.telegram.wait_for(
            lambda: any(text in answer.text for answer in self.telegram.answers(self.name)),
            SERVE_S,
        )

    def say(self, text, answer):
        self.telegram.say(self.name, text)
        self._wait(answer)

    def press(self, label, answer):
        """Wait for a button with this label or data, press the newest one."""

        def find_buttons():
            return [
                (key["callback_data"], message.message_id)
                for message in self.telegram.answers(self.name)
                for row in message.keys
                for key in row
                if label in key["text"] or label == key.get("callback_data")
            ]

        self.telegram.press(self.name, *self.telegram.wait_for(find_buttons, SERVE_S)[-1])
        self._wait(answer)


def test_unanswered_question_becomes_an_example_and_is_answered(lab, telegram):
    anna, vera = Person(telegram, "anna"), Person(telegram, "vera")
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    with run_processes(lab.path, "engine", "daemon", "bot"):
        wait_for_serving(lab, "trial-1")
        anna.say(make_question(3), "ответ 21")
        anna.say(QUESTION, get_text("engine-unknown"))
        anna.press(get_text("tell-button"), "учить модель")
        anna.press(get_text("consent-yes"), get_text("tell-sent"))

        vera.say("/examples", get_text("admin-examples"))
        vera.press("Проба · 14", "14 примеров")
        vera.press("➕ Добавить", get_text("examples-ask-question"))
        vera.say(QUESTION, get_text("examples-ask-answer"))
        vera.say(ANSWER, ANSWER)
        vera.press(get_text("examples-save"), "")
        wait_for_serving(lab, "trial-2")
        (subject,) = lab.repository.git("log", "-1", "--format=%s").splitlines()
        assert subject.startswith("Новый пример")

        anna.say(REPHRASED, ANSWER)
