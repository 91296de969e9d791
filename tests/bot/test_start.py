"""/start with its links, /help, /info and /cancel, and what a blocked person gets of them."""

import pytest

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


def test_cancel_button_of_a_confirmation_leaves_it(anna):
    anna.say("/delete_me")
    assert anna.press("cancel:0").text == russian_text("bot-cancelled")


def test_help_lists_every_command_once_asked_to(anna):
    first = anna.say("/help").text
    assert "/sessions" in first
    every = anna.press("help").text
    assert every.startswith(first.split("\n\n")[0])
    assert len(every) > len(first)


def test_info_without_any_model_says_so(tmp_path, telegram):
    settings = bot_settings(tmp_path, telegram)
    with RunningBot(settings):
        told = ChatUser(telegram, settings).say("/info").text
    assert russian_text("bot-info-no-model", general="no") in told
