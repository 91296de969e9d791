"""Entities as Telegram accepts them: their positions and number."""

import pytest
from telegram import MessageEntity

from tests.sandbox.telegram_client import read_refusal

pytestmark = pytest.mark.functional


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
