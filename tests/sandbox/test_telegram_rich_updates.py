"""Rich messages and other kinds of messages that people send: how the bot receives them."""

import json

import pytest
from telegram import Update

from merlin.core.errors import Refused
from merlin.sandbox.telegram.rich_messages import RichMessageError
from merlin.sandbox.telegram.world import BOT_NAME
from tests.sandbox.telegram_client import fetch, run_as_process, send_control
from tests.sandbox.test_telegram_server import call_api
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional

TABLE = {
    "type": "table",
    "cells": [[{"text": "Черта", "align": "left", "valign": "middle"}]],
}
RICH = {"blocks": [TABLE, {"type": "paragraph", "text": "Объясни"}]}
KEYS = {"type": "buttons", "buttons": [{"text": "Да", "callback_data": "yes"}]}
INLINE = {
    "type": "paragraph",
    "text": [
        "a ",
        {"type": "button", "button": {"text": "Нет", "callback_data": "no"}},
    ],
}


def read_message(telegram):
    return telegram.pending()[-1]["message"]


def test_pasted_message_is_received_without_text_and_survives_storage(tmp_path):
    body = {"person": "anna", "fields": {"rich_message": RICH}}
    with run_as_process(TelegramStandIn, tmp_path) as (_process, address):
        status, _ = fetch(f"{address}/control/send", body)
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        (raw,) = after.pending()
    message = raw["message"]
    assert (message["rich_message"], "text" in message) == (RICH, False)
    stored = json.loads(Update.de_json(raw).to_json())
    assert stored["message"]["rich_message"] == RICH


@pytest.mark.parametrize(
    "content",
    [
        {"checklist": {"title": "a", "tasks": [{"id": 1, "text": "b"}]}},
        {"poll": {"id": "1", "question": "a", "options": []}},
        {"contact": {"phone_number": "+7900", "first_name": "a"}},
        {"location": {"latitude": 55.7, "longitude": 37.6}},
        {"story": {"id": 1, "chat": {"id": 5, "type": "private"}}},
        {"widget": {"id": "1"}},
        {"paid_media": {"star_count": 5, "paid_media": []}},
    ],
)
def test_message_of_any_kind_is_received_as_it_is(telegram, content):
    assert send_control(telegram, person="anna", fields=content)[0] == 200
    message = read_message(telegram)
    assert {name: message[name] for name in content} == content


def test_forwarded_post_and_bots_answer_keep_their_origin(telegram):
    channel = {"type": "channel", "date": 1, "chat": {"id": -5, "type": "channel"}}
    user = {"id": 9, "is_bot": True, "first_name": "Other"}
    for origin in (channel, {"type": "user", "date": 1, "sender_user": user}):
        telegram.send_fields("anna", {"forward_origin": origin, "rich_message": RICH})
        message = read_message(telegram)
        assert (message["forward_origin"], message["rich_message"]) == (origin, RICH)


def test_reply_carries_the_whole_rich_message(telegram):
    rich = {**RICH, "skip_entity_detection": True}
    _, sent = call_api(telegram, "sendRichMessage", chat_id=1001, rich_message=rich)
    telegram.say("anna", "Почему?", reply_to=sent["message_id"])
    replied = read_message(telegram)["reply_to_message"]
    assert (replied["rich_message"], "text" in replied) == (RICH, False)
    fields = {"fields": {"rich_message": RICH}, "reply_to": sent["message_id"]}
    assert send_control(telegram, person="anna", **fields)[0] == 200
    message = read_message(telegram)
    assert message["rich_message"] == RICH
    assert message["reply_to_message"]["rich_message"] == RICH


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"rich_message": RICH, "text": "a"}, "a rich message has no text"),
        ({"rich_message": RICH, "caption": "a"}, "a rich message has no text"),
        ({"rich_message": RICH, "caption_entities": []}, "a rich message has no text"),
        (
            {"text": "a", "external_reply": {"rich_message": RICH}},
            "an external reply has no rich message",
        ),
    ],
)
def test_message_that_telegram_never_sends_is_refused(telegram, fields, error):
    with pytest.raises(Refused, match=error):
        telegram.send_fields("anna", fields)
    status, document = send_control(telegram, person="anna", fields=fields)
    assert (status, error in document["error"]) == (400, True)
    assert telegram.pending() == []


@pytest.mark.parametrize("rich", [{}, {"blocks": [{**TABLE, "rows": []}]}])
def test_malformed_rich_message_of_a_person_is_refused(telegram, rich):
    with pytest.raises(RichMessageError):
        telegram.send_fields("anna", {"rich_message": rich})


@pytest.mark.parametrize(
    ("node", "is_received"),
    [
        ({"type": "mention", "text": f"@{BOT_NAME}", "username": BOT_NAME}, True),
        ({"type": "mention", "text": "@boris", "username": "boris"}, False),
        ({"type": "bot_command", "text": "/help", "bot_command": "/help"}, True),
        (
            {"type": "bot_command", "text": "/help@other", "bot_command": "/help"},
            False,
        ),
        ({"type": "bold", "text": f"@{BOT_NAME}"}, False),
    ],
)
def test_rich_message_of_a_group_reaches_the_bot_if_a_node_names_it(
    telegram, node, is_received
):
    cell = {"text": ["a ", node], "align": "left", "valign": "top"}
    rich = {"blocks": [{"type": "table", "cells": [[cell]]}]}
    telegram.send_fields("anna@study", {"rich_message": rich})
    assert bool(telegram.pending()) is is_received


@pytest.mark.parametrize("wanted", ["yes", "Да", "no"])
def test_press_on_a_button_inside_blocks_calls_the_bot(telegram, wanted):
    rich = {"blocks": [KEYS, INLINE], "skip_entity_detection": True}
    _, sent = call_api(telegram, "sendRichMessage", chat_id=1001, rich_message=rich)
    assert "reply_markup" not in sent
    telegram.press("anna", wanted)
    query = telegram.pending()[-1]["callback_query"]
    assert query["data"] == {"Да": "yes"}.get(wanted, wanted)
    assert query["message"]["message_id"] == sent["message_id"]
