"""A bot in trouble: questions are asked, and what stands in the chat is looked at."""

from __future__ import annotations

from bot_world import RunningBot, states
from waiting import DEADLINE_S

from merlin.core.i18n import text

VERA = 1003


def texts(telegram, who="anna"):
    return [one.text for one in telegram.answers(who)]


def ask(telegram, settings, *questions, who="anna"):
    """Let a bot answer the questions; return what stands in the chat."""
    with RunningBot(settings):
        for question in questions:
            telegram.say(who, question)
        ended(telegram, settings, len(questions))
    return texts(telegram, who)


def ended(telegram, settings, count):
    telegram.wait_for(lambda: sum(states(settings).values()) == count, DEADLINE_S + count)
    telegram.wait_for(lambda: "waiting" not in states(settings), DEADLINE_S + count)


def russian(key, **arguments):
    return text("ru", key, **arguments)
