"""Answers in the chat: formatting, buttons, stop, regenerate, context window, quota."""

from dataclasses import replace

import pytest

from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    count_updates_by_state,
    russian_text,
    say_and_wait,
    select_rows,
    wait_for_windows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional


def labels(message):
    return [key["text"] for row in message.keys for key in row]


def find_button_data(message, start):
    return next(
        key["callback_data"]
        for row in message.keys
        for key in row
        if key.get("callback_data", "").startswith(start)
    )


def test_one_row_of_signs_without_another_try_for_an_examples_answer(
    telegram, provider, settings
):
    with RunningBot(settings):
        say_and_wait(telegram, settings, "Вопрос 1", 1)
        provider.behave(extension={"known": True})
        say_and_wait(telegram, settings, "Вопрос 2", 2)
    composed, ready = telegram.answers("anna")
    assert (len(composed.keys), labels(composed)) == (1, ["👍", "👎", "ℹ️", "✏️", "🔁"])
    assert (len(ready.keys), labels(ready)) == (1, ["👍", "👎", "ℹ️", "✏️"])


def test_answer_that_a_model_composed_says_so(telegram, provider, settings):
    provider.behave(extension={"composed": True, "composed_from": ["Что такое граф?"]})
    with RunningBot(settings):
        telegram.say("anna", "А граф?")
        wait_until_ended(telegram, settings, 1)
    (shown,) = telegram.answers("anna")
    note = "[Ответ составила модель по источникам: ответ на вопрос «Что такое граф?»]"
    assert shown.text.endswith(note)


def test_streaming_answer_can_be_stopped_and_keeps_its_text(
    telegram, provider, settings
):
    provider.behave(
        fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.05
    )
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
    assert telegram.calls("answerCallbackQuery")[0].body["text"] == russian_text(
        "bot-stopping"
    )
    assert select_rows(settings, "SELECT state, ending FROM turn") == [
        ("told", "answered")
    ]


def test_regenerated_question_appears_once_in_the_history(telegram, provider, settings):
    with RunningBot(settings):
        say_and_wait(telegram, settings, "Первый", 1)
        telegram.press("anna", "🔁")
        wait_until_ended(telegram, settings, 2)
        say_and_wait(telegram, settings, "Второй", 3)
    questions = [
        [
            message["content"]
            for message in call.body["messages"]
            if message["role"] == "user"
        ]
        for call in provider.calls("chat.create")
    ]
    assert questions == [["Первый"], ["Первый"], ["Первый", "Второй"]]
    assert len(answer_texts(telegram)) == 3


def test_full_context_window_starts_a_new_session_with_a_note(
    telegram, provider, settings
):
    provider.behave(fixed_answer="слово " * 300, context_window=500)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        say_and_wait(telegram, settings, "Первый", 1)
        say_and_wait(telegram, settings, "Второй", 2)
    first, second = telegram.answers("anna")
    assert "100\xa0%" in first.text
    assert russian_text("bot-button-new") in labels(first)
    assert russian_text("bot-renewed") in second.text
    message_counts = [
        len(call.body["messages"]) for call in provider.calls("chat.create")
    ]
    assert message_counts == [2, 2]
    assert select_rows(settings, "SELECT COUNT(*) FROM chat_session") == [(2,)]


def test_exhausted_plan_offers_plans_and_does_not_call_the_model(
    telegram, provider, settings
):
    plans = make_plans(
        {"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 1}}}
    )
    limited = replace(settings, plans=tuple(plans))
    with RunningBot(limited):
        telegram.say("anna", "Первый")
        say_and_wait(telegram, limited, "Второй", 2)
    first, second = telegram.answers("anna")
    assert "«Первый»" in first.text
    assert "не засчитан" in second.text
    assert labels(second) == [russian_text("bot-button-plan")]
    assert len(provider.calls("chat.create")) == 1
    assert count_updates_by_state(limited) == {"answered": 1, "refused": 1}


def test_failed_question_is_returned_to_the_quota(telegram, provider, settings):
    plans = make_plans(
        {"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 1}}}
    )
    limited = replace(settings, plans=tuple(plans), providers=settings.providers)
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=500, times=3))
    with RunningBot(limited):
        say_and_wait(telegram, limited, "Первый", 1)
        say_and_wait(telegram, limited, "Второй", 2)
    assert "«Второй»" in answer_texts(telegram)[1]
    assert select_rows(limited, "SELECT state FROM quota_use ORDER BY update_id") == [
        ("returned",),
        ("charged",),
    ]
