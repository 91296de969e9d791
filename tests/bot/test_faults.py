"""Faults between two lanes of a chat, after a kill, and with invalid responses."""

import os
import signal
import time
from dataclasses import replace
from functools import partial

import pytest

from merlin.bot.application import _HANDLERS
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    FIFTY_A_DAY,
    RunningBot,
    answer_texts,
    count_updates_by_state,
    kill_bot_at,
    russian_text,
    say_and_wait,
    select_rows,
    send_at,
    wait_until_ended,
)
from tests.support.ending import end
from tests.support.forked_processes import start_bot
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ANNA = 1001


def test_dialog_reply_is_not_a_question_after_a_kill(
    telegram, provider, settings, tmp_path
):
    with RunningBot(settings):
        ChatUser(telegram, settings).say("/system")
        ChatUser(telegram, settings).press("system:set")
    telegram.say("anna", "Отвечай стихами")
    kill_bot_at("answer.sent", settings, tmp_path / "log")
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 3)
    assert not provider.calls("chat.create")
    assert russian_text("system-set") in answer_texts(telegram)[-1]


def test_second_press_on_regenerate_does_not_call_the_model_again(
    telegram, provider, settings
):
    limited = replace(settings, plans=(FIFTY_A_DAY,))
    with ChatUser.of_running_bot(telegram, limited) as talk:
        talk.say("Первый")
        again = talk.button_data("again")
        provider.behave(think_s=3600.0)
        telegram.press("anna", again)
        telegram.press("anna", again, forged=True)
        wait_until(lambda: len(provider.calls("chat.create")) == 2)
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, limited, 3)
    assert len(provider.calls("chat.create")) == 2
    assert russian_text("bot-again-done") in talk.alerts()
    assert select_rows(limited, "SELECT state FROM quota_use") == [("charged",)] * 2


def test_invalid_button_data_breaks_no_handler(telegram, settings):
    nonsense = ("", ":", ":-1", ":999999999999999:1", ":яё:{$x}", f":{'1:' * 20}")
    # Verbs that call a model or delete data are tested elsewhere.
    verbs = {verb for handlers in _HANDLERS for verb in handlers.buttons}
    presses = [
        f"{verb}{rest}"
        for verb in sorted(verbs - {"again", "forget"})
        for rest in nonsense
    ]
    with ChatUser.of_running_bot(telegram, settings) as talk:
        talk.say("Первый")
        query = {
            "message": {
                "message_id": talk.last.message_id,
                "date": 1,
                "chat": {"id": ANNA, "type": "private"},
            },
            "from": {
                "id": ANNA,
                "is_bot": False,
                "first_name": "\u202e{$x}<b>*_[",
                "language_code": "xx",
            },
        }
        for number, data in enumerate(presses):
            press = {**query, "id": str(number), "data": data}
            telegram.act(partial(_add, press))
        wait_until_ended(telegram, settings, len(presses) + 1)
    assert "failed" not in count_updates_by_state(settings)


def _add(query, acting):
    acting.world.add_update("callback_query", query)


def test_questions_that_were_asked_while_the_bot_was_frozen_are_all_answered(
    telegram, settings, tmp_path
):
    child = start_bot(settings, tmp_path / "log")
    say_and_wait(telegram, settings, "Первый", 1)
    os.kill(child.pid, signal.SIGSTOP)
    # As a person who waits for the answers, in the half minute of which the bot knows nothing.
    for number in range(10):
        send_at(telegram, time.time() - 30 + number, f"Вопрос {number}")
    os.kill(child.pid, signal.SIGCONT)
    wait_until_ended(telegram, settings, 11)
    end(child)
    assert count_updates_by_state(settings) == {"answered": 11}
