"""/start with its links, /help, /info and /cancel, and what a blocked person gets of them."""

import pytest

from merlin.account.users import Users
from merlin.db.database import open_database
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, bot_settings, russian_text

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ("", "bot-start"),
        ("nothing_known", "bot-start"),
        ("plan", "plan-unlimited"),
        ("fix_99", "bot-not-yours"),
        ("tell_99", "bot-not-yours"),
        ("login_no-such-key", "bot-login-over"),
    ],
)
def test_link_does_what_it_names_or_greets(anna, payload, key):
    assert anna.start(payload).text == russian_text(key)


def test_cancel_without_a_dialog_says_that_there_is_none(anna):
    assert anna.say("/cancel").text == russian_text("bot-nothing-to-cancel")


def test_cancel_button_ends_its_own_dialog_once(anna):
    anna.say("/lang")
    anna.press("zone")
    used = anna.button_data("cancel")
    cancelled = russian_text("bot-cancelled")
    message = anna.press(used)
    assert message.text == cancelled
    anna.press(used, message.message_id, forged=True)
    assert anna.alerts() == [russian_text("bot-cancel-late")]
    # That of a confirmation, which has no dialog.
    shown = anna.say("/delete_me").message_id
    assert anna.press("cancel:0", shown).text == cancelled


def test_help_lists_every_command_once_asked_to(anna):
    first = anna.say("/help").text
    assert "/sessions" in first
    every = anna.press("help").text
    assert every.startswith(first.split("\n\n")[0])
    assert len(every) > len(first)


def test_info_names_the_model_and_the_settings_of_the_session(anna):
    assert (
        russian_text("bot-info-session-own", name="yes") not in anna.say("/info").text
    )
    anna.say("/system Говори стихами")
    told = anna.say("/info").text
    assert "neurotypology-1" in told
    assert russian_text("bot-info-session-own", name="yes") in told


def test_info_without_any_model_says_so(tmp_path, telegram):
    settings = bot_settings(tmp_path, telegram)
    with RunningBot(settings):
        told = ChatUser(telegram, settings).say("/info").text
    assert russian_text("bot-info-no-model", general="no") in told


def test_blocked_person_is_refused_by_words_and_buttons(anna, settings):
    shown = anna.start()
    with open_database(settings.database) as database:
        Users(database).block(1001, "test", is_blocked=True)
    refusal = russian_text("bot-blocked")
    assert anna.say("Что такое лоб?").text == refusal
    anna.press("help", shown.message_id, forged=True)
    assert anna.alerts() == [refusal]
    # What is stored about a person can still be read.
    assert anna.say("/privacy").text != refusal
