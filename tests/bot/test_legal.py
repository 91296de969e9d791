"""/privacy, /terms and /paysupport: the texts, and who gets payment complaints."""

from dataclasses import replace

import pytest

from merlin.account.users import Consents
from merlin.bot.handlers.profile import MAX_CHARACTERS
from merlin.config.settings import Retention
from merlin.db.database import open_database
from merlin.db.tables import COURSE
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    russian_text,
    select_rows,
)
from tests.bot.test_courses import course_row
from tests.support.process_settings import Provider

pytestmark = pytest.mark.functional

ANNA = 1001
VERA = 1003


@pytest.fixture
def settings(settings):
    return replace(settings, admins=(VERA,))


def test_privacy_shows_the_retention_periods(telegram, settings):
    with RunningBot(replace(settings, retention=Retention(turns_days=21))):
        text = ChatUser(telegram, settings).say("/privacy").text
    assert "Вопросы и ответы — 21 день." in text
    assert "без слов, — 30 дней." in text


def test_privacy_names_the_host_of_an_external_provider(telegram, settings):
    far = Provider("far", "https://models.example.com/v1", "sk-far", "far-1")
    with ChatUser.of_running_bot(
        telegram, replace(settings, providers=(*settings.providers, far))
    ) as talk:
        assert "• провайдер far (models.example.com)" in talk.say("/privacy").text
        talk.say("/model")
        talk.press(talk.find_button("far-1"))
        text = talk.say("/privacy").text
    assert (
        "отвечает far-1, провайдер far (models.example.com). Эту модель выбрали вы"
        in text
    )


def test_consent_is_shown_with_a_button_to_change_it(anna):
    assert "не разрешали" in anna.say("/privacy").text
    assert anna.button_data("consent") == "consent:show"
    with open_database(anna.settings.database) as database:
        Consents(database).give(ANNA, "1")
    assert "вы разрешили" in anna.say("/privacy").text
    assert anna.button_data("consent") == "consent:revoke"


def test_operators_texts_replace_the_defaults(telegram, settings):
    own = {
        "info": {"ru": "Ауд. 305", "en": "-"},
        "privacy": {"ru": "Мы храним мало.", "en": "-"},
        "terms": {"ru": "Просто спрашивайте.", "en": "-"},
    }
    with ChatUser.of_running_bot(telegram, replace(settings, texts=own)) as anna:
        assert "Ауд. 305" in anna.say("/info").text
        text = anna.say("/privacy").text
        assert text.startswith("Мы храним мало.")
        assert "Что хранится" not in text
        assert "• провайдер chat" in text
        assert anna.say("/terms").text == "Просто спрашивайте."


def test_payment_question_reaches_admins_with_a_link_to_the_person(telegram, anna):
    anna.say("/paysupport")
    anna.say("Списали дважды")
    (letter,) = telegram.wait_for(lambda: telegram.answers("vera"))
    assert "Списали дважды" in letter.text
    (link,) = letter.entities
    assert (link["type"], link["url"]) == ("text_link", f"tg://user?id={ANNA}")
    rows = select_rows(anna.settings, "SELECT action FROM audit ORDER BY id")
    assert rows == [("paysupport.ask",)]


def test_payment_questions_are_limited_to_three_a_day(telegram, anna):
    for _ in range(3):
        anna.say("/paysupport Где деньги?")
    assert "можно написать 3 раза" in anna.say("/paysupport Где деньги?").text
    assert "можно написать 3 раза" in anna.say("/paysupport").text
    telegram.wait_for(lambda: len(telegram.answers("vera")) == 3)


def test_payment_question_without_words_or_too_long_is_asked_for_again(telegram, anna):
    again = russian_text("paysupport-bad", most=MAX_CHARACTERS)
    anna.say("/paysupport")
    assert anna.say("я" * (MAX_CHARACTERS + 1)).text == again
    assert anna.say("Где деньги?").text == russian_text("paysupport-sent")
    (letter,) = telegram.wait_for(lambda: telegram.answers("vera"))
    assert "Где деньги?" in letter.text


def test_info_counts_the_models_of_the_courses_beyond_the_first_five(
    telegram, settings
):
    for number in range(1, 7):
        course = course_row(number, f"course-{number}", f"Курс {number}")
        with open_database(settings.database) as database:
            database.add(COURSE, course)
        add_live_model(settings, f"ft:{number}", dataset=f"course-{number}")
    with RunningBot(settings):
        told = ChatUser(telegram, settings).say("/info").text
    assert russian_text("bot-info-more", count=2) in told
