"""Sending and editing through python-telegram-bot."""

import pytest
from telegram import (
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)

from tests.sandbox.telegram_client import read_refusal

pytestmark = pytest.mark.functional

YES = InlineKeyboardMarkup([[InlineKeyboardButton("Да", callback_data="yes")]])


def make_key(**fields):
    return InlineKeyboardMarkup([[InlineKeyboardButton("k", **fields)]])


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
    refusal = read_refusal(
        call, lambda bot: bot.send_message(1001, "a", reply_markup=markup)
    )
    assert message.lower() in refusal.lower()
