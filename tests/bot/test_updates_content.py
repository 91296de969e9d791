"""What a message says: its command, its file, whom it is for; an unreadable one says nothing."""

from datetime import timedelta

import pytest

from merlin.bot.message_parts import ReceivedAttachment
from merlin.bot.updates import (
    Addressee,
    attachments_of,
    command_of,
    find_addressee,
    is_same_album,
    is_unaddressed,
)
from tests.bot.received import HIDDEN_AUTHOR, message_body, received

pytestmark = pytest.mark.unit

GROUP = {"id": -5, "type": "group"}
NAMED = {"type": "mention", "text": "@a", "username": "a"}
FILE = {"file_id": "f", "file_unique_id": "u", "file_size": 9}
SIZE = FILE | {"width": 1, "height": 1}
PHOTO = [SIZE, SIZE | {"file_id": "large", "file_size": 99}]
PAYMENT = {
    "currency": "XTR",
    "total_amount": 1,
    "invoice_payload": "p",
    "telegram_payment_charge_id": "t",
    "provider_payment_charge_id": "",
}


def named(kind, mime="", **options):
    """Return an attachment of the sample file."""
    return ReceivedAttachment(kind, "f", mime=mime, size=9, **options)


@pytest.mark.parametrize(
    ("content", "attachment"),
    [
        ({}, None),
        ({"photo": PHOTO}, ReceivedAttachment("photo", "large", size=99)),
        (
            {"voice": FILE | {"duration": 3}},
            named("voice", duration=timedelta(seconds=3)),
        ),
        (
            {"video_note": FILE | {"duration": 3, "length": 1}},
            named("voice", duration=timedelta(seconds=3)),
        ),
        (
            {"document": FILE | {"file_name": "a.pdf", "mime_type": "application/pdf"}},
            named("document", "application/pdf", name="a.pdf"),
        ),
        ({"document": FILE | {"mime_type": "image/png"}}, named("photo", "image/png")),
        ({"document": FILE | {"mime_type": "audio/ogg"}}, named("voice", "audio/ogg")),
        (
            {"contact": {"phone_number": "1", "first_name": "A"}},
            ReceivedAttachment("other"),
        ),
        ({"successful_payment": PAYMENT}, None),
    ],
)
def test_attachment_is_classified_by_what_telegram_says_of_it(content, attachment):
    found = attachments_of(received(1, **message_body(1, **content)).message)
    assert found == ((attachment,) if attachment else ())


@pytest.mark.parametrize(
    ("text", "length", "command"),
    [
        ("/New@Merlin_Bot  лоб", 15, ("new", "merlin_bot", "лоб")),
        ("/тариф", 0, ("тариф", "", "")),
        ("/", 0, ("help", "", "")),
        ("/usr/bin", 0, ("", "", "")),
    ],
)
def test_command_is_read_with_its_bot_and_argument(text, length, command):
    mark = {"type": "bot_command", "offset": 0, "length": length}
    body = message_body(1, text, entities=[mark] if length else [])
    assert command_of(received(1, **body).message, is_private=True) == command
    forwarded = received(1, **body, forward_origin=HIDDEN_AUTHOR)
    assert command_of(forwarded.message, is_private=True) == ("", "", "")


@pytest.mark.parametrize(
    ("content", "is_for_others"),
    [
        ({"text": "лоб"}, True),
        (
            {
                "text": "@a лоб",
                "entities": [{"type": "mention", "offset": 0, "length": 2}],
            },
            False,
        ),
        ({"rich_message": {"blocks": [{"type": "new", "text": NAMED}]}}, False),
        ({"rich_message": {"blocks": [{"type": "new", "text": "@a"}]}}, True),
        ({"chat": GROUP | {"is_direct_messages": True}, "media_group_id": "1"}, True),
        ({"migrate_to_chat_id": -6}, False),
        ({"photo": PHOTO, "media_group_id": "1"}, False),
        ({"reply_to_message": message_body(7, "ответ", is_bot=True)}, False),
        ({"reply_to_message": message_body(7, "ответ")}, True),
        ({"chat": {"id": 1, "type": "private"}}, False),
    ],
)
def test_group_message_that_addresses_no_bot_needs_no_turn(content, is_for_others):
    update = received(1, **message_body(1, **({"chat": GROUP} | content)))
    assert is_unaddressed(update) is is_for_others


def test_update_that_cannot_be_read_says_nothing():
    whole = received(1, **message_body(1, "лоб", chat=GROUP))
    unreadable = received(2, **message_body(1, "лоб", reply_to_message="лоб"))
    assert (unreadable.update_id, unreadable.message) == (2, None)
    assert find_addressee(unreadable.message, 7, "Merlin_bot") == Addressee("")
    assert attachments_of(unreadable.message) == ()
    assert not is_unaddressed(unreadable)
    assert not is_same_album(unreadable, whole)


BOT = 77


def message_of(user_id, **fields):
    chat = {"chat": GROUP}
    return message_body(user_id, is_bot=user_id == BOT, **(chat | fields))


def group_message(text="", marks=(), **fields):
    entities = [
        {"type": kind, "offset": start, "length": long} for kind, start, long in marks
    ]
    return received(1, **message_of(1, entities=entities, **{"text": text, **fields}))


def read_address(update):
    return find_addressee(update.message, BOT, "Merlin_bot")


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
