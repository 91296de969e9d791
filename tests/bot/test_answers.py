"""Answers in the chat: formatting, buttons, stop, regenerate, context window, quota."""

from dataclasses import replace

import pytest

from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    count_updates_by_state,
    russian_text,
    select_rows,
    wait_for_windows,
    wait_until_ended,
)
from tests.support.config import make_priced_config
from tests.support.faults import Fault, FaultKind
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional

CODE = "Смотрите **сюда**:\n\n```python\nprint(1)\n```\n\n- раз\n- два"


def labels(message):
    return [key["text"] for row in message.keys for key in row]


def find_button_data(message, start):
    return next(
        key["callback_data"]
        for row in message.keys
        for key in row
        if key.get("callback_data", "").startswith(start)
    )


def test_markdown_becomes_entities(telegram, provider, settings):
    provider.behave(fixed_answer=CODE)
    with RunningBot(settings):
        telegram.say("anna", "Код?")
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    assert answer.text == "Смотрите сюда:\n\nprint(1)\n\n• раз\n• два"
    assert {(mark["type"], mark.get("language")) for mark in answer.entities} == {
        ("bold", None),
        ("pre", "python"),
    }


def test_buttons_of_the_first_three_answers_have_labels(telegram, settings):
    with RunningBot(settings):
        for count in range(1, 5):
            telegram.say("anna", f"Вопрос {count}")
            wait_until_ended(telegram, settings, count)
        shown_labels = [labels(answer) for answer in telegram.answers("anna")]
    worded = ["👍 Хорошо", "👎 Плохо", "ℹ️ Откуда", "✏️ Подсказать", "🔁 Ещё раз"]
    assert shown_labels == [*[worded] * 3, ["👍", "👎", "ℹ️", "✏️", "🔁"]]


def test_streaming_answer_can_be_stopped_and_keeps_its_text(telegram, provider, settings):
    provider.behave(fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.05)
    with RunningBot(settings):
        telegram.say("anna", "Расскажи")
        telegram.wait_for(lambda: "слово3" in "".join(answer_texts(telegram)))
        (growing,) = telegram.answers("anna")
        assert labels(growing) == [russian_text("bot-stop")]
        provider.behave(piece_s=3600.0)
        telegram.press("anna", find_button_data(growing, "stop"))
        wait_until_ended(telegram, settings, 2)
    (answer,) = telegram.answers("anna")
    assert answer.text.startswith("слово0 слово1 слово2")
    assert "слово399" not in answer.text
    assert russian_text("bot-stopped") in answer.text
    assert telegram.calls("answerCallbackQuery")[0].body["text"] == russian_text("bot-stopping")
    assert select_rows(settings, "SELECT state, ending FROM turn") == [("told", "answered")]


def test_user_cannot_stop_the_answer_of_another_user(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    with RunningBot(settings):
        telegram.say("boris", "/help")
        telegram.say("anna", "Вопрос")
        telegram.wait_for(lambda: answer_texts(telegram) == ["…"])
        stop = find_button_data(telegram.answers("anna")[0], "stop")
        telegram.wait_for(lambda: telegram.answers("boris"))
        telegram.press("boris", stop, forged=True)
        telegram.wait_for(lambda: telegram.calls("answerCallbackQuery"))
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, settings, 3)
    assert "«Вопрос»" in answer_texts(telegram)[0]


def test_regenerated_question_appears_once_in_the_history(telegram, provider, settings):
    with RunningBot(settings):
        telegram.say("anna", "Первый")
        wait_until_ended(telegram, settings, 1)
        telegram.press("anna", "🔁 Ещё раз")
        wait_until_ended(telegram, settings, 2)
        telegram.say("anna", "Второй")
        wait_until_ended(telegram, settings, 3)
    questions = [
        [message["content"] for message in call.body["messages"] if message["role"] == "user"]
        for call in provider.calls("chat.create")
    ]
    assert questions == [["Первый"], ["Первый"], ["Первый", "Второй"]]
    assert len(answer_texts(telegram)) == 3


def test_user_cannot_regenerate_the_answer_of_another_user(telegram, provider, settings):
    with RunningBot(settings):
        telegram.say("boris", "Тайна")
        telegram.say("anna", "/help")
        wait_until_ended(telegram, settings, 2)
        telegram.press("anna", find_button_data(telegram.answers("boris")[0], "again"), forged=True)
        wait_until_ended(telegram, settings, 3)
    assert len(provider.calls("chat.create")) == 1
    assert not any("Тайна" in text for text in answer_texts(telegram))


def test_full_context_window_starts_a_new_session_with_a_note(telegram, provider, settings):
    provider.behave(fixed_answer="слово " * 300, context_window=500)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        telegram.say("anna", "Первый")
        wait_until_ended(telegram, settings, 1)
        telegram.say("anna", "Второй")
        wait_until_ended(telegram, settings, 2)
    first, second = telegram.answers("anna")
    assert "100\xa0%" in first.text
    assert russian_text("bot-button-new") in labels(first)
    assert russian_text("bot-renewed") in second.text
    message_counts = [len(call.body["messages"]) for call in provider.calls("chat.create")]
    assert message_counts == [2, 2]
    assert select_rows(settings, "SELECT COUNT(*) FROM chat_session") == [(2,)]


def test_cost_of_an_answer_is_stored_in_millionths(telegram, settings):
    dear = replace(settings, config=make_priced_config("stand-in-base", input=1, output=2))
    with RunningBot(dear):
        telegram.say("anna", "Сколько?")
        wait_until_ended(telegram, dear, 1)
    rows = select_rows(dear, "SELECT input_tokens, output_tokens, cost_micro, currency FROM turn")
    ((input_tokens, output_tokens, cost, currency),) = rows
    assert (cost, currency) == (input_tokens + 2 * output_tokens, "USD")
    assert cost > 0


def test_exhausted_plan_offers_plans_and_does_not_call_the_model(telegram, provider, settings):
    plans = make_plans({"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 1}}})
    limited = replace(settings, plans=tuple(plans))
    with RunningBot(limited):
        telegram.say("anna", "Первый")
        telegram.say("anna", "Второй")
        wait_until_ended(telegram, limited, 2)
    first, second = telegram.answers("anna")
    assert "«Первый»" in first.text
    assert "не засчитан" in second.text
    assert labels(second) == [russian_text("bot-button-plan")]
    assert len(provider.calls("chat.create")) == 1
    assert count_updates_by_state(limited) == {"answered": 1, "refused": 1}


def test_failed_question_is_returned_to_the_quota(telegram, provider, settings):
    plans = make_plans({"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 1}}})
    limited = replace(settings, plans=tuple(plans), providers=settings.providers)
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=500, times=3))
    with RunningBot(limited):
        telegram.say("anna", "Первый")
        wait_until_ended(telegram, limited, 1)
        telegram.say("anna", "Второй")
        wait_until_ended(telegram, limited, 2)
    assert "«Второй»" in answer_texts(telegram)[1]
    assert select_rows(limited, "SELECT state FROM quota_use ORDER BY update_id") == [
        ("returned",),
        ("charged",),
    ]


def test_payment_is_declined_at_once_while_an_answer_is_written(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    with RunningBot(settings):
        telegram.say("anna", "Вопрос")
        telegram.wait_for(lambda: answer_texts(telegram) == ["…"])
        query = {
            "id": "77",
            "from": {"id": 1001, "is_bot": False, "first_name": "Анна"},
            "currency": "XTR",
            "total_amount": 1,
            "invoice_payload": "Order not found",
        }
        telegram.act(lambda acting: acting.world.add_update("pre_checkout_query", query))
        telegram.wait_for(lambda: telegram.calls("answerPreCheckoutQuery"))
        assert answer_texts(telegram) == ["…"]
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, settings, 2)
    (call,) = telegram.calls("answerPreCheckoutQuery")
    assert call.body["error_message"] == russian_text("pay-refused-unknown")
