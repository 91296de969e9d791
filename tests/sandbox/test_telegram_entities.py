"""Entities as Telegram accepts them: their positions and number."""

import pytest
from telegram import MessageEntity
from telegram.error import BadRequest

from merlin.sandbox.telegram.arguments import detect_entities
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def make_entities(*entities):
    return [{"type": kind, "offset": start, "length": length} for kind, start, length in entities]


def test_entities_after_the_hundredth_are_ignored(call):
    entities = [MessageEntity("bold", place * 2, 1) for place in range(150)]
    sent = call(lambda bot: bot.send_message(1001, "а " * 149 + "а", entities=entities))
    assert len(sent.entities) == 100
    assert sent.entities[-1].offset == 198


def test_outer_white_space_is_removed_and_entities_shifted(call):
    entity = MessageEntity("bold", 2, 4)
    sent = call(lambda bot: bot.send_message(1001, "\n\nab \n", entities=[entity]))
    assert (sent.text, sent.entities[0].offset, sent.entities[0].length) == ("ab", 0, 2)


@pytest.mark.parametrize(
    ("text", "entity", "message"),
    [
        ("aba caba", ("bold", 3, 6), "at utf-16 offset 3 does not lie on the text"),
        ("aba caba", ("bold", 9, 1), "at utf-16 offset 9 does not lie on the text"),
        ("aba", ("bold", -1, 1), "does not lie"),
        ("aba", ("bold", 0, -1), "does not lie"),
        ("👉 👉", ("bold", 1, 1), "in a middle of a utf-16 symbol"),
        ("👉 👉", ("bold", 0, 1), "in a middle of a utf-16 symbol"),
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


def test_text_of_people_gets_telegrams_entities():
    text = (
        "😀 /ask@merlin_stand_in_bot смотри https://example.com/a?b=1. и @boris #лекция a@b.ru 1/2"
    )
    encoded = text.encode("utf-16-le")
    entities = [
        (entity["type"], encoded[entity["offset"] * 2 :][: entity["length"] * 2])
        for entity in detect_entities(text)
    ]
    assert [(kind, content.decode("utf-16-le")) for kind, content in entities] == [
        ("bot_command", "/ask@merlin_stand_in_bot"),
        ("url", "https://example.com/a?b=1"),
        ("mention", "@boris"),
        ("hashtag", "#лекция"),
        ("email", "a@b.ru"),
    ]
