"""Sending and editing through python-telegram-bot."""

import pytest
from telegram import (
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyParameters,
)

from tests.sandbox.telegram_client import read_refusal

pytestmark = pytest.mark.functional

YES = InlineKeyboardMarkup([[InlineKeyboardButton("Да", callback_data="yes")]])


def make_key(**fields):
    return InlineKeyboardMarkup([[InlineKeyboardButton("k", **fields)]])


def test_equal_edit_is_refused_in_telegrams_words(call):
    async def act(bot):
        sent = await bot.send_message(1001, "a", reply_markup=YES)
        await bot.edit_message_text("a", 1001, sent.message_id, reply_markup=YES)

    assert "message is not modified" in read_refusal(call, act).lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "message text is empty"), (" \n ", "message text is empty"), ("я" * 4097, "too long")],
)
def test_text_that_telegram_refuses_is_refused(call, text, message):
    assert message in read_refusal(call, lambda bot: bot.send_message(1001, text)).lower()


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        (make_key(callback_data="я" * 33), "Button_data_invalid"),
        (make_key(url="ftp://x"), "is invalid"),
        (make_key(), "Text buttons are unallowed"),
        (InlineKeyboardMarkup([[*YES.inline_keyboard[0] * 8]] * 13), "too long"),
        (InlineKeyboardMarkup([[*YES.inline_keyboard[0] * 9]]), "too long"),
        (make_key(callback_data="a", style="rainbow"), "Button_style_invalid"),
        (make_key(copy_text=CopyTextButton("я" * 257)), "Button_copy_text_invalid"),
    ],
)
def test_keyboard_that_telegram_refuses_is_refused(call, markup, message):
    refusal = read_refusal(call, lambda bot: bot.send_message(1001, "a", reply_markup=markup))
    assert message.lower() in refusal.lower()


def test_reply_to_a_missing_message_is_refused(call):
    message = read_refusal(call, lambda bot: bot.send_message(1001, "a", reply_to_message_id=999))
    assert message == "Message to be replied not found"
    lenient = ReplyParameters(999, allow_sending_without_reply=True)
    call(lambda bot: bot.send_message(1001, "a", reply_parameters=lenient))
