"""Sessions: listed, opened, named, exported, deleted; hidden from other users."""

import json

import pytest

from merlin.sandbox.telegram.arguments import Upload
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import PHOTO, RunningBot, bot_settings, select_rows
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


def test_sessions_are_listed_newest_first_with_the_open_one_marked(anna):
    assert "Разговоров пока нет" in anna.say("/sessions").text
    open_two_sessions(anna)
    assert "У вас 2 разговора." in anna.last.text
    assert titles(anna) == ["▸ Что такое подбородок?", "Что такое лоб?"]


def test_old_session_is_reopened_with_its_history(anna, provider):
    open_two_sessions(anna)
    anna.press(next(label for label in anna.labels if label.startswith("Что такое лоб?")))
    assert "1 вопрос с ответом" in anna.last.text
    opened = anna.press("Открыть")
    assert opened.text.startswith("Открыт разговор «Что такое лоб?»")
    assert "Вы остановились на вопросе: Что такое лоб?" in opened.text
    anna.say("А виски?")
    contents = [
        message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert "Что такое лоб?" in contents
    assert "Что такое подбородок?" not in contents


def test_session_is_renamed_without_a_model_call(anna, provider):
    open_two_sessions(anna)
    anna.press(titles(anna)[1] and anna.labels[1])
    anna.press("✏️ Переименовать")
    assert anna.labels == ["‹ Назад", "Отмена"]
    named = anna.say("Про  лоб\nи виски")
    assert named.text.startswith("«Про лоб и виски»")
    assert len(provider.calls("chat.create")) == 2
    anna.say("/sessions")
    assert titles(anna) == ["▸ Что такое подбородок?", "Про лоб и виски"]


def test_picture_with_the_new_name_of_a_session_is_said_not_to_be_saved(anna, telegram):
    open_two_sessions(anna)
    anna.press(anna.labels[1])
    anna.press("✏️ Переименовать")
    picture = Upload("a.png", "image/png", PHOTO)
    anna._act(telegram.send_file, picture, kind="photo", caption="Про лоб")
    note = "Файл не сохранён: здесь подходит только текст.\n\n"
    assert anna.last.text.startswith(f"{note}«Про лоб»")


@pytest.mark.parametrize("way_out", ["Отмена", "‹ Назад", "/cancel"])
def test_renaming_can_be_cancelled_and_the_next_message_is_a_question(anna, provider, way_out):
    open_two_sessions(anna)
    anna.press(anna.labels[1])
    anna.press("✏️ Переименовать")
    (anna.say if way_out.startswith("/") else anna.press)(way_out)
    anna.say("Обычный вопрос")
    assert len(provider.calls("chat.create")) == 3
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_session_is_exported_as_text_and_json(anna, telegram):
    open_two_sessions(anna)
    anna.press(anna.labels[1])
    card = anna.last.message_id
    anna.press("📄 Сохранить текстом", card)
    document = anna.last.message["document"]
    exported = telegram.download(document["file_id"]).decode()
    assert document["file_name"].endswith(".md")
    assert exported.startswith("# Что такое лоб?\n")
    assert "## Вы · " in exported
    assert "**neurotypology-1**" in exported
    anna.press("Сохранить как JSON", card)
    content = json.loads(telegram.download(anna.last.message["document"]["file_id"]))
    (turn,) = content["turns"]
    assert turn["question"] == "Что такое лоб?"
    assert turn["model"] == "stand-in-base"
    assert turn["input_tokens"] > 0


def test_deleted_session_can_be_restored(anna):
    open_two_sessions(anna)
    anna.press(anna.labels[1])
    anna.press("🗑 Удалить")
    assert "Вернуть его можно в течение 10 минут" in anna.last.text
    undo, offer_id = anna.button_data("session-restore"), anna.last.message_id
    anna.press("Все разговоры")
    assert titles(anna) == ["▸ Что такое подбородок?"]
    assert anna.press(undo, offer_id, forged=True).text.startswith("«Что такое лоб?»")
    anna.press("🗑 Удалить")
    anna.press("↩️ Вернуть разговор")
    # A second press, sent before the first has changed the message.
    anna.press(undo, anna.last.message_id, forged=True)
    assert anna.last.text.startswith("«Что такое лоб?»")
    anna.press("session-restore:77", anna.last.message_id, forged=True)
    assert anna.alerts() == ["Этот разговор уже удалён насовсем. Все разговоры: /sessions"]


def test_clearing_an_unused_conversation_mentions_no_deletion(anna):
    assert anna.say("/clear").text == "Новый разговор открыт. Пишите!"


def test_question_after_the_deletion_of_a_session_being_renamed_is_answered(anna):
    open_two_sessions(anna)
    card = anna.press(anna.labels[1])
    drop = anna.button_data("session-drop")
    anna.press("✏️ Переименовать")
    anna.press(drop, card.message_id, forged=True)
    assert "не найден" not in anna.say("Что такое нос?").text


def test_session_list_has_pages(anna):
    for number in range(10):
        anna.say(f"Вопрос {number}")
        anna.say("/new")
    anna.say("/sessions")
    assert "страница 1 из 2" in anna.last.text
    assert len(titles(anna)) == 8
    anna.press("›")
    assert titles(anna) == ["Вопрос 1", "Вопрос 0"]
    anna.press("‹")
    assert titles(anna)[0] == "Вопрос 9"


VERBS = ("session", "session-open", "session-name", "session-file", "session-drop")


def test_session_of_another_user_is_neither_shown_nor_changed(anna, telegram):
    open_two_sessions(anna)
    (_, session_id) = anna.button_data("session").split(":")
    before = select_rows(anna.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id")
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
        select_rows(anna.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id")
        == before
    )
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_invalid_session_button_data_changes_nothing(anna):
    open_two_sessions(anna)
    for data in ("session:", "session:-1", "session:9" + "9" * 50, "session:٣", "sessions:999999"):
        anna.press(data, anna.last.message_id, forged=True)
    assert "У вас 2 разговора." in anna.last.text


def test_cleared_session_continues_after_undo(anna, provider):
    anna.say("Что такое лоб?")
    assert "Разговор удалён, начинаем новый" in anna.say("/clear").text
    assert "Этот разговор сейчас открыт" in anna.press("↩️ Вернуть разговор").text
    anna.say("А подбородок?")
    (call,) = provider.calls("chat.create")[-1:]
    assert "Что такое лоб?" in [message["content"] for message in call.body["messages"]]
    # Another session is in use by then and stays open; an empty one cannot be restored.
    cleared = anna.say("/clear")
    assert not anna.say("/clear").keys
    anna.say("Новый вопрос")
    assert "сейчас открыт" not in anna.press("↩️ Вернуть разговор", cleared.message_id).text


def capped_settings(tmp_path, telegram, provider, most=2):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, sessions=most)
    return bot_settings(tmp_path, telegram, provider, plans=(plan,))


def test_session_beyond_the_plan_is_deleted_only_after_confirmation(tmp_path, telegram, provider):
    settings = capped_settings(tmp_path, telegram, provider)
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say("Первый")
        talk.say("/new")
        talk.say("Второй")
        message = talk.say("/new")
        assert "Ваш план хранит 2 разговора" in message.text
        assert "«Первый»" in message.text
        assert select_rows(settings, "SELECT COUNT(*) FROM turn") == [(2,)]
        talk.press("Удалить и начать новый")
        assert select_rows(
            settings, "SELECT COUNT(*) FROM chat_session WHERE deleted_at <> ''"
        ) == [(1,)]
        talk.say("Третий")
        talk.say("/sessions")
        assert titles(talk) == ["▸ Третий", "Второй"]


def test_outdated_offer_deletes_only_the_session_it_named(tmp_path, telegram, provider):
    settings = capped_settings(tmp_path, telegram, provider)
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        talk.say("Первый")
        talk.say("/new")
        talk.say("Второй")
        offer = talk.say("/new")
        talk.say("/sessions")
        talk.press(next(label for label in talk.labels if label.startswith("Первый")))
        talk.press("Открыть")
        talk.say("Первый снова")
        talk.press("Удалить и начать новый", offer.message_id)
        current = next(
            message
            for message in telegram.answers("anna")
            if message.message_id == offer.message_id
        )
        assert "«Второй»" in current.text
        assert select_rows(settings, "SELECT COUNT(*) FROM turn") == [(3,)]
