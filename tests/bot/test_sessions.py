"""Sessions: listed, opened, named, taken along, deleted; and never somebody else's."""

from __future__ import annotations

import json

import pytest

from merlin.sandbox.faults import Fault, FaultKind
from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot, rows, settings_of
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional


@pytest.fixture
def talk(telegram, settings):
    with RunningBot(settings):
        yield Talk(telegram, settings)


def titles(talk):
    return [label.split(" · ")[0] for label in talk.labels if " · " in label]


def two_sessions(talk):
    """Let there be one about the forehead, and one about the chin that is open."""
    talk.say("Что такое лоб?")
    talk.say("/new")
    talk.say("Что такое подбородок?")
    talk.say("/sessions")


def test_sessions_are_listed_newest_first_with_the_open_one_marked(talk):
    assert "Разговоров пока нет" in talk.say("/sessions").text
    two_sessions(talk)
    assert "У вас 2 разговора." in talk.last.text
    assert titles(talk) == ["▸ Что такое подбородок?", "Что такое лоб?"]


def test_an_old_session_is_opened_and_goes_on_with_what_was_said(talk, provider):
    two_sessions(talk)
    talk.press(next(label for label in talk.labels if label.startswith("Что такое лоб?")))
    assert "1 вопрос с ответом" in talk.last.text
    opened = talk.press("Открыть")
    assert opened.text.startswith("Открыт разговор «Что такое лоб?»")
    assert "Вы остановились на вопросе: Что такое лоб?" in opened.text
    talk.say("А виски?")
    contents = [
        message["content"] for message in provider.calls("chat.create")[-1].body["messages"]
    ]
    assert "Что такое лоб?" in contents
    assert "Что такое подбородок?" not in contents


def test_a_session_gets_the_name_that_is_written_and_no_question_is_asked(talk, provider):
    two_sessions(talk)
    talk.press(titles(talk)[1] and talk.labels[1])
    talk.press("✏️ Переименовать")
    assert talk.labels == ["‹ Назад", "Отмена"]
    named = talk.say("Про  лоб\nи виски")
    assert named.text.startswith("«Про лоб и виски»")
    assert len(provider.calls("chat.create")) == 2
    talk.say("/sessions")
    assert titles(talk) == ["▸ Что такое подбородок?", "Про лоб и виски"]


@pytest.mark.parametrize("way_out", ["Отмена", "‹ Назад", "/cancel"])
def test_naming_is_left_and_the_next_words_are_a_question_again(talk, provider, way_out):
    two_sessions(talk)
    talk.press(talk.labels[1])
    talk.press("✏️ Переименовать")
    (talk.say if way_out.startswith("/") else talk.press)(way_out)
    talk.say("Обычный вопрос")
    assert len(provider.calls("chat.create")) == 3
    assert rows(talk.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_a_session_is_taken_along_as_text_and_as_json(talk, telegram):
    two_sessions(talk)
    talk.press(talk.labels[1])
    card = talk.last.message_id
    talk.press("📄 Сохранить текстом", card)
    document = talk.last.message["document"]
    words = telegram.downloaded(document["file_id"]).decode()
    assert document["file_name"].endswith(".md")
    assert words.startswith("# Что такое лоб?\n")
    assert "## Вы · " in words
    assert "**stand-in-base**" in words
    talk.press("Сохранить как JSON", card)
    content = json.loads(telegram.downloaded(talk.last.message["document"]["file_id"]))
    (turn,) = content["turns"]
    assert turn["question"] == "Что такое лоб?"
    assert turn["model"] == "stand-in-base"
    assert turn["input_tokens"] > 0


def test_a_deleted_session_is_restored_by_a_tap(talk):
    two_sessions(talk)
    talk.press(talk.labels[1])
    talk.press("🗑 Удалить")
    assert "Вернуть его можно в течение 10 минут" in talk.last.text
    undo, asked = talk.data("session-restore"), talk.last.message_id
    talk.press("Все разговоры")
    assert titles(talk) == ["▸ Что такое подбородок?"]
    assert talk.press(undo, asked, forged=True).text.startswith("«Что такое лоб?»")
    talk.press("🗑 Удалить")
    talk.press("↩️ Вернуть разговор")
    talk.press(undo, talk.last.message_id, forged=True)
    assert talk.alerts() == ["Этот разговор уже удалён насовсем. Все разговоры: /sessions"]


def test_many_sessions_are_turned_over_in_pages(talk):
    for number in range(10):
        talk.say(f"Вопрос {number}")
        talk.say("/new")
    talk.say("/sessions")
    assert "страница 1 из 2" in talk.last.text
    assert len(titles(talk)) == 8
    talk.press("›")
    assert titles(talk) == ["Вопрос 1", "Вопрос 0"]
    talk.press("‹")
    assert titles(talk)[0] == "Вопрос 9"


VERBS = ("session", "session-open", "session-name", "session-file", "session-drop")


def test_a_session_of_somebody_else_is_neither_shown_nor_touched(talk, telegram):
    two_sessions(talk)
    (_, session_id) = talk.data("session").split(":")
    before = rows(talk.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id")
    boris = Talk(telegram, talk.settings, "boris")
    message = boris.say("/help")
    for verb in VERBS:
        boris.press(f"{verb}:{session_id}", message.message_id, forged=True)
        (answered,) = telegram.calls("answerCallbackQuery")[-1:]
        assert (
            "Разговор не найден: возможно, он удалён. Все разговоры: /sessions"
            in answered.arguments["text"]
        )
    assert [one.text for one in telegram.answers("boris")] == [message.text]
    assert rows(talk.settings, "SELECT id, is_open, title FROM chat_session ORDER BY id") == before
    assert rows(talk.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_nonsense_in_a_button_changes_nothing(talk):
    two_sessions(talk)
    for data in ("session:", "session:-1", "session:9" + "9" * 50, "session:٣", "sessions:999999"):
        talk.press(data, talk.last.message_id, forged=True)
    assert "У вас 2 разговора." in talk.last.text


def test_a_cleared_session_goes_on_where_that_is_undone(talk, provider):
    talk.say("Что такое лоб?")
    assert "Разговор удалён, начинаем новый" in talk.say("/clear").text
    assert "Этот разговор сейчас открыт" in talk.press("↩️ Вернуть разговор").text
    talk.say("А подбородок?")
    (call,) = provider.calls("chat.create")[-1:]
    assert "Что такое лоб?" in [message["content"] for message in call.body["messages"]]
    # Another one is in use by then, and stays open; an empty one has nothing to bring back.
    cleared = talk.say("/clear")
    assert not talk.say("/clear").keys
    talk.say("Новый вопрос")
    assert "сейчас открыт" not in talk.press("↩️ Вернуть разговор", cleared.message_id).text


def capped(tmp_path, telegram, provider, most=2):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, sessions=most)
    return settings_of(tmp_path, telegram, provider, plans=(plan,))


def test_beyond_the_plan_nothing_is_deleted_unless_the_person_says_so(tmp_path, telegram, provider):
    settings = capped(tmp_path, telegram, provider)
    with RunningBot(settings):
        talk = Talk(telegram, settings)
        talk.say("Первый")
        talk.say("/new")
        talk.say("Второй")
        message = talk.say("/new")
        assert "Ваш план хранит 2 разговора" in message.text
        assert "«Первый»" in message.text
        assert rows(settings, "SELECT COUNT(*) FROM turn") == [(2,)]
        talk.press("Удалить и начать новый")
        assert rows(settings, "SELECT COUNT(*) FROM chat_session WHERE deleted_at <> ''") == [(1,)]
        talk.say("Третий")
        talk.say("/sessions")
        assert titles(talk) == ["▸ Третий", "Второй"]


def test_an_old_offer_never_deletes_a_session_that_it_did_not_name(tmp_path, telegram, provider):
    settings = capped(tmp_path, telegram, provider)
    with RunningBot(settings):
        talk = Talk(telegram, settings)
        talk.say("Первый")
        talk.say("/new")
        talk.say("Второй")
        offer = talk.say("/new")
        talk.say("/sessions")
        talk.press(next(label for label in talk.labels if label.startswith("Первый")))
        talk.press("Открыть")
        talk.say("Первый снова")
        talk.press("Удалить и начать новый", offer.message_id)
        now = next(one for one in telegram.answers("anna") if one.message_id == offer.message_id)
        assert "«Второй»" in now.text
        assert rows(settings, "SELECT COUNT(*) FROM turn") == [(3,)]


def test_with_topics_a_new_session_is_a_topic_named_after_its_first_answer(talk, telegram):
    telegram.switch("has_topics")
    talk.say("Что такое лоб?")
    talk.say("/new")
    ((thread, name),) = telegram.topics("anna").items()
    assert name == "Новый разговор"
    inside = Talk(telegram, talk.settings, f"anna#{thread}")
    assert inside.last.text.startswith("Это новый разговор")
    inside.say("Что такое подбородок?")
    telegram.wait_for(lambda: telegram.topics("anna")[thread] == "Что такое подбородок?")
    inside.say("/sessions")
    assert titles(inside) == ["▸ Что такое подбородок?"]


def test_a_topic_that_telegram_does_not_make_is_no_hindrance(talk, telegram):
    telegram.switch("has_topics")
    telegram.faults.add(Fault("createForumTopic", FaultKind.STATUS, status=500, times=1))
    talk.say("Что такое лоб?")
    assert talk.say("/new").text.startswith("Начинаем новый разговор")
    assert telegram.topics("anna") == {}
