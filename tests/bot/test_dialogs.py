"""Dialogs: what the bot asked for is what was sent after it asked, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from merlin.app.inbox import DIALOG_LIFETIME, Dialog
from merlin.core.clock import iso, utc_now
from merlin.db.database import open_database
from merlin.db.tables import DIALOG
from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot, rows

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.fixture
def talk(telegram, settings):
    with RunningBot(settings):
        yield Talk(telegram, settings)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("update_id", "later", "is_meant"),
    [
        (6, timedelta(), False),
        (8, timedelta(), True),
        (8, DIALOG_LIFETIME + timedelta(seconds=1), False),
    ],
)
def test_a_dialog_awaits_what_comes_after_it_while_it_is_thought_of(update_id, later, is_meant):
    dialog = Dialog("step", asked_by=7, asked_at=NOW)
    assert dialog.awaits(update_id, NOW + later) is is_meant
    assert replace(dialog, asked_at=None).awaits(update_id, NOW + later) is (update_id > 7)


@pytest.mark.functional
def test_a_question_that_waited_when_a_name_was_asked_for_is_answered(talk, telegram, provider):
    talk.say("Что такое лоб?")
    talk.say("/sessions")
    talk.press(talk.data("session"))
    card = talk.last.message_id
    provider.behave(think_s=3600.0)
    telegram.say("anna", "Первый вопрос")
    telegram.wait_for(lambda: len(provider.calls("chat.create")) == 2)
    telegram.say("anna", "Второй вопрос")
    talk.press("✏️ Переименовать", card)
    provider.behave(think_s=0.0)
    telegram.wait_for(lambda: "«Второй вопрос»" in talk.last.text)
    assert len(provider.calls("chat.create")) == 3
    # The name is waited for still, and comes now.
    telegram.wait_for(lambda: _waiting(talk) == 0)
    assert talk.say("Про лоб").text.startswith("«Про лоб»")
    assert len(provider.calls("chat.create")) == 3


@pytest.mark.functional
def test_a_dialog_is_left_by_the_word_on_its_button_too(talk):
    talk.say("Что такое лоб?")
    talk.say("/sessions")
    talk.press(talk.data("session"))
    talk.press("✏️ Переименовать")
    assert talk.say(" отмена").text == "Хорошо, отменено."
    assert rows(talk.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]
    assert "«отмена»" in talk.say("отмена").text  # with nothing to leave, it is a question


@pytest.mark.functional
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("/старт", "Команды /старт я не знаю"),
        ("/ new", "Начинаем новый разговор"),
        ("/", "Спросите текстом"),
        ("//", "Спросите текстом"),
    ],
)
def test_a_mistyped_command_is_no_question(talk, provider, words, told):
    talk.say("Что такое лоб?")
    assert talk.say(words).text.startswith(told)
    assert len(provider.calls("chat.create")) == 1
    assert "«/usr/bin — это что?»" in talk.say("/usr/bin — это что?").text


def _waiting(talk):
    sql = "SELECT COUNT(*) FROM updates WHERE state = 'waiting'"
    return rows(talk.settings, sql)[0][0]


@pytest.mark.functional
def test_what_is_written_long_after_a_dialog_is_a_question(telegram, settings):
    """A question of the next day goes to the model, not to the admins as words on a payment."""
    settings = replace(settings, admins=(1003,))
    with RunningBot(settings):
        Talk(telegram, settings).say("/paysupport")
    _age(settings, DIALOG_LIFETIME + timedelta(hours=1))
    with RunningBot(settings):
        answer = Talk(telegram, settings).say("Что такое лоб?")
    assert "«Что такое лоб?»" in answer.text
    assert telegram.answers("vera") == []


def _age(settings, by):
    """Let the dialogs be as old as that."""
    with open_database(settings.database) as database:
        assert database.change(DIALOG.update({"at": iso(utc_now() - by)})) == 1
