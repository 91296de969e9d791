"""/privacy, /terms and /paysupport: what is told, whose words, and who hears of a payment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.account.users import Consents, Roles
from merlin.app.texts import Settings
from merlin.config.settings import Retention
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.conversation import Talk
from tests.bot.running_bot import PHOTO, RunningBot, add_live_model, rows, settings_of
from tests.support.process_settings import Provider

pytestmark = pytest.mark.functional

ANNA, VERA = 1001, 1003


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = settings_of(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    return replace(settings, admins=(VERA,))


@pytest.fixture
def talk(telegram, settings):
    with RunningBot(settings):
        yield Talk(telegram, settings)


def within(settings, family, work):
    with open_database(settings.database) as database:
        return work(family(database))


def test_privacy_tells_what_is_stored_and_who_answers(talk):
    text = talk.say("/privacy").text
    for words in ("Что хранится", "зашифрованными", "/delete_me", "• поставщик chat"):
        assert words in text
    assert "отвечает neurotypology-1, поставщик chat. Другую можно выбрать в /model" in text


def test_privacy_tells_how_long_things_are_kept(telegram, settings):
    with RunningBot(replace(settings, retention=Retention(turns_days=21))):
        text = Talk(telegram, settings).say("/privacy").text
    assert "Вопросы и ответы — 21 день." in text
    assert "без слов, — 30 дней." in text


def test_privacy_names_the_machine_of_a_company_elsewhere(telegram, settings):
    far = Provider("far", "https://models.example.com/v1", "sk-far", "far-1")
    with RunningBot(replace(settings, providers=(*settings.providers, far))):
        talk = Talk(telegram, settings)
        assert "• поставщик far (models.example.com)" in talk.say("/privacy").text
        talk.say("/model")
        talk.press(talk.behind("far-1"))
        text = talk.say("/privacy").text
    assert "отвечает far-1, поставщик far (models.example.com). Эту модель выбрали вы" in text


def test_consent_is_shown_with_the_button_that_changes_it(talk):
    assert "не разрешали" in talk.say("/privacy").text
    assert talk.data("consent") == "consent:show"
    within(
        talk.settings,
        Consents,
        lambda consents: consents.give(ANNA, "1"),
    )
    assert "вы разрешили" in talk.say("/privacy").text
    assert talk.data("consent") == "consent:revoke"


def test_the_operators_own_words_take_the_place_of_the_usual_ones(talk):
    within(talk.settings, Settings, lambda own: own.put("privacy.ru", "Мы храним мало.", "x"))
    text = talk.say("/privacy").text
    assert text.startswith("Мы храним мало.")
    assert "Что хранится" not in text
    assert "• поставщик chat" in text


def test_the_terms_that_were_shown_are_noted_by_their_words(talk):
    assert "/paysupport" in talk.say("/terms").text
    seen = rows(talk.settings, "SELECT terms_seen FROM users")
    within(talk.settings, Settings, lambda own: own.put("terms.ru", "Просто спрашивайте.", "x"))
    assert talk.say("/terms").text == "Просто спрашивайте."
    assert seen != rows(talk.settings, "SELECT terms_seen FROM users") != [("",)]


def test_legal_texts_are_there_in_english(telegram, settings):
    with RunningBot(settings):
        talk = Talk(telegram, settings, 5001)
        assert "What is stored" in talk.say("/privacy").text
        assert "A model answers" in talk.say("/terms").text


def ask_about_payment(talk, words="Списали дважды"):
    talk.say("/paysupport")
    return talk.say(words)


def test_a_payment_question_reaches_the_admin_whose_answer_comes_back(telegram, talk):
    assert "Отправлено администраторам. Ответ придёт сюда" in ask_about_payment(talk).text
    (letter,) = telegram.wait_for(lambda: telegram.answers("vera"))
    assert "Списали дважды" in letter.text
    assert str(ANNA) in letter.text
    vera = Talk(telegram, talk.settings, "vera")
    vera.press(vera.data("paysupport"))
    vera.say("Вернули сегодня.")
    telegram.wait_for(lambda: "Вернули сегодня." in talk.last.text)
    assert rows(talk.settings, "SELECT action FROM audit ORDER BY id") == [
        ("paysupport.ask",),
        ("paysupport.answer",),
    ]


def test_who_sends_a_file_about_a_payment_hears_that_only_the_words_went_along(telegram, talk):
    talk.say("/paysupport")
    receipt = Upload("a.png", "image/png", PHOTO)
    talk._done(telegram.send_file, receipt, kind="photo", caption="Списали дважды")
    assert talk.last.text.startswith("Отправлено администраторам. Ответ придёт сюда")
    assert (
        "Файл не отправлен: я передаю только текст. Опишите, что в нём важно, ещё одним сообщением"
        in talk.last.text
    )
    (letter,) = telegram.wait_for(lambda: telegram.answers("vera"))
    assert "Списали дважды" in letter.text


def test_the_words_lie_sealed_and_nowhere_else(telegram, talk):
    ask_about_payment(talk, "Тайная покупка")
    telegram.wait_for(lambda: telegram.answers("vera"))
    for table in ("outgoing", "notice", "audit", "dialog"):
        everything = f"SELECT * FROM {table}"  # noqa: S608 - our own names
        assert "Тайная" not in str(rows(talk.settings, everything))


def test_who_declines_from_the_privacy_page_is_told_of_no_rating(talk):
    talk.say("/privacy")
    talk.press("Разрешить обучение")
    declined = talk.press("Не разрешаю")
    assert (
        "Хорошо, исправления собирать не буду. Оценки 👍 и 👎 по-прежнему работают" in declined.text
    )
    assert "Ваша оценка" not in declined.text


def test_three_a_day_and_no_more(telegram, talk):
    for _ in range(3):
        talk.say("/paysupport Где деньги?")
    assert "можно написать 3 раза" in talk.say("/paysupport Где деньги?").text
    assert "можно написать 3 раза" in talk.say("/paysupport").text
    telegram.wait_for(lambda: len(telegram.answers("vera")) == 3)


def test_too_long_words_and_files_are_asked_for_again(talk):
    assert "не длиннее" in ask_about_payment(talk, "я" * 2001).text
    assert "Отправлено" in talk.say("Списали дважды").text


def test_an_admin_by_role_hears_of_it_too(telegram, talk):
    Talk(telegram, talk.settings, "boris").say("/terms")
    within(talk.settings, Roles, lambda roles: roles.grant(1002, Role.ADMIN, "cli:vera"))
    ask_about_payment(talk)
    # The new role is told of as well, before it or after.
    telegram.wait_for(lambda: any("Списали" in one.text for one in telegram.answers("boris")))


def test_nobody_writes_for_nobody(telegram, settings):
    """Where nobody would read it, the person hears that before they write it all down."""
    with RunningBot(replace(settings, admins=())):
        talk = Talk(telegram, settings)
        assert (
            "У бота пока нет администраторов, ответить некому. Попробуйте позже"
            in talk.say("/paysupport").text
        )
        assert (
            "У бота пока нет администраторов, ответить некому. Попробуйте позже"
            in talk.say("/paysupport Списали дважды").text
        )
    assert rows(settings, "SELECT COUNT(*) FROM dialog") == [(0,)]
    assert rows(settings, "SELECT COUNT(*) FROM audit") == [(0,)]


def test_who_is_no_admin_answers_nobody(telegram, talk):
    talk.say("/terms")
    Talk(telegram, talk.settings, "boris").say("/terms")
    talk.press("paysupport:1002", forged=True)
    assert talk.alerts() == ["Эта кнопка больше не действует."]
    talk.say("Это вам от администрации")
    assert len(telegram.answers("boris")) == 1
