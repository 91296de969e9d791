"""Sessions: listed, opened, named, exported, deleted; hidden from other users."""

import pytest

from tests.bot.conversation import ChatUser, user_messages
from tests.bot.running_bot import answer_texts, russian_text, select_rows

pytestmark = pytest.mark.functional


def open_two_sessions(talk):
    """Open a session about the forehead, then one about the chin."""
    talk.say("Что такое лоб?")
    talk.say("/new")
    talk.say("Что такое подбородок?")
    talk.say("/sessions")


def test_old_session_is_reopened_with_its_history(anna, provider):
    open_two_sessions(anna)
    assert "1 вопрос с ответом" in anna.press(anna.find_button("Что такое лоб?")).text
    opened = anna.press("Открыть")
    assert opened.text.startswith("Открыт разговор «Что такое лоб?»")
    assert "Вы остановились на вопросе: Что такое лоб?" in opened.text
    anna.say("А виски?")
    assert user_messages(provider) == ["Что такое лоб?", "А виски?"]


def test_session_is_deleted_after_a_confirmation(anna):
    open_two_sessions(anna)
    card = anna.press(anna.labels[1])
    assert "Вернуть его будет нельзя" in anna.press("🗑 Удалить").text
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(2,)]
    sure = anna.button_data("session-dropped")
    assert anna.press("Да, удалить").text == "Разговор «Что такое лоб?» удалён."
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    anna.press("Все разговоры")
    (title,) = [label for label in anna.labels if " · " in label]
    assert title.startswith("▸ Что такое подбородок? · ")
    # Buttons of before open nothing.
    number = sure.partition(":")[2]
    for data in (sure, f"session:{number}", f"session-open:{number}"):
        anna.press(data, card.message_id, forged=True)
        assert "Разговор не найден" in anna.alerts()[-1]


def read_sessions(settings):
    return select_rows(settings, "SELECT id, is_open, title FROM chat_session")


def test_session_of_another_user_is_neither_shown_nor_changed(anna, telegram):
    open_two_sessions(anna)
    (_, session_id) = anna.button_data("session").split(":")
    before = read_sessions(anna.settings)
    boris = ChatUser(telegram, anna.settings, "boris")
    message = boris.say("/help")
    for verb in ("session", "session-open", "session-drop", "session-dropped"):
        boris.press(f"{verb}:{session_id}", message.message_id, forged=True)
        assert (
            "Разговор не найден: возможно, он удалён. Все разговоры: /sessions"
            in boris.alerts()[-1]
        )
    assert answer_texts(telegram, "boris") == [message.text]
    assert read_sessions(anna.settings) == before


def test_cleared_session_is_deleted_and_the_next_question_starts_another(
    anna, provider
):
    anna.say("Что такое лоб?")
    assert "Разговор удалён, начинаем новый" in anna.say("/clear").text
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(0,)]
    anna.say("А подбородок?")
    assert user_messages(provider) == ["А подбородок?"]


def test_open_session_is_marked_and_cannot_be_opened_again(anna):
    open_two_sessions(anna)
    card = anna.press(anna.find_button("▸"))
    assert russian_text("session-open-now") in card.text
    assert "Открыть" not in anna.labels


def test_person_without_sessions_is_told_how_to_begin_one(anna):
    assert anna.say("/sessions").text == russian_text("sessions-none")
