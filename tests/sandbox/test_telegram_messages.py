"""Sending and editing through python-telegram-bot."""

import pytest
from telegram import (
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyParameters,
)

from tests.sandbox.telegram_client import fetch, read_refusal

pytestmark = pytest.mark.functional

YES = InlineKeyboardMarkup([[InlineKeyboardButton("Да", callback_data="yes")]])


def make_key(**fields):
    return InlineKeyboardMarkup([[InlineKeyboardButton("k", **fields)]])


def test_edits_keep_their_history(telegram, call):
    async def act(bot):
        sent = await bot.send_message(1001, "…")
        await bot.edit_message_text("Черты", 1001, sent.message_id)
        return await bot.edit_message_text("Черты лица", 1001, sent.message_id)

    edited = call(act)
    (logged,) = telegram.log("anna")
    assert [version["text"] for version in logged.versions] == ["…", "Черты", "Черты лица"]
    assert edited.edit_date is not None


def test_equal_edit_is_refused_in_telegrams_words(call):
    async def act(bot):
        sent = await bot.send_message(1001, "a", reply_markup=YES)
        await bot.edit_message_text("a", 1001, sent.message_id, reply_markup=YES)

    assert "message is not modified" in read_refusal(call, act).lower()


def test_edit_without_a_keyboard_removes_it(telegram, call):
    async def act(bot):
        sent = await bot.send_message(1001, "a", reply_markup=YES)
        await bot.edit_message_text("a", 1001, sent.message_id)

    call(act)
    assert telegram.log("anna")[0].keys == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "message text is empty"), (" \n ", "message text is empty"), ("я" * 4097, "too long")],
)
def test_text_that_telegram_refuses_is_refused(call, text, message):
    assert message in read_refusal(call, lambda bot: bot.send_message(1001, text)).lower()


def test_length_is_counted_in_utf16_units(call):
    call(lambda bot: bot.send_message(1001, "😀" * 2048))
    assert "too long" in read_refusal(call, lambda bot: bot.send_message(1001, "😀" * 2049))


def test_overlong_edit_is_refused(call):
    async def act(bot):
        sent = await bot.send_message(1001, "a")
        await bot.edit_message_text("я" * 4097, 1001, sent.message_id)

    assert read_refusal(call, act) == "Message_too_long"


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        (make_key(callback_data="я" * 33), "Button_data_invalid"),
        (make_key(callback_data=""), "Button_data_invalid"),
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


def test_callback_data_may_have_64_bytes(call):
    data = "я" * 32
    sent = call(lambda bot: bot.send_message(1001, "a", reply_markup=make_key(callback_data=data)))
    assert sent.reply_markup.inline_keyboard[0][0].callback_data == data


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://example.com/"},
        {"copy_text": CopyTextButton("print(1)")},
        {"callback_data": "pay", "style": "success"},
    ],
)
def test_buttons_of_every_kind_are_kept_unchanged(telegram, call, fields):
    sent = call(lambda bot: bot.send_message(1001, "a", reply_markup=make_key(**fields)))
    assert sent.reply_markup == make_key(**fields)
    assert telegram.log("anna")[0].keys == [[make_key(**fields).inline_keyboard[0][0].to_dict()]]


def test_bot_cannot_edit_messages_of_people(telegram, call):
    telegram.say("anna", "a")
    message_id = telegram.log("anna")[0].message_id
    message = read_refusal(call, lambda bot: bot.edit_message_text("b", 1001, message_id))
    assert message == "Message can't be edited"


def test_reply_to_a_missing_message_is_refused(call):
    message = read_refusal(call, lambda bot: bot.send_message(1001, "a", reply_to_message_id=999))
    assert message == "Message to be replied not found"
    lenient = ReplyParameters(999, allow_sending_without_reply=True)
    call(lambda bot: bot.send_message(1001, "a", reply_parameters=lenient))


def test_parse_mode_is_refused(call):
    refusal = read_refusal(call, lambda bot: bot.send_message(1001, "<b>а</b>", parse_mode="HTML"))
    assert refusal == "Unsupported parse_mode"


def test_wrong_tokens_and_methods_get_telegrams_errors(telegram):
    stranger = "1234567:" + "A" * 35
    assert fetch(f"{telegram.base_url}{stranger}/getMe") == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )
    assert fetch(f"{telegram.base_url}nonsense/getMe")[0] == 404
    assert fetch(f"{telegram.base_url}{telegram.token}/sendNothing")[0] == 404
