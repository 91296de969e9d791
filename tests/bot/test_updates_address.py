"""Whether a group's message is for the bot."""

import pytest

from merlin.bot.updates import find_addressee
from tests.bot.received import HIDDEN_AUTHOR, message_body, received

pytestmark = pytest.mark.unit

BOT = 77
NAME = "Merlin_bot"
GROUP = -5


def message_of(user_id, **fields):
    chat = {"chat": {"id": GROUP, "type": "group"}}
    return message_body(user_id, is_bot=user_id == BOT, **(chat | fields))


def group_message(text="", marks=(), **fields):
    entities = [
        {"type": kind, "offset": start, "length": long} for kind, start, long in marks
    ]
    return received(1, **message_of(1, entities=entities, **{"text": text, **fields}))


def read_address(update):
    return find_addressee(update.message, BOT, NAME)


@pytest.mark.parametrize(
    ("text", "start", "rest"),
    [
        ("@merlin_bot что такое лоб?", 0, "что такое лоб?"),
        ("@merlin_bot: лоб", 0, "лоб"),
        ("лоб, @merlin_bot", 5, "лоб,"),
        ("😀 @merlin_bot лоб", 3, "😀 лоб"),
        ("лоб @merlin_bot?", 4, "лоб?"),
        ("@merlin_bot", 0, ""),
    ],
)
def test_mention_is_cut_out_by_utf16_units(text, start, rest):
    address = read_address(group_message(text, [("mention", start, 11)]))
    assert (address.is_named, address.text) == (True, rest)


def test_mention_behind_a_hidden_link_is_cut_out_too():
    link = {"type": "text_link", "offset": 0, "length": 3, "url": "https://a.org/"}
    mention = {"type": "mention", "offset": 4, "length": 11}
    message = message_of(1, text="лоб @merlin_bot где?", entities=[link, mention])
    address = read_address(received(1, **message))
    assert address.text == "лоб (https://a.org/) где?"


def test_mention_of_another_bot_or_without_an_entity_is_ignored():
    assert not read_address(
        group_message("@other_bot лоб", [("mention", 0, 10)])
    ).is_named
    assert not read_address(group_message("@merlin_bot лоб")).is_named
    assert (
        read_address(group_message("@other_bot лоб", [("mention", 0, 10)])).text
        == "@other_bot лоб"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"forward_origin": HIDDEN_AUTHOR},
        {"via_bot": {"id": 9, "first_name": "B", "is_bot": True}},
        {"from": {"id": 9, "first_name": "B", "is_bot": True}},
    ],
)
def test_forwarded_inline_and_bot_messages_are_relayed(changes):
    assert read_address(
        group_message("@merlin_bot лоб", [("mention", 0, 11)], **changes)
    ).is_relayed
