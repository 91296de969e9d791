"""Sending and editing through python-telegram-bot."""

import pytest
from telegram import (
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)
from telegram.constants import ChatAction

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


def test_edit_replaces_the_text_and_the_keyboard_and_must_change_something(
    telegram, call
):
    first = call(lambda bot: bot.send_message(1001, "a"))
    reply = ReplyParameters(first.message_id)
    sent = call(
        lambda bot: bot.send_message(
            1001, "b", reply_markup=YES, reply_parameters=reply
        )
    )
    assert sent.reply_to_message.message_id == first.message_id
    edited = call(lambda bot: bot.edit_message_text("c", 1001, sent.message_id))
    assert (edited.text, edited.reply_markup) == ("c", None)
    refusal = read_refusal(
        call, lambda bot: bot.edit_message_text("c", 1001, sent.message_id)
    )
    assert "message is not modified" in refusal.lower()
    edited = call(
        lambda bot: bot.edit_message_reply_markup(
            1001, sent.message_id, reply_markup=YES
        )
    )
    assert (edited.text, edited.reply_markup) == ("c", YES)
    assert [each["text"] for each in telegram.log("anna")[-1].versions] == [
        "b",
        "c",
        "c",
    ]


def test_action_of_the_bot_needs_a_chat_and_is_no_message(telegram, call):
    assert call(lambda bot: bot.send_chat_action(1001, ChatAction.TYPING))
    refusal = read_refusal(call, lambda bot: bot.send_chat_action(9, ChatAction.TYPING))
    assert "chat not found" in refusal.lower()
    assert telegram.log("anna") == []


@pytest.mark.parametrize(
    ("text", "entity", "message"),
    [
        ("aba caba", ("bold", 3, 6), "at utf-16 offset 3 does not lie on the text"),
        ("aba", ("bold", -1, 1), "does not lie"),
        ("aba", ("bold", 0, -1), "does not lie"),
        ("👉 👉", ("bold", 1, 1), "in a middle of a utf-16 symbol"),
        ("aba", ("shiny", 0, 1), "unsupported type"),
    ],
)
def test_entity_outside_the_text_is_refused(call, text, entity, message):
    entities = [MessageEntity(*entity)]
    refusal = read_refusal(
        call, lambda bot: bot.send_message(1001, text, entities=entities)
    )
    assert message in refusal.lower()
