"""Sessions: listed, opened, named, exported, deleted; hidden from other users."""

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, russian_text, select_rows
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional


def titles(talk):
    return [label.split(" · ")[0] for label in talk.labels if " · " in label]


def open_two_sessions(talk):
    """Open a session about the forehead, then one about the chin."""
    talk.say("Что такое лоб?")
    talk.say("/new")
    talk.say("Что такое подбородок?")
    talk.say("/sessions")


def test_old_session_is_reopened_with_its_history(anna, provider):
    open_two_sessions(anna)
    anna.press(
        next(label for label in anna.labels if label.startswith("Что такое лоб?"))
    )
    assert "1 вопрос с ответом" in anna.last.text
    opened = anna.press("Открыть")
    assert opened.text.startswith("Открыт разговор «Что такое лоб?»")
    assert "Вы остановились на вопросе: Что такое лоб?" in opened.text
    anna.say("А виски?")
    contents = [
        message["content"]
        for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert "Что такое лоб?" in contents
    assert "Что такое подбородок?" not in contents


def test_session_is_deleted_after_a_confirmation(anna, provider):
    open_two_sessions(anna)
    card = anna.press(anna.labels[1])
    assert "Вернуть его будет нельзя" in anna.press("🗑 Удалить").text
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(2,)]
    sure = anna.button_data("session-dropped")
    assert anna.press("Да, удалить").text == "Разговор «Что такое лоб?» удалён."
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    anna.press("Все разговоры")
    assert titles(anna) == ["▸ Что такое подбородок?"]
    # Buttons of before open nothing.
    number = sure.partition(":")[2]
    for data in (sure, f"session:{number}", f"session-open:{number}"):
        anna.press(data, card.message_id, forged=True)
        assert "Разговор не найден" in anna.alerts()[-1]


VERBS = ("session", "session-open", "session-drop", "session-dropped")


def test_session_of_another_user_is_neither_shown_nor_changed(anna, telegram):
    open_two_sessions(anna)
    (_, session_id) = anna.button_data("session").split(":")
    before = select_rows(
        anna.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id"
    )
    boris = ChatUser(telegram, anna.settings, "boris")
    message = boris.say("/help")
    for verb in VERBS:
        boris.press(f"{verb}:{session_id}", message.message_id, forged=True)
        (answered,) = telegram.calls("answerCallbackQuery")[-1:]
        assert (
            "Разговор не найден: возможно, он удалён. Все разговоры: /sessions"
            in answered.body["text"]
        )
    assert [answer.text for answer in telegram.answers("boris")] == [message.text]
    assert (
        select_rows(
            anna.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id"
        )
        == before
    )
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_cleared_session_is_deleted_and_the_next_question_starts_another(
    anna, provider
):
    anna.say("Что такое лоб?")
    assert "Разговор удалён, начинаем новый" in anna.say("/clear").text
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(0,)]
    anna.say("А подбородок?")
    (call,) = provider.calls("chat.create")[-1:]
    assert "Что такое лоб?" not in [
        message["content"] for message in call.body["messages"]
    ]


def test_open_session_is_marked_and_cannot_be_opened_again(anna):
    open_two_sessions(anna)
    card = anna.press(next(label for label in anna.labels if label.startswith("▸")))
    assert russian_text("session-open-now") in card.text
    assert "Открыть" not in anna.labels


def test_person_without_sessions_is_told_how_to_begin_one(anna):
    assert anna.say("/sessions").text == russian_text("sessions-none")


def test_tokens_show_what_is_left_of_a_limited_plan(telegram, settings):
    plan = make_plan("free", {}, {Format.TEXT: Allowance(day=3)})
    with RunningBot(replace(settings, plans=(plan,))):
        anna = ChatUser(telegram, settings)
        anna.say("Что такое лоб?")
        assert "2 из 3" in anna.say("/t").text
