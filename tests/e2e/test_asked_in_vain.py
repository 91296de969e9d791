"""The loop by which a dataset grows: a refusal leads to a model that answers, in one run."""

from __future__ import annotations

import pytest
from apart import SERVE_S, question, serves
from forked import running

from merlin.core.i18n import text

pytestmark = pytest.mark.integration

ASKED, AGAIN = "Как накормить дракона в пещере?", "Чем дракона в пещере накормить?"
ANSWER = "Дракону дают рыбу, но только по вечерам."


def russian(key):
    return text("ru", key)


@pytest.fixture
def talk(telegram):
    """Return what lets somebody write or press, until the bot says so."""

    def wait(who, words):
        # Below an edited message a notice may stand.
        telegram.wait_for(
            lambda: any(words in each.text for each in telegram.answers(who)[-3:]), SERVE_S
        )

    def act(who, what, words):
        """Press the newest button that says `what` or has it as its data, else write it."""
        found = [
            (key["callback_data"], message.message_id)
            for message in telegram.answers(who)
            for row in message.keys
            for key in row
            if what in key["text"] or what == key.get("callback_data")
        ]
        if found:
            telegram.press(who, *found[-1])
        else:
            telegram.say(who, what)
        wait(who, words)

    return act


def test_what_was_asked_in_vain_is_taught_and_answered(lab, telegram, talk):
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    with running(lab.path, "engine", "daemon", "bot"):
        serves(lab, "trial-1")
        talk("anna", question(3), "ответ 21")
        talk("anna", ASKED, russian("engine-unknown"))
        talk("anna", "rate:down:2", russian("rating-how-better"))
        talk("anna", russian("tell-button"), "учить модель")
        talk("anna", russian("consent-yes"), ASKED)
        talk("anna", russian("tell-send"), russian("tell-sent"))

        talk("vera", "/examples", russian("admin-examples"))
        talk("vera", "Проба · 14", "trial · 14 примеров")
        talk("vera", russian("examples-unanswered"), russian("unanswered-words"))
        talk("vera", f"1 · {ASKED}", ASKED)
        talk("vera", ANSWER, ANSWER)
        talk("vera", russian("examples-done"), russian("examples-ask-tags"))
        talk("vera", russian("examples-skip"), ANSWER)
        talk("vera", russian("examples-save"), "")
        serves(lab, "trial-2")
        (subject,) = lab.repository.git("log", "-1", "--format=%s").splitlines()
        assert subject.startswith("Add example")

        talk("anna", AGAIN, ANSWER)
        talk("vera", "/examples", russian("admin-examples"))
        talk("vera", "Проба · 15", "trial · 15 примеров")
        talk("vera", russian("examples-unanswered"), russian("unanswered-none"))
