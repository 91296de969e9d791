"""Actions of people in private chats: pastes, replies, edits, reactions, pressed keys."""

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import UpdateType

from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.user_actions import split_text
from tests.sandbox.telegram_client import send_control

pytestmark = pytest.mark.functional


def read_messages(call):
    return [update.message for update in call(lambda bot: bot.get_updates())]


def test_long_paste_is_split_between_words(telegram):
    text = "слово " * 1500 + "😀" * 3000
    ids = telegram.paste("anna", text)
    texts = [message.text for message in telegram.log("anna")]
    assert len(texts) == len(ids) > 2
    assert all(utf16_length(part) <= 4096 for part in texts)
    assert "".join("".join(texts).split()) == "".join(text.split())
    assert texts[0].endswith("слово")


def test_text_is_split_at_lines_first_and_never_within_a_character():
    assert split_text("а" * 3000 + "\n" + "б б" * 1000)[0] == "а" * 3000
    assert [utf16_length(part) for part in split_text("😀" * 4097)] == [4096, 4096, 2]
    assert split_text(" \n ") == []


def test_reply_has_the_bots_answer_and_the_quoted_part(telegram, call):
    sent = call(lambda bot: bot.send_message(1001, "Форма лба. Форма профиля."))
    telegram.say("anna", "почему?", reply_to=sent.message_id, quote="Форма профиля.")
    (message,) = read_messages(call)
    assert message.reply_to_message.from_user.is_bot
    assert message.quote.text == "Форма профиля."
    with pytest.raises(Refused):
        telegram.say("anna", "что?", reply_to=sent.message_id, quote="нос")


def test_person_can_edit_only_own_texts(telegram, call):
    sent = call(lambda bot: bot.send_message(1001, "a"))
    with pytest.raises(Refused):
        telegram.edit("anna", sent.message_id, "b")


def test_reaction_is_delivered_to_a_bot_that_requested_it(telegram, call):
    sent = call(lambda bot: bot.send_message(1001, "a"))
    telegram.react("anna", sent.message_id, "👍")
    assert telegram.pending() == []
    call(lambda bot: bot.get_updates(allowed_updates=list(UpdateType)))
    telegram.react("anna", sent.message_id, "👎")
    (update,) = call(lambda bot: bot.get_updates())
    reaction = update.message_reaction
    assert (reaction.old_reaction[0].emoji, reaction.new_reaction[0].emoji) == ("👍", "👎")
    telegram.react("anna", sent.message_id, "")
    assert telegram.log("anna")[0].reactions == {}


def test_url_button_cannot_be_pressed(telegram, call):
    keys = InlineKeyboardMarkup([[InlineKeyboardButton("тут", url="https://example.com/")]])
    call(lambda bot: bot.send_message(1001, "a", reply_markup=keys))
    with pytest.raises(Refused):
        telegram.press("anna", "тут")


@pytest.mark.parametrize(
    "act",
    [
        lambda standin: standin.say("igor", "a"),
        lambda standin: standin.say("anna@nowhere", "a"),
        lambda standin: standin.say("anna#7", "a"),
        lambda standin: standin.forward("anna", [7]),
        lambda standin: standin.react("anna", 7, "👍"),
    ],
)
def test_action_on_something_unknown_raises_not_found(telegram, act):
    with pytest.raises(NotFound):
        act(telegram)


def test_every_action_is_available_over_http(telegram):
    status, document = send_control(
        telegram, person="anna", act="paste", **{"with": {"text": "я" * 5000}}
    )
    assert (status, len(document["update_ids"])) == (200, 2)
    assert send_control(telegram, person="anna@study", text="/ask привет")[0] == 200
    assert telegram.log("study")[-1].text == "/ask привет"
    telegram.switch("has_topics")
    assert (
        send_control(telegram, person="anna", act="make_topic", **{"with": {"name": "Б"}})[0] == 200
    )
    assert list(telegram.topics("anna").values()) == ["Б"]


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "explode"},
        {"act": "_send"},
        {"act": "say", "with": {"words": "a"}},
        {"text": "a", "reply_to": "first"},
    ],
)
def test_unknown_action_is_refused(telegram, fields):
    status, document = send_control(telegram, person="anna", **fields)
    assert status == 400
    assert document["error"]
