"""Entities as Telegram accepts them: their positions and number."""

import pytest
from telegram import MessageEntity
from telegram.error import BadRequest

from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def make_entities(*entities):
    return [{"type": kind, "offset": start, "length": length} for kind, start, length in entities]


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
    with pytest.raises(BadRequest) as caught:
        call(lambda bot: bot.send_message(1001, text, entities=entities))
    assert message in str(caught.value).lower()


def test_edit_is_validated_like_a_message(telegram, call):
    sent = call(lambda bot: bot.send_message(1001, "a"))
    fields = {"chat_id": 1001, "message_id": sent.message_id, "text": "ab"}
    url = f"{telegram.base_url}{telegram.token}/editMessageText"
    assert fetch(url, {**fields, "entities": make_entities(("bold", 0, 3))})[0] == 400
    assert fetch(url, {**fields, "entities": [{"type": "bold"}]})[0] == 400
    assert fetch(url, {**fields, "entities": make_entities(("bold", 0, 2))})[0] == 200
