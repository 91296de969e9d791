"""Sessions: listed, opened, named, exported, deleted; hidden from other users."""

from __future__ import annotations

import json

import pytest

from merlin.sandbox.faults import Fault, FaultKind
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, bot_settings, select_rows
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional


@pytest.fixture
def group_chat(telegram, settings):
    with RunningBot(settings):
        yield ChatUser(telegram, settings)


def titles(talk):
    return [label.split(" · ")[0] for label in talk.labels if " · " in label]


def open_two_sessions(talk):
    """Open a session about the forehead, then one about the chin."""
    talk.say("Что такое лоб?")
    talk.say("/new")
    talk.say("Что такое подбородок?")
    talk.say("/sessions")


def test_sessions_are_listed_newest_first_with_the_open_one_marked(group_chat):
    assert "Разговоров пока нет" in group_chat.say("/sessions").text
    open_two_sessions(group_chat)
    assert "У вас 2 разговора." in group_chat.last.text
    assert titles(group_chat) == ["▸ Что такое подбородок?", "Что такое лоб?"]


def test_old_session_is_reopened_with_its_history(group_chat, provider):
    open_two_sessions(group_chat)
    group_chat.press(
        next(label for label in group_chat.labels if label.startswith("Что такое лоб?"))
    )
    assert "1 вопрос с ответом" in group_chat.last.text
    opened = group_chat.press("Открыть")
    assert opened.text.startswith("Открыт разговор «Что такое лоб?»")
    assert "Вы остановились на вопросе: Что такое лоб?" in opened.text
    group_chat.say("А виски?")
    contents = [
        message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert "Что такое лоб?" in contents
    assert "Что такое подбородок?" not in contents


def test_session_is_renamed_without_a_model_call(group_chat, provider):
    open_two_sessions(group_chat)
    group_chat.press(titles(group_chat)[1] and group_chat.labels[1])
    group_chat.press("✏️ Переименовать")
    assert group_chat.labels == ["‹ Назад", "Отмена"]
    named = group_chat.say("Про  лоб\nи виски")
    assert named.text.startswith("«Про лоб и виски»")
    assert len(provider.calls("chat.create")) == 2
    group_chat.say("/sessions")
    assert titles(group_chat) == ["▸ Что такое подбородок?", "Про лоб и виски"]


@pytest.mark.parametrize("way_out", ["Отмена", "‹ Назад", "/cancel"])
def test_renaming_can_be_cancelled_and_the_next_message_is_a_question(
    group_chat, provider, way_out
):
    open_two_sessions(group_chat)
    group_chat.press(group_chat.labels[1])
    group_chat.press("✏️ Переименовать")
    (group_chat.say if way_out.startswith("/") else group_chat.press)(way_out)
    group_chat.say("Обычный вопрос")
    assert len(provider.calls("chat.create")) == 3
    assert select_rows(group_chat.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_session_is_exported_as_text_and_json(group_chat, telegram):
    open_two_sessions(group_chat)
    group_chat.press(group_chat.labels[1])
    card = group_chat.last.message_id
    group_chat.press("📄 Сохранить текстом", card)
    document = group_chat.last.message["document"]
    exported = telegram.download(document["file_id"]).decode()
    assert document["file_name"].endswith(".md")
    assert exported.startswith("# Что такое лоб?\n")
    assert "## Вы · " in exported
    assert "**stand-in-base**" in exported
    group_chat.press("Сохранить как JSON", card)
    content = json.loads(telegram.download(group_chat.last.message["document"]["file_id"]))
    (turn,) = content["turns"]
    assert turn["question"] == "Что такое лоб?"
    assert turn["model"] == "stand-in-base"
    assert turn["input_tokens"] > 0


def test_deleted_session_can_be_restored(group_chat):
    open_two_sessions(group_chat)
    group_chat.press(group_chat.labels[1])
    group_chat.press("🗑 Удалить")
    assert "Вернуть его можно в течение 10 минут" in group_chat.last.text
    undo, offer_id = group_chat.button_data("session-restore"), group_chat.last.message_id
    group_chat.press("Все разговоры")
    assert titles(group_chat) == ["▸ Что такое подбородок?"]
    assert group_chat.press(undo, offer_id, forged=True).text.startswith("«Что такое лоб?»")
    group_chat.press("🗑 Удалить")
    group_chat.press("↩️ Вернуть разговор")
    group_chat.press(undo, group_chat.last.message_id, forged=True)
    assert group_chat.alerts() == ["Этот разговор уже удалён насовсем. Все разговоры: /sessions"]


def test_session_list_has_pages(group_chat):
    for number in range(10):
        group_chat.say(f"Вопрос {number}")
        group_chat.say("/new")
    group_chat.say("/sessions")
    assert "страница 1 из 2" in group_chat.last.text
    assert len(titles(group_chat)) == 8
    group_chat.press("›")
    assert titles(group_chat) == ["Вопрос 1", "Вопрос 0"]
    group_chat.press("‹")
    assert titles(group_chat)[0] == "Вопрос 9"


VERBS = ("session", "session-open", "session-name", "session-file", "session-drop")


def test_session_of_another_user_is_neither_shown_nor_changed(group_chat, telegram):
    open_two_sessions(group_chat)
    (_, session_id) = group_chat.button_data("session").split(":")
    before = select_rows(
        group_chat.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id"
    )
    boris = ChatUser(telegram, group_chat.settings, "boris")
    message = boris.say("/help")
    for verb in VERBS:
        boris.press(f"{verb}:{session_id}", message.message_id, forged=True)
        (answered,) = telegram.calls("answerCallbackQuery")[-1:]
        assert (
            "Разговор не найден: возможно, он удалён. Все разговоры: /sessions"
            in answered.arguments["text"]
        )
    assert [answer.text for answer in telegram.answers("boris")] == [message.text]
    assert (
        select_rows(group_chat.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id")
        == before
    )
    assert select_rows(group_chat.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_invalid_session_button_data_changes_nothing(group_chat):
    open_two_sessions(group_chat)
    for data in ("session:", "session:-1", "session:9" + "9" * 50, "session:٣", "sessions:999999"):
        group_chat.press(data, group_chat.last.message_id, forged=True)
    assert "У вас 2 разговора." in group_chat.last.text


def test_cleared_session_continues_after_undo(group_chat, provider):
    group_chat.say("Что такое лоб?")
    assert "Разговор удалён, начинаем новый" in group_chat.say("/clear").text
    assert "Этот разговор сейчас открыт" in group_chat.press("↩️ Вернуть разговор").text
    group_chat.say("А подбородок?")
    (call,) = provider.calls("chat.create")[-1:]
    assert "Что такое лоб?" in [message["content"] for message in call.body["messages"]]
    # Another session is in use by then and stays open; an empty one cannot be restored.
    cleared = group_chat.say("/clear")
    assert not group_chat.say("/clear").keys
    group_chat.say("Новый вопрос")
    assert "сейчас открыт" not in group_chat.press("↩️ Вернуть разговор", cleared.message_id).text


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


def test_new_session_is_a_topic_named_after_the_first_question_if_topics_exist(
    group_chat, telegram
):
    telegram.switch("has_topics")
    group_chat.say("Что такое лоб?")
    group_chat.say("/new")
    ((thread, name),) = telegram.topics("anna").items()
    assert name == "Новый разговор"
    inside = ChatUser(telegram, group_chat.settings, f"anna#{thread}")
    assert inside.last.text.startswith("Это новый разговор")
    inside.say("Что такое подбородок?")
    telegram.wait_for(lambda: telegram.topics("anna")[thread] == "Что такое подбородок?")
    inside.say("/sessions")
    assert titles(inside) == ["▸ Что такое подбородок?"]


def test_failed_topic_creation_does_not_prevent_a_new_session(group_chat, telegram):
    telegram.switch("has_topics")
    telegram.faults.add(Fault("createForumTopic", FaultKind.STATUS, status=500, times=1))
    group_chat.say("Что такое лоб?")
    assert group_chat.say("/new").text.startswith("Начинаем новый разговор")
    assert telegram.topics("anna") == {}
