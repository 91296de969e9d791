"""Answers in the chat: formatting, buttons, stop, regenerate, context window, quota."""

from dataclasses import replace

import pytest

from tests.bot.conversation import ChatUser, user_messages
from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    count_updates_by_state,
    russian_text,
    select_rows,
    wait_for_windows,
)
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional


@pytest.fixture
def limited(settings):
    """Return the settings of a bot that answers one question a day."""
    title = {"ru": "Даром", "en": "Free"}
    plans = make_plans({"free": {"title": title, "text": {"day": 1}}})
    return replace(settings, plans=tuple(plans))


def test_one_row_of_signs_without_another_try_for_an_examples_answer(anna, provider):
    composed = anna.say("Вопрос 1")
    assert (len(composed.keys), anna.labels) == (1, ["👍", "👎", "ℹ️", "✏️", "🔁"])
    provider.behave(extension={"known": True})
    ready = anna.say("Вопрос 2")
    assert (len(ready.keys), anna.labels) == (1, ["👍", "👎", "ℹ️", "✏️"])


def test_answer_that_a_model_composed_says_so(anna, provider):
    provider.behave(extension={"composed": True, "composed_from": ["Что такое граф?"]})
    note = "[Ответ составила модель по источникам: ответ на вопрос «Что такое граф?»]"
    assert anna.say("А граф?").text.endswith(note)


def test_streaming_answer_can_be_stopped_and_keeps_its_text(anna, telegram, provider):
    provider.behave(
        fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.05
    )
    telegram.say("anna", "Расскажи")
    telegram.wait_for(lambda: "слово3" in "".join(answer_texts(telegram)))
    assert anna.labels == [russian_text("bot-stop")]
    provider.behave(piece_s=3600.0)
    anna.press(russian_text("bot-stop"), count=2)
    (answer,) = answer_texts(telegram)
    assert answer.startswith("слово0 слово1 слово2")
    assert "слово399" not in answer
    assert russian_text("bot-stopped") in answer
    assert anna.alerts() == [russian_text("bot-stopping")]
    turns = select_rows(anna.settings, "SELECT state, ending FROM turn")
    assert turns == [("told", "answered")]


def test_regenerated_question_appears_once_in_the_history(anna, provider):
    anna.say("Первый")
    anna.press("🔁")
    assert user_messages(provider) == ["Первый"]
    anna.say("Второй")
    assert user_messages(provider) == ["Первый", "Второй"]
    assert len(provider.calls("chat.create")) == len(answer_texts(anna.telegram)) == 3


def test_full_context_window_starts_a_new_session_with_a_note(
    telegram, provider, settings
):
    provider.behave(fixed_answer="слово " * 300, context_window=500)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        anna = ChatUser(telegram, settings)
        assert "100\xa0%" in anna.say("Первый").text
        assert russian_text("bot-button-new") in anna.labels
        assert russian_text("bot-renewed") in anna.say("Второй").text
    assert user_messages(provider) == ["Второй"]
    assert select_rows(settings, "SELECT COUNT(*) FROM chat_session") == [(2,)]


def test_exhausted_plan_offers_plans_and_does_not_call_the_model(
    telegram, provider, limited
):
    with ChatUser.of_running_bot(telegram, limited) as anna:
        assert "«Первый»" in anna.say("Первый").text
        assert "не засчитан" in anna.say("Второй").text
    assert anna.labels == [russian_text("bot-button-plan")]
    assert len(provider.calls("chat.create")) == 1
    assert count_updates_by_state(limited) == {"answered": 1, "refused": 1}
