"""Unanswered questions in the bot: made into examples, dismissed and restored."""

from dataclasses import replace

import pytest

from merlin.account.users import Consents
from merlin.app.proposals import CONSENT_VERSION
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.dataset.example import parse_example
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from tests.bot.admin_chat import ANNA, ExampleEditor, add_admin, store_dataset
from tests.bot.running_bot import RunningBot, russian_text

pytestmark = pytest.mark.functional

ASKED, CONTINUED = "Куда девать массив?", "А самокат?"


@pytest.fixture
def settings(settings):
    with_vera = add_admin(settings)
    store_dataset(with_vera)
    with open_database(with_vera.database) as database:
        database.cipher = load_or_make_key(with_vera.state_dir, None)
        sessions = Sessions(database, 7)
        session = sessions.open(ChatPlace(ANNA, ANNA))
        sessions.change(replace(session, dataset="trial"))
        turns = Turns(database, 7)
        unknown = StoredAnswer("Не знаю.", known=False)
        for number, (question, answer) in enumerate(
            (
                ("Сколько стоит велосипед? Мой телефон 8 999 123-45-67.", StoredAnswer("Тысячу.")),
                (CONTINUED, unknown),
                (ASKED, unknown),
                ("Когда экзамен?", unknown),
            ),
            1,
        ):
            turns.ask(Question(session.session_id, number, ANNA, question, number), number)
            turns.write(number, answer)
            turns.mark_delivered(number)
        Consents(database).give(ANNA, CONSENT_VERSION)
    return with_vera


@pytest.fixture
def chat(telegram, settings):
    with RunningBot(settings):
        chat = ExampleEditor(telegram, settings)
        chat.say("/examples")
        chat.press("trial · 12 примеров")
        chat.press(russian_text("page-unanswered"))
        yield chat


def test_unanswered_question_becomes_an_example(chat):
    assert chat.labels[:2] == ["1 · Когда экзамен?", f"1 · {ASKED}"]
    assert f"👤 {ASKED}" in chat.press(f"1 · {ASKED}").text
    chat.say("В другой массив.")
    text = chat.press(russian_text("page-answers")).text
    assert "Проверено на 4 последних вопросах людей. Новых ответов: 1, пропадёт: 0" in text
    assert f"➕ {ASKED}\nОтвета нет\n→ В другой массив." in text
    assert russian_text("page-answers-estimate") in text
    chat.press("‹ Назад")
    change = chat.save()
    messages = [(message.role, message.content) for message in parse_example(change.text).messages]
    assert messages == [("user", ASKED), ("assistant", "В другой массив.")]


def test_question_that_continues_a_conversation_becomes_an_example_of_both_turns(chat):
    asked = "Сколько стоит велосипед? Мой телефон [телефон]."
    text = chat.press(f"1 · {CONTINUED}").text
    assert f"👤 {asked}\n🤖 Тысячу.\n👤 {CONTINUED}" in text
    chat.say("Две тысячи.")
    messages = [(each.role, each.content) for each in parse_example(chat.save().text).messages]
    assert messages == [
        *(("user", asked), ("assistant", "Тысячу.")),
        *(("user", CONTINUED), ("assistant", "Две тысячи.")),
    ]


def test_dismissed_question_can_be_restored(chat):
    chat.press("1 · Когда экзамен?")
    assert "Когда экзамен?" in chat.press(russian_text("page-unanswered-dismiss")).text
    chat.press("‹ Назад")
    assert chat.labels[0] == f"1 · {ASKED}"
    chat.press(f"1 · {ASKED}")
    chat.press(russian_text("page-unanswered-dismiss"))
    chat.press(russian_text("page-unanswered-restore"))
    assert f"👤 {ASKED}" in chat.last.text
    chat.press("‹ Назад")
    assert chat.labels[0] == f"1 · {ASKED}"


def test_button_of_a_missing_question_says_so(chat):
    chat.press("1 · Когда экзамен?")
    data = chat.button_data("ex").replace("vain-no", "vain")
    chat.press(f"{data[:-1]}{'0' if data[-1] != '0' else '1'}", forged=True)
    assert russian_text("unanswered-not-found") in chat.alerts()
