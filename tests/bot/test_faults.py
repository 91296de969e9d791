"""Faults between two lanes of a chat, after a kill, and with invalid responses."""

from dataclasses import replace
from functools import partial

import pytest
from telegram.ext import Application, CallbackQueryHandler, ContextTypes

from merlin.billing.quota import Allowance, Format
from merlin.bot.application import register
from merlin.bot.context import BotContext, BotData
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    count_updates_by_state,
    russian_text,
    select_rows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import start_bot, wait_for_exit
from tests.support.plan_config import make_plan
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ANNA = 1001
FLOOD_S = 30


def with_quota(settings, **changes):
    """Return settings with a plan that has limits."""
    plan = make_plan("free", {"ru": "Даром", "en": "Free"}, {Format.TEXT: Allowance(day=3)})
    return replace(settings, plans=(plan,), **changes)


def count_uses(settings):
    return [
        state
        for (state,) in select_rows(settings, "SELECT state FROM quota_use ORDER BY update_id")
    ]


def flood_chat(telegram, *methods):
    """Let Telegram answer anna's chat with a flood wait longer than the test."""
    for method in methods:
        telegram.faults.add(
            Fault(
                method,
                FaultKind.STATUS,
                status=429,
                times=None,
                retry_after_s=FLOOD_S,
                only={"chat_id": str(ANNA)},
            )
        )


def button_verbs():
    """Return the verb of every button of the bot."""
    context_types = ContextTypes(context=BotContext, bot_data=BotData)
    application = Application.builder().token("1:a").context_types(context_types).build()
    register(application)
    handlers = [
        handler for handler in application.handlers[0] if isinstance(handler, CallbackQueryHandler)
    ]
    patterns = [handler.pattern.pattern for handler in handlers if handler.pattern is not None]
    return {pattern.partition("(")[0].replace("\\", "") for pattern in patterns}


def payment_update():
    return {
        "id": "77",
        "from": {"id": ANNA, "is_bot": False, "first_name": "Анна"},
        "currency": "XTR",
        "total_amount": 1,
        "invoice_payload": "Order not found",
    }


def test_dialog_reply_is_not_a_question_after_a_kill(telegram, provider, settings, tmp_path):
    with RunningBot(settings):
        ChatUser(telegram, settings).say("/system")
        ChatUser(telegram, settings).press("system:set")
    telegram.say("anna", "Отвечай стихами")
    child = start_bot(settings, tmp_path / "log", MERLIN_CRASH_AT="answer.sent")
    assert wait_for_exit(child) == 137
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 3)
    assert not provider.calls("chat.create")
    assert russian_text("system-set") in answer_texts(telegram)[-1]


def test_question_before_a_dialog_stays_a_question_after_a_kill(
    telegram, provider, settings, tmp_path
):
    with RunningBot(settings):
        ChatUser(telegram, settings).say("Первый")
    provider.behave(think_s=3600.0)
    child = start_bot(settings, tmp_path / "log")
    telegram.say("anna", "Второй")
    telegram.wait_for(lambda: answer_texts(telegram)[-1] == "…")
    wait_until(lambda: len(select_rows(settings, "SELECT id FROM turn")) == 2)
    telegram.press("anna", "system:set", forged=True)
    wait_until(lambda: select_rows(settings, "SELECT step FROM dialog"))
    child.kill()
    child.join()
    provider.behave(think_s=0.0)
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 3)
    assert any("«Второй»" in text for text in answer_texts(telegram))
    assert select_rows(settings, "SELECT step FROM dialog") == [("system-text",)]


def test_payments_and_stops_do_not_wait_for_rate_limited_buttons(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    with RunningBot(replace(settings, pace=replace(settings.pace, finish_s=0.1))):
        telegram.say("anna", "Вопрос")
        telegram.wait_for(lambda: answer_texts(telegram) == ["…"])
        flood_chat(telegram, "editMessageText", "sendMessage")
        telegram.press("anna", "sessions:0", forged=True)
        telegram.wait_for(lambda: telegram.calls("answerCallbackQuery"))
        stop = telegram.answers("anna")[0].keys[0][0]["callback_data"]
        telegram.press("anna", stop)
        telegram.act(lambda acting: acting.world.add_update("pre_checkout_query", payment_update()))
        telegram.wait_for(lambda: telegram.calls("answerPreCheckoutQuery"))
        answers = partial(telegram.calls, "answerCallbackQuery")
        stopping = russian_text("bot-stopping")
        telegram.wait_for(lambda: stopping in [answer.body.get("text") for answer in answers()])


def test_deleting_a_session_during_its_answer_loses_no_answer(telegram, provider, settings):
    limited = with_quota(settings)
    with RunningBot(limited):
        talk = ChatUser(telegram, limited)
        talk.say("Первый")
        (session,) = select_rows(limited, "SELECT id FROM chat_session")[0]
        provider.behave(think_s=3600.0)
        telegram.say("anna", "Второй")
        wait_until(lambda: len(provider.calls("chat.create")) == 2)
        telegram.press("anna", f"session-dropped:{session}", forged=True)
        wait_until(lambda: select_rows(limited, "SELECT COUNT(*) FROM turn") == [(1,)])
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, limited, 3)
    assert any("«Второй»" in text for text in answer_texts(telegram))
    assert count_uses(limited) == ["charged", "charged"]


def test_second_press_on_regenerate_does_not_call_the_model_again(telegram, provider, settings):
    limited = with_quota(settings)
    with RunningBot(limited):
        talk = ChatUser(telegram, limited)
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
    assert count_uses(limited) == ["charged", "charged"]


def test_failed_regeneration_can_be_retried_by_the_older_button(telegram, provider, settings):
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say("Первый")
        again = talk.button_data("again")
        provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=500, times=3))
        talk.press(again)
        talk.press(again, forged=True)
    assert "«Первый»" in answer_texts(telegram)[-1]


def test_bot_answers_before_it_knows_its_own_name(telegram, settings):
    telegram.faults.add(Fault("getMe", FaultKind.STATUS, status=500, times=None))
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say("Первый")
        message = talk.say("/sessions")
    assert "разговор" in message.text
    assert count_updates_by_state(settings) == {"answered": 2}


def test_invalid_button_data_breaks_no_handler(telegram, settings):
    nonsense = ("", ":", ":-1", ":999999999999999:1", ":яё:{$x}", f":{'1:' * 20}")
    # Verbs that call a model or delete data are tested elsewhere.
    verbs = sorted(button_verbs() - {"again", "forget"})
    presses = [f"{verb}{rest}" for verb in verbs for rest in nonsense]
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say("Первый")
        message = {"message_id": talk.last.message_id, "date": 1}
        message["chat"] = {"id": ANNA, "type": "private"}
        sender = {
            "id": ANNA,
            "is_bot": False,
            "first_name": "\u202e{$x}<b>*_[",
            "language_code": "xx",
        }
        for number, data in enumerate(presses):
            query = {"id": str(number), "from": sender, "data": data, "message": message}
            telegram.act(partial(_add, query))
        wait_until_ended(telegram, settings, len(presses) + 1)
    assert "failed" not in count_updates_by_state(settings)


def _add(query, acting):
    acting.world.add_update("callback_query", query)
