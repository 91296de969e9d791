"""Dialogs: only a message sent after the bot's question is the reply to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.inbox import DIALOG_LIFETIME
from merlin.core.clock import iso, utc_now
from merlin.core.i18n import text
from merlin.db.database import open_database
from merlin.db.tables import DIALOG
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import PHOTO, RunningBot, select_rows, wait_until_ended

pytestmark = pytest.mark.functional


def dialog_steps(talk):
    return select_rows(talk.settings, "SELECT step FROM dialog")


def test_question_queued_before_a_dialog_is_answered_and_not_taken_as_its_reply(
    anna, telegram, provider
):
    anna.say("Что такое лоб?")
    anna.say("/system")
    card = anna.last.message_id
    provider.behave(think_s=3600.0)
    telegram.say("anna", "Первый вопрос")
    telegram.wait_for(lambda: len(provider.calls("chat.create")) == 2)
    telegram.say("anna", "Второй вопрос")
    anna.press("system:set", card)
    provider.behave(think_s=0.0)
    telegram.wait_for(lambda: "«Второй вопрос»" in anna.last.text)
    assert len(provider.calls("chat.create")) == 3
    # The dialog still waits for the text, which comes now.
    wait_until_ended(telegram, anna.settings, 5)
    assert anna.say("Говори стихами").text.startswith("Сохранено")
    assert len(provider.calls("chat.create")) == 3


def test_dialog_is_cancelled_by_typing_the_label_of_its_button(anna):
    anna.say("/system")
    anna.press("system:set")
    assert anna.say(" отмена").text == "Хорошо, отменено."
    assert dialog_steps(anna) == []
    assert (
        "«отмена»" in anna.say("отмена").text
    )  # with nothing to leave, it is a question


def test_cancel_button_ends_only_the_dialog_of_its_own_question(anna):
    lang = anna.say("/lang").message_id
    anna.say("/system")
    anna.press("system:set")
    old = anna.last.message_id
    anna.press("zone", lang)
    anna.press("Отмена", old)
    assert anna.alerts() == [text("ru", "bot-cancel-late")]
    assert dialog_steps(anna) == [("zone",)]
    # A confirmation has no dialog, and its Cancel button ends none.
    anna.press("cancel:0", old, forged=True)
    assert dialog_steps(anna) == [("zone",)]
    assert "Не знаю такого" in anna.say("нигде").text
    used = anna.button_data("cancel")
    anna.press(used)
    assert anna.last.text == "Хорошо, отменено."
    assert dialog_steps(anna) == []
    anna.press(used, old, forged=True)
    assert anna.alerts() == [text("ru", "bot-cancel-late")] * 2


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/старт", "Команды /старт я не знаю"),
        ("/ new", "Начинаем новый разговор"),
        ("/", "Напишите вопрос"),
        ("//", "Напишите вопрос"),
    ],
)
def test_mistyped_command_is_not_a_question(anna, provider, typed, expected):
    anna.say("Что такое лоб?")
    assert anna.say(typed).text.startswith(expected)
    assert len(provider.calls("chat.create")) == 1
    assert "«/usr/bin — это что?»" in anna.say("/usr/bin — это что?").text


def test_unknown_command_ends_a_dialog(anna):
    anna.say("/lang")
    anna.press("zone")
    assert "Команды /старт я не знаю" in anna.say("/старт").text
    assert dialog_steps(anna) == []


def test_caption_of_a_file_is_the_reply_to_a_dialog_and_the_file_is_not_read(anna):
    anna.say("/lang")
    anna.press("zone")
    answer = anna.send(PHOTO, "a.png", "image/png", kind="photo", caption="berlin")
    dropped, saved = answer.text.split("\n\n", 1)
    assert dropped == text("ru", "bot-file-dropped")
    assert "Europe/Berlin" in saved


def test_message_long_after_a_dialog_is_a_question(telegram, settings):
    """A question of the next day goes to the model, not to the admins as a payment complaint."""
    settings = replace(settings, admins=(1003,))
    with RunningBot(settings):
        ChatUser(telegram, settings).say("/paysupport")
    long_ago = iso(utc_now() - DIALOG_LIFETIME - timedelta(hours=1))
    with open_database(settings.database) as database:
        assert database.change(DIALOG.update({"at": long_ago})) == 1
    with RunningBot(settings):
        answer = ChatUser(telegram, settings).say("Что такое лоб?")
    assert "«Что такое лоб?»" in answer.text
    assert telegram.answers("vera") == []
